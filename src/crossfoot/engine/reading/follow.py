"""Follow: links and documents go with the records that people merge, on either side. Crossfoot itself merges none."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection

from sqlalchemy import Connection

from crossfoot.core import agreement
from crossfoot.core.agreement import Value, Values
from crossfoot.core.books import LedgerContact, LedgerInvoice
from crossfoot.core.documents import ledger_form
from crossfoot.core.findings import Finding
from crossfoot.core.links import Kind, Link
from crossfoot.core.matching import MERGE_CHAIN_MAX
from crossfoot.core.people import part_of
from crossfoot.core.records import RecordRef, Side, content_hash
from crossfoot.engine.reading.ledger import CONTACT, INVOICE, load_ledger
from crossfoot.engine.reading.names import record_name
from crossfoot.engine.reading.observe import observe_documents_of
from crossfoot.engine.session import Session
from crossfoot.engine.trail import note
from crossfoot.store.codec import decode, decode_fields
from crossfoot.store.links import (
    UNSETTLED,
    LinkedKind,
    StoredLink,
    add_link,
    find_link,
    links_to_agree,
    load_links,
    next_identity,
    note_told,
    repoint_link,
    retire_link,
    set_agreed,
    set_base,
)
from crossfoot.store.queue import QueueEntry, close_entry, open_about, replace_findings
from crossfoot.store.versions import Version, load_reference, load_versions, newest_change, save_reference

CODES = frozenset({"accounts_merged", "contacts_merged"})
_FOLLOWED = "contacts followed to"


def follow_merges(session: Session) -> int:
    """Let each link follow its account and its contact into the ones that stand. Returns how many links moved."""
    if session.mapping.direction_of("customers") is None:
        return 0
    home, kind = session.organisation_id, session.mapping.account_object
    with session.database.reading() as connection:
        changed = links_to_agree(connection, LinkedKind(session.org_id, kind, home, Kind.CONTACT))
        accounts = {
            v.ref.id: v for v in load_versions(connection, session.org_id, kind, ids=[c.source_id for c in changed])
        }
        winners = {each.source_id: _winner(connection, session, accounts.get(each.source_id)) for each in changed}
        merged = [each for each in changed if winners[each.source_id] or _has_moved(connection, home, each)]
    moved = 0
    for stored in merged:
        with session.database.writing("merge followed") as connection:
            winner = winners[stored.source_id]
            moved += _follow_account(connection, session, stored, winner) if winner else 0
            moved += _follow_contact(connection, session, stored) if not winner else 0
    _close_answered(session)
    return moved


def _close_answered(session: Session) -> None:
    """What was asked about a merge is over once people merged the other side as well, whichever record stands."""
    home = session.organisation_id
    with session.database.reading() as connection:
        asked = open_about(connection, home, CODES)
        over = [entry for entry in asked if _is_answered(session, connection, entry)]
    if over:
        with session.database.writing("merges answered") as connection:
            for entry in over:
                close_entry(connection, entry.id, session.host.now())


def _is_answered(session: Session, connection: Connection, entry: QueueEntry) -> bool:
    home, kind = session.organisation_id, session.mapping.account_object
    if entry.code == "accounts_merged":
        return len({survivor_of(connection, home, ref.id) for ref in entry.related}) == 1
    if stored := find_link(connection, home, Kind.CONTACT, entry.record.id):
        return not _has_moved(connection, home, stored)
    accounts = {entry.record.id, *(ref.id for ref in entry.related if ref.kind == kind)}
    return any(version.deleted for version in load_versions(connection, session.org_id, kind, ids=accounts))


def read_documents_of_merged(session: Session) -> None:
    """Read the documents of contacts into which others were merged: they are theirs now, and no stamp moved for it
    (XERO 4.1). How far contacts were followed is kept once their documents are read."""
    home = session.organisation_id
    merged: dict[str, set[str]] = defaultdict(set)
    with session.database.reading() as connection:
        known = load_reference(connection, home, _FOLLOWED)
        reached = newest_change(connection, home, CONTACT)
        since = int(known[1]) if known else reached
        for version in load_versions(connection, home, CONTACT, since_seq=since):
            if decode(version.body, LedgerContact).merged_to:
                merged[survivor_of(connection, home, version.ref.id)].add(version.ref.id)
    for survivor, losers in sorted(merged.items()):
        _take_along(session, observe_documents_of(session, survivor), losers)
    if known is None or reached > since:
        with session.database.writing("merges followed") as connection:
            save_reference(connection, home, _FOLLOWED, str(reached).encode(), session.host.now())


def _take_along(session: Session, invoice_ids: Collection[str], losers: Collection[str]) -> None:
    """What was agreed on with a contact that was merged is agreed on with the one that stands: else each draft would
    look as if a person had edited it."""
    home = session.organisation_id
    with session.database.writing("invoices went along") as connection:
        invoices = load_ledger(connection, home, INVOICE, LedgerInvoice, ids=invoice_ids)
        for stored in list(load_links(connection, home, Kind.INVOICE, xero_ids=invoice_ids)):
            form = ledger_form(invoices[stored.link.xero_id])
            before = {content_hash({**form, "contact": loser}) for loser in losers}
            if stored.link.base_hash in before:
                set_base(connection, stored.id, base_hash=content_hash(form))


def _has_moved(connection: Connection, home: str, stored: StoredLink) -> bool:
    return survivor_of(connection, home, stored.link.xero_id) != stored.link.xero_id


def _winner(connection: Connection, session: Session, account: Version | None) -> str:
    """The account that stands for this one, which was merged into it or into one that was in its turn (SF 7)."""
    winner = ""
    for _ in range(MERGE_CHAIN_MAX):
        into = str(decode_fields(account.body).get("MasterRecordId") or "") if account and account.deleted else ""
        if not into:
            break
        winner, kind = into, session.mapping.account_object
        account = next(iter(load_versions(connection, session.org_id, kind, ids=[winner])), None)
    return winner


def survivor_of(connection: Connection, home: str, contact_id: str) -> str:
    """The contact that this one was merged into, or itself (XERO 4.1)."""
    for _ in range(MERGE_CHAIN_MAX):
        found = [decode(v.body, LedgerContact) for v in load_versions(connection, home, CONTACT, ids=[contact_id])]
        if not found or not found[0].merged_to:
            return contact_id
        contact_id = found[0].merged_to
    return contact_id


def _holder(connection: Connection, session: Session, contact_id: str) -> StoredLink | None:
    """The link that a contact has at this moment: one that was followed just now may have taken it."""
    return next(load_links(connection, session.organisation_id, Kind.CONTACT, xero_ids=[contact_id]), None)


def _follow_contact(connection: Connection, session: Session, stored: StoredLink) -> int:
    """The link goes to the contact that stands; where that is another account's, people decide about the accounts.
    What was told of the one that went, and agreed on with its people, is not said of this one."""
    survivor = survivor_of(connection, session.organisation_id, stored.link.xero_id)
    if survivor == stored.link.xero_id:
        return 0
    holder = _holder(connection, session, survivor)
    if holder is not None:
        if holder.source_id != stored.source_id:
            _tell_held(connection, session, stored.source_id, holder)
        return 0
    versions = load_versions(connection, session.organisation_id, CONTACT, ids=[survivor])
    [contact] = [decode(version.body, LedgerContact) for version in versions]
    suffix = stored.suffix if contact.name.endswith(stored.suffix) else ""
    own = {name: value for name, value in stored.base.items() if part_of(name) is None}  # people have no ids to follow
    base = _said(own, session.mapping.customer_lens.contact(contact, suffix).values)
    repoint_link(connection, stored.id, survivor)
    set_agreed(connection, stored.id, base=base, suffix=suffix, conflicts={}, merged_seq=UNSETTLED)
    note_told(connection, stored.id, [each for each in stored.told if each.side is not Side.XERO])
    _note(connection, session, stored, "follow merged Contact", was=stored.link.xero_id, now=survivor)
    return 1


def _said(base: Values, values: Values) -> dict[str, Value]:
    """What of the agreed values counts with another record: a blank of its own is none that somebody emptied."""
    return {name: value for name, value in base.items() if part_of(name) or values.get(name)}


def _tell_held(connection: Connection, session: Session, account_id: str, holder: StoredLink) -> None:
    cause = f"its contact was merged into the one of account {holder.source_id}"
    related = (_account(session, holder.source_id), RecordRef(Side.XERO, CONTACT, holder.link.xero_id))
    _tell(connection, session, Finding("contacts_merged", _account(session, account_id), cause, related=related))


def _follow_account(connection: Connection, session: Session, stored: StoredLink, winner: str) -> int:
    """The link goes to the account that stands; where that has a contact of its own, people merge the contacts, and
    where the contact is another account's by now, they decide about the accounts."""
    survivor = survivor_of(connection, session.organisation_id, stored.link.xero_id)
    retire_link(connection, stored.id)
    gone = {stored.source_id: ""}  # nobody can answer about an account that is none any more
    replace_findings(connection, session.organisation_id, gone, [], session.host.now(), codes=CODES | agreement.CODES)
    _note(connection, session, stored, "follow merged Account", was=stored.source_id, now=winner)
    holder = _holder(connection, session, survivor)
    if holder is not None and holder.source_id == winner:
        return 1
    if other := find_link(connection, session.organisation_id, Kind.CONTACT, winner):
        if holder is None and survivor_of(connection, session.organisation_id, other.link.xero_id) == survivor:
            return _follow_contact(connection, session, other)
        contacts = (RecordRef(Side.XERO, CONTACT, other.link.xero_id), RecordRef(Side.XERO, CONTACT, survivor))
        cause = f"account {stored.source_id} was merged into this one; both have a contact in Xero"
        _tell(connection, session, Finding("accounts_merged", _account(session, winner), cause, related=contacts))
        return 1
    if holder is not None:
        _tell_held(connection, session, winner, holder)
        return 1
    identity = next_identity(connection, session.org_id, session.organisation_id, Kind.CONTACT, winner)
    link = Link(identity, survivor, "", stored.link.born, "", f"account {stored.source_id} was merged into it")
    versions = load_versions(connection, session.org_id, session.mapping.account_object, ids=[winner])
    [values] = [session.mapping.customer_lens.salesforce(decode_fields(each.body)).values for each in versions]
    base = _said(stored.base, values)
    add_link(connection, link, session.host.now(), source_id=winner, base=base, suffix=stored.suffix)
    return 1


def _account(session: Session, account_id: str) -> RecordRef:
    return RecordRef(Side.SALESFORCE, session.mapping.account_object, account_id)


def _tell(connection: Connection, session: Session, finding: Finding) -> None:
    names = {finding.record.id: record_name(connection, session.org_id, finding.record)}
    replace_findings(connection, session.organisation_id, names, [finding], session.host.now(), codes={finding.code})


def _note(connection: Connection, session: Session, stored: StoredLink, action: str, *, was: str, now: str) -> None:
    note(
        connection,
        session,
        action,
        record_id=stored.source_id,
        xero_id=stored.link.xero_id,
        before=was,
        after=now,
        reason="people merged it",
    )
