"""SOAP beside REST: envelopes and faults, logging in, and the partner and enterprise APIs (SF 1.1, 2.9)."""
