"""Credit and re-issue, decided without I/O: the note nets its invoice to zero, each step follows a reading."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossfoot.core.books import LedgerCreditNote, LedgerInvoice, LedgerLine
from crossfoot.core.links import Identity, Kind, Link
from crossfoot.core.money import ZERO, line_amount, total
from crossfoot.core.reissue import Act, Issue, Next, credit_of, credit_totals, find_obstacle, next_step, succession

from .cases import ORGANISATION, books

NOW = dt.datetime(2026, 11, 20, tzinfo=dt.UTC)
TODAY = dt.date(2026, 11, 20)
RATES = {"OUTPUT": Decimal(10), "EXEMPT": ZERO}
LINK = Link(Identity("00D", "org", Kind.INVOICE, "006"), "invoice", "SF-1", "crossfoot", "base")
ACT = Act("006", 1, "invoice", "SF-1", "SF-1-CR", "AUD", Decimal("110.00"))

cents = st.decimals(min_value=0, max_value=99_999, places=4, allow_nan=False)
sold = st.tuples(
    st.decimals(min_value=Decimal("0.0001"), max_value=500, places=4),
    cents,
    st.sampled_from([None, Decimal("12.5"), Decimal("33.33"), Decimal(100)]),
    st.sampled_from(sorted(RATES)),
)


def line(quantity: Decimal, price: Decimal, discount: Decimal | None, tax: str) -> LedgerLine:
    amount = line_amount(quantity, price, discount_rate=discount)
    return LedgerLine(
        description="sold", quantity=quantity, unit_amount=price, line_amount=amount, tax_type=tax, item_code="A",
        discount_rate=discount, account_code="200",
    )  # fmt: skip


def invoice(
    lines: list[LedgerLine], *, status: str = "AUTHORISED", paid: Decimal = ZERO, credited: Decimal = ZERO
) -> LedgerInvoice:
    bare = LedgerInvoice(
        invoice_id="invoice",
        number="SF-1",
        status=status,
        contact_id="contact",
        contact_name="Acme",
        dated=dt.date(2026, 11, 1),
        currency="AUD",
        sub_total=ZERO,
        total_tax=ZERO,
        total=ZERO,
        amount_due=ZERO,
        amount_paid=paid,
        amount_credited=credited,
        updated=NOW,
        lines=tuple(lines),
    )
    totals = credit_totals(bare, RATES)
    due = totals.gross - paid - credited
    return replace(bare, sub_total=totals.ex_tax, total_tax=totals.tax, total=totals.gross, amount_due=due)


def note(amount: str = "110.00", remaining: str = "110.00", **changes: str) -> LedgerCreditNote:
    said = {"status": "AUTHORISED", "contact_id": "contact", "currency": "AUD", "reference": "SF-1", **changes}
    return LedgerCreditNote(
        "note", "SF-1-CR", said["status"], said["contact_id"], TODAY, said["currency"], ZERO, ZERO, Decimal(amount),
        Decimal(remaining), NOW, reference=said["reference"],
    )  # fmt: skip


HUNDRED = [line(Decimal(1), Decimal(100), None, "OUTPUT")]


@given(st.lists(sold, min_size=1, max_size=8))
def test_each_line_is_credited_to_the_cent_without_a_discount(
    rows: list[tuple[Decimal, Decimal, Decimal, str]],
) -> None:
    old = invoice([line(*row) for row in rows])
    credit = credit_of(old, TODAY)
    amounts = [line_amount(each.quantity, each.unit_amount) for each in credit.lines]
    assert amounts == [each.line_amount for each in old.lines]
    assert total(amounts) == old.sub_total
    assert [each.tax_type for each in credit.lines] == [each.tax_type for each in old.lines]


@pytest.mark.parametrize(
    ("old", "made", "step"),
    [
        (invoice(HUNDRED), None, Next.CREDIT),
        (invoice(HUNDRED), note(), Next.ALLOCATE),
        (invoice(HUNDRED, status="PAID", credited=Decimal("110.00")), note(remaining="0"), Next.RELEASE),
        (invoice(HUNDRED, status="PAID", credited=Decimal("110.00")), None, Next.RELEASE),
        (invoice(HUNDRED, status="PAID", credited=Decimal("110.00")), note("5.00"), Next.RELEASE),
        (invoice(HUNDRED, status="PAID", paid=Decimal("110.00")), note(), Next.RELEASE),
        (invoice(HUNDRED, status="PAID", paid=Decimal("110.00")), None, Next.STOP),
        (invoice(HUNDRED, status="VOIDED"), note(), Next.STOP),
        (invoice(HUNDRED), note(reference="another"), Next.STOP),
        (invoice(HUNDRED), note(contact_id="another"), Next.STOP),
        (invoice(HUNDRED), note("50.00"), Next.STOP),
        (invoice(HUNDRED), note(remaining="0"), Next.STOP),
        (invoice(HUNDRED), note(status="VOIDED"), Next.STOP),
        (None, None, Next.STOP),
    ],
)  # fmt: skip
def test_the_next_step_follows_what_xero_holds(
    old: LedgerInvoice | None, made: LedgerCreditNote | None, step: Next
) -> None:
    found = next_step(ACT, old, made)
    assert found.next is step
    assert bool(found.problem) is (step is Next.STOP)


def test_no_more_is_allocated_than_is_owed() -> None:
    assert next_step(ACT, invoice(HUNDRED, paid=Decimal(60)), note()).amount == Decimal("50.00")


@pytest.mark.parametrize(
    ("old", "locked", "words"),
    [
        (invoice(HUNDRED), None, ""),
        (invoice(HUNDRED, paid=Decimal(60)), None, ""),
        (invoice(HUNDRED, status="PAID", credited=Decimal("110.00")), None, ""),
        (invoice(HUNDRED), TODAY, "locked"),
        (invoice(HUNDRED, status="PAID", paid=Decimal("110.00")), None, "paid in full"),
        (invoice(HUNDRED, credited=Decimal(5)), None, "credited on it already"),
        (invoice(HUNDRED, status="DRAFT"), None, "draft"),
        (invoice([line(Decimal(1), Decimal(-5), None, "OUTPUT"), *HUNDRED]), None, "below zero"),
    ],
)
def test_what_stands_in_the_way(old: LedgerInvoice, locked: dt.date | None, words: str) -> None:
    found = find_obstacle(old, LINK, books(organisation=replace(ORGANISATION, period_lock=locked)), TODAY)
    assert (words in found) if words else found == ""


OWED, TAKEN = invoice(HUNDRED), invoice(HUNDRED, status="PAID", credited=Decimal(110))
PAID, VOIDED = invoice(HUNDRED, status="PAID", paid=Decimal(110)), invoice(HUNDRED, status="VOIDED")
DELETED = invoice(HUNDRED, status="DELETED")


@pytest.mark.parametrize(
    ("issues", "kept"),
    [
        ([Issue(1, OWED)], [1]),
        ([Issue(2, OWED), Issue(1, TAKEN, note(remaining="0"))], [1, 2]),
        ([Issue(1, TAKEN), Issue(2, OWED)], [1, 2]),
        ([Issue(1, PAID, note()), Issue(2, OWED)], [1, 2]),
        ([Issue(1, VOIDED), Issue(2, OWED)], [1, 2]),
        ([Issue(1, VOIDED), Issue(2, TAKEN), Issue(3, DELETED)], [1, 2, 3]),
        ([Issue(1, OWED), Issue(2, DELETED)], [1]),
        ([Issue(1, OWED), Issue(2, OWED)], []),
        ([Issue(1, OWED, note()), Issue(2, OWED)], []),
        ([Issue(1, PAID), Issue(2, OWED)], []),
        ([Issue(1, PAID, note(reference="SF-9")), Issue(2, OWED)], []),
        ([Issue(1, TAKEN, note("55.00")), Issue(2, OWED)], [1, 2]),
        ([Issue(1, PAID, note("55.00")), Issue(2, OWED)], []),
    ],
    ids=["one", "credited", "credited by people", "paid beside its note", "voided", "the last is dead", "one behind",
         "two are owed", "the note is not used", "paid", "the note is another's", "credited by people beside one",
         "the note is of another amount"],
)  # fmt: skip
def test_an_invoice_follows_one_that_is_over(issues: list[Issue], kept: list[int]) -> None:
    """Where two count, nobody can tell which is the deal's: a person looks."""
    assert [issue.epoch for issue in succession(issues)] == kept
