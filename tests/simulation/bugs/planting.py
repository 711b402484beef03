"""What a planted bug is: some functions of the engine replaced for the length of one history."""

from __future__ import annotations

from collections.abc import Callable

from tests.simulation.machine import Machine

Change = tuple[object, str, object]
"""A module or class, a name in it, and what stands there instead."""
Plant = Callable[[Machine], list[Change]]
