"""The ``crossfoot`` command and its sub-commands."""

from __future__ import annotations

from typing import Annotated

import typer

from crossfoot.cli import demo, emulator, overrides, package, queue, recovery, reports, runs, serve, setup, sweep

app = typer.Typer(
    help="Keeps Salesforce and Xero in agreement, to the cent.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"crossfoot {version('crossfoot')}")
        raise typer.Exit


@app.callback()
def root(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Say which.")
    ] = False,
) -> None:
    """Keeps Salesforce and Xero in agreement, to the cent.

    Exit status: 0 done; 2 operations pending (plan), unexplained difference (tieout), or stopped by a guard; 1 error.
    """


for module in (setup, package, runs, serve, sweep, reports, recovery, demo):
    for command in module.COMMANDS:
        app.command(command.name)(command.function)
for command in overrides.COMMANDS:
    queue.app.command(command.name)(command.function)
app.add_typer(queue.app, name="queue")
app.add_typer(reports.audit_app, name="audit")
app.add_typer(emulator.app, name="emulator")
