"""Public Salesforce clients, unmodified and over real HTTP, work on the emulator as on Salesforce (SF 10)."""
