"""The Salesforce package from the command line: ``connect salesforce --install`` and ``uninstall``."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from crossfoot.cli.screen import (
    Command,
    JsonOption,
    WorkspaceOption,
    actor,
    print_json,
    table,
    told_plainly,
    workspace_at,
)

if TYPE_CHECKING:
    from crossfoot.engine.session import Workspace
    from crossfoot.engine.setup.install import Installer, Loss, Step
    from crossfoot.store.workspace import StoredConnection

ADMIN_TOKEN = "SF_ADMIN_ACCESS_TOKEN"  # noqa: S105 - the name of a variable


@contextmanager
def _installing(
    made: Workspace, values: Mapping[str, str], *, bills: bool = False
) -> Iterator[tuple[Installer, StoredConnection]]:
    """An installer under the writing lock, with the administrator's session from the environment or a browser."""
    from crossfoot.core.errors import NeedsPerson
    from crossfoot.core.records import Side
    from crossfoot.engine.host import real_host
    from crossfoot.engine.setup.connect import Connector, salesforce_app
    from crossfoot.engine.setup.install import Installer
    from crossfoot.store.workspace import load_connections
    from crossfoot.vault.secret import Secret

    database, host = made.open_database(), real_host()
    with made.only_writer(), closing(Connector(made, database, host)) as connector:
        with database.reading() as connection:
            known = load_connections(connection, Side.SALESFORCE)
        if not known:
            raise NeedsPerson("Salesforce is not connected. Run `crossfoot connect salesforce` first.")
        given = values.get(ADMIN_TOKEN, "")
        if not given:
            typer.echo("An administrator logs in now; the session ends with this command and is not kept.", err=True)
        session = Secret(given) if given else connector.passing_session(salesforce_app(values), _show_address)
        installer = Installer(known[0], connector.remote(known[0]), session, database, host, bills=bills)
        try:
            yield installer, known[0]
        finally:
            installer.close(end_session=not given)
            database.engine.dispose()


def _show_address(address: str) -> None:
    typer.echo(f"If no browser opens, log in as an administrator at:\n{address}", err=True)


def install(made: Workspace, values: Mapping[str, str], *, bills: bool, dry_run: bool, as_json: bool) -> None:
    """List every component with what becomes of it, let Salesforce check them, and unless it is a dry run deploy."""
    with _installing(made, values, bills=bills) as (installer, connection):
        steps = installer.inspect()
        if not as_json:
            typer.echo(_listed(steps))
        steps = installer.check(steps)
        changed = 0 if dry_run else installer.install(steps, actor())
    if as_json:
        print_json({"org": connection.name, "dry_run": dry_run, "changes": changed, "components": _plain(steps)})
    elif dry_run:
        typer.echo("Salesforce accepts it. Nothing was changed.")
    else:
        done = f"{changed} changes made" if changed else "It was installed already; nothing was changed"
        typer.echo(f"{done} in Salesforce org {connection.name}.")


def _listed(steps: Sequence[Step]) -> str:
    rows = [(each.state.value, each.component.type, each.component.name, each.words) for each in steps]
    return table(["", "type", "component", ""], rows)


def _plain(steps: Sequence[Step]) -> list[dict[str, Any]]:
    return [
        {"type": e.component.type, "name": e.component.name, "state": e.state.value, "note": e.words} for e in steps
    ]


@told_plainly
def uninstall(
    *,
    workspace: WorkspaceOption = Path(),
    env_file: Annotated[Path | None, typer.Option("--env-file", help="NAME=value lines: SF_… of your app.")] = None,
    name: Annotated[str, typer.Option(help="The org's name, typed as consent to the loss of data.")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask first; --name is needed all the same.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be lost; change nothing.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Take Crossfoot's objects and fields out of Salesforce, with all their data. An administrator does it.

    Example: crossfoot uninstall --dry-run
    """
    from crossfoot.core.errors import NeedsPerson
    from crossfoot.engine.setup.workspace import read_env_file

    values = read_env_file(env_file) if env_file else dict(os.environ)
    with _installing(workspace_at(workspace), values) as (installer, connection):
        steps = installer.inspect()
        losses = installer.losses(steps)
        if not as_json:
            typer.echo(_lost(losses))
        removed = 0
        if not dry_run:
            typed = name or (
                "" if yes or as_json else typer.prompt(f"Type the org's name ({connection.name}) to go on")
            )
            if typed != connection.name:
                raise NeedsPerson(f"The name is not {connection.name!r}. Nothing was changed.")
            removed = installer.remove(steps, actor())
    if as_json:
        rows = [{"object": e.object, "rows": e.rows, "fields": e.fields} for e in losses]
        print_json({"org": connection.name, "dry_run": dry_run, "removed": removed, "losses": rows})
    else:
        typer.echo("Nothing was changed." if dry_run else f"{removed} components are gone from {connection.name}.")


def _lost(losses: Sequence[Loss]) -> str:
    rows = [
        (each.object, "not known" if each.rows is None else f"{each.rows:,}", f"{each.fields or 'all'} fields")
        for each in losses
    ]
    return table(["object", "rows that lose data", "of it"], rows) if rows else "Nothing of Crossfoot's is there."


COMMANDS = (Command("uninstall", uninstall),)
