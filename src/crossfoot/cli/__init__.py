"""The command line. Heavy imports wait inside the commands, so that ``--help`` answers at once."""

from __future__ import annotations


def main() -> None:
    """Entry point of the ``crossfoot`` command."""
    from crossfoot.cli.app import app

    app(prog_name="crossfoot")
