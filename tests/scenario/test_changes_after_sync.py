"""What becomes of an invoice when its deal is lost, won back or deleted afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx2
import pytest

from crossfoot.core.errors import NeedsPerson
from crossfoot.emulators.scenario import find_scenario

from .business import URLS, Business, Carry, Stage, found

DRAFT, APPROVED = "Annual audit", "Second audit"
SOLD = ("Description", "Quantity", "UnitAmount", "AccountCode", "TaxType")
SMALL_FIRM = Path(__file__).parents[1] / "acceptance" / "small_firm.yaml"


@pytest.fixture(scope="session")
def billed_stage(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """A small firm after its first sync, one invoice approved and one still a draft."""
    stage = found(find_scenario(str(SMALL_FIRM)), tmp_path_factory.mktemp("small firm"), date(2026, 11, 1))
    firm = Business(stage, tmp_path_factory.mktemp("billed"))
    firm.sync()
    firm.approve(APPROVED)
    return firm.freeze()


@pytest.fixture
def firm(billed_stage: Stage, tmp_path: Path) -> Iterator[Business]:
    opened = Business(billed_stage, tmp_path)
    yield opened
    opened.close()


def lose(firm: Business, deal: str) -> None:
    firm.edit("Opportunity", firm.deal(deal)["Id"], StageName="Closed Lost")


def ask_to_cancel(firm: Business, deal: str) -> None:
    firm.sync()
    firm.desk.cancel(firm.waiting(deal)["no_longer_won"].id)
    firm.later()


def status_of(firm: Business, deal: str) -> str:
    [invoice] = firm.invoices_of(deal)
    return str(invoice["Status"])


@pytest.mark.parametrize(("deal", "how"), [(DRAFT, "deleted"), (APPROVED, "voided")])
def test_a_plan_says_what_would_be_taken_back(firm: Business, deal: str, how: str) -> None:
    lose(firm, deal)
    ask_to_cancel(firm, deal)
    [taken] = firm.plan_in_full()["taken_back"]
    assert (taken["name"], taken["how"]) == (deal, how)
    assert "1 invoice would be taken back" in firm.plan_in_words()


@pytest.mark.parametrize("deal", [DRAFT, APPROVED])
def test_nothing_is_taken_back_unasked(firm: Business, deal: str) -> None:
    lose(firm, deal)
    assert not [call for call in firm.writes_during(firm.sync) if call.startswith("xero")]
    assert "no_longer_won" in firm.waiting(deal)


@pytest.mark.promise("F-18")
@pytest.mark.parametrize(("deal", "status", "shown"), [(DRAFT, "DELETED", "Deleted"), (APPROVED, "VOIDED", "Voided")])
def test_what_a_person_asks_for_is_taken_back_once(firm: Business, deal: str, status: str, shown: str) -> None:
    lose(firm, deal)
    ask_to_cancel(firm, deal)
    firm.sync()
    assert status_of(firm, deal) == status
    assert firm.deal(deal)["Xero_Status__c"] == shown
    assert not firm.waiting(deal)
    [entry] = [each for each in firm.history(deal) if each.action in {"delete Invoice", "void Invoice"}]
    assert str(entry.body["reason"]).startswith("asked for")
    firm.later()
    assert firm.writes_during(firm.sync) == []


def take_back(firm: Business, deal: str) -> None:
    ask_to_cancel(firm, deal)
    firm.sync()


def delete_by_hand(firm: Business, deal: str) -> None:
    firm.in_xero("Invoices", InvoiceID=firm.invoice_of(deal)["InvoiceID"], Status="DELETED")


@pytest.mark.parametrize("end", [take_back, delete_by_hand])
def test_a_lost_deal_without_an_invoice_has_nothing_left_to_invoice(
    firm: Business, end: Callable[[Business, str], None]
) -> None:
    lose(firm, DRAFT)
    end(firm, DRAFT)
    firm.later()
    firm.sync()
    shown = "Xero_Sync_State__c, Xero_Drafted__c, Xero_Invoiced__c, Xero_Uninvoiced__c"
    [row] = firm.soql(f"SELECT {shown} FROM Opportunity WHERE Name = '{DRAFT}'")
    assert [row[name] for name in shown.split(", ")] == ["Nothing to invoice", 0, 0, 0]
    assert firm.bucket(DRAFT) == "not won"


def test_a_deal_that_waited_and_is_lost_waits_for_nothing(synced: Business) -> None:
    deal, shown = "Wollemi Laboratories - Stocktake with samples", "Xero_Sync_State__c, Xero_Uninvoiced__c"
    query = f"SELECT {shown}, Xero_Last_Error__c FROM Opportunity WHERE Name = '{deal}'"
    assert synced.soql(query)[0]["Xero_Sync_State__c"] == "Waiting"
    lose(synced, deal)
    synced.later()
    synced.sync()
    [row] = synced.soql(query)
    assert [row[name] for name in (*shown.split(", "), "Xero_Last_Error__c")] == ["Nothing to invoice", 0, None]


@pytest.mark.parametrize("deal", [DRAFT, APPROVED])
def test_who_puts_the_entry_aside_afterwards_has_taken_the_answer_back(firm: Business, deal: str) -> None:
    lose(firm, deal)
    before = status_of(firm, deal)
    ask_to_cancel(firm, deal)
    firm.desk.ignore(firm.waiting(deal)["no_longer_won"].id, reason="the wrong one", until=date(2026, 12, 1))
    assert firm.sync().cancelled.writes == 0
    assert status_of(firm, deal) == before


def test_what_finance_voided_is_not_billed_again_by_trying_everything_again(firm: Business) -> None:
    firm.in_xero("Invoices", InvoiceID=firm.invoice_of(APPROVED)["InvoiceID"], Status="VOIDED")
    firm.later()
    firm.sync()
    for many in ({"everything": True}, {"owner": "Finance"}):
        assert "invoice_voided" not in {entry.code for entry in firm.desk.retry_many(**many)}
        firm.later()
        assert firm.sync().applied.created == 0
    assert [entry.code for entry in firm.desk.retry_many(code="invoice_voided")] == ["invoice_voided"]
    firm.later()
    assert firm.sync().applied.created == 1


def make_worthless(firm: Business, deal: str) -> None:
    for line in firm.lines(deal):
        firm.office.salesforce("DELETE", f"/sobjects/OpportunityLineItem/{line['Id']}")
    firm.edit("Opportunity", firm.deal(deal)["Id"], Amount=0)


def credit_by_hand(firm: Business, deal: str) -> None:
    credit(firm, firm.invoice_of(deal))


def credit(firm: Business, invoice: Mapping[str, Any]) -> None:
    lines = [{name: line[name] for name in SOLD} for line in invoice["LineItems"]]
    about = {"Type": "ACCRECCREDIT", "Contact": {"ContactID": invoice["Contact"]["ContactID"]}, "Status": "AUTHORISED"}
    [note] = firm.office.xero("PUT", "CreditNotes", [{**about, "Date": "2026-11-20", "LineItems": lines}])
    allocation = {"Invoice": {"InvoiceID": invoice["InvoiceID"]}, "Amount": invoice["Total"], "Date": "2026-11-20"}
    path = f"/CreditNotes/{note['CreditNoteID']}/Allocations"
    firm.office.ask(URLS["xero"], "PUT", path, {"Allocations": [allocation]})


@pytest.mark.parametrize(
    ("change", "deal", "end", "bucket"),
    [
        (lose, APPROVED, credit_by_hand, "not won"),
        (make_worthless, APPROVED, credit_by_hand, "not billable"),
        (make_worthless, DRAFT, delete_by_hand, "not billable"),
    ],
)
def test_nothing_is_asked_of_a_deal_that_calls_for_no_invoice_once_finance_took_it_back(
    firm: Business,
    change: Callable[[Business, str], None],
    deal: str,
    end: Callable[[Business, str], None],
    bucket: str,
) -> None:
    change(firm, deal)
    firm.sync()
    assert firm.waiting(deal)
    end(firm, deal)
    for _ in range(2):
        firm.later()
        firm.sync()
    assert (firm.waiting(deal), firm.bucket(deal)) == ({}, bucket)
    assert not firm.tie_out().result.unexplained


def win_again(firm: Business, deal: str) -> None:
    firm.edit("Opportunity", firm.deal(deal)["Id"], StageName="Closed Won")


def fill_again(firm: Business, deal: str) -> None:
    firm.edit("Opportunity", firm.deal(deal)["Id"], Amount=8600)


def see(firm: Business) -> None:
    firm.later()
    firm.sync()
    firm.later()


@pytest.mark.parametrize(("end", "begin"), [(lose, win_again), (make_worthless, fill_again)])
@pytest.mark.parametrize("days", [0, 3])
def test_a_deal_that_calls_for_an_invoice_again_after_its_own_was_credited_waits_for_a_person(
    firm: Business, end: Callable[[Business, str], None], begin: Callable[[Business, str], None], days: int
) -> None:
    end(firm, APPROVED)
    credit_by_hand(firm, APPROVED)
    see(firm)
    firm.later(days=days)
    begin(firm, APPROVED)
    for _ in range(2):
        see(firm)
        assert (set(firm.waiting(APPROVED)), firm.bucket(APPROVED)) == ({"invoice_voided"}, "waiting")

    firm.desk.retry(firm.waiting(APPROVED)["invoice_voided"].id)
    see(firm)

    old, new = firm.invoices_of(APPROVED)
    assert (old["Status"], new["Status"], new["InvoiceNumber"]) == ("PAID", "DRAFT", f"{old['InvoiceNumber']}-2")
    assert not [code for code, entry in firm.waiting(APPROVED).items() if entry.weight == "waits"]
    assert not firm.tie_out().result.unexplained


def test_a_deal_that_was_lost_credited_and_won_again_between_two_runs_waits_for_a_person(firm: Business) -> None:
    lose(firm, APPROVED)
    credit_by_hand(firm, APPROVED)
    firm.later()
    win_again(firm, APPROVED)
    see(firm)
    assert set(firm.waiting(APPROVED)) == {"invoice_voided"}


def test_an_invoice_that_finance_wrote_off_is_asked_about_neither_then_nor_when_its_deal_is_renamed(
    firm: Business,
) -> None:
    credit_by_hand(firm, APPROVED)
    see(firm)
    assert firm.waiting(APPROVED) == {}
    firm.edit("Opportunity", firm.deal(APPROVED)["Id"], Name="Second audit of the year")
    see(firm)
    assert firm.waiting("Second audit of the year") == {}


@pytest.mark.parametrize(("deal", "status"), [(DRAFT, "DELETED"), (APPROVED, "VOIDED")])
def test_the_invoice_of_a_deal_that_came_to_nothing_is_taken_back_when_asked_alone(
    firm: Business, deal: str, status: str
) -> None:
    firm.set("policy:\n", "policy:\n  cancel: delete_drafts\n")
    make_worthless(firm, deal)
    see(firm)
    assert list(firm.waiting(deal)) == ["worth_nothing"]
    assert status_of(firm, deal) != status

    firm.desk.cancel(firm.waiting(deal)["worth_nothing"].id)
    see(firm)

    assert (status_of(firm, deal), firm.waiting(deal), firm.bucket(deal)) == (status, {}, "not billable")
    assert not firm.tie_out().result.unexplained


def test_a_draft_stays_its_deals_where_products_were_taken_off_and_others_put_on(firm: Business) -> None:
    make_worthless(firm, DRAFT)
    see(firm)
    firm.desk.cancel(firm.waiting(DRAFT)["worth_nothing"].id)
    firm.edit("Opportunity", firm.deal(DRAFT)["Id"], Amount=70)
    see(firm)
    assert (firm.invoice_of(DRAFT)["Status"], firm.invoice_of(DRAFT)["SubTotal"]) == ("DRAFT", 70)


@pytest.mark.promise("F-18")
def test_a_deal_won_back_waits_for_a_person_and_gets_the_next_number(firm: Business) -> None:
    lose(firm, APPROVED)
    ask_to_cancel(firm, APPROVED)
    firm.sync()
    firm.edit("Opportunity", firm.deal(APPROVED)["Id"], StageName="Closed Won")
    firm.later()
    firm.sync()
    assert [invoice["Status"] for invoice in firm.invoices_of(APPROVED)] == ["VOIDED"]
    firm.desk.retry(firm.waiting(APPROVED)["invoice_voided"].id)
    firm.later()
    firm.sync()
    first, second = sorted(firm.invoices_of(APPROVED), key=lambda invoice: str(invoice["InvoiceNumber"]))
    assert (first["Status"], second["Status"]) == ("VOIDED", "DRAFT")
    assert second["InvoiceNumber"] != first["InvoiceNumber"]


def test_an_answer_that_is_given_once_more_leaves_the_new_invoice_alone(firm: Business) -> None:
    firm.in_xero("Invoices", InvoiceID=firm.invoice_of(APPROVED)["InvoiceID"], Status="VOIDED")
    firm.sync()
    asked = firm.waiting(APPROVED)["invoice_voided"].id
    firm.desk.retry(asked)
    firm.later()
    firm.sync()
    assert firm.invoice_of(APPROVED)["Status"] == "DRAFT"

    with pytest.raises(NeedsPerson, match="settled already"):
        firm.desk.retry(asked)

    firm.later()
    assert firm.sync().writes == 0
    assert firm.waiting(APPROVED) == {}


def test_who_answers_while_the_same_answer_is_carried_out_is_told_that_it_is_settled(firm: Business) -> None:
    firm.in_xero("Invoices", InvoiceID=firm.invoice_of(APPROVED)["InvoiceID"], Status="VOIDED")
    firm.sync()
    asked = firm.waiting(APPROVED)["invoice_voided"].id

    def somebody_else_was_first(name: str) -> None:
        if name == "commit retry begins":
            firm.database.seam = lambda _name: None
            firm.desk.retry(asked)
            firm.later()
            firm.sync()

    firm.database.seam = somebody_else_was_first
    with pytest.raises(NeedsPerson, match="settled already"):
        firm.desk.retry(asked)
    firm.later()
    assert firm.sync().writes == 0
    assert (firm.waiting(APPROVED), firm.invoice_of(APPROVED)["Status"]) == ({}, "DRAFT")


def test_trying_all_again_passes_over_what_is_settled_meanwhile(firm: Business) -> None:
    first, second, *others = firm.desk.entries()

    def settle_the_next(name: str) -> None:
        if name == "commit retry done":
            firm.database.seam = lambda _name: None
            firm.desk.retry(second.id)

    firm.database.seam = settle_the_next
    assert [each.id for each in firm.desk.retry_many(everything=True)] == [first.id, *(each.id for each in others)]


def test_an_answer_does_not_outlive_its_question(firm: Business) -> None:
    lose(firm, APPROVED)
    ask_to_cancel(firm, APPROVED)
    firm.edit("Opportunity", firm.deal(APPROVED)["Id"], StageName="Closed Won")
    firm.sync()
    lose(firm, APPROVED)
    firm.later()
    firm.sync()
    assert status_of(firm, APPROVED) == "AUTHORISED"
    assert "no_longer_won" in firm.waiting(APPROVED)


def pay_a_little(firm: Business) -> None:
    invoice = {"InvoiceID": firm.invoice_of(APPROVED)["InvoiceID"]}
    payment = {"Invoice": invoice, "Account": {"Code": "090"}, "Date": "2026-11-18", "Amount": Decimal(1)}
    firm.office.xero("PUT", "Payments", [payment])


@pytest.mark.promise("F-18")
@pytest.mark.parametrize(
    ("act", "words"),
    [(pay_a_little, "money is on it"), (lambda firm: firm.lock("2026-11-18"), "locked")],
    ids=["paid in part", "locked"],
)
def test_what_is_paid_or_locked_stays_and_the_queue_says_why(
    firm: Business, act: Callable[[Business], None], words: str
) -> None:
    lose(firm, APPROVED)
    ask_to_cancel(firm, APPROVED)
    act(firm)
    assert not [call for call in firm.writes_during(firm.sync) if call.startswith("xero")]
    assert status_of(firm, APPROVED) == "AUTHORISED"
    assert words in firm.waiting(APPROVED)["cancel_not_possible"].cause


def test_a_paid_invoice_of_a_lost_deal_is_voided_once_its_payment_is_taken_off_as_the_words_say(firm: Business) -> None:
    lose(firm, APPROVED)
    ask_to_cancel(firm, APPROVED)
    pay_a_little(firm)
    firm.sync()
    assert "take that off it" in firm.waiting(APPROVED)["cancel_not_possible"].cause

    [payment] = firm.invoice_of(APPROVED)["Payments"]
    firm.office.ask(URLS["xero"], "POST", f"/Payments/{payment['PaymentID']}", {"Status": "DELETED"})
    firm.later()
    firm.sync()
    assert (status_of(firm, APPROVED), firm.waiting(APPROVED)) == ("VOIDED", {})


def test_what_cannot_be_taken_back_is_asked_once_and_closes_with_its_question(firm: Business) -> None:
    lose(firm, APPROVED)
    ask_to_cancel(firm, APPROVED)
    pay_a_little(firm)
    firm.sync()
    asked = firm.waiting(APPROVED)["cancel_not_possible"].id
    firm.later()
    assert firm.writes_during(firm.sync) == []
    assert firm.waiting(APPROVED)["cancel_not_possible"].id == asked
    firm.edit("Opportunity", firm.deal(APPROVED)["Id"], StageName="Closed Won")
    firm.later()
    firm.sync()
    assert not firm.waiting(APPROVED)


def test_by_policy_only_untouched_drafts_go_unasked(firm: Business) -> None:
    firm.set("policy:\n", "policy:\n  cancel: delete_drafts\n")
    for deal in (DRAFT, APPROVED):
        lose(firm, deal)
    report = firm.sync()
    assert (report.cancelled.deleted, report.cancelled.voided) == (1, 0)
    assert (status_of(firm, DRAFT), status_of(firm, APPROVED)) == ("DELETED", "AUTHORISED")


def test_a_draft_that_finance_edited_stays(firm: Business) -> None:
    firm.set("policy:\n", "policy:\n  cancel: delete_drafts\n")
    firm.in_xero("Invoices", InvoiceID=firm.invoice_of(DRAFT)["InvoiceID"], Reference="as agreed by phone")
    lose(firm, DRAFT)
    assert firm.sync().cancelled.writes == 0
    assert status_of(firm, DRAFT) == "DRAFT"


def test_the_brake_holds_deletions_by_policy(firm: Business) -> None:
    firm.set("policy:\n", "policy:\n  cancel: delete_drafts\n")
    firm.set("changes: 10", "changes: 0, on_test_pair: true")
    lose(firm, DRAFT)
    report = firm.sync()
    assert report.cancelled.writes == 0
    assert "brake holds deletions" in report.warning
    assert status_of(firm, DRAFT) == "DRAFT"


@pytest.mark.parametrize("arrives", [True, False], ids=["the answer is lost", "the request is lost"])
def test_a_void_without_an_answer_is_looked_up(firm: Business, arrives: bool) -> None:
    lose(firm, APPROVED)
    ask_to_cancel(firm, APPROVED)
    lost: list[str] = []

    def lose_once(request: httpx2.Request, carry: Carry) -> httpx2.Response:
        if request.method == "POST" and request.url.path.endswith("/Invoices") and not lost:
            lost.append(request.url.path)
            if arrives:
                carry(request)
            raise httpx2.ReadTimeout("no answer", request=request)
        return carry(request)

    firm.carrier.intercept(lose_once)
    assert firm.sync().cancelled.voided == int(arrives)
    firm.later()
    firm.sync()
    assert status_of(firm, APPROVED) == "VOIDED"
    assert len([each for each in firm.history(APPROVED) if each.action == "void Invoice"]) == 1


def test_a_lock_that_was_set_since_the_run_began_is_seen_before_an_invoice_is_voided(firm: Business) -> None:
    lose(firm, APPROVED)
    ask_to_cancel(firm, APPROVED)

    def lock_while_reading(request: httpx2.Request, carry: Carry) -> httpx2.Response:
        if request.url.path.endswith("/CreditNotes"):
            firm.lock("2026-11-19")
            firm.later(seconds=20)
        return carry(request)

    firm.carrier.intercept(lock_while_reading)
    assert [call for call in firm.writes_during(firm.sync) if call.startswith("xero POST")] == []
    assert "locked up to 2026-11-19" in firm.waiting(APPROVED)["cancel_not_possible"].cause


def test_a_void_that_xero_refused_is_sent_again_when_it_is_asked_for_again_or_next_day(firm: Business) -> None:
    """Run after run it would use up the day's calls, and a deletion by policy what the brake lets through."""
    lose(firm, APPROVED)
    ask_to_cancel(firm, APPROVED)
    firm.database.seam = lambda name: firm.lock("2026-11-18") if name == "commit status intent done" else None
    firm.sync()
    firm.database.seam = lambda _name: None
    firm.lock("2026-10-31")
    firm.later()
    assert not [call for call in firm.writes_during(firm.sync) if call.startswith("xero")]
    assert "lock" in firm.waiting(APPROVED)["cancel_not_possible"].cause

    ask_to_cancel(firm, APPROVED)
    firm.sync()
    assert (status_of(firm, APPROVED), firm.waiting(APPROVED)) == ("VOIDED", {})


