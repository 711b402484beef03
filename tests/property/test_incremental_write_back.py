"""Carrying what moved into Salesforce leaves what carrying everything would: over random histories of a firm."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from functools import cache
from typing import Any

import pytest
from sqlalchemy import Connection, select

from crossfoot.core.books import LedgerCredit, LedgerCreditNote, LedgerInvoice, LedgerItem, LedgerPayment
from crossfoot.core.links import Kind
from crossfoot.engine.reading.ledger import CREDIT, CREDIT_NOTE, INVOICE, ITEM, LedgerRecord
from crossfoot.engine.session import Session
from crossfoot.engine.showing.wanting import Wanting
from crossfoot.store import schema
from crossfoot.store.database import open_memory
from crossfoot.store.links import retire_link
from crossfoot.store.write_backs import pending_write_backs, write_backs_written

from .plan_history import Firm, observed_firm, serialised

STEPS = 15
ACTS_MAX = 3
ROWS_MIN = 60


class NumberedFirm(Firm):
    """A firm whose invoice lines have ids of their own, as Xero's have."""

    def save_record(self, connection: Connection, record: LedgerRecord) -> None:
        if isinstance(record, LedgerInvoice):
            ids = (f"{record.invoice_id} {number}" for number in range(len(record.lines)))
            lines = (replace(line, line_item_id=key) for line, key in zip(record.lines, ids, strict=True))
            record = replace(record, lines=tuple(lines))
        Firm.save_record(self, connection, record)


@cache
def stored_firm() -> bytes:
    """The firm of the planning property, its lines numbered."""
    firm = NumberedFirm.of(-1, observed_firm())
    with firm.session.database.writing() as connection:
        for invoice in firm.ledger(connection, INVOICE, LedgerInvoice):
            firm.save_record(connection, invoice)
    return serialised(firm.session.database)


def _overpay(firm: Firm, connection: Connection) -> None:
    """A customer pays too much, or what they have left over changes, or turns out to be another's."""
    known = firm.ledger(connection, CREDIT, LedgerCredit)
    fresh = LedgerCredit(f"credit-{len(known)}", firm.contact_id(connection), "AUD", "AUTHORISED",
                         Decimal(firm.chance.randrange(90)), firm.as_of, firm.now)  # fmt: skip
    credit = firm.one([*known, fresh])
    firm.save_record(connection, replace(credit, remaining=Decimal(firm.chance.randrange(3))))


def _credit(firm: Firm, connection: Connection) -> None:
    """Finance makes a credit note, or puts one to another invoice."""
    known = firm.ledger(connection, CREDIT_NOTE, LedgerCreditNote)
    invoice = firm.one(firm.ledger(connection, INVOICE, LedgerInvoice))
    amount = Decimal(firm.chance.randrange(1, 50))
    fresh = LedgerCreditNote(f"note-{len(known)}", f"CN-{len(known)}", "AUTHORISED", firm.contact_id(connection),
                             firm.as_of, "AUD", amount, Decimal(0), amount, amount, firm.now)  # fmt: skip
    note = firm.one([*known, fresh])
    firm.save_record(connection, replace(note, invoice_ids=(invoice.invoice_id,), remaining=amount))


def _pay(firm: Firm, connection: Connection) -> None:
    """An invoice is paid, in full or in part, or the payment is taken back."""
    invoice = firm.one(firm.ledger(connection, INVOICE, LedgerInvoice))
    if invoice.payments:
        unpaid = replace(invoice, payments=(), status="AUTHORISED", amount_due=invoice.total, amount_paid=Decimal(0))
        firm.save_record(connection, replace(unpaid, fully_paid_on=None))
        return
    paid = firm.one([invoice.total, Decimal(1)])
    payment = LedgerPayment(f"payment of {invoice.invoice_id}", firm.as_of, paid, "by bank")
    full = paid == invoice.total
    firm.save_record(
        connection,
        replace(invoice, payments=(payment,), status="PAID" if full else "AUTHORISED", amount_paid=paid,
                amount_due=invoice.total - paid, fully_paid_on=firm.as_of if full else None),
    )  # fmt: skip


def _drop_lines(firm: Firm, connection: Connection) -> None:
    """Finance takes lines off an invoice."""
    invoice = firm.one(firm.ledger(connection, INVOICE, LedgerInvoice))
    firm.save_record(connection, replace(invoice, lines=invoice.lines[: firm.chance.randrange(1, 3)]))


