"""After an invoice was made: each state of it, with the deal changed or not, touched by people or not."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from crossfoot.core.books import LedgerInvoice
from crossfoot.core.decided import Action, Bucket
from crossfoot.core.documents import Deal, IntendedInvoice, ledger_form
from crossfoot.core.findings import Finding
from crossfoot.core.lifecycle import Judgement, LinkedDeal, judge_cancellation, judge_linked
from crossfoot.core.plan import decide_deal
from crossfoot.core.records import content_hash

from .cases import account_id, as_sent, context, deal, invoice, line, link, money, salesforce

CODED = line(account_code="200", tax_type="OUTPUT")
BASE_HASH = content_hash(ledger_form(as_sent()))
CHANGED = invoice(lines=[replace(CODED, unit_amount=money(120))], due=dt.date(2026, 11, 24))
UNCHANGED = invoice(lines=[CODED], due=dt.date(2026, 11, 24))

AS_OF = dt.date(2026, 11, 20)

LIVE = ("DRAFT", "SUBMITTED", "AUTHORISED", "PAID")
GONE = ("VOIDED", "DELETED")


def judge(
    status: str = "DRAFT",
    *,
    changed: bool = False,
    touched: bool = False,
    born: str = "crossfoot",
    intended: IntendedInvoice | None = CHANGED,
    of_deal: Deal | None = None,
    held: LedgerInvoice | None = None,
    locked_until: dt.date | None = None,
    problems: tuple[Finding, ...] = (),
) -> Judgement:
    current = held or as_sent(status=status)
    if touched:
        current = replace(current, reference="as finance wrote it")
    return judge_linked(
        LinkedDeal(
            deal=of_deal or deal(),
            link=link(born=born, base_hash=BASE_HASH),
            invoice=current,
            source_changed=changed,
            intended=intended if changed else UNCHANGED,
            contact_id="contact-1",
            locked_until=locked_until,
            as_of=AS_OF,
            problems=problems,
        )
    )


def outcome(judgement: Judgement) -> str:
    if judgement.update is not None:
        return "update"
    words = [finding.code for finding in judgement.findings]
    return " ".join(words) + (" waits" if judgement.waits else "") or "nothing"


def expected_of(status: str, changed: bool, touched: bool) -> str:
    """The rule in words: an untouched draft follows, a person's edit is kept, what is approved is never rewritten."""
    if status in GONE:
        return "invoice_voided waits"
    unapproved = status in {"DRAFT", "SUBMITTED"}
    if not changed:
        return "draft_edited" if touched and unapproved else "nothing"
    if not unapproved:
        return "changed_after_approval"
    return "changed_and_draft_edited" if touched else "update"


@pytest.mark.promise("S0-70")
@pytest.mark.parametrize(("status", "changed", "touched"), list(product((*LIVE, *GONE), (False, True), (False, True))))
def test_each_state_of_the_invoice(status: str, changed: bool, touched: bool) -> None:
    judgement = judge(status, changed=changed, touched=touched)
    assert outcome(judgement) == expected_of(status, changed, touched)
    if judgement.findings:
        assert judgement.findings[0].related[0].id == "invoice-1"


@pytest.mark.parametrize(("status", "touched", "expected"), [
    ("DRAFT", False, "no_product_code tax_unknown waits"),
    ("SUBMITTED", False, "no_product_code tax_unknown waits"),
    ("DRAFT", True, "changed_and_draft_edited"),
    ("AUTHORISED", False, "changed_after_approval"),
    ("PAID", True, "changed_after_approval"),
])  # fmt: skip
def test_a_deal_that_can_no_longer_be_read_is_told_with_its_causes(status: str, touched: bool, expected: str) -> None:
    problems = (
        Finding("no_product_code", deal().ref, "line 1: the product has no code"),
        Finding("tax_unknown", deal().ref, "line 1: tax type NOSUCH does not exist"),
    )
    judgement = judge(status, changed=True, touched=touched, intended=None, problems=problems)
    assert outcome(judgement) == expected
    assert all(finding.related[-1].id == "invoice-1" for finding in judgement.findings)
    told = " ".join(finding.cause for finding in judgement.findings)
    assert all(problem.cause in told for problem in problems)


def test_the_update_is_what_the_deal_now_says() -> None:
    assert judge(changed=True).update == CHANGED


def test_a_deal_that_now_asks_for_what_finance_wrote_agrees_with_it() -> None:
    words = "as finance wrote it"
    held = as_sent()
    held = replace(held, lines=(replace(held.lines[0], description=words),))
    judgement = judge(changed=True, held=held, intended=replace(UNCHANGED, lines=(replace(CODED, description=words),)))
    assert (judgement.agreed, judgement.findings) == (content_hash(ledger_form(held)), ())


