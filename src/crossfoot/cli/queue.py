"""``crossfoot queue``: what waits for a person, and what people decide about it."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from crossfoot.cli.screen import (
    NUMBER_MAX,
    JsonOption,
    WorkspaceOption,
    actor,
    cut,
    money,
    print_json,
    table,
    told_plainly,
    workspace_at,
)

if TYPE_CHECKING:
    from crossfoot.engine.review.desk import Desk
    from crossfoot.store.queue import QueueEntry

app = typer.Typer(
    help="The review queue: what waits, why, and who fixes it.", no_args_is_help=True, rich_markup_mode=None
)

EntryArgument = Annotated[int, typer.Argument(help="The entry's number, from `crossfoot queue ls`.", max=NUMBER_MAX)]
LongList = Annotated[bool, typer.Option("--all", help="Also entries that were put aside.")]


def open_desk(directory: Path) -> tuple[Desk, dict[str, str]]:
    """The queue of a workspace, and the addresses where a person opens its records."""
    from crossfoot.engine.review.desk import Desk
    from crossfoot.engine.review.overview import both_sides

    database = workspace_at(directory).open_database()
    with database.reading() as connection:
        org, organisation = both_sides(connection)
    desk = Desk(database, org.home, organisation.home, actor(), dt.datetime.now(dt.UTC))
    return desk, {"salesforce": str(org.settings.get("instance_url", "")), "xero": "https://go.xero.com"}


def entry_data(entry: QueueEntry, addresses: dict[str, str]) -> dict[str, Any]:
    """An entry for a machine."""
    from crossfoot.core.findings import REASONS

    return {
        "entry": entry.id,
        "reason": entry.code,
        "what_happened": REASONS[entry.code].title,
        "cause": entry.cause,
        "weight": entry.weight,
        "record": {"kind": entry.record.kind, "id": entry.record.id, "name": entry.record_name},
        "links": [_address(ref.side.value, ref.kind, ref.id, addresses) for ref in (entry.record, *entry.related)],
        "currency": entry.money.currency,
        "amount": entry.money.amount,
        "since": entry.opened_at,
        "who_fixes_it": entry.owner,
        "owner": entry.owner_name,
        "how": entry.fix,
        "vendor_text": entry.vendor_text,
        "state": entry.state,
        "put_aside_until": entry.ignored_until,
        "put_aside_because": entry.ignored_reason,
    }


def _address(side: str, kind: str, record_id: str, addresses: dict[str, str]) -> str:
    if side == "salesforce":
        return f"{addresses['salesforce']}/{record_id}"
    page = {
        "Invoice": f"/AccountsReceivable/View.aspx?InvoiceID={record_id}",
        "Contact": f"/Contacts/View/{record_id}",
    }.get(kind, "")
    return f"{addresses['xero']}{page}"


@app.command("ls")
@told_plainly
def ls(*, workspace: WorkspaceOption = Path(), show_all: LongList = False, as_json: JsonOption = False) -> None:
    """List what waits, biggest money first.

    Example: crossfoot queue ls
    """
    from crossfoot.core.findings import REASONS

    desk, addresses = open_desk(workspace)
    entries = desk.entries(ignored=show_all)
    if as_json:
        print_json([entry_data(entry, addresses) for entry in entries])
        return
    if not entries:
        typer.echo("Nothing waits.")
        return
    rows = [
        (
            entry.id,
            entry.weight,
            cut(REASONS[entry.code].title, 44),
            cut(entry.record_name or entry.record.id, 44),
            money(entry.money.amount, entry.money.currency),
            entry.opened_at[:10],
            entry.owner if entry.owner != "deal owner" else f"deal owner {entry.owner_name}".strip(),
        )
        for entry in entries
    ]
    typer.echo(table(["entry", "", "what happened", "record", "money", "since", "who fixes it"], rows, right=(0, 4)))
    typer.echo("`crossfoot queue show ENTRY` says how.")


@app.command("show")
@told_plainly
def show(entry: EntryArgument, *, workspace: WorkspaceOption = Path(), as_json: JsonOption = False) -> None:
    """Show one entry: what happened, both records, who fixes it and how, and the vendor's own words.

    Example: crossfoot queue show 3
    """
    desk, addresses = open_desk(workspace)
    found = entry_data(desk.entry(entry), addresses)
    if as_json:
        print_json(found)
        return
    typer.echo(f"{found['what_happened']} ({found['weight']})")
    typer.echo(f"  {found['cause']}")
    typer.echo(f"Record   {found['record']['kind']} {found['record']['name']} ({found['record']['id']})")
    for link in found["links"]:
        typer.echo(f"         {link}")
    typer.echo(f"Money    {money(found['amount'], found['currency'])}")
    typer.echo(f"Since    {found['since'][:16].replace('T', ' ')} UTC")
    typer.echo(f"Who      {found['who_fixes_it']}")
    if found["owner"]:
        typer.echo(f"Owner    {found['owner']} owns the deal")
    typer.echo(f"How      {found['how']}")
    if found["put_aside_until"]:
        typer.echo(f"Aside    until {found['put_aside_until']}: {found['put_aside_because']}")
    if found["vendor_text"]:
        typer.echo(f"In the vendor's own words:\n  {found['vendor_text']}")


@app.command("retry")
@told_plainly
def retry(
    entry: Annotated[
        int | None, typer.Argument(help="The entry's number; or choose by an option.", max=NUMBER_MAX)
    ] = None,
    *,
    reason: Annotated[str, typer.Option(help="Every entry of this reason, as `refused_by_xero`.")] = "",
    owner: Annotated[str, typer.Option(help="Every entry of this person or role, as `finance`.")] = "",
    everything: Annotated[
        bool,
        typer.Option("--all", help="Every entry that was not put aside, but voided invoices and what is said once."),
    ] = False,
    workspace: WorkspaceOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Try again at the next sync, after the cause was mended. A voided invoice is re-issued under its next number.

    Example: crossfoot queue retry --reason refused_by_xero
    """
    from crossfoot.core.errors import NeedsPerson

    if entry is not None and (reason or owner or everything):
        raise NeedsPerson("Say either an entry's number, or --reason, --owner or --all.")
    desk, addresses = open_desk(workspace)
    if entry is not None:
        found = desk.retry(entry)
        name = found.record_name or found.record.id
        _say(f"{name} is tried again at the next sync.", found, addresses, as_json=as_json)
        return
    several = desk.retry_many(code=reason, owner=owner, everything=everything)
    if as_json:
        print_json([entry_data(each, addresses) for each in several])
    else:
        typer.echo(f"{len(several)} of the entries are tried again at the next sync.")