def test_only_a_lost_deal_can_be_cancelled(firm: Business) -> None:
    entry = next(iter(firm.desk.entries()))
    with pytest.raises(NeedsPerson, match="lost"):
        firm.desk.cancel(entry.id)


@pytest.mark.parametrize(
    "place",
    [
        "commit status intent begins",
        "commit status intent done",
        "commit status outcome begins",
        "commit status outcome done",
    ],
)
def test_a_kill_leaves_one_void_and_one_entry_of_the_audit_log(firm: Business, place: str) -> None:
    lose(firm, APPROVED)
    ask_to_cancel(firm, APPROVED)

    firm.die_at(place)
    firm.later()
    firm.sync()
    assert status_of(firm, APPROVED) == "VOIDED"
    assert len([each for each in firm.history(APPROVED) if each.action == "void Invoice"]) == 1


def test_a_draft_whose_deal_went_to_another_customer_is_made_anew_as_the_entry_says(firm: Business) -> None:
    deal, draft = firm.deal(DRAFT), firm.invoice_of(DRAFT)
    [other] = firm.soql(f"SELECT Id, Name FROM Account WHERE Id != '{deal['AccountId']}' ORDER BY Name LIMIT 1")
    firm.edit("Opportunity", deal["Id"], AccountId=other["Id"])
    firm.sync()
    assert "Delete the draft in Xero" in firm.waiting(DRAFT)["changed_after_approval"].fix

    firm.in_xero("Invoices", InvoiceID=draft["InvoiceID"], Status="DELETED")
    firm.later()
    firm.sync()
    firm.desk.retry(firm.waiting(DRAFT)["invoice_voided"].id)
    firm.later()
    firm.sync()

    anew = firm.invoice_of(DRAFT)
    assert (anew["Status"], anew["Contact"]["Name"]) == ("DRAFT", other["Name"])
    assert anew["InvoiceNumber"] != draft["InvoiceNumber"]
    assert not firm.waiting(DRAFT)


