"""Invoices as they stand in Xero right now: what a write is decided on, and what an unknown outcome is settled by."""

from __future__ import annotations

from collections.abc import Iterable

from crossfoot.core.books import LedgerInvoice
from crossfoot.engine.reading.ledger import to_version
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