def test_a_change_that_leaves_the_document_alone_is_no_change() -> None:
    judgement = judge(changed=True, intended=UNCHANGED)
    assert (judgement.agreed, judgement.update, judgement.findings) == (BASE_HASH, None, ())


def test_the_difference_is_named_with_its_money() -> None:
    (finding,) = judge("AUTHORISED", changed=True).findings
    assert "line 1 unit_amount, line 1 amount; by 20.00 AUD" in finding.cause
    assert finding.money is not None
    assert finding.money.amount == 20


@pytest.mark.parametrize(("born", "intended", "expected"), [
    ("people", CHANGED, "changed_after_approval"),
    ("people", UNCHANGED, "nothing"),
    ("people", None, "changed_after_approval"),
])  # fmt: skip
def test_what_people_made_is_never_updated(born: str, intended: IntendedInvoice | None, expected: str) -> None:
    assert outcome(judge(changed=True, born=born, intended=intended)) == expected


@pytest.mark.parametrize("status", ["AUTHORISED", "PAID"])
def test_figures_that_a_person_edited_and_approved_stand_and_are_named_with_their_money(status: str) -> None:
    own = as_sent(status=status, sub_total=money("90.00"), total=money("99.00"), reference="as agreed by phone")
    (finding,) = judge(status, held=own).findings
    assert (finding.code, finding.money and finding.money.amount) == ("draft_edited", money("10.00"))
    assert "approved with other figures" in finding.cause


@pytest.mark.parametrize("status", ["AUTHORISED", "PAID"])
def test_an_invoice_that_people_approved_in_another_currency_is_named_though_the_figures_are_the_same(
    status: str,
) -> None:
    (finding,) = judge(status, held=as_sent(status=status, currency="NZD")).findings
    assert (finding.code, finding.money) == ("draft_edited", None)
    assert finding.cause.endswith("is in NZD, the deal in AUD")


@pytest.mark.parametrize("changed", [False, True])
def test_an_invoice_by_hand_in_another_currency_is_named_and_asks_for_nothing(changed: bool) -> None:
    """A deal in yen cannot be invoiced as it is; whoever does so in dollars and links both is done with it."""
    judgement = judge(changed=changed, born="people", held=as_sent(status="AUTHORISED", currency="NZD"))
    assert outcome(judgement) == "draft_edited"


def test_amounts_of_two_currencies_are_not_taken_from_each_other() -> None:
    (finding,) = judge("AUTHORISED", changed=True, intended=replace(CHANGED, currency="NZD")).findings
    assert (finding.code, finding.money) == ("changed_after_approval", None)
    assert finding.cause.endswith("it is in AUD")


def test_peoples_own_draft_may_look_as_they_like() -> None:
    assert outcome(judge(born="people", touched=True)) == "nothing"


@pytest.mark.parametrize(
    ("changed", "expected"),
    [({"currency": "NZD"}, "changed_after_approval"), ({"currency": "AUD"}, "update")],
)
def test_a_draft_in_another_currency_is_not_rewritten(changed: dict[str, Any], expected: str) -> None:
    assert outcome(judge(changed=True, intended=replace(CHANGED, **changed))) == expected


def test_a_draft_to_another_customer_is_not_rewritten() -> None:
    held = as_sent(contact_id="contact-2")
    case = LinkedDeal(
        deal(), link(base_hash=content_hash(ledger_form(held))), held, True, CHANGED, "contact-1", None, AS_OF
    )
    assert outcome(judge_linked(case)) == "changed_after_approval"


@pytest.mark.parametrize(
    ("locked_until", "expected"), [(dt.date(2026, 11, 10), "locked_period"), (dt.date(2026, 11, 9), "update")]
)
def test_a_draft_behind_the_lock_is_left_alone(locked_until: dt.date, expected: str) -> None:
    assert outcome(judge(changed=True, locked_until=locked_until)) == expected


@pytest.mark.parametrize("status", LIVE)
@pytest.mark.parametrize(
    ("changed", "expected"), [({"won": False}, "no_longer_won"), ({"deleted": True}, "source_deleted")]
)
def test_an_invoice_outlives_its_deal_and_a_person_is_told(status: str, changed: dict[str, Any], expected: str) -> None:
    assert outcome(judge(status, of_deal=deal(**changed))) == expected


@pytest.mark.parametrize("changed", [{"won": False}, {"deleted": True}])
def test_a_voided_invoice_of_a_lost_deal_needs_nobody(changed: dict[str, Any]) -> None:
    assert outcome(judge("VOIDED", of_deal=deal(**changed))) == "nothing"


def test_an_invoice_that_was_not_read_yet_is_left_for_later() -> None:
    case = LinkedDeal(deal(), link(), None, True, CHANGED, "contact-1", None, AS_OF)
    assert judge_linked(case) == Judgement()