@pytest.mark.parametrize("looked_between", [True, False])
def test_a_draft_whose_customer_was_merged_in_xero_is_nobodys_edit_and_still_follows_its_deal(
    firm: Business, looked_between: bool
) -> None:
    customer = firm.invoice_of(DRAFT)["Contact"]["ContactID"]
    stands = firm.in_xero("Contacts", Name="Who stands")["ContactID"]
    firm.later()
    firm.sync()
    firm.office.ask(URLS["xero"], "POST", f"/Contacts/{customer}/merge", {"Into": stands})
    firm.later()
    if looked_between:
        firm.sync()
        firm.later()
        assert not firm.waiting(DRAFT)

    [line, *_] = firm.lines(DRAFT)
    firm.edit("OpportunityLineItem", line["Id"], Quantity=3, UnitPrice=line["UnitPrice"])
    assert firm.sync().applied.updated == 1

    draft = firm.invoice_of(DRAFT)
    assert (draft["LineItems"][0]["Quantity"], draft["Contact"]["ContactID"]) == (3, stands)
    assert not firm.waiting(DRAFT)


def test_a_draft_that_was_edited_before_its_customer_was_merged_stays_a_persons(firm: Business) -> None:
    draft = firm.invoice_of(DRAFT)
    firm.in_xero("Invoices", InvoiceID=draft["InvoiceID"], Reference="as the customer wants it")
    stands = firm.in_xero("Contacts", Name="Who stands")["ContactID"]
    firm.later()
    firm.sync()
    firm.office.ask(URLS["xero"], "POST", f"/Contacts/{draft['Contact']['ContactID']}/merge", {"Into": stands})
    firm.later()
    firm.sync()
    assert "draft_edited" in firm.waiting(DRAFT)