def _delete(firm: Firm, connection: Connection) -> None:
    """A deal or an account is deleted, or comes back."""
    kind = firm.one(["Opportunity", "Account"])
    row = firm.one([row for _, row in sorted(firm.rows(connection, kind).items())])
    firm.save_row(connection, kind, row, deleted=firm.one([True, False]))


def _move(firm: Firm, connection: Connection) -> None:
    """An invoice or a credit turns out to be another customer's."""
    kind, into = firm.one([(INVOICE, LedgerInvoice), (CREDIT, LedgerCredit), (CREDIT_NOTE, LedgerCreditNote)])
    if found := firm.one(firm.ledger(connection, kind, into)):
        firm.save_record(connection, replace(found, contact_id=firm.contact_id(connection)))


def _recode(firm: Firm, connection: Connection) -> None:
    """An item gets the code of another, or one that none had."""
    items = firm.ledger(connection, ITEM, LedgerItem)
    item, other = firm.one(items), firm.one(items)
    firm.save_record(connection, replace(item, code=firm.one([other.code, f"NEW-{firm.chance.randrange(5)}"])))


def _pay_with_credit(firm: Firm, connection: Connection) -> None:
    """The customer of a paid invoice has something left of the day on which it was paid, or has it no more."""
    paid = [each for each in firm.ledger(connection, INVOICE, LedgerInvoice) if each.status == "PAID"]
    if invoice := firm.one(paid):
        left, day = Decimal(firm.chance.randrange(2)), invoice.payments[0].dated if invoice.payments else firm.as_of
        credit = LedgerCredit(f"left of {invoice.invoice_id}", invoice.contact_id, invoice.currency, "AUTHORISED",
                              left, day, firm.now)  # fmt: skip
        firm.save_record(connection, credit)


def _unlink(firm: Firm, connection: Connection) -> None:
    """The link of an invoice to which a credit note was put, or of its customer, ends."""
    notes = firm.ledger(connection, CREDIT_NOTE, LedgerCreditNote)
    named = {each for note in notes for each in (*note.invoice_ids, note.contact_id)}
    found = [
        s for kind in (Kind.INVOICE, Kind.CONTACT) for s in firm.links(connection, kind) if s.link.xero_id in named
    ]
    if stored := firm.one(found):
        retire_link(connection, stored.id)


def _weeks_pass(firm: Firm, _connection: Connection) -> None:
    firm.now += dt.timedelta(days=firm.one([1, 1, 15, 30, 500]))


_MORE: tuple[Callable[[Firm, Connection], None], ...] = (
    _overpay,
    _credit,
    _pay,
    _pay,
    _drop_lines,
    _delete,
    _weeks_pass,
    _move,
    _recode,
    _pay_with_credit,
    _unlink,
)


def _act(firm: Firm) -> None:
    deed = firm.one([None, None, None, *_MORE])
    if deed is None:
        firm.act()
        return
    firm.done.append(deed.__name__)
    with firm.session.database.writing(deed.__name__) as connection:
        deed(firm, connection)


def _want(session: Session, as_of: dt.date, *, full: bool) -> list[tuple[Any, ...]]:
    """Work out what should stand in Salesforce; returns what is kept of it."""
    with session.database.writing("wanted") as connection:
        Wanting(session, connection, as_of).want_all(full=full)
        return sorted(tuple(row) for row in connection.execute(select(schema.write_back)))


@pytest.mark.parametrize("seed", range(6))
def test_carrying_what_moved_is_carrying_everything(seed: int) -> None:
    firm = NumberedFirm.of(seed, stored_firm())
    for step in range(STEPS):
        for _ in range(firm.chance.randrange(ACTS_MAX + 1)):
            _act(firm)
        firm.plan()
        other = replace(firm.session, database=open_memory(serialised(firm.session.database)))
        moved = _want(firm.session, firm.as_of, full=False)
        everything = _want(other, firm.as_of, full=True)
        assert len(everything) > ROWS_MIN
        differing = sorted(set(map(repr, moved)) ^ set(map(repr, everything)))
        assert not differing, f"seed {seed}, step {step}: {firm.done[-8:]}"
        _write(firm)


def _write(firm: Firm) -> None:
    """Salesforce takes what is pending."""
    with firm.session.database.writing("written") as connection:
        home = firm.session.organisation_id
        for item in list(pending_write_backs(connection, home, firm.now, firm.now)):
            write_backs_written(connection, home, [(item, None)])
