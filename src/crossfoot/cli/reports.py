"""``tieout``, ``explain``, ``audit verify``: the proof that both sides agree, and the story of one record."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from crossfoot.cli.screen import (
    EXIT_ERROR,
    EXIT_PENDING,
    Command,
    JsonOption,
    WorkspaceOption,
    money,
    print_json,
    table,
    told_plainly,
    workspace_at,
    writing_session,
)

if TYPE_CHECKING:
    from crossfoot.core.overrides import Override
    from crossfoot.core.tieout import Difference, Row
    from crossfoot.engine.review.desk import Explanation
    from crossfoot.engine.tie import TieOutReport

audit_app = typer.Typer(help="The audit log.", no_args_is_help=True, rich_markup_mode=None)
IN_XERO_ONLY_SHOWN = 10


@told_plainly
def tieout(*, workspace: WorkspaceOption = Path(), as_json: JsonOption = False) -> None:
    """Read both sides afresh and prove that they agree, or name each difference.

    Exit status 2 while anything is unexplained. Example: crossfoot tieout
    """
    from crossfoot.engine.tie import run_tie_out

    with writing_session(workspace, as_json=as_json) as session:
        report = run_tie_out(session)
    if as_json:
        print_json(tie_out_data(report))
    else:
        typer.echo(render_tie_out(report))
    if report.result.unexplained:
        raise typer.Exit(EXIT_PENDING)


def tie_out_data(report: TieOutReport) -> dict[str, Any]:
    """The tie-out for a machine."""
    return {
        "organisation": report.organisation,
        "salesforce_read_at": report.salesforce_read_at,
        "xero_read_at": report.xero_read_at,
        "start_date": report.start_date,
        "unexplained": report.result.unexplained,
        "rows": [
            {
                "month": row.month,
                "currency": row.currency,
                "deals": row.deals,
                "invoices": row.invoices,
                "won": row.won,
                "not_counted": row.not_counted,
                "waiting": row.waiting,
                "draft": row.draft,
                "approved": row.approved,
                "tax": row.tax,
                "gross": row.gross,
                "named": row.named,
                "unexplained": row.unexplained,
                "differences": [_difference(difference) for difference in row.differences],
                "without_a_name": [_difference(difference) for difference in row.unnamed],
            }
            for row in report.result.rows
        ],
        "overrides": [override_data(each) for each in report.overrides],
        "in_xero_only": [
            {"number": i.number, "customer": i.contact_name, "date": i.dated, "currency": i.currency,
             "ex_tax": i.sub_total, "gross": i.total, "status": i.status}
            for i in report.result.in_xero_only
        ],
    }  # fmt: skip


def override_data(decided: Override) -> dict[str, Any]:
    """A person's decision for a machine."""
    return {
        "override": decided.id,
        "deal": decided.source_id,
        "field": decided.field,
        "value": decided.value,
        "source_says": decided.was,
        "state": decided.state.value,
        "by": decided.actor,
        "approved_by": decided.approver,
        "at": decided.at,
        "reason": decided.reason,
    }


def _difference(difference: Difference) -> dict[str, Any]:
    return {
        "class": difference.kind,
        "amount": difference.amount,
        "deal": difference.deal,
        "deal_name": difference.deal_name,
        "invoice": difference.invoice,
        "note": difference.note,
    }


_COLUMNS = ("won", "not_counted", "waiting", "draft", "approved", "named", "unexplained", "tax", "gross")


def render_tie_out(report: TieOutReport) -> str:
    """The tie-out on screen: across, down, and every difference by name."""
    found = report.result
    rows = [(row.month, row.currency, *(money(getattr(row, name)) for name in _COLUMNS)) for row in found.rows]
    headings = ["month", "ccy", *(name.replace("_", " ") for name in _COLUMNS)]
    verdict = "There are UNEXPLAINED amounts." if found.unexplained else "Unexplained: 0.00."
    read = f"Salesforce read at {report.salesforce_read_at:%Y-%m-%d %H:%M:%S} UTC"
    lines = [
        f"Tie-out of {report.organisation}, deals won since {report.start_date}, ex tax unless named",
        table(headings, rows, right=range(2, len(headings))),
        *(line for row in found.rows for line in _row_lines(row)),
        *(
            f"  in Xero only: {invoice.number} {invoice.contact_name} {invoice.dated} "
            f"{money(invoice.sub_total, invoice.currency)} ex tax, {invoice.status.lower()}"
            for invoice in found.in_xero_only[:IN_XERO_ONLY_SHOWN]
        ),
    ]
    lines += [f"  decided by a person: deal {each.source_id}, {each.words}" for each in report.overrides]
    if len(found.in_xero_only) > IN_XERO_ONLY_SHOWN:
        more = len(found.in_xero_only) - IN_XERO_ONLY_SHOWN
        lines.append(f"  … and {more} more invoices in Xero only (--json lists them)")
    return "\n".join([*lines, f"{read}, Xero at {report.xero_read_at:%H:%M:%S} UTC. {verdict}"])


def _row_lines(row: Row) -> Iterator[str]:
    where = f"{row.month} {row.currency}"
    for named in row.differences:
        yield f"  {where} {money(named.amount)}  {_class(named.kind)}: {named.deal_name}, invoice {named.invoice}"
    for unnamed in row.unnamed:
        what = f"{unnamed.kind}, {unnamed.note}" if unnamed.note else unnamed.kind
        yield (
            f"  UNEXPLAINED {where} {money(unnamed.amount)}  {unnamed.deal_name} ({what}): "
            "run `crossfoot sync`, then look again"
        )