def test_a_plan_updates_the_untouched_draft_of_a_changed_deal() -> None:
    known = link(base_hash=BASE_HASH)
    dearer = deal(amount=money(120), mapped_hash="changed", invoice=invoice(lines=[line(unit_amount=money(120))]))
    decision = decide_deal(dearer, context(links=[known], invoices=[as_sent()]))
    assert decision.bucket is Bucket.DRAFTED
    assert decision.operation is not None
    assert (decision.operation.action, decision.operation.xero_id) == (Action.UPDATE, "invoice-1")
    assert decision.operation.pre_image == BASE_HASH
    assert decision.operation.totals is not None
    assert decision.operation.totals.gross == 132


@pytest.mark.parametrize(("changed", "code"), [
    ({"invoice": invoice(lines=[line(unit_amount=money(120), tax_type="NOSUCH")])}, "tax_unknown"),
    ({"invoice": invoice(account=None)}, "no_account"),
    ({"invoice": invoice(account=salesforce("Account", account_id(9)))}, "no_account"),
    ({"invoice": invoice(account=salesforce("Account", account_id(9))), "bill_to": "contact-1"}, "no_account"),
    ({"invoice": None, "findings": (Finding("unreadable", deal().ref, "Date: no date"),)}, "unreadable"),
    ({"invoice": None}, "unreadable"),
    ({"findings": (Finding("override_outdated", deal().ref, "account"),)}, "override_outdated"),
])  # fmt: skip
def test_a_draft_whose_deal_became_invalid_waits_for_the_cause_as_a_new_deal_would(
    changed: dict[str, Any], code: str
) -> None:
    invalid = deal(mapped_hash="changed", amount=money(120), **changed)
    new = decide_deal(invalid, context())
    drafted = decide_deal(invalid, context(links=[link(base_hash=BASE_HASH)], invoices=[as_sent()]))
    causes = [(each.code, each.cause, each.money) for each in drafted.findings]
    assert (drafted.bucket, drafted.operation, [each.code for each in drafted.findings]) == (new.bucket, None, [code])
    assert set(causes) <= {(each.code, each.cause, each.money) for each in new.findings}


def test_a_second_live_invoice_that_names_the_deal_stops_every_write_for_it() -> None:
    known = link(base_hash=BASE_HASH)
    twin = replace(as_sent(), invoice_id="twin", number="INV-TWIN")
    dearer = deal(amount=money(120), mapped_hash="changed", invoice=invoice(lines=[line(unit_amount=money(120))]))
    decision = decide_deal(dearer, context(links=[known], invoices=[as_sent(), twin]))
    assert decision.operation is None
    assert [finding.code for finding in decision.findings] == ["duplicate_incident"]
    assert "INV-TWIN" in decision.findings[0].cause


def test_the_draft_that_was_undone_is_told_as_undone() -> None:
    gone = context(
        links=[link(base_hash=BASE_HASH)], invoices=[as_sent(status="DELETED")], undone=frozenset({deal().ref.id})
    )
    assert [finding.code for finding in decide_deal(deal(), gone).findings] == ["undone"]


def test_a_drafts_cents_stay_named_until_it_is_approved() -> None:
    def findings_of(status: str) -> list[str]:
        around = context(links=[link(base_hash=BASE_HASH)], invoices=[as_sent(status=status)])
        return [finding.code for finding in decide_deal(deal(amount=money("100.01")), around).findings]

    assert findings_of("DRAFT") == ["rounding"]
    assert findings_of("AUTHORISED") == []


def test_a_voided_invoice_makes_its_deal_wait_and_is_not_made_again() -> None:
    decision = decide_deal(deal(), context(links=[link(base_hash=BASE_HASH)], invoices=[as_sent(status="VOIDED")]))
    assert (decision.bucket, decision.operation) == (Bucket.WAITING, None)


@pytest.mark.parametrize(
    ("status", "touched", "settled", "locked", "born"),
    list(
        product(
            (*LIVE, *GONE),
            (False, True),
            ("", "amount_paid", "amount_credited"),
            (False, True),
            ("crossfoot", "people"),
        )
    ),
)
def test_only_what_may_be_taken_back_is(status: str, touched: bool, settled: str, locked: bool, born: str) -> None:
    held = as_sent(status=status)
    changes: dict[str, Any] = {settled: money(1)} if settled else {}
    if touched:
        changes["reference"] = "as finance wrote it"
    held = replace(held, **changes)
    until = held.dated if locked else held.dated - dt.timedelta(days=1)
    step = judge_cancellation(held, link(born=born, base_hash=BASE_HASH), until)
    expected = ""
    if born == "crossfoot" and status in {"DRAFT", "SUBMITTED"} and not touched:
        expected = "DELETED"
    if born == "crossfoot" and status == "AUTHORISED" and not settled and not locked:
        expected = "VOIDED"
    assert step.status == expected
    assert bool(step.problem) is not bool(expected)
