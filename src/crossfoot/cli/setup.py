"""``init``, ``connect``, ``doctor``: from nothing to a connected, examined workspace."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from crossfoot.cli.screen import (
    EXIT_ERROR,
    Command,
    JsonOption,
    WorkspaceOption,
    actor,
    print_json,
    require_yes,
    table,
    told_plainly,
    workspace_at,
    writing_session,
)

if TYPE_CHECKING:
    import datetime as dt

    from crossfoot.engine.session import Workspace
    from crossfoot.engine.setup.connect import App, Connector
    from crossfoot.engine.setup.workspace import Choices, Proposal
    from crossfoot.store.workspace import StoredConnection

EnvFileOption = Annotated[
    Path | None, typer.Option("--env-file", help="NAME=value lines: SF_… and XERO_… settings of your apps.")
]


@told_plainly
def init(
    *,
    workspace: WorkspaceOption = Path(),
    env_file: EnvFileOption = None,
    start_date: Annotated[str, typer.Option(help="YYYY-MM-DD: deals won before are never invoiced.")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing; take what both sides suggest.")] = False,
    no_key: Annotated[bool, typer.Option("--no-key", help="Make no key file: you provide CROSSFOOT_KEY_FILE.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Make a workspace here: connect both sides, look at them, and write crossfoot.yaml.

    Example: crossfoot init --env-file apps.env --start-date 2026-11-21 --yes
    """
    from crossfoot.engine.host import real_host
    from crossfoot.engine.setup.connect import Connector
    from crossfoot.engine.setup.workspace import (
        accept,
        connect_with_env,
        make_workspace,
        propose,
        read_env_file,
        remotes,
    )
    from crossfoot.store.workspace import load_connections

    values = read_env_file(env_file) if env_file else dict(os.environ)
    starts = _start_date(start_date or values.get("CROSSFOOT_START_DATE", ""), ask=not yes)
    made, key_file = make_workspace(workspace, with_key=not no_key)
    database, host = made.open_database(), real_host()
    with database.reading() as connection:
        known = load_connections(connection)
    connections = (known[0], known[1]) if len(known) == 2 and not env_file else None
    if connections is None:
        if "SF_CONSUMER_KEY" not in values or "XERO_CLIENT_ID" not in values:
            typer.echo(f"Vault key  {key_file}: keep a copy elsewhere")
            typer.echo(
                "Now run `crossfoot connect salesforce` and `crossfoot connect xero`, then `crossfoot init` again."
            )
            return
        connections = connect_with_env(made, database, host, values)
    with made.only_writer(), closing(Connector(made, database, host)) as connector:
        salesforce, xero = remotes(connections, connector)
        proposal = propose(salesforce, xero, _choices(starts))
        if not yes:
            proposal = propose(salesforce, xero, _ask(proposal, starts))
    accept(made, database, host, proposal, connections[1].home)
    database.engine.dispose()
    _report(made, key_file, connections, proposal, as_json=as_json, with_key=not no_key)


def _start_date(text: str, *, ask: bool) -> dt.date:
    import datetime as dt

    from crossfoot.core.errors import NeedsPerson

    today = dt.datetime.now().astimezone().date()
    if not text and ask:
        text = typer.prompt("Deals won before which day are never invoiced?", default=today.isoformat())
    try:
        return dt.date.fromisoformat(text) if text else today
    except ValueError:
        raise NeedsPerson(f"--start-date {text!r} is not a day. Write it as YYYY-MM-DD.") from None


def _choices(starts: dt.date) -> Choices:
    from crossfoot.engine.setup.workspace import Choices

    return Choices(starts)


def _ask(proposal: Proposal, starts: dt.date) -> Choices:
    from crossfoot.engine.setup.workspace import Choices

    facts = proposal.facts
    inclusive = typer.confirm("Do prices in Salesforce include tax?", default=facts.inclusive)
    for account in proposal.accounts:
        if account.account_class == "REVENUE" and account.status == "ACTIVE":
            typer.echo(f"  {account.code}  {account.name}")
    account = typer.prompt("Ledger account where no product or item names one", default=facts.sales_account)
    days = typer.prompt("Days until an invoice is due, where Xero has no terms", default=14, type=int)
    return Choices(starts, inclusive=inclusive, sales_account=account, due_days=days)


