"""Planted bugs: one-line defects that the simulator must catch. They exist here only, as replaced functions.

Each names what a hurried engine would do. Several stack: Crossfoot has more than one line of defence, so a defect that
the next line would catch is planted together with that line's absence, and its description says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from unittest.mock import patch

from tests.simulation.machine import Machine

from .agreeing import AGREEING
from .deciding import DECIDING
from .listening import LISTENING
from .planting import Plant
from .reading import READING
from .sending import SENDING

BUGS: Mapping[str, Plant] = {**SENDING, **READING, **LISTENING, **DECIDING, **AGREEING}


@contextmanager
def planted(name: str, machine: Machine) -> Iterator[None]:
    """Plant one bug for the length of a history."""
    with ExitStack() as stack:
        for target, attribute, value in BUGS[name](machine):
            stack.enter_context(patch.object(target, attribute, value))
        yield
