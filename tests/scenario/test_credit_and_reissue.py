"""A deal that changed after its invoice was approved: credited in full and made anew, when finance says so."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx2
import pytest

from crossfoot.core.errors import NeedsPerson
from crossfoot.emulators.scenario import find_scenario
from crossfoot.emulators.scenarios.demo_cases import case

from .business import Business, Carry, KilledError, Stage, found
from .test_changes_after_sync import credit

DEAL = "Second audit"
SMALL_FIRM = Path(__file__).parents[1] / "acceptance" / "small_firm.yaml"


@pytest.fixture(scope="session")
def changed_stage(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """A small firm: the invoice was approved, then sales raised the price by a thousand."""
    stage = found(find_scenario(str(SMALL_FIRM)), tmp_path_factory.mktemp("small firm"), date(2026, 11, 1))
    firm = Business(stage, tmp_path_factory.mktemp("changed"))
    firm.sync()
    firm.in_xero("Invoices", InvoiceID=firm.invoice_of(DEAL)["InvoiceID"], Status="AUTHORISED")
    firm.later()
    firm.sync()
    raise_the_price(firm)
    firm.later()
    firm.sync()
    firm.later()
    return firm.freeze()


@pytest.fixture
def firm(changed_stage: Stage, tmp_path: Path) -> Iterator[Business]:
    opened = Business(changed_stage, tmp_path)
    yield opened
    opened.close()


def raise_the_price(firm: Business) -> None:
    [line, *_] = firm.lines(DEAL)
    firm.edit("OpportunityLineItem", line["Id"], UnitPrice=line["UnitPrice"] + 1000)


def old_and_new(firm: Business) -> tuple[dict[str, Any], dict[str, Any]]:
    old, new = sorted(firm.invoices_of(DEAL), key=lambda invoice: str(invoice["InvoiceNumber"]))
    return old, new


def notes(firm: Business) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = firm.office.ask("https://xero.invalid", "GET", "/CreditNotes", query="page=1")[
        "CreditNotes"
    ]
    return rows


def accept(firm: Business) -> None:
    firm.desk.reissue(firm.waiting(DEAL)["changed_after_approval"].id)


def pay(firm: Business, amount: Decimal) -> None:
    invoice = {"InvoiceID": firm.invoices_of(DEAL)[0]["InvoiceID"]}
    payment = {"Invoice": invoice, "Account": {"Code": "090"}, "Date": "2026-11-18", "Amount": amount}
    firm.office.xero("PUT", "Payments", [payment])


def test_a_plan_says_what_would_be_credited(firm: Business) -> None:
    firm.sync()
    accept(firm)
    [taken] = firm.plan_in_full()["taken_back"]
    assert (taken["name"], taken["how"]) == (DEAL, "credited in full and made anew")


def to_xero(firm: Business, act: Callable[[], object]) -> list[str]:
    return [call for call in firm.writes_during(act) if call.startswith("xero")]


def test_it_is_proposed_and_nothing_is_done_unasked(firm: Business) -> None:
    assert to_xero(firm, firm.sync) == []
    entry = firm.waiting(DEAL)["changed_after_approval"]
    assert "queue reissue" in entry.fix
    assert entry.money.amount == 1000


def test_an_invoice_that_is_paid_while_the_process_stands_still_is_not_credited(firm: Business) -> None:
    accept(firm)
    owed = firm.invoice_of(DEAL)["AmountDue"]

    firm.stand_still_at("commit re-issue call done", lambda: pay(firm, owed))

    assert notes(firm) == []
    assert "changed_after_approval" in firm.waiting(DEAL)


@pytest.mark.promise("S0-51", "N-10")
def test_the_old_one_is_credited_in_full_and_a_new_one_follows_under_the_next_number(firm: Business) -> None:
    before = firm.invoice_of(DEAL)
    accept(firm)

    report = firm.sync()

    old, new = old_and_new(firm)
    [note] = notes(firm)
    assert (old["Status"], old["AmountDue"], old["AmountCredited"]) == ("PAID", 0, before["Total"])
    assert (note["CreditNoteNumber"], note["Status"]) == (f"{old['InvoiceNumber']}-CR", "PAID")
    assert (note["Total"], note["TotalTax"], note["Reference"]) == (
        before["Total"],
        before["TotalTax"],
        old["InvoiceNumber"],
    )
    assert (new["Status"], new["InvoiceNumber"]) == ("DRAFT", f"{old['InvoiceNumber']}-2")
    assert new["SubTotal"] == firm.deal(DEAL)["Amount"] > before["SubTotal"]
    assert (report.reissued.begun, report.reissued.credited, report.reissued.finished) == (1, 1, 1)
    assert firm.waiting(DEAL) == {}
    assert firm.deal(DEAL)["Xero_Invoice_Number__c"] == new["InvoiceNumber"]


def test_afterwards_all_is_quiet_and_ties_out(firm: Business) -> None:
    accept(firm)
    firm.sync()
    firm.later()
    firm.sync()
    firm.later()
    assert firm.writes_during(firm.sync) == []
    tied = firm.tie_out()
    assert not tied.result.unexplained
    named = {difference.kind for row in tied.result.rows for difference in row.differences}
    assert "credited" in named
    assert "duplicate" not in named


def test_the_log_tells_who_asked_and_each_write_once(firm: Business) -> None:
    accept(firm)
    firm.sync()
    actions = [entry.action for entry in firm.history(DEAL)]
    for action in (
        "queue reissue",
        "re-issue begun",
        "make CreditNote",
        "allocate CreditNote",
        "re-issue credited",
        "re-issue done",
    ):
        assert actions.count(action) == 1, action


@pytest.mark.promise("S0-51")
def test_what_was_paid_already_stays_with_the_customer_as_credit(firm: Business) -> None:
    pay(firm, Decimal(100))
    accept(firm)
    firm.sync()
    old, new = old_and_new(firm)
    [note] = notes(firm)
    assert (old["Status"], old["AmountPaid"]) == ("PAID", 100)
    assert note["RemainingCredit"] == 100
    entry = firm.waiting(DEAL)["credit_left"]
    assert entry.money.amount == 100

    firm.in_xero("Invoices", InvoiceID=new["InvoiceID"], Status="AUTHORISED")
    allocation = {"Amount": 100, "Date": "2026-11-21", "Invoice": {"InvoiceID": new["InvoiceID"]}}
    path = f"/CreditNotes/{note['CreditNoteID']}/Allocations"
    firm.office.ask("https://xero.invalid", "PUT", path, {"Allocations": [allocation]})
    firm.later()
    firm.sync()
    firm.later()
    firm.sync()
    assert "credit_left" not in firm.waiting(DEAL)


@pytest.mark.promise("F-17")
def test_an_invoice_that_was_sent_and_paid_in_part_by_a_reconciled_payment_keeps_that_payment(firm: Business) -> None:
    before = firm.invoice_of(DEAL)
    firm.in_xero("Invoices", InvoiceID=before["InvoiceID"], SentToContact=True)
    payment = {"Invoice": {"InvoiceID": before["InvoiceID"]}, "Account": {"Code": "090"}, "Date": "2026-11-18"}
    [paid] = firm.office.xero("PUT", "Payments", [{**payment, "Amount": 100, "IsReconciled": True}])
    accept(firm)

    firm.sync()

    old, new = old_and_new(firm)
    assert (old["SentToContact"], old["Status"], old["AmountPaid"]) == (True, "PAID", 100)
    assert [each["PaymentID"] for each in old["Payments"]] == [paid["PaymentID"]]
    assert firm.see("Payments", paid["PaymentID"])["IsReconciled"] is True
    assert (new["Status"], new["SentToContact"]) == ("DRAFT", False)
    assert notes(firm)[0]["RemainingCredit"] == 100


def test_an_invoice_that_was_made_anew_and_owes_again_is_named_until_its_credit_is_put_against_it(
    firm: Business,
) -> None:
    """The customer would owe both."""
    accept(firm)
    firm.sync()
    old, _ = old_and_new(firm)
    [note] = notes(firm)
    path = f"/CreditNotes/{note['CreditNoteID']}/Allocations"
    [put] = firm.see("CreditNotes", note["CreditNoteID"])["Allocations"]
    firm.office.ask("https://xero.invalid", "DELETE", f"{path}/{put['AllocationID']}")
    firm.later()
    firm.sync()
    assert "SF-D-00006 was taken back" in firm.waiting(DEAL)["duplicate_incident"].cause

    allocation = {"Amount": put["Amount"], "Date": "2026-11-20", "Invoice": {"InvoiceID": old["InvoiceID"]}}
    firm.office.ask("https://xero.invalid", "PUT", path, {"Allocations": [allocation]})
    firm.later()
    firm.sync()
    assert firm.waiting(DEAL) == {}


def test_a_credited_invoice_that_owes_again_beside_a_voided_new_one_ties_out_by_name(firm: Business) -> None:
    pay(firm, Decimal(100))
    accept(firm)
    firm.sync()
    old, new = old_and_new(firm)
    [payment] = old["Payments"]
    firm.office.ask("https://xero.invalid", "POST", f"/Payments/{payment['PaymentID']}", {"Status": "DELETED"})
    firm.in_xero("Invoices", InvoiceID=new["InvoiceID"], Status="AUTHORISED")
    firm.in_xero("Invoices", InvoiceID=new["InvoiceID"], Status="VOIDED")
    firm.later()
    firm.sync()

    result = firm.tie_out().result

    assert not result.unexplained
    kinds = {difference.kind for row in result.rows for difference in row.differences if difference.deal_name == DEAL}
    assert kinds == {"invoice_voided"}


def test_an_invoice_that_was_taken_back_is_not_taken_for_another_deals(firm: Business) -> None:
    before = firm.invoice_of(DEAL)
    pay(firm, Decimal(100))
    accept(firm)
    firm.sync()
    firm.later()
    firm.sync()
    lines = [{"code": "AUDIT", "Quantity": 1, "UnitPrice": before["SubTotal"]}]
    firm.win("Third audit", before["Contact"]["Name"], lines, CloseDate=before["DateString"][:10])
    firm.later()
    firm.sync()
    assert firm.waiting("Third audit") == {}
    assert firm.invoice_of("Third audit")["SubTotal"] == before["SubTotal"]


def test_an_invoice_by_hand_that_was_paid_in_advance_is_not_billed_again(firm: Business) -> None:
    customer = firm.invoice_of(DEAL)["Contact"]
    line = {"Description": "By hand", "Quantity": 1, "UnitAmount": 777, "AccountCode": "200", "TaxType": "OUTPUT"}
    about = {"Type": "ACCREC", "Status": "AUTHORISED", "Date": "2026-11-18", "DueDate": "2026-11-30"}
    contact = {"ContactID": customer["ContactID"]}
    [made] = firm.office.xero("PUT", "Invoices", [{**about, "Contact": contact, "LineItems": [line]}])
    prepay(firm, made)
    firm.later()
    firm.win("Third audit", customer["Name"], [{"code": "AUDIT", "Quantity": 1, "UnitPrice": 777}])
    firm.later()

    firm.sync()

    assert set(firm.waiting("Third audit")) == {"already_invoiced"}
    assert firm.invoices_of("Third audit") == []


def owed(firm: Business) -> Decimal:
    return Decimal(firm.invoices_of(DEAL)[0]["AmountDue"])


def prepay(firm: Business, invoice: dict[str, Any]) -> None:
    """The customer paid in advance; finance put that money against the invoice."""
    amount, day = invoice["AmountDue"], "2026-11-18"
    line = {"Description": "Paid in advance", "Quantity": 1, "UnitAmount": amount}
    contact = {"ContactID": invoice["Contact"]["ContactID"]}
    received = {"Type": "RECEIVE-OVERPAYMENT", "Contact": contact, "BankAccount": {"Code": "090"}, "Date": day}
    firm.office.xero("PUT", "BankTransactions", [{**received, "LineItems": [line]}])
    path = f"/Overpayments/{firm.see('Overpayments')['OverpaymentID']}/Allocations"
    allocation = {"Amount": amount, "Date": day, "Invoice": {"InvoiceID": invoice["InvoiceID"]}}
    firm.office.ask("https://xero.invalid", "PUT", path, {"Allocations": [allocation]})


def credit_by_hand(firm: Business, amount: Decimal, number: str = "") -> None:
    """Finance makes a credit note of its own and puts it against the invoice."""
    invoice = firm.invoices_of(DEAL)[0]
    [account] = {line["AccountCode"] for line in invoice["LineItems"]} or {"200"}
    line = {
        "Description": "credit",
        "Quantity": 1,
        "UnitAmount": amount,
        "AccountCode": account,
        "TaxType": "EXEMPTOUTPUT",
    }
    [note] = firm.office.xero(
        "PUT",
        "CreditNotes",
        [{
            "Type": "ACCRECCREDIT", "Contact": {"ContactID": invoice["Contact"]["ContactID"]}, "Date": "2026-11-18",
            "Status": "AUTHORISED", "LineItems": [line], "LineAmountTypes": "NoTax", "CreditNoteNumber": number or None,
        }],
    )  # fmt: skip
    allocation = {"Amount": amount, "Date": "2026-11-18", "Invoice": {"InvoiceID": invoice["InvoiceID"]}}
    path = f"/CreditNotes/{note['CreditNoteID']}/Allocations"
    firm.office.ask("https://xero.invalid", "PUT", path, {"Allocations": [allocation]})


@pytest.mark.promise("N-10", "F-17")
@pytest.mark.parametrize(
    ("act", "words"),
    [
        (lambda firm: pay(firm, owed(firm)), "paid in full"),
        (lambda firm: prepay(firm, firm.invoices_of(DEAL)[0]), "paid in full"),
        (lambda firm: credit_by_hand(firm, Decimal(5)), "something is credited"),
        (lambda firm: firm.lock("2026-12-31"), "locked up to 2026-12-31"),
        (lambda firm: firm.lock("2026-11-19"), "the new invoice would wait: Dated in a locked period"),
    ],
    ids=["paid", "paid in advance", "credited in part", "today is locked", "the close date is locked"],
)
def test_what_cannot_be_credited_is_left_alone_and_the_queue_says_why(
    firm: Business, act: Callable[[Business], None], words: str
) -> None:
    accept(firm)
    act(firm)
    assert to_xero(firm, firm.sync) == []
    assert words in firm.waiting(DEAL)["reissue_not_possible"].cause


def test_a_line_of_text_that_finance_added_hinders_no_credit(firm: Business) -> None:
    invoice = firm.invoice_of(DEAL)
    lines = [*({"LineItemID": line["LineItemID"]} for line in invoice["LineItems"]), {"Description": "Thank you"}]
    firm.in_xero("Invoices", InvoiceID=invoice["InvoiceID"], LineItems=lines)
    firm.later()
    firm.sync()
    accept(firm)
    firm.sync()
    assert_done_once(firm)


def test_what_stands_under_an_archived_option_is_credited_under_it_or_not_at_all(firm: Business) -> None:
    """Xero would drop the option, and the region keep a sale that was taken back."""
    invoice, region = firm.invoice_of(DEAL), firm.see("TrackingCategories")
    [option] = [each for each in region["Options"] if each["Name"] == "NSW"]
    [line] = invoice["LineItems"]
    tracked = {"LineItemID": line["LineItemID"], "Tracking": [{"Name": "Region", "Option": "NSW"}]}
    firm.in_xero("Invoices", InvoiceID=invoice["InvoiceID"], LineItems=[tracked])
    path = f"/TrackingCategories/{region['TrackingCategoryID']}/Options/{option['TrackingOptionID']}"
    firm.office.ask("https://xero.invalid", "POST", path, {"Status": "ARCHIVED"})
    firm.later(hours=25)
    firm.sync()
    accept(firm)
    firm.sync()
    assert notes(firm) == []
    assert "'NSW' is archived" in firm.waiting(DEAL)["reissue_not_possible"].cause

    firm.office.ask("https://xero.invalid", "POST", path, {"Status": "ACTIVE"})
    firm.later(hours=25)
    firm.sync()
    [note] = notes(firm)
    assert [each["Option"] for each in note["LineItems"][0]["Tracking"]] == ["NSW"]


@pytest.mark.parametrize("number", ["", "SF-D-00006-CR"], ids=["any number", "the number of the act's own"])
def test_where_finance_credited_it_by_hand_only_the_new_one_is_made(firm: Business, number: str) -> None:
    credit_by_hand(firm, Decimal(5), number)
    accept(firm)
    firm.sync()
    assert "credit the rest" in firm.waiting(DEAL)["reissue_not_possible"].cause
    credit_by_hand(firm, owed(firm))
    firm.later()
    firm.sync()
    assert len(notes(firm)) == 2
    assert [invoice["Status"] for invoice in old_and_new(firm)] == ["PAID", "DRAFT"]
    assert firm.waiting(DEAL) == {}


def test_where_an_invoice_by_hand_was_credited_as_the_entry_says_the_new_one_is_made(synced: Business) -> None:
    deal, *_ = case(2).deal_names
    synced.desk.link(synced.waiting(deal)["already_invoiced"].id)
    synced.sync()
    [line, *_] = synced.lines(deal)
    synced.edit("OpportunityLineItem", line["Id"], UnitPrice=line["UnitPrice"] + 1000)
    synced.later()
    synced.sync()
    synced.desk.reissue(synced.waiting(deal)["changed_after_approval"].id)
    synced.sync()
    assert "credit it in full in Xero" in synced.waiting(deal)["reissue_not_possible"].cause

    [by_hand] = [each for each in synced.invoices() if each["InvoiceNumber"] == "INV-0096"]
    credit(synced, by_hand)
    synced.later()
    synced.sync()

    assert synced.invoice_of(deal)["SubTotal"] == synced.deal(deal)["Amount"]
    assert synced.waiting(deal) == {}
    assert not synced.tie_out().result.unexplained


def test_what_finance_credits_of_an_invoice_whose_deal_came_to_be_worth_less_is_asked_about_no_more(
    firm: Business,
) -> None:
    [line, *_] = firm.lines(DEAL)
    firm.edit("OpportunityLineItem", line["Id"], UnitPrice=line["UnitPrice"] - 1500)  # 500 below the invoice
    credit_by_hand(firm, Decimal(300))
    firm.later()
    firm.sync()
    assert "changed_after_approval" in firm.waiting(DEAL)
    credit_by_hand(firm, Decimal(250))  # with the tax on 500
    firm.later()

    for _ in range(2):
        firm.sync()
        firm.later()
        assert {code: entry.weight for code, entry in firm.waiting(DEAL).items()} == {"draft_edited": "note"}
    assert not firm.tie_out().result.unexplained

    firm.edit("OpportunityLineItem", line["Id"], UnitPrice=line["UnitPrice"])
    firm.sync()
    assert "changed_after_approval" in firm.waiting(DEAL)


def test_an_answer_about_another_amount_lapses(firm: Business) -> None:
    accept(firm)
    raise_the_price(firm)
    assert to_xero(firm, firm.sync) == []
    assert set(firm.waiting(DEAL)) == {"changed_after_approval"}


def test_an_answer_stands_where_the_settings_come_to_read_another_field_of_its_deal(firm: Business) -> None:
    accept(firm)
    firm.set("when: IsWon", "when: \"AND(IsWon, NOT(Type = 'HOLD'))\"")
    assert firm.sync().reissued.credited == 1
    assert_done_once(firm)


def test_what_was_put_aside_is_seen_again_on_its_day(firm: Business) -> None:
    entry = firm.waiting(DEAL)["changed_after_approval"]
    day = firm.time.now.date() + timedelta(days=2)
    firm.desk.ignore(entry.id, reason="it is talked about", until=day)
    for comes_back in (False, True):
        firm.later(days=1)
        assert (entry.id in {each.id for each in firm.desk.entries()}) is comes_back


def test_what_was_put_aside_is_seen_again_once_it_is_about_another_amount(firm: Business) -> None:
    entry = firm.waiting(DEAL)["changed_after_approval"]
    firm.desk.ignore(entry.id, reason="billed by the parent company", until=date(2027, 1, 31))
    firm.later()
    firm.sync()
    assert entry.id not in {each.id for each in firm.desk.entries()}

    raise_the_price(firm)
    firm.later()
    firm.sync()

    [seen] = [each for each in firm.desk.entries() if each.id == entry.id]
    assert (seen.money.amount, seen.ignored_reason) == (Decimal(2000), "")


def test_who_puts_the_entry_aside_afterwards_has_taken_the_answer_back(firm: Business) -> None:
    accept(firm)
    entry = firm.waiting(DEAL)["changed_after_approval"]
    firm.desk.ignore(entry.id, reason="accepted the wrong one", until=date(2026, 12, 1))
    assert firm.plan_in_full()["taken_back"] == []
    assert to_xero(firm, firm.sync) == []


def test_only_a_changed_deal_can_be_reissued(firm: Business) -> None:
    other = next(entry for entry in firm.desk.entries(ignored=True) if entry.code != "changed_after_approval")
    with pytest.raises(NeedsPerson, match="changed deal"):
        firm.desk.reissue(other.id)


def test_a_new_invoice_that_must_wait_after_all_leaves_a_danger_record_that_says_so(firm: Business) -> None:
    accept(firm)

    firm.die_at("commit re-issue released done")
    firm.lock("2026-11-19")
    firm.later()
    firm.sync()
    waiting = firm.waiting(DEAL)
    assert {"reissue_unfinished", "locked_period"} <= set(waiting)
    assert "was taken back" in waiting["reissue_unfinished"].cause

    firm.lock("2026-10-31")
    firm.later()
    firm.sync()
    assert [invoice["Status"] for invoice in old_and_new(firm)] == ["PAID", "DRAFT"]
    assert firm.waiting(DEAL) == {}


def test_a_deal_that_is_lost_once_its_invoice_is_credited_shows_that_nothing_is_due(firm: Business) -> None:
    accept(firm)

    firm.die_at("commit re-issue released done")
    firm.edit("Opportunity", firm.deal(DEAL)["Id"], StageName="Closed Lost")
    firm.later()
    firm.sync()
    [old] = firm.invoices_of(DEAL)
    deal = firm.deal(DEAL)
    assert (deal["Xero_Status__c"], deal["Xero_Amount_Due__c"], deal["Xero_Invoice_Id__c"]) == (
        "Paid",
        0,
        old["InvoiceID"],
    )
    assert deal["Xero_Payment_Status__c"] == "Credited"
    assert firm.waiting(DEAL) == {}


def test_an_answer_lapses_with_the_invoice_that_it_was_about(firm: Business) -> None:
    accept(firm)
    firm.in_xero("Invoices", InvoiceID=firm.invoice_of(DEAL)["InvoiceID"], Status="VOIDED")
    assert to_xero(firm, firm.sync) == []
    assert set(firm.waiting(DEAL)) == {"invoice_voided"}


def lose_once(
    firm: Business, path: str, *, arrives: bool = False, meanwhile: Callable[[Business], None] = lambda _firm: None
) -> None:
    """The first write to this path gets no answer; what else happens before anybody looks."""
    lost: list[str] = []

    def lossy(request: httpx2.Request, carry: Carry) -> httpx2.Response:
        if request.method == "PUT" and request.url.path.endswith(f"/{path}") and not lost:
            lost.append(path)
            if arrives:
                carry(request)
            meanwhile(firm)
            raise httpx2.ReadTimeout("no answer", request=request)
        return carry(request)

    firm.carrier.intercept(lossy)


@pytest.mark.parametrize("arrives", [True, False], ids=["the answer is lost", "the request is lost"])
@pytest.mark.parametrize("path", ["CreditNotes", "Allocations"])
def test_a_lost_call_is_looked_up_and_nothing_is_made_twice(firm: Business, path: str, *, arrives: bool) -> None:
    accept(firm)
    lose_once(firm, path, arrives=arrives)
    firm.sync()
    assert_done_once(firm)


def test_what_is_paid_while_a_credit_is_lost_is_not_credited_as_well(firm: Business) -> None:
    accept(firm)
    lose_once(firm, "Allocations", meanwhile=lambda firm: pay(firm, Decimal(100)))
    firm.sync()
    old, new = old_and_new(firm)
    [note] = notes(firm)
    assert (old["Status"], old["AmountPaid"], new["Status"]) == ("PAID", 100, "DRAFT")
    assert note["RemainingCredit"] == 100
    [lost] = [entry for entry in firm.history(DEAL) if entry.action == "answer lost to allocate CreditNote"]
    assert Decimal(str(lost.body["gross"])) == old["Total"]


def test_what_is_refused_after_a_lost_call_is_named_and_not_sent_run_after_run(firm: Business) -> None:
    accept(firm)
    lose_once(firm, "CreditNotes", meanwhile=lambda firm: firm.lock("2026-12-31"))
    firm.sync()
    assert notes(firm) == []
    firm.later()
    assert to_xero(firm, firm.sync) == []
    [dropped] = [entry for entry in firm.history(DEAL) if entry.action == "re-issue dropped"]
    assert "lock" in str(dropped.body["because"])


def test_an_act_that_xero_stops_at_its_first_write_says_why_and_goes_when_it_is_asked_again(firm: Business) -> None:
    accept(firm)
    firm.database.seam = lambda name: firm.lock("2026-12-31") if name == "commit re-issue begun done" else None
    firm.sync()
    firm.database.seam = lambda _name: None
    assert "lock" in firm.waiting(DEAL)["reissue_not_possible"].cause

    firm.lock("2026-10-31")
    firm.later()
    assert to_xero(firm, firm.sync) == []
    assert "lock" in firm.waiting(DEAL)["reissue_not_possible"].cause
    accept(firm)
    firm.sync()
    assert_done_once(firm)


def assert_done_once(firm: Business) -> None:
    old, new = old_and_new(firm)
    [note] = notes(firm)
    assert (old["AmountDue"], old["AmountCredited"], note["RemainingCredit"], new["Status"]) == (
        0,
        old["Total"],
        0,
        "DRAFT",
    )
    assert len(note["Allocations"]) == 1
    actions = [entry.action for entry in firm.history(DEAL)]
    assert [actions.count(action) for action in ("make CreditNote", "allocate CreditNote", "re-issue done")] == [
        1,
        1,
        1,
    ]
    assert firm.waiting(DEAL) == {}


@pytest.mark.parametrize("side", ["begins", "done"])
@pytest.mark.parametrize("nth", [1, 2])
@pytest.mark.parametrize(
    "place",
    [
        "re-issue begun",
        "re-issue intent",
        "re-issue call",
        "re-issue call ended",
        "re-issue seen",
        "re-issue released",
        "re-issue done",
        "reserve",
    ],
)
def test_a_kill_at_any_point_is_gone_on_with(firm: Business, place: str, nth: int, side: str) -> None:
    accept(firm)
    met = 0

    def seam(name: str) -> None:
        nonlocal met
        met += name == f"commit {place} {side}"
        if met == nth:
            raise KilledError(name)

    firm.database.seam = seam
    try:
        firm.sync()
    except KilledError:
        firm.database.seam = lambda _name: None
        firm.later(minutes=20)
        firm.sync()
        firm.later()
        firm.sync()
    assert met or nth > 1
    assert_done_once(firm)


def test_who_asks_again_while_it_is_under_way_is_answered_already(firm: Business) -> None:
    accept(firm)

    firm.die_at("commit re-issue call done")
    accept(firm)
    firm.later(minutes=20)
    firm.sync()
    assert_done_once(firm)


@pytest.mark.parametrize("stage", ["begun", "released"])
def test_a_start_date_that_is_moved_behind_the_deal_leaves_no_credit_without_its_new_invoice(
    firm: Business, stage: str
) -> None:
    accept(firm)
    firm.die_at(f"commit re-issue {stage} done")
    firm.set("start_date: 2026-11-01", "start_date: 2026-11-19")
    firm.later()

    firm.sync()

    old, new = old_and_new(firm)
    assert (old["AmountCredited"], new["Status"], new["SubTotal"]) == (old["Total"], "DRAFT", firm.deal(DEAL)["Amount"])
    assert len(notes(firm)) == 1
    assert "reissue_unfinished" not in firm.waiting(DEAL)
