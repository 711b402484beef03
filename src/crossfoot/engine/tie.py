"""Tie out: read both sides afresh, on a path of its own, and prove that they agree or name each difference."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace

from crossfoot.core.books import LedgerInvoice
from crossfoot.core.documents import LineAmounts
from crossfoot.core.findings import Weight
from crossfoot.core.links import Kind
from crossfoot.core.overrides import Override
from crossfoot.core.tieout import TieOut, WonDeal, tie_out
from crossfoot.engine.ledger import refresh_reference
from crossfoot.engine.observe import read_rows
from crossfoot.engine.session import Session, zone_of
from crossfoot.mapping.compiled import Related
from crossfoot.store.codec import decode_fields, encode
from crossfoot.store.links import load_links
from crossfoot.store.overrides import load_overrides
from crossfoot.store.queue import open_entries
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
    """Read won deals and sales invoices, and compare. The engine's records serve only to name differences."""
    organisation = refresh_reference(session, names=("organisation",))
    start = session.mapping.policy.start_date
    session.progress("Reading Salesforce", 0, 0)
    salesforce_read_at = session.host.now()
    deals = _won_deals(session, start)
    session.progress("Reading Xero", 0, 0)
    xero_read_at = session.host.now()
    with session.database.reading() as connection:
        linked = {
            stored.source_id: stored.link.xero_id
            for stored in load_links(connection, session.organisation_id, Kind.INVOICE)
        }
        entries = list(open_entries(connection, session.organisation_id))
        decided = load_overrides(connection, session.organisation_id)
    invoices = _invoices(session, start - dt.timedelta(days=session.mapping.policy.double_billing_days), linked)
    result = tie_out(
        deals,
        invoices,
        linked=linked,
        waiting={entry.record.id: entry.code for entry in entries if entry.weight == Weight.BLOCKS},
        named={entry.record.id: entry.code for entry in reversed(entries) if entry.code in _NAMES_A_DIFFERENCE},
        since=start,
        inclusive=session.mapping.policy.line_amounts is LineAmounts.INCLUSIVE,
        rounding_max=session.mapping.policy.rounding_max,
    )
    overrides = tuple(each for standing in decided.values() for each in standing)
    return TieOutReport(organisation.name, result, salesforce_read_at, xero_read_at, start, overrides)


_NAMES_A_DIFFERENCE = frozenset(
    {"changed_after_approval", "changed_and_draft_edited", "draft_edited", "readback_differs", "rounding",
     "no_longer_won", "duplicate_incident", "override_stands"}
)  # fmt: skip


def _won_deals(session: Session, start: dt.date) -> list[WonDeal]:
    organisation = session.organisation
    assert organisation is not None
    zone = zone_of(organisation)
    reading = replace(session.mapping.readings()[session.mapping.deal_object], lines="", line_fields=())
    found = []
    for row in read_rows(session, reading, ""):
        fields = decode_fields(encode(row))
        deal = session.mapping.deal(
            row["Id"], fields, Related(), zone=zone, instance_url=session.instance_url, deleted=bool(row["IsDeleted"])
        )
        if not deal.won or deal.deleted:
            continue
        closed = deal.close_date or dt.date.min
        before = closed < start and (deal.won_on is None or deal.won_on < start)
        not_counted = "before start" if before else "not billable" if not deal.amount else ""
        month = "before start" if before else f"{closed:%Y-%m}"
        found.append(WonDeal(deal.ref.id, deal.name, month, deal.currency, deal.amount, not_counted))
    return found


def _invoices(session: Session, since: dt.date, linked: dict[str, str]) -> list[LedgerInvoice]:
    found: dict[str, LedgerInvoice] = {}
    for number in range(1, PAGES_MAX):
        page = decode_page(session.xero.read(requests.invoices_dated_since(session.tenant, number, since)).body)
        found.update({invoice.invoice_id: invoice for invoice in page.invoices})
        if not page.more:
            break
    missing = sorted(set(linked.values()) - found.keys())
    for first in range(0, len(missing), requests.NUMBERS_PER_CALL):
        ids = missing[first : first + requests.NUMBERS_PER_CALL]
        page = decode_page(session.xero.read(requests.invoices_by_id(session.tenant, ids)).body)
        found.update({invoice.invoice_id: invoice for invoice in page.invoices})
    return list(found.values())
