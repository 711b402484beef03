"""Watches the Xero emulator while the tests run: each answer is judged, and the test that asked for it fails.

Covered is all that the emulated accounting API and token endpoint say, in this process, over sockets or not, and in
emulators that tests start as processes with this process's environment: these note their answers down, and the notes
are judged when the test ends. A process that is killed may take the exchange at hand with it. Not covered are the
control plane and what people do in Xero's screens, which have no description, and what faults do to an answer on its
way. Answers in XML are judged by their status only: the file describes JSON.
"""

from __future__ import annotations

import base64
import functools
import json
import os
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from crossfoot.emulators import xero
from crossfoot.emulators.wire import Request, Response

from .description import Description
from .known_faults import KNOWN, is_known
from .processes.watched_emulator import wrap
from .schemas import Fault

PROCESSES = Path(__file__).parent / "processes"
SHOWN_MAX = 12


@functools.cache
def describe(path: str) -> Description:
    """The file, read and compiled once in a process."""
    return Description(Path(path))


def watch(path: str) -> Watching:
    """The plugin, at work."""
    watching = Watching(path)
    watching.start()
    return watching


class Watching:
    """The plugin. ``met`` holds the known faults of the file that answers have shown."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.met: set[tuple[str, str]] = set()
        self.judged = 0
        self.new: list[tuple[Request, Response]] = []
        self.notes = Path(tempfile.mkdtemp(prefix="xero-answers-")) / "notes"
        self._read = 0

    def start(self) -> None:
        """Watch the emulator in this process, and those in processes that are started from now on."""
        wrap(xero, lambda request, response: self.new.append((request, response)))
        os.environ["XERO_ANSWERS"] = str(self.notes)
        paths = (str(PROCESSES), os.environ.get("PYTHONPATH"))
        os.environ["PYTHONPATH"] = os.pathsep.join(path for path in paths if path)

    def faults(self) -> Iterator[tuple[Request, Response, Fault]]:
        """What is wrong with the answers since the last call, known faults of the file left out."""
        new, self.new = [*self.new, *self.noted()], []
        for request, response in new:
            self.judged += 1
            for fault in describe(self.path).judge(request, response):
                if is_known(fault):
                    self.met.add(fault.key)
                else:
                    yield request, response, fault

    def noted(self) -> Iterator[tuple[Request, Response]]:
        """What emulators in other processes have answered since the last call."""
        if not self.notes.exists():
            return
        with self.notes.open("rb") as file:
            file.seek(self._read)
            for line in file:
                if not line.endswith(b"\n"):
                    break
                self._read += len(line)
                method, path, query, headers, sent, status, answered, body = json.loads(line)
                pairs = tuple((name, value) for name, value in answered)
                yield (
                    Request(method, path, query, headers, base64.b64decode(sent)),
                    Response(status, pairs, base64.b64decode(body)),
                )

    def fail(self) -> None:
        """Fail the running test if answers since the last call contradict the file."""
        told = Counter(
            f"{request.method} {request.path}: {response.status}: {fault}" for request, response, fault in self.faults()
        )
        if told:
            lines = [f"{line} ({count} times)" if count > 1 else line for line, count in told.most_common(SHOWN_MAX)]
            more = [f"and {len(told) - SHOWN_MAX} more"] if len(told) > SHOWN_MAX else []
            pytest.fail("Xero's OpenAPI file disagrees with the emulator:\n" + "\n".join(lines + more), pytrace=False)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_setup(self) -> Any:
        found = yield
        self.fail()
        return found

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self) -> Any:
        found = yield
        self.fail()
        return found

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_teardown(self) -> Any:
        found = yield
        self.fail()
        return found

    # At the end of a whole run every known fault must have been met; workers tell theirs to the first process.

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        output: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
        if output is not None:
            output["xero_openapi"] = [self.judged, [list(key) for key in sorted(self.met)]]
        elif self.is_whole(session.config) and self.unmet and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        output: Mapping[str, Any] = getattr(node, "workeroutput", {})
        judged, met = output.get("xero_openapi", (0, ()))
        self.judged += judged
        self.met |= {(place, kind) for place, kind in met}

    @property
    def unmet(self) -> list[str]:
        """Faults listed as met in every whole run that no answer has shown."""
        return [
            f"{place}: {kind}" for (place, kind), known in KNOWN.items() if known.met and (place, kind) not in self.met
        ]

    @staticmethod
    def is_whole(config: pytest.Config) -> bool:
        """Whether all tests were asked for."""
        options = config.option
        chosen = options.keyword or options.markexpr or options.collectonly or getattr(options, "lf", False)
        return config.args_source is pytest.Config.ArgsSource.TESTPATHS and not chosen

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
        terminalreporter.write_line(
            f"Xero's OpenAPI file: {self.judged} answers judged; "
            f"{len(self.met & KNOWN.keys())} of its {len(KNOWN)} known faults met"
        )
        if self.is_whole(config) and self.unmet:
            terminalreporter.write_line(f"known faults that nothing showed: {', '.join(self.unmet)}", red=True)