@pytest.mark.parametrize("end", ["voided", "credited"])
def test_where_two_invoices_name_a_deal_and_its_own_was_the_wrong_one_the_other_becomes_its_own(
    firm: Business, end: str
) -> None:
    own = firm.invoice_of(APPROVED)
    [twin] = firm.office.xero("PUT", "Invoices", [_again(own)])
    firm.sync()
    assert firm.waiting(APPROVED).keys() == {"duplicate_incident"}
    if end == "voided":
        firm.in_xero("Invoices", InvoiceID=own["InvoiceID"], Status="VOIDED")
    else:
        credit(firm, own)
    firm.later()
    firm.sync()
    asked = firm.waiting(APPROVED)["invoice_voided"]
    assert (len(firm.waiting(APPROVED)), firm.bucket(APPROVED)) == (1, "waiting")
    assert "asks whether TWIN-1 is the deal's invoice" in asked.fix

    firm.desk.retry(asked.id)
    firm.later()
    assert firm.sync().applied.created == 0
    firm.desk.link(firm.waiting(APPROVED)["already_invoiced"].id)
    firm.later()
    firm.sync()

    assert (firm.waiting(APPROVED), firm.bucket(APPROVED)) == ({}, "linked")
    assert firm.deal(APPROVED)["Xero_Invoice_Number__c"] == twin["InvoiceNumber"]
    assert not firm.tie_out().result.unexplained


