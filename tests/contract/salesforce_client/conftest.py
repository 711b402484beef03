"""The demo firm of the scenarios, connected: the client meets the whole emulated org."""

from __future__ import annotations

from tests.scenario.conftest import connected, connected_stage, synced, synced_stage

__all__ = ["connected", "connected_stage", "synced", "synced_stage"]