def _class(kind: str) -> str:
    """A difference's class in words."""
    from crossfoot.core.findings import REASONS

    return REASONS[kind].title if kind in REASONS else kind


@told_plainly
def explain(
    record: Annotated[str, typer.Argument(help="Salesforce id, deal number or name, invoice number or id.")],
    *,
    workspace: WorkspaceOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Tell a record's story: both sides, where each value came from, what happened when, and why it waits.

    Example: crossfoot explain SF-D-00042
    """
    from crossfoot.cli.queue import entry_data, open_desk
    from crossfoot.engine.review.desk import explain as find
    from crossfoot.mapping.compiled import FlowMapping

    desk, addresses = open_desk(workspace)
    mapping = FlowMapping(workspace_at(workspace).load_settings())
    found = find(desk, mapping.deal_object, record)
    rules = {name: rule.expression.text for name, rule in mapping.invoice.items()}
    if as_json:
        print_json(
            {
                "deal": found.source_id,
                "salesforce": found.deal,
                "invoice": _invoice_data(found),
                "rules": rules,
                "line_rules": {name: rule.expression.text for name, rule in mapping.line.items()},
                "queue": [entry_data(entry, addresses) for entry in found.entries],
                "history": [
                    {"at": e.at, "who": e.actor, "what": e.action, "seq": e.seq, **e.body} for e in found.history
                ],
            }
        )
        return
    _tell(found, rules, addresses)


def _invoice_data(found: Explanation) -> dict[str, Any] | None:
    invoice = found.invoice
    if invoice is None:
        return None
    return {
        "id": invoice.invoice_id,
        "number": invoice.number,
        "status": invoice.status,
        "currency": invoice.currency,
        "ex_tax": invoice.sub_total,
        "tax": invoice.total_tax,
        "gross": invoice.total,
        "due": invoice.amount_due,
        "paid": invoice.amount_paid,
        "made_by": found.link.link.born if found.link else "",
        "payments": [{"date": p.dated, "amount": p.amount, "reference": p.reference} for p in invoice.payments],
    }


def _tell(found: Explanation, rules: dict[str, str], addresses: dict[str, str]) -> None:
    typer.echo(f"{found.deal.get('Name', found.source_id)}  {addresses['salesforce']}/{found.source_id}")
    invoice = found.invoice
    if invoice is None:
        typer.echo("No invoice in Xero.")
    else:
        made_by = "Crossfoot" if found.link and found.link.link.born == "crossfoot" else "people"
        typer.echo(
            f"Invoice {invoice.number} ({invoice.status.lower()}, made by {made_by}): "
            f"ex tax {money(invoice.sub_total)}, tax {money(invoice.total_tax)}, "
            f"gross {money(invoice.total, invoice.currency)}, due {money(invoice.amount_due)}"
        )
        for line in invoice.lines:
            typer.echo(
                f"  {line.description[:50]:50} {line.quantity} x {line.unit_amount} = {money(line.line_amount)}  "
                f"account {line.account_code}, {line.tax_type}"
            )
        for payment in invoice.payments:
            typer.echo(f"  paid {money(payment.amount)} on {payment.dated} {payment.reference}".rstrip())
    typer.echo("Where the values come from (crossfoot.yaml):")
    for name, text in rules.items():
        typer.echo(f"  {name:12} {text}")
    for entry in found.entries:
        typer.echo(f"{entry.weight.capitalize()}: {entry.cause} (`crossfoot queue show {entry.id}`)")
    if found.history:
        typer.echo("History:")
    for event in found.history:
        more = event.body.get("reason") or event.body.get("refusal") or event.body.get("number") or ""
        if not more and event.action.startswith("queue "):
            more = f"entry {event.body.get('entry', '')}"
        typer.echo(f"  {event.at[:19].replace('T', ' ')} UTC  {event.actor:12} {event.action}  {more}".rstrip())


@audit_app.callback()
def audit() -> None:
    """The audit log."""


@audit_app.command("verify")
@told_plainly
def verify(*, workspace: WorkspaceOption = Path(), as_json: JsonOption = False) -> None:
    """Check that no entry of the audit log was changed or removed. Exit status 1 when one was.

    Example: crossfoot audit verify
    """
    from crossfoot.cli.queue import open_desk
    from crossfoot.engine.guards.anchor import audit_verdict

    desk, _ = open_desk(workspace)
    found = audit_verdict(desk.database, desk.organisation_id, workspace_at(workspace).anchor_path)
    if as_json:
        print_json(found.as_data())
    else:
        typer.echo(found.words)
    if not found.holds:
        raise typer.Exit(EXIT_ERROR)


@audit_app.command("role")
@told_plainly
def role(
    name: Annotated[str, typer.Argument(help="The PostgreSQL role as which Crossfoot is to run.")],
    *,
    show: Annotated[bool, typer.Option("--print", help="Only print the SQL.")] = False,
    workspace: WorkspaceOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Make a PostgreSQL role that may add to the audit log and read it, but never change it. Run as the tables' owner.

    Example: crossfoot audit role crossfoot_app
    """
    from crossfoot.store.audit_guard import make_role, role_statements

    statements = role_statements(name)
    if not show:
        with workspace_at(workspace).open_database().writing("role") as connection:
            make_role(connection, name)
    if as_json:
        print_json({"role": name, "made": not show, "statements": statements})
    elif show:
        typer.echo(";\n".join(statements) + ";")
    else:
        typer.echo(f"Role {name} is there. Give it a way to log in, and name it in CROSSFOOT_DATABASE.")


COMMANDS = (Command("tieout", tieout), Command("explain", explain))
