"""Overriding one part of a deal's document: proposed with a reason, approved by a second person where money moves,
dropped when the source agrees. Writes to neither side; the next run does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection

from crossfoot.core.books import Books, LedgerContact
from crossfoot.core.errors import NeedsPerson
from crossfoot.core.overrides import (
    NEEDS_SECOND_PERSON,
    Override,
    OverrideState,
    Part,
    agrees,
    read_part,
    read_value,
    source_words,
)
from crossfoot.engine.planning.accounts import Accounts
from crossfoot.engine.planning.evidence import read_deals
from crossfoot.engine.reading.ledger import CONTACT, load_books, load_ledger
from crossfoot.engine.reading.scope import Scope
from crossfoot.engine.session import Session
from crossfoot.engine.trail import note
from crossfoot.store import overrides as store
from crossfoot.store.feed import PlannedTo
from crossfoot.store.queue import QueueEntry, find_entry


def edit_entry(session: Session, entry_id: int, changes: Mapping[str, str], reason: str) -> Sequence[Override]:
    """Decide parts of a waiting document otherwise than its source says. Amounts are only proposed."""
    if not reason.strip():
        raise NeedsPerson('An override needs a reason: --reason "...".')
    if not changes:
        raise NeedsPerson("Say what is to be otherwise, for example --set account=200.")
    with session.database.writing("override") as connection:
        entry = _entry(connection, session, entry_id)
        books = load_books(connection, session.organisation_id)
        mine = frozenset({entry.record.id})
        deals = read_deals(session, connection, books, _of(mine), Accounts(session), decided=mine)
        if entry.record.kind != session.mapping.deal_object or not deals or deals[0].invoice is None:
            raise NeedsPerson(f"Entry {entry_id} is not about a deal that can be read: correct it at its source.")
        taken = []
        for field, text in changes.items():
            part, number = read_part(field)
            if number and number > len(deals[0].invoice.lines):
                raise NeedsPerson(f"{field}: the deal has {len(deals[0].invoice.lines)} lines.")
            value = _checked(connection, session, books, part, read_value(part, text))
            if part is Part.DUE and value < deals[0].invoice.dated.isoformat():
                raise NeedsPerson(f"{field}: {value} lies before the date of the document, {deals[0].invoice.dated}.")
            state = OverrideState.PROPOSED if part in NEEDS_SECOND_PERSON else OverrideState.STANDS
            said = source_words(deals[0], field)
            decided = Override(field, value, said, reason.strip(), session.actor, state)
            kept = store.add_override(connection, session.organisation_id, entry.record.id, decided, session.host.now())
            _note(connection, session, "override", kept)
            taken.append(kept)
    return taken


def _entry(connection: Connection, session: Session, entry_id: int) -> QueueEntry:
    found = find_entry(connection, session.organisation_id, entry_id)
    if found is None:
        raise NeedsPerson(f"There is no queue entry {entry_id}. `crossfoot queue ls` shows them.")
    return found


def _of(deals: frozenset[str]) -> Scope:
    return Scope(PlannedTo(0, "", ""), deals)


def _checked(connection: Connection, session: Session, books: Books, part: Part, value: str) -> str:
    """A value that the organisation's books know; a customer may be named instead of its id."""
    if part is Part.ACCOUNT:
        account = books.accounts.get(value)
        if account is None or account.status != "ACTIVE":
            raise NeedsPerson(f"{value} is no active ledger account of {books.organisation.name}.")
    elif part is Part.TAX:
        rate = books.tax_rates.get(value)
        if rate is None or rate.status != "ACTIVE":
            raise NeedsPerson(f"{value} is no active tax type of {books.organisation.name}.")
    elif part is Part.CONTACT:
        contacts = load_ledger(connection, session.organisation_id, CONTACT, LedgerContact)
        fitting = [c for c in contacts.values() if value in {c.contact_id, c.name} and c.is_active]
        if len(fitting) != 1:
            raise NeedsPerson(f"{len(fitting)} active contacts of {books.organisation.name} are {value!r}.")
        return fitting[0].contact_id
    return value


def approve_override(session: Session, override_id: int) -> Override:
    """Approve an amount that somebody else proposed."""
    with session.database.writing("override approved") as connection:
        proposed = _proposed(connection, session, override_id, OverrideState.PROPOSED)
        if proposed.actor.casefold() == session.actor.casefold():
            raise NeedsPerson(f"{session.actor} proposed it; a second person approves an amount (CROSSFOOT_ACTOR).")
        store.settle_override(
            connection,
            session.organisation_id,
            proposed,
            OverrideState.STANDS,
            approver=session.actor,
            now=session.host.now(),
        )
        _note(connection, session, "approve override", proposed)
    return proposed


def withdraw_override(session: Session, override_id: int, reason: str) -> Override:
    """Take a decision back: the document follows its source again."""
    if not reason.strip():
        raise NeedsPerson('Taking an override back needs a reason: --reason "...".')
    with session.database.writing("override withdrawn") as connection:
        standing = _proposed(connection, session, override_id, OverrideState.PROPOSED, OverrideState.STANDS)
        store.settle_override(connection, session.organisation_id, standing, OverrideState.DROPPED)
        _note(connection, session, "withdraw override", standing, because=reason.strip())
    return standing


def _proposed(connection: Connection, session: Session, override_id: int, *states: OverrideState) -> Override:
    found = store.load_override(connection, session.organisation_id, override_id)
    if found is None or found.state not in states:
        known = f"it is {found.state.value}" if found else "there is none"
        raise NeedsPerson(f"Override {override_id} cannot be decided: {known}.")
    return found


def drop_agreed(session: Session) -> int:
    """Drop decisions with which the source agrees by now. Returns how many."""
    with session.database.reading() as connection:
        standing = store.load_overrides(connection, session.organisation_id)
        if not standing:
            return 0
        books = load_books(connection, session.organisation_id)
        deals = read_deals(session, connection, books, _of(frozenset(standing)), Accounts(session), decided=standing)
    agreed = [each for deal in deals for each in standing[deal.ref.id] if deal.invoice and agrees(deal, each)]
    if agreed:
        with session.database.writing("overrides dropped") as connection:
            for each in agreed:
                store.settle_override(connection, session.organisation_id, each, OverrideState.DROPPED)
                _note(connection, session, "drop override", each, because="the source agrees")
    return len(agreed)


def _note(connection: Connection, session: Session, action: str, decided: Override, because: str = "") -> None:
    note(
        connection,
        session,
        action,
        record_id=decided.source_id,
        override=decided.id,
        field=decided.field,
        before=decided.was,
        after=decided.value,
        reason=because or decided.reason,
        proposed_by=decided.actor,
        mapping=session.mapping.hash,
    )
