"""Records as they stand in Xero right now: what a write is decided on, and what an unknown outcome is settled by."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import TypeVar

from crossfoot.core.books import LedgerContact, LedgerInvoice
from crossfoot.core.links import Kind
from crossfoot.core.pacing import Lane
from crossfoot.engine.reading.ledger import ITEM, to_version
from crossfoot.engine.reading.observe import xero_pages
from crossfoot.engine.session import Session
from crossfoot.store.versions import next_seq, save_versions
from crossfoot.xero import requests
from crossfoot.xero.documents import Page, decode_page
from crossfoot.xero.requests import OrganisationRequest, Tenant

RecordT = TypeVar("RecordT", LedgerInvoice, LedgerContact)


def read_invoices(session: Session, invoice_ids: Iterable[str]) -> dict[str, LedgerInvoice]:
    """Read invoices by their ids, and keep them as they were read; one that Xero does not show is not among them."""
    found = _read_by_id(session, "invoices", invoice_ids, requests.invoices_by_id, lambda page: page.invoices)
    return {invoice.invoice_id: invoice for invoice in found}


def read_records(session: Session, wanted: Collection[tuple[Kind, str]]) -> None:
    """Read customers by their ids, and items, which are not asked for by theirs, all; keep them as they were read."""
    contacts = [xero_id for kind, xero_id in wanted if kind is Kind.CONTACT]
    _read_by_id(session, "contacts", contacts, requests.contacts_by_id, lambda page: page.contacts)
    if len(contacts) == len(wanted):
        return
    with session.database.writing("items looked up") as connection:
        read_seq = next_seq(connection)
    for page in xero_pages(session, ITEM, None, lane=Lane.RECOVERY):
        with session.database.writing("items read") as connection:
            save_versions(connection, read_seq, page.versions)


def _read_by_id(
    session: Session,
    what: str,
    ids: Iterable[str],
    ask: Callable[[Tenant, Sequence[str]], OrganisationRequest],
    shown: Callable[[Page], Sequence[RecordT]],
) -> list[RecordT]:
    """Read records of one kind, so many at a time as one call takes."""
    found: list[RecordT] = []
    wanted = sorted(set(ids) - {""})
    for start in range(0, len(wanted), requests.NUMBERS_PER_CALL):
        with session.database.writing(f"{what} looked up") as connection:
            read_seq = next_seq(connection)
        asked = ask(session.tenant, wanted[start : start + requests.NUMBERS_PER_CALL])
        records = shown(decode_page(session.xero.read(asked).body))
        with session.database.writing(f"{what} read") as connection:
            save_versions(connection, read_seq, [to_version(session.organisation_id, each) for each in records])
        found += records
    return found
