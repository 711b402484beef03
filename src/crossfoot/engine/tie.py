"""Tie out: read both sides afresh, on a path of its own, and prove that they agree or name each difference."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, replace

from crossfoot.core.books import LedgerInvoice, LedgerLine
from crossfoot.core.documents import LineAmounts
from crossfoot.core.findings import REASONS, Weight
from crossfoot.core.links import Kind, record_id_in
from crossfoot.core.overrides import Override
from crossfoot.core.tieout import TieOut, WonDeal, strangers, tie_pairs
from crossfoot.engine.reading.ledger import refresh_reference
from crossfoot.engine.reading.observe import read_rows
from crossfoot.engine.session import Session, zone_of
from crossfoot.mapping.deals import Related
from crossfoot.store.codec import decode, decode_fields, encode
from crossfoot.store.links import linked_pairs
from crossfoot.store.overrides import load_overrides
from crossfoot.store.queue import open_entries
from crossfoot.store.scratch import Scratch, scratch
from crossfoot.xero import requests
from crossfoot.xero.documents import decode_page

PAGES_MAX = 10_000


@dataclass(frozen=True, slots=True)
class TieOutReport:
    """The tie-out with the times at which both sides were read."""

    organisation: str
    result: TieOut
    salesforce_read_at: dt.datetime
    xero_read_at: dt.datetime
    start_date: dt.date
    overrides: tuple[Override, ...] = ()
    """What people decided otherwise than the source says; each stands here until the source agrees."""


def run_tie_out(session: Session) -> TieOutReport:
    """Read won deals and sales invoices, and compare. The engine's records serve only to name differences.

    Both sides pass through a temporary file on their way into order, so that memory holds rows and differences only.
    """
    organisation = refresh_reference(session, names=("organisation",))
    policy, start = session.mapping.policy, session.mapping.policy.start_date
    with scratch() as table:
        session.progress("Reading Salesforce", 0, 0)
        salesforce_read_at = session.host.now()
        table.add_deals((deal.id, deal.month, deal.currency, encode(deal)) for deal in _won_deals(session, start))
        session.progress("Reading Xero", 0, 0)
        xero_read_at = session.host.now()
        with session.database.reading() as connection:
            table.add_links(linked_pairs(connection, session.organisation_id, Kind.INVOICE))
            entries = list(open_entries(connection, session.organisation_id))
            decided = load_overrides(connection, session.organisation_id)
        _add_invoices(session, table, start - dt.timedelta(days=policy.double_billing_days))
        rows = tie_pairs(
            ((decode(deal, WonDeal), [*map(_paper, papers)], linked) for deal, papers, linked in table.in_order()),
            waiting={entry.record.id: entry.code for entry in entries if entry.weight == Weight.BLOCKS},
            named={entry.record.id: entry.code for entry in reversed(entries) if entry.code in _NAMES_A_DIFFERENCE},
            inclusive=policy.line_amounts is LineAmounts.INCLUSIVE,
            rounding_max=policy.rounding_max,
        )
        result = TieOut(rows, strangers(map(_paper, table.unclaimed()), start))
    overrides = tuple(each for standing in decided.values() for each in standing)
    return TieOutReport(organisation.name, result, salesforce_read_at, xero_read_at, start, overrides)


_OF_WHAT_IS_SHOWN = {"write_back_refused", "not_shown"}
# What keeps a document from following its deal says why the two differ.
_NAMES_A_DIFFERENCE = frozenset({"draft_edited", "rounding", "override_stands"}) | {
    code for code, reason in REASONS.items() if reason.weight is Weight.BLOCKS and code not in _OF_WHAT_IS_SHOWN
}


def _won_deals(session: Session, start: dt.date) -> Iterator[WonDeal]:
    organisation = session.organisation
    assert organisation is not None
    zone, mapping = zone_of(organisation), session.mapping
    reading = mapping.readings()[mapping.deal_object]
    of_account = [f"{mapping.account_object}.{name}" for name in sorted(mapping.account_fields_of_deals)]
    reading = replace(reading, fields=(*reading.fields, *of_account), lines="", line_fields=())
    for row in read_rows(session, reading, ""):
        fields = decode_fields(encode(row))
        account_id, account = fields.get(f"{mapping.account_object}Id") or "", fields.get(mapping.account_object) or {}
        related, deleted = Related(accounts={account_id: account}), bool(row["IsDeleted"])
        deal = mapping.deal(row["Id"], fields, related, zone=zone, instance_url=session.instance_url, deleted=deleted)
        if not deal.won or deal.deleted:
            continue
        closed = deal.close_date or dt.date.min
        before = closed < start and (deal.won_on is None or deal.won_on < start)
        not_counted = "before start" if before else "not billable" if not deal.amount else ""
        month = "before start" if before else f"{closed:%Y-%m}"
        yield WonDeal(deal.ref.id, deal.name, month, deal.currency, deal.amount, not_counted)


def _add_invoices(session: Session, table: Scratch, since: dt.date) -> None:
    """Lay down every invoice of the time, and those that deals are linked to from before it."""
    for number in range(1, PAGES_MAX):
        page = decode_page(session.xero.read(requests.invoices_dated_since(session.tenant, number, since)).body)
        table.add_papers(map(_row, page.invoices))
        if not page.more:
            break
    missing = table.not_read()
    for first in range(0, len(missing), requests.NUMBERS_PER_CALL):
        ids = missing[first : first + requests.NUMBERS_PER_CALL]
        page = decode_page(session.xero.read(requests.invoices_by_id(session.tenant, ids)).body)
        table.add_papers(map(_row, page.invoices))


def _row(invoice: LedgerInvoice) -> tuple[str, str, bytes]:
    """An invoice for the scratch table: of its lines the comparison needs the number alone."""
    slim = replace(invoice, lines=(), payments=())
    return invoice.invoice_id, record_id_in(invoice.url) or "", encode([len(invoice.lines), slim])


def _paper(body: bytes) -> LedgerInvoice:
    lines, slim = decode(body, tuple[int, LedgerInvoice])
    return replace(slim, lines=(_LINE,) * lines)


_LINE = LedgerLine()
