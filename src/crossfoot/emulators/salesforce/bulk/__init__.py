"""Bulk API 2.0: jobs that load or read many rows, carried forward by the emulators' clock (SF 4)."""
