"""Hypothesis for every test: no deadline, one seed that is printed; in CI always the same examples.

Where XERO_SPEC names Xero's OpenAPI file, every answer of the Xero emulator is judged by it.
"""

from __future__ import annotations

import os
import secrets

import pytest
from hypothesis import settings

settings.register_profile("local", deadline=None, print_blob=True)
settings.register_profile("ci", parent=settings.get_profile("local"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")


def _watch_the_emulator() -> object | None:
    spec = os.environ.get("XERO_SPEC")
    if not spec:
        return None
    from tests.contract.xero_openapi.watching import watch

    return watch(spec)


# Here and not in a hook: the conftest files below this one import the emulator before any hook runs.
_WATCHING = _watch_the_emulator()


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Choose the seed here rather than in Hypothesis, so that it can be shown and given again."""
    if config.getoption("--hypothesis-seed") is None and not os.environ.get("CI"):
        config.option.hypothesis_seed = str(secrets.randbelow(2**32))
    if _WATCHING is not None:
        config.pluginmanager.register(_WATCHING, "xero-openapi")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say how to see the same generated examples again."""
    seed = config.getoption("--hypothesis-seed")
    if seed is not None:
        terminalreporter.write_line(f"generated examples: repeat them with --hypothesis-seed={seed}")