@app.command("ignore")
@told_plainly
def ignore(
    entry: EntryArgument,
    *,
    reason: Annotated[str, typer.Option(help="Why; it is kept in the audit log.")],
    until: Annotated[str, typer.Option(help="YYYY-MM-DD: when it comes back.")],
    workspace: WorkspaceOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Put an entry aside until a day. Its document still waits, and stays on the tie-out.

    Example: crossfoot queue ignore 3 --reason "billed by the branch" --until 2026-12-31
    """
    from crossfoot.core.errors import NeedsPerson

    try:
        day = dt.date.fromisoformat(until)
    except ValueError:
        raise NeedsPerson(f"--until {until!r} is not a day. Write it as YYYY-MM-DD.") from None
    desk, addresses = open_desk(workspace)
    found = desk.ignore(entry, reason=reason, until=day)
    _say(f"Put aside until {day}. It stays on the tie-out.", found, addresses, as_json=as_json)


@app.command("link")
@told_plainly
def link(
    entry: EntryArgument,
    *,
    to: Annotated[str, typer.Option(help="Id of the Xero record, where several are shown; or another contact's.")] = "",
    workspace: WorkspaceOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Say that both records shown are the same one: the deal's existing invoice, or the same customer.

    Example: crossfoot queue link 3
    """
    desk, addresses = open_desk(workspace)
    found, chosen = desk.link(entry, to)
    said = f"Linked to {chosen}. Nothing new is made for it. `crossfoot queue unlink {entry}` takes it back."
    _say(said, found, addresses, as_json=as_json)


@app.command("unlink")
@told_plainly
def unlink(
    entry: EntryArgument,
    *,
    to: Annotated[str, typer.Option(help="Id of the Xero record that is the right one, to link it at once.")] = "",
    workspace: WorkspaceOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Take back a wrong `queue link`: the two are different. `crossfoot explain DEAL` has the entry's number.

    Example: crossfoot queue unlink 3
    """
    from crossfoot.core.records import Side
    from crossfoot.engine.review.unlink import unlink as take_back

    desk, addresses = open_desk(workspace)
    done = take_back(desk, entry, to)
    said = [f"Taken back, and linked to {to}." if to else "Taken back: they are different. It goes at the next sync."]
    if done.invoices:
        numbers = ", ".join(done.invoices)
        said.append(
            f"Made for the wrong customer, and left as they are: {numbers}. Delete or void them in Xero, then "
            "`crossfoot queue retry` the entries that say so."
        )
    for side, record in ((Side.XERO, f"Contact {done.wrong}"), (Side.SALESFORCE, "The account")):
        if done.told[side]:
            fields = ", ".join(done.told[side])
            said.append(f"{record} keeps what it was told of the other: {fields}. Correct it in {side.title()}.")
    _say("\n".join(said), done.entry, addresses, as_json=as_json)


@app.command("not-same")
@told_plainly
def not_same(entry: EntryArgument, *, workspace: WorkspaceOption = Path(), as_json: JsonOption = False) -> None:
    """Say that the records shown are different ones: it then goes on its own at the next sync.

    Example: crossfoot queue not-same 3
    """
    desk, addresses = open_desk(workspace)
    found = desk.not_same(entry)
    _say("Noted: they are different. It goes at the next sync.", found, addresses, as_json=as_json)


@app.command("cancel")
@told_plainly
def cancel(entry: EntryArgument, *, workspace: WorkspaceOption = Path(), as_json: JsonOption = False) -> None:
    """Have the invoice of a lost or deleted deal taken back: a draft is deleted, an unpaid one voided.

    Example: crossfoot queue cancel 3
    """
    desk, addresses = open_desk(workspace)
    found = desk.cancel(entry)
    _say("Its invoice is deleted or voided at the next sync.", found, addresses, as_json=as_json)


@app.command("reissue")
@told_plainly
def reissue(entry: EntryArgument, *, workspace: WorkspaceOption = Path(), as_json: JsonOption = False) -> None:
    """Have the approved invoice of a deal that changed credited in full, and made anew under the next number.

    Example: crossfoot queue reissue 3
    """
    desk, addresses = open_desk(workspace)
    found, number = desk.reissue(entry)
    _say(f"At the next sync {number} is credited in full and made anew.", found, addresses, as_json=as_json)


@app.command("choose")
@told_plainly
def choose_side(
    entry: EntryArgument,
    *,
    side: Annotated[str, typer.Option(help="salesforce or xero: whose value is right.")],
    field: Annotated[str, typer.Option(help="The field, where several wait; without it all of them.")] = "",
    workspace: WorkspaceOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Say which side is right about a field that both sides changed. The other side is told at the next sync.

    Example: crossfoot queue choose 3 --field Phone --side salesforce
    """
    from crossfoot.core.errors import NeedsPerson
    from crossfoot.core.records import Side
    from crossfoot.engine.review.choices import choose

    if side not in set(Side):
        raise NeedsPerson(f"--side is salesforce or xero, not {side!r}.")
    desk, addresses = open_desk(workspace)
    found, fields = choose(desk, entry, Side(side), field)
    _say(f"{', '.join(fields)}: {side.title()} is right. It goes at the next sync.", found, addresses, as_json=as_json)


def _say(sentence: str, entry: QueueEntry, addresses: dict[str, str], *, as_json: bool) -> None:
    if as_json:
        print_json({"done": sentence, **entry_data(entry, addresses)})
    else:
        typer.echo(sentence)
