"""The package: its table, its source, and what becomes of both in an org."""
