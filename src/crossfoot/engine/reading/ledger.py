"""Stored Xero records and reference data, as the core's own types."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from sqlalchemy import Connection

from crossfoot.core.books import (
    Books,
    LedgerBill,
    LedgerContact,
    LedgerCredit,
    LedgerCreditNote,
    LedgerInvoice,
    LedgerItem,
    Organisation,
)
from crossfoot.core.errors import NeedsPerson
from crossfoot.core.invoiced import reference_words
from crossfoot.core.links import record_id_in
from crossfoot.core.names import name_key, unique_name
from crossfoot.core.reach import contact_reached_at
from crossfoot.core.records import RecordRef, Side
from crossfoot.engine.session import Session
from crossfoot.mapping.transforms import TRANSFORMS, TransformError
from crossfoot.store.codec import decode, encode
from crossfoot.store.lookups import Keys, chunks, save_keys, save_names
from crossfoot.store.versions import Version, load_references, load_versions, save_reference, standing_keys
from crossfoot.xero import reference, requests
from crossfoot.xero.requests import OrganisationRequest, Tenant

REFERENCE_AGE = timedelta(minutes=5)
LOCK_DATE_AGE = timedelta(seconds=60)
AT_WRITE_AGE = timedelta(seconds=10)
"""How old what a write stands on may be just before it leaves, as its target's own reading."""

INVOICE, CONTACT, ITEM, CREDIT, CREDIT_NOTE = "Invoice", "Contact", "Item", "Overpayment", "CreditNote"
BILL = "Bill"
LedgerRecord = LedgerInvoice | LedgerContact | LedgerItem | LedgerCredit | LedgerCreditNote | LedgerBill
T = TypeVar("T")

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
_REFERENCE: dict[str, tuple[Callable[[Tenant], OrganisationRequest], timedelta]] = {
    "organisation": (requests.organisation, LOCK_DATE_AGE),
    "accounts": (requests.accounts, REFERENCE_AGE),
    "tax_rates": (requests.tax_rates, REFERENCE_AGE),
    "tracking": (requests.tracking_categories, REFERENCE_AGE),
    "currencies": (requests.currencies, REFERENCE_AGE),
}


def to_version(home: str, record: LedgerRecord) -> Version:
    """A stored version of a Xero record; its hash leaves the stamp out, so that an echo is no change."""
    kind, record_id = _identify(record)
    body = encode(record)
    digest = hashlib.sha256(encode(replace(record, updated=_LONG_AGO))).hexdigest()
    ref = RecordRef(Side.XERO, kind, record_id)
    version = Version(ref, home, record.updated.isoformat(), digest, body, deleted=False, keys=_keys(record))
    if isinstance(record, LedgerContact):
        return replace(version, name="" if record.merged_to else name_key(record.name))
    return version


def key_contacts_anew(connection: Connection, home: str) -> None:
    """Keep once more by what contacts are found: another version of Crossfoot may have read a name, a number or an
    address otherwise when they were stored."""
    for part in chunks(contact_id for contact_id, _ in standing_keys(connection, home, CONTACT)):
        contacts = load_ledger(connection, home, CONTACT, LedgerContact, ids=part).values()
        versions = [to_version(home, contact) for contact in contacts]
        save_keys(connection, home, CONTACT, {each.ref.id: each.keys for each in versions})
        save_names(connection, home, CONTACT, {each.ref.id: each.name or "" for each in versions})


def _keys(record: LedgerRecord) -> Keys:
    """Under which values planning finds a record: an invoice by number, marker, words of its reference, and customer
    and month; a contact by the account's id, its tax number, its unique name, the contact it was merged into, e-mail
    and phones."""
    match record:
        case LedgerInvoice():
            standing = [("word", word) for word in sorted(reference_words(record.reference))]
            standing.append(("month", f"{record.contact_id} {record.currency} {record.dated:%Y-%m}"))
            rate = f"{record.currency} {record.dated:%Y-%m}" if record.currency_rate not in {None, 1} else ""
            always = (
                ("number", record.number.casefold()),
                ("marker", record_id_in(record.url) or ""),
                ("rate", rate),
            )
            return (*always, *standing) if record.is_live else always
        case LedgerContact():
            return (
                ("marker", record.contact_number),
                ("tax", canonical_tax_number(record.tax_number)),
                ("name", unique_name(record.name)),
                ("merged", record.merged_to),
                *contact_reached_at(record),
            )
        case LedgerItem():
            return (("code", record.code.casefold()),)
        case _:
            return ()


def canonical_tax_number(text: str) -> str:
    """An ABN's eleven digits where it is one, else an empty string: only a valid number is evidence."""
    try:
        return str(TRANSFORMS["abn"](text) or "")
    except TransformError:
        return ""


def _identify(record: LedgerRecord) -> tuple[str, str]:
    match record:
        case LedgerInvoice():
            return INVOICE, record.invoice_id
        case LedgerContact():
            return CONTACT, record.contact_id
        case LedgerItem():
            return ITEM, record.item_id
        case LedgerCredit():
            return CREDIT, record.credit_id
        case LedgerCreditNote():
            return CREDIT_NOTE, record.credit_note_id
        case LedgerBill():
            return BILL, record.bill_id


def load_ledger(
    connection: Connection, home: str, kind: str, into: type[T], ids: Iterable[str] | None = None
) -> dict[str, T]:
    """Stored Xero records of one kind by id, less those that were deleted without a trace."""
    return {v.ref.id: decode(v.body, into) for v in load_versions(connection, home, kind, ids=ids) if not v.deleted}


def refresh_reference(
    session: Session, *, names: Collection[str] = tuple(_REFERENCE), age_max: timedelta = timedelta.max
) -> Organisation:
    """Read what is older than its permitted age or ``age_max``; lock dates age fastest. Returns the organisation."""
    now = session.host.now()
    with session.database.reading() as connection:
        known = load_references(connection, session.organisation_id, names)
    for name in names:
        request, age = _REFERENCE[name]
        if name in known and now - known[name][0] < min(age, age_max):
            continue
        answer = session.xero.read(request(session.tenant))
        with session.database.writing(f"reference {name}") as connection:
            save_reference(connection, session.organisation_id, name, answer.body, session.host.now())
    with session.database.reading() as connection:
        bodies = _known(connection, session.organisation_id, ("organisation",))
    session.organisation = reference.decode_organisation(bodies["organisation"])
    return session.organisation


def load_books(connection: Connection, organisation_id: str) -> Books:
    """The organisation's books as last read."""
    items = load_ledger(connection, organisation_id, ITEM, LedgerItem)
    known = _known(connection, organisation_id, _REFERENCE)
    return Books.of(
        reference.decode_organisation(known["organisation"]),
        accounts=reference.decode_accounts(known["accounts"]),
        tax_rates=reference.decode_tax_rates(known["tax_rates"]),
        tracking=reference.decode_tracking(known["tracking"]),
        currencies=reference.decode_currencies(known["currencies"]),
        items=items.values(),
    )


def _known(connection: Connection, home: str, names: Collection[str]) -> dict[str, bytes]:
    known = load_references(connection, home, names)
    if len(known) < len(names):
        raise NeedsPerson("The Xero organisation was not read yet. Run `crossfoot sync` or `crossfoot plan` first.")
    return {name: body for name, (_, body) in known.items()}
