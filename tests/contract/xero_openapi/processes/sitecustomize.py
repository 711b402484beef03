"""Imported by every Python process that a test starts: an emulator in it notes down what it answers.

Nothing is imported until the emulator is; the test process reads the notes and judges them.
"""

from __future__ import annotations

import base64
import json
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from typing import Any

EMULATOR = "crossfoot.emulators.xero"


class _Finder(MetaPathFinder):
    """Finds the emulator's package as others do, and wraps it once it is loaded."""

    def find_spec(self, name: str, _path: Sequence[str] | None, _target: ModuleType | None = None) -> ModuleSpec | None:
        if name != EMULATOR or "_pytest" in sys.modules:  # a process that runs tests judges its own answers itself
            return None
        sys.meta_path.remove(self)
        spec = find_spec(name)
        if spec is not None and spec.loader is not None:
            load = spec.loader.exec_module

            def load_and_wrap(module: ModuleType) -> None:
                load(module)
                import_module("watched_emulator").wrap(module, _note)

            spec.loader.exec_module = load_and_wrap  # type: ignore[method-assign]
        return spec


def _note(request: Any, response: Any) -> None:
    """One exchange, one line, one write: lines of several processes never mix."""
    sent = [request.method, request.path, request.query, dict(request.headers), base64.b64encode(request.body).decode()]
    answered = [response.status, response.headers, base64.b64encode(response.body).decode()]
    line = json.dumps([*sent, *answered]).encode() + b"\n"
    file = os.open(os.environ["XERO_ANSWERS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(file, line)
    os.close(file)


if "XERO_ANSWERS" in os.environ:
    sys.meta_path.insert(0, _Finder())