def _report(
    made: Workspace,
    key_file: Path,
    connections: tuple[StoredConnection, StoredConnection],
    proposal: Proposal,
    *,
    as_json: bool,
    with_key: bool,
) -> None:
    org, organisation = connections
    if as_json:
        print_json(
            {
                "workspace": str(made.directory),
                "settings": str(made.settings_path),
                "key_file": str(key_file),
                "salesforce": {"id": org.home, "name": org.name, "is_sandbox": org.pinned["is_sandbox"]},
                "xero": {"id": organisation.home, "name": organisation.name, "is_demo": organisation.pinned["is_demo"]},
                "start_date": proposal.facts.start_date,
            }
        )
        return
    kind = "sandbox" if org.pinned["is_sandbox"] else "production"
    state = "demo company" if organisation.pinned["is_demo"] else "live"
    typer.echo(f"Salesforce org {org.name} ({kind})")
    typer.echo(f"Xero organisation {organisation.name} ({proposal.organisation.country}, {state})")
    typer.echo(f"Settings   {made.settings_path}")
    typer.echo(f"Vault key  {key_file}" + ("" if with_key else " (you provide it)") + ": keep a copy elsewhere")
    typer.echo(f"Start date {proposal.facts.start_date}: deals won before it are never invoiced")
    typer.echo("Next: `crossfoot doctor`, then `crossfoot plan`.")
    typer.echo("Nothing has been written to Salesforce or Xero.")


