"""Whoever interrupts a command reads one sentence, whatever a library makes of it."""

from __future__ import annotations

import pytest
import typer

from crossfoot.cli.screen import EXIT_INTERRUPTED, told_plainly
from crossfoot.core.errors import RetryLater


@pytest.mark.parametrize("made_of_it", [RuntimeError("the database refused"), RetryLater("try later", after_s=60)])
def test_an_interrupt_that_a_library_fails_over_is_told_as_one(
    capsys: pytest.CaptureFixture[str], made_of_it: Exception
) -> None:
    @told_plainly
    def command() -> None:
        try:
            try:
                raise KeyboardInterrupt
            finally:
                raise ValueError("the connection is busy")
        except ValueError as error:
            raise made_of_it from error

    with pytest.raises(typer.Exit) as ended:
        command()
    assert ended.value.exit_code == EXIT_INTERRUPTED
    assert "running again is safe" in capsys.readouterr().err


def test_a_defect_stays_one() -> None:
    @told_plainly
    def command() -> None:
        raise ValueError("a defect")

    with pytest.raises(ValueError, match="a defect"):
        command()
