"""Taking a wrong link back: the two records then count as told apart, and what Salesforce showed of the other goes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from crossfoot.core import agreement
from crossfoot.core.books import LedgerContact, LedgerInvoice
from crossfoot.core.errors import NeedsPerson
from crossfoot.core.links import Kind, record_id_in
from crossfoot.core.people import part_of
from crossfoot.core.records import Side
from crossfoot.engine.reading.ledger import CONTACT, INVOICE, load_ledger
from crossfoot.engine.review.desk import CHOSEN, Desk, linkable, source_of
from crossfoot.engine.writing.cancelling import ASKED as CANCEL
from crossfoot.engine.writing.reissue import ASKED as REISSUE
from crossfoot.store import queue as queue_store
from crossfoot.store.dispositions import load_dispositions
from crossfoot.store.links import StoredLink, drop_link, find_link, load_links
from crossfoot.store.queue import QueueEntry


@dataclass(frozen=True, slots=True)
class Unlinked:
    """What was taken back, and what stays as it is: ``invoices`` that were made for the wrong customer, by number, and
    the fields that each side was ``told`` of the other."""

    entry: QueueEntry
    wrong: str
    invoices: tuple[str, ...]
    told: Mapping[Side, tuple[str, ...]]


def unlink(desk: Desk, entry_id: int, target: str = "") -> Unlinked:
    """Take back what ``queue link`` of an entry said, and link to ``target`` instead where one is given. Writes to
    neither side."""
    entry = desk.entry(entry_id)
    kind, source = linkable(entry), source_of(entry)
    with desk.database.writing("unlink") as connection:
        stored = find_link(connection, desk.organisation_id, kind, source)
        if stored is None or stored.link.evidence != CHOSEN:
            raise NeedsPerson(f"Entry {entry.id}: no `crossfoot queue link` stands for it, so nothing is taken back.")
        wrong = stored.link.xero_id
        if target == wrong:
            raise NeedsPerson(f"{target} is what it is linked to already.")
        _require_not_its_own(connection, desk, kind, stored)
        stays = _billed_to(connection, desk, source, wrong) if kind is Kind.CONTACT else ()
        drop_link(connection, stored.id)
        _forget(connection, desk, kind, source)
        queue_store.decide(connection, desk.organisation_id, "not_same", source, wrong, actor=desk.actor, now=desk.now)
        if target:
            desk.pair(connection, entry, target)
        desk.note(connection, "unlink", entry, wrong=wrong, to=target)
    return Unlinked(entry, wrong, stays, {side: _told(stored, side) for side in Side})


def _told(stored: StoredLink, side: Side) -> tuple[str, ...]:
    parts = (each.part for each in stored.told if each.side is side)
    return tuple(sorted({part if part_of(part) is None else "people" for part in parts}))


def _require_not_its_own(connection: Connection, desk: Desk, kind: Kind, stored: StoredLink) -> None:
    """What says itself whose it is would be linked again at once."""
    wrong, home = [stored.link.xero_id], desk.organisation_id
    invoices = load_ledger(connection, home, INVOICE, LedgerInvoice, ids=wrong) if kind is Kind.INVOICE else {}
    if any(record_id_in(invoice.url) == stored.source_id for invoice in invoices.values()):
        raise NeedsPerson("That invoice names this deal in its link: it is the deal's. Void it in Xero if it is wrong.")
    contacts = load_ledger(connection, home, CONTACT, LedgerContact, ids=wrong) if kind is Kind.CONTACT else {}
    if any(contact.contact_number == stored.source_id for contact in contacts.values()):
        raise NeedsPerson("That contact carries this account's id as its contact code: empty that in Xero first.")


def _billed_to(connection: Connection, desk: Desk, account: str, contact: str) -> tuple[str, ...]:
    """Numbers of the live invoices of an account's deals that went to a contact."""
    home = desk.organisation_id
    deals = [each.record_id for each in load_dispositions(connection, home, account_ids=[account])]
    ids = [stored.link.xero_id for stored in load_links(connection, home, Kind.INVOICE, source_keys=deals)]
    invoices = load_ledger(connection, home, INVOICE, LedgerInvoice, ids=ids).values()
    return tuple(sorted(each.number for each in invoices if each.is_live and each.contact_id == contact))


def _forget(connection: Connection, desk: Desk, kind: Kind, source: str) -> None:
    """What people said of the two, or are asked about them, is over."""
    home = desk.organisation_id
    if kind is Kind.CONTACT:
        queue_store.forget_decision(connection, home, "link_contact", source)
        queue_store.forget_decision(connection, home, "field", source)
        queue_store.replace_findings(connection, home, {source: ""}, [], desk.now, codes=agreement.CODES)
        return
    queue_store.forget_decision(connection, home, CANCEL, source)
    queue_store.forget_decision(connection, home, REISSUE, source)
    queue_store.set_bucket(connection, home, source, "waiting")