@told_plainly
def connect(
    side: Annotated[str, typer.Argument(help="salesforce or xero.")],
    *,
    workspace: WorkspaceOption = Path(),
    env_file: EnvFileOption = None,
    client_credentials: Annotated[
        bool, typer.Option("--client-credentials", help="The app's own user instead of a person in a browser.")
    ] = False,
    organisation: Annotated[str, typer.Option(help="Id of the Xero organisation, if the app reaches several.")] = "",
    install: Annotated[
        bool, typer.Option("--install", help="Into the connected Salesforce org: Crossfoot's objects and fields.")
    ] = False,
    bills: Annotated[bool, typer.Option("--bills", help="With --install: the object for supplier bills too.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="With --install: list each component only.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Grant access to one side: opens the vendor's own consent page in your browser.

    With --install an administrator of the connected org logs in instead, or SF_ADMIN_ACCESS_TOKEN holds such a session;
    it is used for this once and never kept.

    Example: crossfoot connect xero
    """
    from crossfoot.cli import package
    from crossfoot.core.errors import NeedsPerson
    from crossfoot.engine.host import real_host
    from crossfoot.engine.setup.connect import Connector, salesforce_app, xero_app
    from crossfoot.engine.setup.workspace import makes_payments, read_env_file

    if side not in {"salesforce", "xero"}:
        raise NeedsPerson(
            f"{side!r} cannot be connected: say `crossfoot connect salesforce` or `crossfoot connect xero`."
        )
    if (install and side != "salesforce") or ((dry_run or bills) and not install):
        raise NeedsPerson("--install belongs to `crossfoot connect salesforce`; --bills and --dry-run to --install.")
    values = read_env_file(env_file) if env_file else dict(os.environ)
    made = workspace_at(workspace)
    if install:
        package.install(made, values, bills=bills, dry_run=dry_run, as_json=as_json)
        return
    with made.only_writer(), closing(Connector(made, made.open_database(), real_host())) as connector:
        app = salesforce_app(values) if side == "salesforce" else xero_app(values, payments=makes_payments(made))
        if not as_json:
            _show_scopes(app)
        grant = connector.with_credentials(app) if client_credentials else connector.with_browser(app, _show_address)
        if side == "salesforce":
            connection = connector.connect_salesforce(app, grant)
        else:
            chosen = organisation or values.get("XERO_TENANT_ID", "")
            connection = connector.connect_xero(app, grant, _choose(connector, app, grant, chosen))
    if as_json:
        print_json({"side": side, "id": connection.home, "name": connection.name, **connection.pinned})
    else:
        typer.echo(f"Connected: {connection.name}. Nothing has been written to it.")
        if not made.settings_path.exists():
            typer.echo(
                "When both sides are connected, `crossfoot init --yes` with the same settings writes crossfoot.yaml."
            )


def _show_scopes(app: App) -> None:
    typer.echo(f"Crossfoot asks {app.side.value.title()} for:")
    for scope, reason in app.scopes.items():
        typer.echo(f"  {scope:28} to {reason}")


def _show_address(address: str) -> None:
    typer.echo(f"If no browser opens, go to:\n{address}", err=True)


def _choose(connector: Connector, app: App, grant: str, wanted: str) -> str:
    """The organisation that was named, else the one that the person picked on Xero's page, else the one they say."""
    from crossfoot.core.errors import NeedsPerson

    picked = [] if wanted else connector.organisations(app, grant, consented=True)
    if len(picked) == 1:
        return picked[0].tenant_id
    found = connector.organisations(app, grant)
    if wanted:
        if wanted not in {tenant.tenant_id for tenant in found}:
            raise NeedsPerson(f"The grant does not reach organisation {wanted}.")
        return wanted
    if not found:
        raise NeedsPerson("No organisation was chosen on Xero's page. Run `crossfoot connect xero` again.")
    typer.echo("Which organisation?")
    for number, tenant in enumerate(found, start=1):
        typer.echo(f"  {number}  {tenant.name}")
    choice = int(typer.prompt("Number", type=int))
    if not 1 <= choice <= len(found):
        raise NeedsPerson(f"There is no organisation {choice}.")
    chosen: str = found[choice - 1].tenant_id
    return chosen


@told_plainly
def disconnect(
    side: Annotated[str, typer.Argument(help="salesforce or xero.")],
    name: Annotated[str, typer.Argument(help="The org's or organisation's name, as `crossfoot status` shows it.")],
    *,
    workspace: WorkspaceOption = Path(),
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would end; change nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask first.")] = False,
    as_json: JsonOption = False,
) -> None:
    """End the access to one side and erase its secrets. Links, the queue and the audit log stay.

    Example: crossfoot disconnect xero "Harbour Point Advisory"
    """
    from crossfoot.engine.host import real_host
    from crossfoot.engine.setup.disconnect import Disconnector

    made = workspace_at(workspace)
    with made.only_writer(), closing(Disconnector(made.open_database(), real_host(), made.load_key)) as disconnector:
        connection = disconnector.find(side, name)
        steps = disconnector.steps(connection)
        if not as_json:
            typer.echo("\n".join(f"{'Would' if dry_run else 'Will'} {step.words}" for step in steps))
        if not dry_run:
            require_yes(f"Disconnect {connection.name}?", yes=yes, as_json=as_json)
            disconnector.carry_out(connection, steps, actor())
    if as_json:
        done = {"side": side, "id": connection.home, "name": connection.name, "dry_run": dry_run}
        print_json({**done, "steps": [step.words for step in steps]})
    else:
        typer.echo("Nothing was changed." if dry_run else f"{connection.name} is disconnected.")


@told_plainly
def doctor(*, workspace: WorkspaceOption = Path(), as_json: JsonOption = False) -> None:
    """Check everything a run depends on. Reads only; exit status 1 when something must be mended.

    Example: crossfoot doctor
    """
    from crossfoot.engine.setup.doctor import examine

    with writing_session(workspace, as_json=as_json) as session:
        checks = list(examine(session))
    if as_json:
        print_json([{"name": c.name, "state": c.state, "found": c.found, "who": c.who, "how": c.how} for c in checks])
    else:
        rows = [(c.state, c.name, c.found, c.who, c.how) for c in checks]
        typer.echo(table(["", "what", "found", "who", "how"], rows))
        typer.echo("Nothing was written to either side.")
    if any(check.state == "fix" for check in checks):
        raise typer.Exit(EXIT_ERROR)


COMMANDS = (
    Command("init", init),
    Command("connect", connect),
    Command("disconnect", disconnect),
    Command("doctor", doctor),
)