def _again(invoice: Mapping[str, Any]) -> dict[str, Any]:
    """The same once more, as somebody keys it by hand."""
    lines = [{name: line[name] for name in SOLD} for line in invoice["LineItems"]]
    about = {"Type": "ACCREC", "InvoiceNumber": "TWIN-1", "Date": "2026-11-18", "DueDate": "2026-11-30"}
    contact = {"ContactID": invoice["Contact"]["ContactID"]}
    return {**about, "Url": invoice["Url"], "Contact": contact, "Status": "AUTHORISED", "LineItems": lines}


@pytest.fixture
def free_of_charge(firm: Business) -> Business:
    """A deal whose lines make up for each other, and its approved invoice of nothing."""
    lines = [{"code": "AUDIT", "Quantity": 1, "UnitPrice": 100}, {"code": "HOUR", "Quantity": 1, "UnitPrice": -100}]
    firm.win("Goodwill", "Acme", lines)
    firm.sync()
    firm.approve("Goodwill")
    assert [(each["Total"], each["Status"]) for each in firm.invoices_of("Goodwill")] == [(0, "PAID")]
    return firm


def test_an_invoice_of_nothing_is_made_anew_without_a_credit_note_once_its_deal_is_worth_something(
    free_of_charge: Business,
) -> None:
    firm = free_of_charge
    [line, _] = firm.lines("Goodwill")
    firm.edit("OpportunityLineItem", line["Id"], UnitPrice=line["UnitPrice"] + 200)
    firm.sync()
    firm.desk.reissue(firm.waiting("Goodwill")["changed_after_approval"].id)
    for _ in range(2):
        firm.later()
        firm.sync()
        assert firm.waiting("Goodwill") == {}
    assert sorted(each["SubTotal"] for each in firm.invoices_of("Goodwill")) == [0, 200]
    assert not [row.differences for row in firm.tie_out().result.rows if "Goodwill" in str(row.differences)]


def test_nothing_is_asked_of_a_lost_deal_whose_invoice_comes_to_nothing(free_of_charge: Business) -> None:
    lose(free_of_charge, "Goodwill")
    free_of_charge.sync()
    assert free_of_charge.waiting("Goodwill") == {}
