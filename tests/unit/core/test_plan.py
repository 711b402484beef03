"""What is decided for a deal: its bucket, the reasons for which it waits, its due date, and no double billing."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from crossfoot.core.books import LedgerLine
from crossfoot.core.decided import Action, Bucket, Context, DealDecision
from crossfoot.core.documents import ledger_form
from crossfoot.core.findings import REASONS, Finding
from crossfoot.core.links import Identity, Kind
from crossfoot.core.matching import ContactDecision
from crossfoot.core.money import Totals
from crossfoot.core.plan import decide_deal
from crossfoot.core.records import content_hash
from crossfoot.core.standing import moves_in
from crossfoot.core.terms import due_date

from .cases import (
    INSTANCE,
    ORG_ID,
    ORGANISATION,
    ORGANISATION_ID,
    POLICY,
    START,
    TODAY,
    account,
    account_id,
    as_sent,
    books,
    context,
    deal,
    deal_id,
    invoice,
    ledger_invoice,
    line,
    link,
    money,
    salesforce,
)

D = dt.date


def codes(decision: DealDecision) -> list[str]:
    return [finding.code for finding in decision.findings]


def decide(around: Context | None = None, **changed: Any) -> DealDecision:
    return decide_deal(deal(**changed), around or context())


@pytest.mark.promise("S1-29")
def test_a_won_deal_becomes_one_draft() -> None:
    decision = decide()
    assert (decision.bucket, codes(decision)) == (Bucket.READY, [])
    operation = decision.operation
    assert operation is not None
    assert operation.identity == Identity(ORG_ID, ORGANISATION_ID, Kind.INVOICE, deal_id())
    assert (operation.action, operation.status, operation.contact_id) == (Action.CREATE, "DRAFT", "contact-1")
    assert operation.totals is not None
    assert operation.totals == Totals(money("100.00"), money("10.00"), money("110.00"))
    assert operation.needs == ()
    assert operation.source_hash == "as first read"


def test_a_new_customer_and_a_new_item_go_before_the_invoice() -> None:
    new = {account_id(): ContactDecision(create_as="Customer 1", evidence="no such customer in Xero")}
    product = salesforce("Product2", "01t5g00000AAA01AAH")
    lines = [line(), line(item_code="NEW", product=product), line(item_code="new", product=product)]
    decision = decide(context(contacts=new), invoice=invoice(lines=lines), amount=money(300))
    assert decision.operation is not None
    assert {(need.kind, need.source_key) for need in decision.operation.needs} == {
        (Kind.CONTACT, account_id()),
        (Kind.ITEM, "new"),
    }


def test_a_deal_that_was_invoiced_before_is_re_issued_under_the_next_epoch() -> None:
    decision = decide(context(epochs={deal_id(): 2}))
    assert decision.operation is not None
    assert decision.operation.identity.epoch == 3


@pytest.mark.promise("U-20")
@pytest.mark.parametrize(
    ("approve_up_to", "without_products", "status"),
    [("110.00", False, "AUTHORISED"), ("109.99", False, "DRAFT"), ("110.00", True, "DRAFT")],
)
def test_only_small_complete_invoices_are_approved_at_once(
    approve_up_to: str, without_products: bool, status: str
) -> None:
    policy = replace(POLICY, status="AUTHORISED", approve_up_to=money(approve_up_to))
    decision = decide(context(policy=policy), invoice=invoice(without_products=without_products))
    assert decision.operation is not None
    assert decision.operation.status == status


def test_an_amount_of_another_currency_is_not_held_against_the_limit_of_approval() -> None:
    """A hundred NZD under a limit of 110 AUD; a hundred pounds would be twice as much."""
    policy = replace(POLICY, status="AUTHORISED", approve_up_to=money("110.00"))
    decision = decide(context(policy=policy), currency="NZD", invoice=invoice(currency="NZD"))
    assert decision.operation is not None
    assert decision.operation.status == "DRAFT"


BEFORE, SINCE = D(2026, 10, 31), START


@pytest.mark.parametrize(
    ("closed", "won", "bucket"),
    [
        (BEFORE, BEFORE, Bucket.BEFORE_START),
        (SINCE, SINCE, Bucket.READY),
        (BEFORE, SINCE, Bucket.WAITING),
        (SINCE, BEFORE, Bucket.WAITING),
        (None, BEFORE, Bucket.BEFORE_START),
        (SINCE, None, Bucket.WAITING),
    ],
)
def test_only_deals_won_and_closed_since_the_start_are_invoiced(
    closed: D | None, won: D | None, bucket: Bucket
) -> None:
    dated = invoice(dated=closed) if closed else None
    decision = decide(close_date=closed, won_on=won, invoice=dated)
    assert decision.bucket is bucket
    if bucket is Bucket.WAITING:
        assert codes(decision) == ["start_date_straddled"]
        assert str(START) in decision.findings[0].cause


@pytest.mark.parametrize(
    ("changed", "bucket"),
    [
        ({"won": False}, Bucket.NOT_WON),
        ({"deleted": True}, Bucket.NOT_WON),
        ({"amount": money(0), "invoice": None}, Bucket.NOT_BILLABLE),
        ({"amount": money(0), "invoice": invoice(lines=[line(unit_amount=money(0))])}, Bucket.NOT_BILLABLE),
        ({"amount": money(0)}, Bucket.WAITING),
    ],
)
def test_what_needs_no_invoice(changed: dict[str, Any], bucket: Bucket) -> None:
    assert decide(**changed).bucket is bucket


def _locked(day: D) -> Context:
    return context(ledger=books(organisation=replace(ORGANISATION, period_lock=D(2026, 6, 30), year_lock=day)))


def _contact_waits(code: str) -> Context:
    reason = Finding(code, salesforce("Account", account_id()), "shown evidence")
    return context(contacts={account_id(): ContactDecision(findings=(reason,))})


@pytest.mark.promise("S0-29", "S0-30", "S0-31", "S1-67", "S0-72")
@pytest.mark.parametrize(
    ("expected", "around", "changed"),
    [
        ("future_date", context(), {"invoice": invoice(dated=D(2026, 11, 21)), "close_date": D(2026, 11, 21)}),
        ("locked_period", _locked(D(2026, 11, 10)), {}),
        ("no_account", context(), {"invoice": invoice(account=None)}),
        ("unreadable", context(), {"invoice": None}),
        ("no_account", context(accounts=[account(9)], contacts={}), {}),
        ("undone", context(undone=frozenset({deal_id()})), {}),
        ("contact_similar", _contact_waits("contact_similar"), {}),
        ("contact_archived", _contact_waits("contact_archived"), {}),
        ("contact_ambiguous", _contact_waits("contact_ambiguous"), {}),
        ("contact_same_tax_number", _contact_waits("contact_same_tax_number"), {}),
        ("no_product_code", context(), {"invoice": invoice(lines=[line(item_code="")])}),
        ("tax_retired", context(), {"invoice": invoice(lines=[line(tax_type="OLD")])}),
        ("tracking_archived", context(), {"invoice": invoice(lines=[line(tracking=(("Region", "Overseas"),))])}),
        ("country_without_rule", context(accounts=[account(country="FR")]), {}),
        (
            "country_blank",
            context(accounts=[account(country="")]),
            {"currency": "NZD", "invoice": invoice(currency="NZD")},
        ),
        ("currency_not_enabled", context(), {"currency": "GBP", "invoice": invoice(currency="GBP")}),
        (
            "currency_decimals",
            context(ledger=books(currencies=["AUD", "JPY"])),
            {"currency": "JPY", "invoice": invoice(currency="JPY")},
        ),
        (
            "negative_deal",
            context(),
            {"amount": money(-100), "invoice": invoice(lines=[line(unit_amount=money(-100))])},
        ),
        (
            "negative_deal",
            context(),
            {"amount": money(0), "invoice": invoice(lines=[line(unit_amount=money("-0.01"))])},
        ),
        (
            "negative_deal",
            context(),
            {"amount": money(-100), "amount_decided": True, "invoice": invoice(lines=[line(unit_amount=money(-50))])},
        ),
        ("rounding_too_large", context(), {"amount": money("100.02")}),
        ("already_invoiced", context(invoices=[ledger_invoice()]), {}),
    ],
)
def test_each_reason_for_which_a_deal_waits_before_anything_is_written(
    expected: str, around: Context, changed: dict[str, Any]
) -> None:
    decision = decide(around, **changed)
    assert decision.bucket is Bucket.WAITING
    assert decision.operation is None
    (finding,) = (each for each in decision.findings if each.blocks)
    assert finding.code == expected
    assert finding.record.id == deal_id()
    assert finding.money is not None
    assert finding.owner_name == "Priya Natarajan"
    assert REASONS[expected].fix


def test_all_reasons_are_told_at_once() -> None:
    wrong = invoice(lines=[line(item_code="", tax_type="OLD")], currency="GBP", dated=D(2026, 11, 21))
    decision = decide(currency="GBP", invoice=wrong)
    assert codes(decision) == ["future_date", "currency_not_enabled", "no_product_code", "tax_retired"]


@pytest.mark.promise("S1-45")
def test_a_locked_deal_is_offered_the_first_open_day() -> None:
    (finding,) = decide(_locked(D(2026, 11, 10))).findings
    assert "The first open day is 2026-11-11" in finding.fix
    assert decide(_locked(D(2026, 11, 9))).bucket is Bucket.READY


@pytest.mark.promise("S0-52")
@pytest.mark.parametrize(
    ("lines", "amount", "expected"),
    [
        (1, "100.01", "rounding"),
        (1, "99.99", "rounding"),
        (1, "100.02", "rounding_too_large"),
        (3, "300.02", "rounding"),
        (3, "300.03", "rounding_too_large"),
        (20, "2000.05", "rounding"),
        (20, "2000.06", "rounding_too_large"),
    ],
)
def test_cents_up_to_half_of_one_for_each_line_and_the_total_are_accepted_and_named(
    lines: int, amount: str, expected: str
) -> None:
    decision = decide(amount=money(amount), invoice=invoice(lines=[line()] * lines))
    assert codes(decision) == [expected]
    assert decision.bucket is (Bucket.READY if expected == "rounding" else Bucket.WAITING)
    named = decision.findings[0].money
    assert named is not None
    assert named.amount == 100 * lines - money(amount)


def test_a_deal_without_products_goes_as_one_flagged_line() -> None:
    without = invoice(lines=[line(item_code="")], without_products=True)
    decision = decide(invoice=without)
    assert (decision.bucket, codes(decision)) == (Bucket.READY, ["no_products"])
    assert decision.operation is not None
    assert [finding.code for finding in decision.operation.warnings] == ["no_products"]


MARKED = ledger_invoice(contact_id="contact-9", sub_total=money(5), url=f"{INSTANCE}/{deal_id()}")
NAMED = ledger_invoice(contact_id="contact-9", sub_total=money(5), reference="PO 7, d-0001/final")
OTHER = ledger_invoice(sub_total=money("77.00"), total=money("84.70"))
BY_ID = ledger_invoice(contact_id="contact-9", sub_total=money(5), reference=deal_id())


@pytest.mark.parametrize(
    ("existing", "waits"),
    [
        (MARKED, True),
        (NAMED, True),
        (BY_ID, True),
        (replace(NAMED, reference="D-00010"), False),
        (ledger_invoice(), True),
        (ledger_invoice(dated=D(2026, 12, 25)), True),
        (ledger_invoice(dated=D(2026, 12, 26)), False),
        (ledger_invoice(dated=D(2026, 9, 26)), True),
        (ledger_invoice(dated=D(2026, 9, 25)), False),
        (replace(NAMED, reference="(Ref.: D-0001.)"), True),
        (replace(NAMED, reference="Deal#d0001;final"), True),
        (replace(NAMED, number="d-0001"), True),
        (replace(NAMED, reference="", number="D-0001", status="VOIDED"), False),
        (ledger_invoice(sub_total=money("100.05")), True),
        (OTHER, False),
        (replace(OTHER, sub_total=money("110.00"), total=money("110.00")), True),
        (replace(OTHER, sub_total=money("90.91"), total=money("100.00")), True),
        (replace(OTHER, reference="Website, phase 1 (deal 1)"), False),
        (replace(OTHER, lines=(LedgerLine(description="As agreed in D-0001"),)), True),
        (ledger_invoice(currency="NZD"), False),
        (ledger_invoice(contact_id="contact-9"), False),
        (ledger_invoice(status="VOIDED"), False),
        (replace(MARKED, status="DELETED"), True),
        (ledger_invoice(status="PAID"), True),
    ],
)
def test_a_deal_that_may_be_invoiced_already_waits(existing: Any, waits: bool) -> None:
    decision = decide(context(invoices=[existing]))
    assert codes(decision) == (["already_invoiced"] if waits else [])
    if waits:
        assert existing.number in decision.findings[0].cause
        assert decision.findings[0].related[0].id == existing.invoice_id


def test_an_invoice_that_the_deal_is_known_to_have_had_and_that_is_over_is_no_double() -> None:
    known = replace(context(invoices=[replace(MARKED, status="VOIDED")]), epochs={deal_id(): 1})
    assert codes(decide(known)) == []


@pytest.mark.parametrize(
    ("written", "order", "waits"),
    [
        ("PO-4455", "PO-4455", True),
        ("4455", "PO-4455", True),
        ("your order 4455/2026", "D-0001 PO PO4455", True),
        ("March 2026", "PO 2026", False),
        ("4456", "PO-4455", False),
    ],
)
def test_an_invoice_that_names_the_deals_order_is_asked_about(written: str, order: str, waits: bool) -> None:
    decision = decide(context(invoices=[replace(OTHER, reference=written)]), invoice=invoice(reference=order))
    assert codes(decision) == (["already_invoiced"] if waits else [])


@pytest.mark.parametrize(("name", "waits"), [("Harbour website", True), ("Harbour", False)])
def test_an_invoice_that_bears_the_deals_name_is_asked_about(name: str, waits: bool) -> None:
    by_hand = replace(OTHER, lines=(LedgerLine(description="harbour web-site, final"),))
    assert codes(decide(context(invoices=[by_hand]), name=name)) == (["already_invoiced"] if waits else [])


def test_two_invoices_that_make_up_the_deal_are_asked_about_together() -> None:
    half = [replace(OTHER, invoice_id=f"half-{part}", sub_total=money(part)) for part in ("40.00", "60.00", "59.00")]
    assert [each.related[0].id for each in decide(context(invoices=half)).findings] == ["half-40.00", "half-60.00"]


def test_an_invoice_of_another_deal_or_one_told_apart_is_no_double() -> None:
    others = context(invoices=[ledger_invoice(1)], links=[link(2, xero_id="invoice-1")])
    assert decide(others).bucket is Bucket.READY
    told_apart = context(invoices=[ledger_invoice(1)], not_same=frozenset({(deal_id(), "invoice-1")}))
    assert decide(told_apart).bucket is Bucket.READY


@pytest.mark.parametrize(
    ("number", "status", "epoch", "waits"),
    [
        ("SF-D-0001", "DRAFT", 0, True),
        ("sf-d-0001", "PAID", 0, True),
        ("SF-D-0001", "VOIDED", 0, True),
        ("SF-D-0001", "DELETED", 0, False),
        ("SF-D-0001", "VOIDED", 1, False),
        ("SF-D-0001-2", "VOIDED", 1, True),
        ("SF-D-00011", "DRAFT", 0, False),
    ],
)
def test_a_number_that_xero_holds_already_makes_its_deal_wait(
    number: str, status: str, epoch: int, waits: bool
) -> None:
    held = ledger_invoice(contact_id="contact-9", status=status, sub_total=money(5))
    decision = decide(context(invoices=[replace(held, number=number)], epochs={deal_id(): epoch}))
    assert codes(decision) == (["number_taken"] if waits else [])


def test_a_deal_without_a_number_of_its_own_takes_no_number() -> None:
    held = replace(ledger_invoice(contact_id="contact-9", sub_total=money(5)), number="SF-")
    assert decide(context(invoices=[held]), invoice=invoice(own_number="")).bucket is Bucket.READY


def test_what_a_reviewer_saw_changes_with_the_document_and_with_nothing_else() -> None:
    def seen(**changed: Any) -> str:
        operation = decide(**changed).operation
        assert operation is not None
        return operation.decided_hash

    assert seen() == seen(owner="Somebody Else")
    dearer = {"invoice": invoice(lines=[line(unit_amount=money("100.01"))]), "amount": money("100.01")}
    assert len({seen(), seen(**dearer), seen(invoice=invoice(reference="other")), seen(mapped_hash="moved")}) == 4


@pytest.mark.parametrize(
    ("dated", "terms", "due"),
    [
        (D(2026, 11, 10), None, D(2026, 11, 24)),
        (D(2026, 11, 10), (30, "DAYSAFTERBILLDATE"), D(2026, 12, 10)),
        (D(2026, 11, 10), (0, "DAYSAFTERBILLDATE"), D(2026, 11, 10)),
        (D(2026, 11, 10), (14, "DAYSAFTERBILLMONTH"), D(2026, 12, 14)),
        (D(2027, 1, 31), (30, "DAYSAFTERBILLMONTH"), D(2027, 3, 2)),
        (D(2026, 11, 10), (20, "OFCURRENTMONTH"), D(2026, 11, 20)),
        (D(2026, 11, 25), (20, "OFCURRENTMONTH"), D(2026, 11, 25)),
        (D(2027, 2, 1), (31, "OFCURRENTMONTH"), D(2027, 2, 28)),
        (D(2028, 2, 1), (31, "OFCURRENTMONTH"), D(2028, 2, 29)),
        (D(2026, 11, 10), (20, "OFFOLLOWINGMONTH"), D(2026, 12, 20)),
        (D(2026, 12, 31), (31, "OFFOLLOWINGMONTH"), D(2027, 1, 31)),
        (D(2027, 1, 31), (31, "OFFOLLOWINGMONTH"), D(2027, 2, 28)),
        (D(2026, 11, 10), (7, "A NEW KIND"), D(2026, 11, 24)),
    ],
)
def test_due_dates_by_each_kind_of_terms(dated: D, terms: tuple[int, str] | None, due: D) -> None:
    assert due_date(dated, terms, 14) == due


@pytest.mark.parametrize(
    ("of_deal", "of_contact", "of_organisation", "due"),
    [
        (D(2026, 11, 30), (7, "DAYSAFTERBILLDATE"), (3, "DAYSAFTERBILLDATE"), D(2026, 11, 30)),
        (None, (7, "DAYSAFTERBILLDATE"), (3, "DAYSAFTERBILLDATE"), D(2026, 11, 17)),
        (None, None, (3, "DAYSAFTERBILLDATE"), D(2026, 11, 13)),
        (None, None, None, D(2026, 11, 24)),
    ],
    ids=["the deal", "then the contact", "then the organisation", "then crossfoot.yaml"],
)
def test_whose_terms_count(
    of_deal: D | None, of_contact: tuple[int, str] | None, of_organisation: tuple[int, str] | None, due: D
) -> None:
    ledger = books(organisation=replace(ORGANISATION, sales_terms=of_organisation))
    decision = decide(context(ledger=ledger, sales_terms=lambda _: of_contact), invoice=invoice(due=of_deal))
    assert decision.operation is not None
    document = decision.operation.document
    assert getattr(document, "due", None) == due


def test_buckets_add_up_to_the_won_deals() -> None:
    deals = [
        deal(1),
        deal(2, won_on=BEFORE, close_date=BEFORE),
        deal(3, won_on=BEFORE),
        deal(4, amount=money(0), invoice=None),
        deal(5, invoice=invoice(5, account=None)),
        deal(6),
        deal(7),
        deal(8, won=False),
    ]
    around = context(
        links=[link(6), link(7, born="people")],
        invoices=[ledger_invoice(6, contact_id="contact-9"), ledger_invoice(7, contact_id="contact-9")],
    )
    decided = [decide_deal(each, around) for each in deals]
    assert Counter(decision.bucket for decision in decided) == {
        Bucket.READY: 1,
        Bucket.BEFORE_START: 1,
        Bucket.WAITING: 2,
        Bucket.NOT_BILLABLE: 1,
        Bucket.DRAFTED: 1,
        Bucket.LINKED: 1,
        Bucket.NOT_WON: 1,
    }
    won = [decision for decision in decided if decision.deal.won]
    assert sum(decision.deal.amount for decision in won) == 600
    assert content_hash([codes(decision) for decision in won]) == content_hash(
        [codes(decide_deal(decision.deal, around)) for decision in won]
    )


def test_today_is_not_the_future() -> None:
    assert decide(invoice=invoice(dated=TODAY), close_date=TODAY).bucket is Bucket.READY


def test_a_draft_does_not_follow_a_deal_whose_lines_do_not_add_up() -> None:
    draft = as_sent()
    mine = link(base_hash=content_hash(ledger_form(draft)))
    around = context(invoices=[draft], links=[mine])
    changed = {"invoice": invoice(lines=(line(quantity=money(2)),)), "mapped_hash": "changed"}

    followed = decide(around, **changed, amount=money(200))
    held = decide(around, **changed, amount=money(100))

    assert (followed.operation is not None, codes(followed)) == (True, [])
    assert (held.operation, held.bucket, codes(held)) == (None, Bucket.WAITING, ["rounding_too_large"])


def test_a_deal_worth_nothing_with_a_line_that_is_not_brings_its_customer_in() -> None:
    assert moves_in(deal(amount=money(0)), START, linked=False)
    assert not moves_in(deal(amount=money(0), invoice=None), START, linked=False)
