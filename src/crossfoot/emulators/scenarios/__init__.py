"""Scenarios that ship with the emulators. ``demo`` is built in Python from tables; anyone's own may be a YAML file."""
