"""``plan``, ``apply``, ``sync``, ``status``, ``runs``, ``undo``, ``go-live``: what may write, and what it did."""

from __future__ import annotations

import datetime as dt
import json
from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from crossfoot.cli.screen import (
    EXIT_PENDING,
    Command,
    JsonOption,
    WorkspaceOption,
    counted,
    cut,
    money,
    print_json,
    require_yes,
    table,
    told_plainly,
    workspace_at,
    writing_session,
)

if TYPE_CHECKING:
    from crossfoot.core.decided import Operation
    from crossfoot.engine.planning.planner import Planned
    from crossfoot.engine.runs import RunReport
    from crossfoot.engine.session import Session

SHOWN_MAX = 25


@told_plainly
def plan(
    *,
    workspace: WorkspaceOption = Path(),
    out: Annotated[Path | None, typer.Option(help="Save the plan to a file, to review and `apply`.")] = None,
    show_all: Annotated[bool, typer.Option("--all", help="Show every document.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show what sync would do, and why. Writes to neither side; exit status 2 when documents are pending.

    Example: crossfoot plan --out november.plan
    """
    from crossfoot.engine.plans import describe_plan, save_plan_file
    from crossfoot.engine.runs import look

    with writing_session(workspace, as_json=as_json) as session:
        _, planned, _ = look(session)
        described = describe_plan(session, planned)
        if out:
            save_plan_file(session, planned, out)
    if as_json:
        print_json(described)
    else:
        _show_plan(planned, described, show_all=show_all)
        if out:
            typer.echo(f"Saved to {out}. It expires in 24 hours. Send it with `crossfoot apply {out}`.")
    if planned.operations or any(described[part] for part in ("changes", "payments", "taken_back")):
        raise typer.Exit(EXIT_PENDING)


def _show_plan(planned: Planned, described: dict[str, Any], *, show_all: bool) -> None:
    typer.echo(described["summary"])
    invoices = planned.invoices
    names = {decision.deal.ref.id: decision.deal.name for decision in planned.decisions}
    rows = [_plan_row(operation, names) for operation in (invoices if show_all else invoices[:SHOWN_MAX])]
    if rows:
        typer.echo()
        typer.echo(table(["", "date", "deal", "ccy", "ex tax", "tax", "gross", "why"], rows, right=(4, 5, 6)))
    if len(invoices) > len(rows):
        typer.echo(f"… and {len(invoices) - len(rows)} more (--all shows them)")
    if described["totals"]:
        typer.echo()
        headings = ["month", "ccy", "account", "tax type", "lines", "ex tax", "tax", "gross"]
        totals = [
            (
                t["month"],
                t["currency"],
                t["account"],
                t["tax_type"],
                t["lines"],
                *(money(t[k]) for k in ("ex_tax", "tax", "gross")),
            )
            for t in described["totals"]
        ]
        typer.echo(table(headings, totals, right=(4, 5, 6, 7)))
        for currency, sums in described["by_currency"].items():
            typer.echo(
                f"{currency}: ex tax {money(sums['ex_tax'])}, tax {money(sums['tax'])}, gross {money(sums['gross'])}; "
                f"Salesforce says {money(sums['salesforce'])} for the same deals"
            )
    for change in described["changes"][: None if show_all else SHOWN_MAX]:
        typer.echo(f"~ {change['told'].title()} is told {', '.join(change['parts'])} of {cut(change['name'], 44)}")
    for taken in described["taken_back"][: None if show_all else SHOWN_MAX]:
        amount = money(taken["gross"], taken["currency"])
        typer.echo(f"- {taken['number']} of {amount} is {taken['how']}: {cut(taken['name'], 44)}")
    if described["waiting"]:
        waiting = counted(described["waiting"], "deal waits", "deals wait")
        typer.echo(f"{waiting}; `crossfoot queue ls` gives each reason.")


def _plan_row(operation: Operation, names: dict[str, str]) -> tuple[object, ...]:
    totals = operation.totals
    assert totals is not None
    sign = "+" if operation.action.value == "create" else "~"
    return (
        sign,
        getattr(operation.document, "dated", ""),
        cut(names.get(operation.source.id, operation.source.id), 44),
        operation.currency,
        money(totals.ex_tax),
        money(totals.tax),
        money(totals.gross),
        cut(operation.reason, 60),
    )


@told_plainly
def apply(
    file: Annotated[Path, typer.Argument(help="A plan saved by `crossfoot plan --out`.")],
    *,
    workspace: WorkspaceOption = Path(),
    strict: Annotated[bool, typer.Option("--strict", help="Stop all when any document moved since.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before sending.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Send a reviewed plan: exactly its documents, less those that moved since (they are named).

    Example: crossfoot apply november.plan
    """
    from crossfoot.engine.plans import apply_plan_file, read_plan_file

    with writing_session(workspace, as_json=as_json) as session:
        saved = read_plan_file(session, file)
        if not as_json:
            typer.echo(_target(session, saved.summary))
        require_yes("Send it?", yes=yes, as_json=as_json)
        report = apply_plan_file(session, saved, strict=strict)
    _show_report(report, as_json=as_json)


def _target(session: Session, summary: str) -> str:
    state = "LIVE" if session.is_live else "test"
    return f"To Xero organisation {session.xero.connection.name} ({state}): {summary}"


@told_plainly
def sync(
    *,
    workspace: WorkspaceOption = Path(),
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing. The brake and the guards still hold.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Plan and apply: deals to Xero, status and payments back. Safe to run at any time, as often as you like.

    Example: crossfoot sync
    """
    from crossfoot.engine.runs import sync as run_sync

    del yes  # nothing is asked; scripts may say so
    with writing_session(workspace, as_json=as_json) as session:
        report = run_sync(session)
    _show_report(report, as_json=as_json)


def report_data(report: RunReport) -> dict[str, Any]:
    """A run's report for a machine."""
    done = report.applied
    return {
        "run": report.run_id,
        "planned": {"invoices": len(report.planned.invoices), "operations": len(report.planned.operations)},
        "created": done.created,
        "updated": done.updated,
        "adopted": done.adopted,
        "contacts": done.contacts,
        "items": done.items,
        "refused": [{"record": record, "reason": reason} for record, reason in done.refused],
        "verified": report.verified.verified,
        "differing": report.verified.differing,
        "not_visible_yet": report.verified.unseen,
        "agreed": {"xero": report.agreed.to_xero, "salesforce": report.agreed.to_salesforce},
        "written_back": report.written_back,
        "write_backs_refused": report.write_backs_refused,
        "left_out": list(report.left_out),
        "writes": report.writes,
        "queue": {"opened": report.queue_opened, "closed": report.queue_closed},
        "calls": dict(report.calls),
        "warning": report.warning,
        "audit": {"entry": report.audit.seq, "hash": report.audit.hash} if report.audit else None,
        "won_deals": [
            {"standing": bucket, "currency": currency, "deals": count, "amount": amount}
            for bucket, currency, count, amount in report.buckets
        ],
    }


def _show_report(report: RunReport, *, as_json: bool) -> None:
    if as_json:
        print_json(report_data(report))
        return
    done = report.applied
    planned = len(report.planned.invoices)
    typer.echo(
        f"Planned {counted(planned, 'invoice')}: {done.created} created, {done.updated} updated, "
        f"{len(done.refused)} refused; {report.verified.verified} read back as meant."
    )
    if done.adopted:
        typer.echo(f"{counted(done.adopted, 'record')} of an earlier run found in Xero and taken on, not sent again.")
    if done.contacts or done.items:
        typer.echo(f"{counted(done.contacts, 'customer')} and {counted(done.items, 'item')} created in Xero.")
    if report.agreed.writes:
        told = f"{report.agreed.to_xero} in Xero, {report.agreed.to_salesforce} in Salesforce"
        typer.echo(f"Customers and products brought into agreement: {told}.")
    typer.echo(f"{counted(report.written_back, 'row')} written to Salesforce, {report.write_backs_refused} refused.")
    for name in report.left_out:
        typer.echo(f"Left out, it changed since the plan: {name}")
    for record, reason in done.refused[:SHOWN_MAX]:
        typer.echo(f"Refused: {record}: {reason}")
    if report.warning:
        typer.echo(report.warning)
    typer.echo()
    typer.echo(buckets_table(list(report.buckets)))
    if not report.writes:
        typer.echo("Nothing had to be written.")
    if report.audit:
        typer.echo(f"Audit log: {report.audit.words}.")
    typer.echo(f"Run {report.run_id}; {report.calls['xero']} Xero and {report.calls['salesforce']} Salesforce calls.")


def buckets_table(rows: list[tuple[str, str, int, Decimal]]) -> str:
    """Won deals by where they stand; the last line of each currency is their sum."""
    by_currency: dict[str, list[tuple[str, int, Decimal]]] = defaultdict(list)
    for bucket, currency, count, amount in rows:
        by_currency[currency].append((bucket, count, amount))
    shown: list[tuple[object, ...]] = []
    for currency in sorted(by_currency):
        for bucket, count, amount in by_currency[currency]:
            shown.append((currency, bucket, count, money(amount)))
        deals = sum(count for _, count, _ in by_currency[currency])
        worth = sum((amount for _, _, amount in by_currency[currency]), Decimal(0))
        shown.append((currency, "= won deals read", deals, money(worth)))
    return table(["ccy", "won deals", "deals", "ex tax"], shown, right=(2, 3))


@told_plainly
def status(*, workspace: WorkspaceOption = Path(), as_json: JsonOption = False) -> None:
    """Where everything stands, from what was read last; asks neither side.

    Example: crossfoot status
    """
    from crossfoot.engine.review.overview import overview

    found = overview(workspace_at(workspace), dt.datetime.now(dt.UTC))
    if as_json:
        print_json(found)
        return
    for line in found["sides"]:
        typer.echo(line)
    typer.echo(found["last_run"])
    rows = [(b["standing"], b["currency"], b["deals"], b["amount"]) for b in found["won_deals"]]
    if rows:
        typer.echo(buckets_table(rows))
    for waiting in found["waiting"]:
        typer.echo(f"{counted(waiting['entries'], 'entry', 'entries')} wait for {waiting['owner']}")
    for line in found["limits"]:
        typer.echo(line)
    for resource, read_at in found["read_at"].items():
        typer.echo(f"{resource:32} read up to {read_at}")


@told_plainly
def runs(*, workspace: WorkspaceOption = Path(), as_json: JsonOption = False) -> None:
    """List the newest runs, with the id that `undo` takes.

    Example: crossfoot runs
    """
    from crossfoot.engine.review.overview import list_runs

    found = list_runs(workspace_at(workspace))
    if as_json:
        print_json(
            [
                {"id": r.id, "command": r.command, "started": r.started_at, "outcome": r.outcome, **r.counts}
                for r in found
            ]
        )
        return
    rows = [(r.id, r.command, r.started_at[:19], r.outcome, r.created, json.dumps(dict(r.counts))) for r in found]
    typer.echo(table(["run", "command", "started (UTC)", "outcome", "created", "counts"], rows, right=(4,)))


@told_plainly
def undo(
    run: Annotated[str, typer.Argument(help="The run's id, from `crossfoot runs`.")],
    *,
    workspace: WorkspaceOption = Path(),
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask first.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Delete a run's own drafts that nobody touched; the rest is listed as not undoable.

    Example: crossfoot undo 3f2c…
    """
    from crossfoot.engine.undo import undo as undo_run

    require_yes(f"Delete the untouched drafts of run {run} in Xero?", yes=yes, as_json=as_json)
    with writing_session(workspace, as_json=as_json) as session:
        undone = undo_run(session, run)
    if as_json:
        print_json({"deleted": undone.deleted, "kept": [{"what": what, "why": why} for what, why in undone.kept]})
        return
    typer.echo(
        f"{counted(len(undone.deleted), 'draft')} deleted. They wait in the queue; `queue retry` makes one again."
    )
    for what, why in undone.kept:
        typer.echo(f"Kept {what}: {why}")


@told_plainly
def go_live(
    *,
    workspace: WorkspaceOption = Path(),
    name: Annotated[str, typer.Option(help="The Xero organisation's name, typed out.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Let Crossfoot write to a live Xero organisation. Asks for its name to be typed.

    Example: crossfoot go-live
    """
    from crossfoot.engine.review.desk import go_live as lift_guard

    with writing_session(workspace, as_json=as_json) as session:
        organisation = session.xero.connection.name
        typed = name or typer.prompt(f"Type the name of the Xero organisation ({organisation}) to go live")
        lift_guard(session, typed)
    if as_json:
        print_json({"live": True, "organisation": organisation})
    else:
        typer.echo(f"{organisation} is live. The first documents go by a reviewed plan: `crossfoot plan --out FILE`.")


COMMANDS = (
    Command("plan", plan),
    Command("apply", apply),
    Command("sync", sync),
    Command("status", status),
    Command("runs", runs),
    Command("undo", undo),
    Command("go-live", go_live),
)
