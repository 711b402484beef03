"""Records as they stand in Xero right now: what a write is decided on, and what an unknown outcome is settled by."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from crossfoot.core.books import LedgerInvoice
from crossfoot.core.links import Kind
from crossfoot.core.pacing import Lane
from crossfoot.engine.reading.ledger import ITEM, to_version
from crossfoot.engine.reading.observe import xero_pages
from crossfoot.engine.session import Session
from crossfoot.store.versions import next_seq, save_versions
from crossfoot.xero import requests
from crossfoot.xero.documents import decode_page


def read_invoices(session: Session, invoice_ids: Iterable[str]) -> dict[str, LedgerInvoice]:
    """Read invoices by their ids, and keep them as they were read; one that Xero does not show is not among them."""
    found: dict[str, LedgerInvoice] = {}
    wanted = sorted(set(invoice_ids) - {""})
    for start in range(0, len(wanted), requests.NUMBERS_PER_CALL):
        with session.database.writing("invoices looked up") as connection:
            read_seq = next_seq(connection)
        asked = requests.invoices_by_id(session.tenant, wanted[start : start + requests.NUMBERS_PER_CALL])
        invoices = decode_page(session.xero.read(asked).body).invoices
        with session.database.writing("invoices read") as connection:
            save_versions(connection, read_seq, [to_version(session.organisation_id, each) for each in invoices])
        found |= {invoice.invoice_id: invoice for invoice in invoices}
    return found


def read_records(session: Session, wanted: Collection[tuple[Kind, str]]) -> None:
    """Read customers by their ids, and items, which are not asked for by theirs, all; keep them as they were read."""
    contacts = sorted(xero_id for kind, xero_id in wanted if kind is Kind.CONTACT)
    for start in range(0, len(contacts), requests.NUMBERS_PER_CALL):
        with session.database.writing("contacts looked up") as connection:
            read_seq = next_seq(connection)
        asked = requests.contacts_by_id(session.tenant, contacts[start : start + requests.NUMBERS_PER_CALL])
        found = decode_page(session.xero.read(asked).body).contacts
        with session.database.writing("contacts read") as connection:
            save_versions(connection, read_seq, [to_version(session.organisation_id, each) for each in found])
    if len(contacts) == len(wanted):
        return
    with session.database.writing("items looked up") as connection:
        read_seq = next_seq(connection)
    for page in xero_pages(session, ITEM, None, lane=Lane.RECOVERY):
        with session.database.writing("items read") as connection:
            save_versions(connection, read_seq, page.versions)
