"""Payments that people record in Salesforce: made once in Xero whatever is lost on the way, never a second time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import pytest

from crossfoot.emulators.scenario import find_scenario
from crossfoot.engine.reading.observe import ENTERED
from crossfoot.engine.runs import sync
from crossfoot.engine.writing.landing import LANDS_WITHIN
from crossfoot.store.database import open_memory
from crossfoot.store.lookups import find_candidates

from .business import URLS, Business, Carry, KilledError, Stage, found

FLOW = """
  payments:
    fields: {Invoice: Xero_Invoice__r.Xero_Key__c, Amount: Amount__c, Date: Date__c, Currency: CurrencyIsoCode,
      Account: "'090'", Reference: Reference__c, Name: Name}
"""
DEAL, OTHER_DEAL = "Annual audit", "Second audit"
SMALL_FIRM = Path(__file__).parents[1] / "acceptance" / "small_firm.yaml"


@dataclass
class Counter:
    """The firm, one of its approved invoices, and a person who records that its customer paid."""

    firm: Business
    invoice_id: str
    record_id: str

    def record(self, amount: str, dated: str = "2026-11-18", **fields: Any) -> str:
        """Somebody enters a payment row. Returns its id."""
        row = {
            "Name": "Cheque 1001",
            "Xero_Invoice__c": self.record_id,
            "Amount__c": Decimal(amount),
            "Date__c": dated,
            "CurrencyIsoCode": "AUD",
            "Reference__c": "cheque",
            **fields,
        }
        row_id: str = self.firm.office.salesforce("POST", "/sobjects/Xero_Payment__c", row)["id"]
        return row_id

    def row(self, row_id: str) -> dict[str, Any]:
        """A payment row as it stands."""
        fields = "Id, Xero_Key__c, Payment_Id__c, Status__c, Amount__c"
        [row] = self.firm.soql(f"SELECT {fields} FROM Xero_Payment__c WHERE Id = '{row_id}'")
        return row

    def rows(self) -> list[dict[str, Any]]:
        """The payment rows of the invoice."""
        return self.firm.soql(f"SELECT Id FROM Xero_Payment__c WHERE Xero_Invoice__c = '{self.record_id}'")

    def invoice(self) -> dict[str, Any]:
        """The invoice in Xero."""
        return self.firm.see("Invoices", self.invoice_id)

    def payments(self) -> list[Decimal]:
        """The amounts paid on it."""
        return sorted(payment["Amount"] for payment in self.invoice()["Payments"])

    def waits(self, row_id: str) -> set[str]:
        """Why a row waits."""
        return {entry.code for entry in self.firm.desk.entries(ignored=True) if entry.record.id == row_id}


@pytest.fixture(scope="session")
def approved_stage(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """A small firm after its first sync, with payments switched on and two invoices approved."""
    scenario = find_scenario(str(SMALL_FIRM))
    stage = found(scenario, tmp_path_factory.mktemp("small"), date(2026, 11, 1))
    firm = Business(stage, tmp_path_factory.mktemp("approved"))
    firm.settings += FLOW
    firm.sync()
    firm.approve(DEAL, OTHER_DEAL)
    return firm.freeze()


@pytest.fixture
def counter(approved_stage: Stage, tmp_path: Path) -> Iterator[Counter]:
    yield from open_counter(approved_stage, tmp_path)


def open_counter(stage: Stage, directory: Path) -> Iterator[Counter]:
    firm = Business(stage, directory)
    yield counter_for(firm, DEAL)
    firm.close()


def counter_for(firm: Business, deal: str) -> Counter:
    """The desk at which payments of one deal's invoice are recorded."""
    invoice_id = firm.invoice_of(deal)["InvoiceID"]
    [row] = firm.soql(f"SELECT Id FROM Xero_Invoice__c WHERE Invoice_Id__c = '{invoice_id}'")
    return Counter(firm, invoice_id, row["Id"])


def test_a_recorded_payment_is_made_once_and_its_row_says_so(counter: Counter) -> None:
    row_id = counter.record("10.00")
    report = counter.firm.sync()
    assert report.paid.made == 1
    assert counter.payments() == [Decimal("10.00")]
    assert len(counter.rows()) == 1
    in_order(counter, row_id, "10.00")


@pytest.mark.parametrize("named", [True, False], ids=["the settings read it", "the settings do not name it"])
def test_a_payment_in_another_currency_than_its_invoice_waits(counter: Counter, named: bool) -> None:
    """Ten New Zealand dollars would be recorded as ten Australian ones."""
    if not named:
        counter.firm.set("Date: Date__c, Currency: CurrencyIsoCode,", "Date: Date__c,")
    row_id = counter.record("10.00", CurrencyIsoCode="NZD")

    counter.firm.sync()

    assert (counter.payments(), counter.waits(row_id)) == ([], {"payment_currency"})


def test_a_payment_into_an_account_of_another_currency_than_its_invoice_waits(counter: Counter) -> None:
    """Ten Australian dollars are not ten of New Zealand at the bank: what it got nobody said."""
    counter.firm.office.xero("PUT", "Currencies", [{"Code": "NZD"}])
    bank = {"Code": "095", "Name": "Kiwi Bank", "Type": "BANK", "BankAccountNumber": "0101", "CurrencyCode": "NZD"}
    counter.firm.office.xero("PUT", "Accounts", [bank])
    counter.firm.set("Account: \"'090'\"", "Account: \"'095'\"")
    row_id = counter.record("10.00")

    counter.firm.later(hours=25)
    counter.firm.sync()

    assert (counter.payments(), counter.waits(row_id)) == ([], {"payment_account"})


def in_order(counter: Counter, row_id: str, *amounts: str) -> None:
    """The payments are these, the row shows its own, and a further run has nothing to do."""
    assert counter.payments() == sorted(map(Decimal, amounts))
    row = counter.row(row_id)
    assert row["Status__c"] == "Authorised"
    assert row["Xero_Key__c"].endswith(row["Payment_Id__c"])
    assert not counter.waits(row_id)
    counter.firm.later()
    assert counter.firm.writes_during(counter.firm.sync) == []


def test_what_finance_records_while_the_process_stands_still_is_not_paid_a_second_time(counter: Counter) -> None:
    """A part of what is owed, so that Xero would take it twice."""
    row_id = counter.record("10.00")
    invoice = {"InvoiceID": counter.invoice_id}
    payment = {"Invoice": invoice, "Account": {"Code": "090"}, "Date": "2026-11-18", "Amount": Decimal("10.00")}

    by_hand = partial(counter.firm.office.xero, "PUT", "Payments", [payment])
    counter.firm.stand_still_at("commit payment intent done", by_hand)
    counter.firm.later()
    counter.firm.sync()

    assert counter.payments() == [Decimal("10.00")]
    assert counter.waits(row_id) == {"payment_maybe_there"}


def test_a_row_that_cannot_be_told_at_once_gets_no_second_one_for_its_payment(counter: Counter) -> None:
    row_id = counter.record("10.00")
    held = {"match": {"method": "PATCH", "path_contains": "composite/sobjects"}, "kind": "row_lock", "times": 4}
    counter.firm.post(f"{URLS['salesforce']}/control/fault", held)
    counter.firm.sync()
    counter.firm.later()
    counter.firm.sync()
    assert len(counter.rows()) == 1
    in_order(counter, row_id, "10.00")


def test_a_row_that_cannot_be_told_before_its_payment_is_removed_gets_no_second_one(counter: Counter) -> None:
    row_id = counter.record("10.00")
    rule = {"object": "Xero_Payment__c", "name": "Locked", "condition": "Name = 'Cheque 1001'", "message": "No."}
    counter.firm.post(f"{URLS['salesforce']}/control/validation-rule", {**rule, "active": True})
    counter.firm.sync()
    [payment] = counter.invoice()["Payments"]
    counter.firm.office.ask(URLS["xero"], "POST", f"/Payments/{payment['PaymentID']}", {"Status": "DELETED"})

    counter.firm.sync()
    assert [each["Id"] for each in counter.firm.soql("SELECT Id FROM Xero_Payment__c")] == [row_id]
    counter.firm.post(f"{URLS['salesforce']}/control/validation-rule", {**rule, "active": False})
    [refused] = [each for each in counter.firm.desk.entries() if each.code == "write_back_refused"]
    counter.firm.desk.retry(refused.id)

    counter.firm.sync()
    assert [each["Id"] for each in counter.firm.soql("SELECT Id FROM Xero_Payment__c")] == [row_id]
    assert counter.row(row_id)["Status__c"] == "Deleted"


def test_a_row_that_a_rule_refuses_is_told_as_the_row_that_it_is(counter: Counter) -> None:
    row_id = counter.record("10.00")
    rule = {"object": "Xero_Payment__c", "name": "No_status", "condition": "Status__c = 'Authorised'", "message": "No."}
    counter.firm.post(f"{URLS['salesforce']}/control/validation-rule", {**rule, "active": True})
    counter.firm.sync()
    [entry] = [each for each in counter.firm.desk.entries(ignored=True) if each.record.id == row_id]
    assert (entry.code, entry.record.kind) == ("write_back_refused", "Xero_Payment__c")
    counter.firm.sync()
    refused = {each.record.kind for each in counter.firm.desk.entries(ignored=True)}
    assert "Xero_Sync_Issue__c" not in refused


def test_a_lost_answer_is_waited_out_and_looked_up(counter: Counter) -> None:
    row_id = counter.record("10.00")
    counter.firm.carrier.lose_answer_to = ("PUT", "Payments")
    before = counter.firm.time.now
    report = counter.firm.sync()
    assert (report.paid.made, report.paid.adopted) == (0, 1)
    assert counter.firm.time.now - before >= LANDS_WITHIN
    in_order(counter, row_id, "10.00")


def test_a_request_that_never_arrived_is_looked_up_twice_before_it_is_made_anew(counter: Counter) -> None:
    row_id = counter.record("10.00")
    lost: list[str] = []

    def lose(request: httpx2.Request, carry: Carry) -> httpx2.Response:
        if request.method == "PUT" and request.url.path.endswith("/Payments") and not lost:
            lost.append(request.url.path)
            raise httpx2.ReadTimeout("it never arrived", request=request)
        return carry(request)

    counter.firm.carrier.intercept(lose)
    assert counter.firm.sync().paid.made == 0
    assert counter.payments() == []
    counter.firm.later()
    assert counter.firm.sync().paid.made == 1
    in_order(counter, row_id, "10.00")


def kill_at(firm: Business, place: str) -> None:
    """Run a sync that ends at the first point of this name once a payment's intent begins."""
    armed: list[str] = []

    def point(name: str) -> None:
        if armed or name == "commit payment intent begins":
            armed.append(name)
        if place in armed:
            raise KilledError(name)

    session = firm.session()
    session.host = replace(session.host, point=point)
    for remote in (session.salesforce, session.xero):
        remote._host = session.host
    firm.database.seam = point
    with pytest.raises(KilledError):
        sync(session)
    firm.database.seam = lambda _name: None


@pytest.mark.parametrize(
    "place",
    [
        "commit payment intent begins",
        "commit payment intent done",
        "send xero PUT Payments",
        "answered xero PUT",
        "commit payment outcome begins",
        "commit payment outcome done",
        "commit payments verified begins",
        "commit payments verified done",
        "commit write-back wanted done",
        "send salesforce PATCH sobjects",
        "answered salesforce PATCH",
    ],
)
def test_a_kill_leaves_one_payment(counter: Counter, place: str) -> None:
    row_id = counter.record("10.00")
    kill_at(counter.firm, place)
    counter.firm.later()
    counter.firm.sync()
    assert len(counter.rows()) == 1
    in_order(counter, row_id, "10.00")


def test_an_old_database_adopts_the_payment_by_its_marker(approved_stage: Stage, tmp_path: Path) -> None:
    for name in ("before", "after"):
        (tmp_path / name).mkdir()
    first = Business(approved_stage, tmp_path / "before")
    row_id = counter_for(first, DEAL).record("10.00")
    old = first.freeze()
    kill_at(first, "answered xero PUT")
    assert counter_for(first, DEAL).payments() == [Decimal("10.00")]
    now = first.freeze()
    restored = Business(replace(now, database=old.database), tmp_path / "after")
    restored.later()
    assert restored.sync().paid.adopted == 1
    in_order(counter_for(restored, DEAL), row_id, "10.00")
    first.close()
    restored.close()


def test_payments_of_one_invoice_follow_each_other_and_those_of_several_share_a_call(counter: Counter) -> None:
    other = counter_for(counter.firm, OTHER_DEAL)
    first, second = counter.record("10.00"), counter.record("20.00", "2026-11-19")
    third = other.record("30.00")
    calls = [call for call in counter.firm.writes_during(counter.firm.sync) if call.endswith("/Payments")]
    assert len(calls) == 2
    assert other.payments() == [Decimal("30.00")]
    in_order(counter, first, "10.00", "20.00")
    assert {counter.row(row)["Status__c"] for row in (second, third)} == {"Authorised"}


def test_a_row_with_a_number_that_is_no_amount_waits_alone(counter: Counter) -> None:
    slip, good = counter.record("61290000001234.00"), counter.record("10.00", Name="Cheque 1002")
    assert counter.firm.sync().paid.made == 1
    assert (counter.waits(slip), counter.waits(good)) == ({"payment_unreadable"}, set())


def test_more_than_is_owed_waits_and_the_rest_goes(counter: Counter) -> None:
    due = counter.invoice()["AmountDue"]
    first, second = counter.record(str(due)), counter.record("1.00", "2026-11-19")
    assert counter.firm.sync().paid.made == 1
    assert counter.payments() == [due]
    assert counter.waits(second) == {"payment_not_due"}
    assert not counter.waits(first)
    counter.firm.edit("Xero_Payment__c", second, Amount__c=Decimal("0.50"))
    counter.firm.later()
    counter.firm.office.salesforce("DELETE", f"/sobjects/Xero_Payment__c/{second}")
    counter.firm.sync()
    assert not counter.waits(second)


def test_a_payment_of_an_invoice_that_is_made_anew_is_recorded_on_the_new_one(counter: Counter) -> None:
    firm = counter.firm
    [line, *_] = firm.lines(DEAL)
    firm.edit("OpportunityLineItem", line["Id"], UnitPrice=line["UnitPrice"] + 100)
    firm.sync()
    firm.later()
    firm.desk.reissue(firm.waiting(DEAL)["changed_after_approval"].id)
    row_id = counter.record("10.00")
    for _ in range(2):
        firm.sync()
        firm.later()
    [entry] = [found for found in firm.desk.entries() if found.record.id == row_id]
    assert (entry.code, "taken back by credit" in entry.cause) == ("payment_not_due", True)
    assert "made anew" in entry.fix

    [new] = [invoice for invoice in firm.invoices_of(DEAL) if invoice["Status"] == "DRAFT"]
    firm.in_xero("Invoices", InvoiceID=new["InvoiceID"], Status="AUTHORISED")
    [record] = firm.soql(f"SELECT Id FROM Xero_Invoice__c WHERE Invoice_Id__c = '{new['InvoiceID']}'")
    firm.edit("Xero_Payment__c", row_id, Xero_Invoice__c=record["Id"])
    firm.later()
    firm.sync()

    in_order(replace(counter, invoice_id=new["InvoiceID"], record_id=record["Id"]), row_id, "10.00")


def test_a_payment_that_xero_kept_otherwise_is_asked_about_until_it_is_removed(counter: Counter) -> None:
    counter.firm.keep_otherwise("Payments", b"10.0", b"11.0")
    row_id = counter.record("10.00")
    counter.firm.sync()
    counter.firm.later()
    assert counter.waits(row_id) == {"payment_differs"}

    [payment] = counter.invoice()["Payments"]
    counter.firm.office.ask(URLS["xero"], "POST", f"/Payments/{payment['PaymentID']}", {"Status": "DELETED"})
    for _ in range(2):
        counter.firm.sync()
        counter.firm.later()
        assert counter.waits(row_id) == {"payment_removed"}


def test_a_payment_removed_in_xero_is_not_made_again(counter: Counter) -> None:
    row_id = counter.record("10.00")
    counter.firm.sync()
    payment_id = counter.row(row_id)["Payment_Id__c"]
    counter.firm.office.ask(URLS["xero"], "POST", f"/Payments/{payment_id}", {"Status": "DELETED"})
    for _ in range(2):
        counter.firm.later()
        assert counter.firm.sync().paid.made == 0
    assert counter.payments() == []
    assert counter.row(row_id)["Status__c"] == "Deleted"
    assert counter.waits(row_id) == {"payment_removed"}
    counter.firm.later()
    assert counter.firm.writes_during(counter.firm.sync) == []


def test_a_payment_removed_before_it_was_read_back_is_noticed(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine died after the payment was made. No reading will ever list it, and the next one must not wait."""
    row_id = counter.record("10.00")
    with monkeypatch.context() as patched:
        patched.setattr("crossfoot.engine.writing.payments.read_back", lambda _session: None)
        counter.firm.sync()
    payment_id = counter.row(row_id)["Payment_Id__c"]
    counter.firm.office.ask(URLS["xero"], "POST", f"/Payments/{payment_id}", {"Status": "DELETED"})
    counter.firm.later()
    counter.firm.sync()
    assert counter.row(row_id)["Status__c"] == "Deleted"
    assert counter.waits(row_id) == {"payment_removed"}
    counter.record("20.00", "2026-11-19")
    counter.firm.later()
    assert counter.firm.sync().paid.made == 1
    assert counter.payments() == [Decimal("20.00")]


def taken_away(counter: Counter) -> None:
    """The cheque bounced: finance delete what stands on the invoice."""
    for payment in counter.invoice()["Payments"]:
        counter.firm.office.ask(URLS["xero"], "POST", f"/Payments/{payment['PaymentID']}", {"Status": "DELETED"})


def stays_away(counter: Counter, row_id: str) -> None:
    for _ in range(2):
        counter.firm.later()
        assert counter.firm.sync().paid.made == 0
    assert counter.payments() == []
    assert counter.row(row_id)["Status__c"] == "Deleted"
    assert counter.waits(row_id) == {"payment_removed"}


def test_a_payment_without_an_answer_that_was_taken_away_since_is_not_made_again(counter: Counter) -> None:
    row_id = counter.record("10.00")
    kill_at(counter.firm, "answered xero PUT")
    taken_away(counter)
    stays_away(counter, row_id)


def test_a_payment_that_an_old_database_forgot_and_that_was_taken_away_is_not_made_again(counter: Counter) -> None:
    row_id = counter.record("10.00")
    old = counter.firm.freeze().database
    kill_at(counter.firm, "answered xero PUT")
    taken_away(counter)
    counter.firm.database = open_memory(old)
    stays_away(counter, row_id)


def test_rows_that_show_payments_of_the_bank_are_not_looked_at_again(counter: Counter) -> None:
    bank_pays(counter, 10)
    row_id = counter.record("20.00")
    counter.firm.sync()
    assert len(counter.rows()) == 2
    with counter.firm.database.reading() as connection:
        org_id = counter.firm.session().org_id
        assert find_candidates(connection, org_id, "Xero_Payment__c", ENTERED[0], ENTERED[1:]) == {row_id}


def bank_pays(counter: Counter, amount: int) -> None:
    """The bank feed brings a payment of the invoice."""
    bank = {
        "Invoice": {"InvoiceID": counter.invoice_id},
        "Account": {"Code": "090"},
        "Date": "2026-11-17",
        "Amount": amount,
    }
    counter.firm.office.xero("PUT", "Payments", [bank])


def test_money_that_the_bank_brought_already_is_asked_about(counter: Counter) -> None:
    bank_pays(counter, 10)
    row_id = counter.record("10.00")
    assert counter.firm.sync().paid.made == 0
    [entry] = [found for found in counter.firm.desk.entries() if found.record.id == row_id]
    assert entry.code == "payment_maybe_there"
    counter.firm.desk.not_same(entry.id)
    counter.firm.later()
    assert counter.firm.sync().paid.made == 1
    in_order(counter, row_id, "10.00", "10.00")


def test_a_row_that_changes_or_goes_after_its_payment_is_told_and_nothing_is_written(counter: Counter) -> None:
    changed, deleted = counter.record("10.00"), counter.record("20.00")
    counter.firm.sync()
    counter.firm.edit("Xero_Payment__c", changed, Amount__c=Decimal("11.00"))
    counter.firm.office.salesforce("DELETE", f"/sobjects/Xero_Payment__c/{deleted}")
    counter.firm.later()
    calls = counter.firm.writes_during(counter.firm.sync)
    assert not [call for call in calls if "xero" in call.split()[0]]
    assert counter.waits(changed) == {"payment_row_changed"}
    assert counter.waits(deleted) == {"payment_row_deleted"}
    counter.firm.edit("Xero_Payment__c", changed, Amount__c=Decimal("10.00"))
    counter.firm.later()
    counter.firm.sync()
    assert not counter.waits(changed)


def test_a_changed_row_whose_payment_is_removed_as_the_entry_says_asks_nothing_more(counter: Counter) -> None:
    row_id = counter.record("10.00")
    counter.firm.sync()
    payment_id = counter.row(row_id)["Payment_Id__c"]
    counter.firm.edit("Xero_Payment__c", row_id, Amount__c=Decimal("9.00"))
    counter.firm.office.ask(URLS["xero"], "POST", f"/Payments/{payment_id}", {"Status": "DELETED"})
    for _ in range(2):
        counter.firm.later()
        counter.firm.sync()
    assert counter.waits(row_id) == {"payment_removed"}
    assert counter.row(row_id)["Status__c"] == "Deleted"

    anew = counter.record("9.00")
    counter.firm.sync()
    in_order(counter, anew, "9.00")


def test_a_deleted_row_whose_payment_is_removed_as_the_entry_says_leaves_nothing_behind(counter: Counter) -> None:
    row_id = counter.record("10.00")
    counter.firm.sync()
    payment_id = counter.row(row_id)["Payment_Id__c"]
    counter.firm.office.salesforce("DELETE", f"/sobjects/Xero_Payment__c/{row_id}")
    counter.firm.later()
    counter.firm.sync()
    counter.firm.office.ask(URLS["xero"], "POST", f"/Payments/{payment_id}", {"Status": "DELETED"})
    counter.firm.later()
    counter.firm.sync()
    assert (counter.rows(), counter.waits(row_id)) == ([], set())
    counter.firm.later()
    assert counter.firm.writes_during(counter.firm.sync) == []


def test_a_row_that_is_taken_out_of_the_bin_says_that_its_payment_was_removed_meanwhile(counter: Counter) -> None:
    row_id = counter.record("10.00")
    counter.firm.sync()
    counter.firm.office.salesforce("DELETE", f"/sobjects/Xero_Payment__c/{row_id}")
    counter.firm.later()
    counter.firm.sync()
    taken_away(counter)
    counter.firm.later()
    counter.firm.sync()

    counter.firm.post(f"{URLS['salesforce']}/control/undelete", {"object": "Xero_Payment__c", "id": row_id})
    stays_away(counter, row_id)


def test_a_row_that_names_no_invoice_any_more_says_that_its_payment_was_removed(counter: Counter) -> None:
    row_id = counter.record("10.00")
    counter.firm.sync()
    counter.firm.edit("Xero_Payment__c", row_id, Xero_Invoice__c=None)
    counter.firm.later()
    counter.firm.sync()
    assert counter.waits(row_id) == {"payment_row_changed"}

    taken_away(counter)
    stays_away(counter, row_id)


def test_what_xero_refuses_waits_with_its_words_and_goes_when_asked(counter: Counter) -> None:
    row_id = counter.record("10.00")
    counter.firm.database.seam = lambda name: counter.firm.lock("2026-11-19") if name.endswith("intent done") else None
    assert counter.firm.sync().paid.refused == 1
    counter.firm.database.seam = lambda _name: None
    assert counter.waits(row_id) >= {"payment_date"} or counter.waits(row_id) == {"refused_by_xero"}
    counter.firm.lock("2026-10-31")
    counter.firm.later()
    counter.firm.sync()
    [entry] = [found for found in counter.firm.desk.entries() if found.record.id == row_id]
    assert "lock" in entry.vendor_text
    counter.firm.desk.retry(entry.id)
    counter.firm.later()
    assert counter.firm.sync().paid.made == 1
    in_order(counter, row_id, "10.00")


@pytest.mark.parametrize(
    ("old", "new"),
    [("prices:", "direction: to_salesforce\nprices:"), ("brake: {", "brake: {payments: 0, on_test_pair: true, ")],
    ids=["a one-way workspace", "the brake"],
)
def test_nothing_is_paid_where_the_workspace_or_the_brake_says_so(counter: Counter, old: str, new: str) -> None:
    counter.firm.set(old, new)
    counter.record("10.00")
    report = counter.firm.sync()
    assert report.paid.made == 0
    assert ("brake" in report.warning) is ("payments: 0" in new)
    assert counter.payments() == []


def test_no_row_waits_where_payments_are_no_longer_carried_over(counter: Counter) -> None:
    row_id, made = counter.record("999999.00"), counter.record("10.00")
    counter.firm.sync()
    counter.firm.edit("Xero_Payment__c", made, Amount__c=11)
    counter.firm.later()
    counter.firm.sync()
    assert (counter.waits(row_id), counter.waits(made)) == ({"payment_too_large"}, {"payment_row_changed"})

    flow = FLOW.strip("\n")
    counter.firm.set(flow, "")
    counter.firm.later()
    counter.firm.sync()
    assert (counter.waits(row_id), counter.waits(made)) == (set(), {"payment_row_changed"})

    counter.firm.settings += flow
    counter.firm.later()
    counter.firm.sync()
    assert counter.waits(row_id) == {"payment_too_large"}


def test_rows_of_an_object_that_takes_payments_no_longer_wait_no_more(counter: Counter) -> None:
    row_id = counter.record("999999.00")
    counter.firm.sync()
    assert counter.waits(row_id) == {"payment_too_large"}

    other = """
  payments:
    salesforce: Xero_Request__c
    fields: {Invoice: Xero_Invoice__r.Xero_Key__c, Amount: "1", Date: CreatedDate, Account: "'090'"}
    write_back: {}
"""
    counter.firm.set(FLOW, other)
    counter.firm.later()
    counter.firm.sync()
    assert counter.waits(row_id) == set()


def test_a_row_whose_payment_was_made_while_nothing_went_to_salesforce_is_told_and_gets_no_second_one(
    counter: Counter,
) -> None:
    counter.firm.set("prices:", "direction: to_xero\nprices:")
    row_id = counter.record("10.00")
    counter.firm.sync()
    assert (counter.payments(), counter.row(row_id)["Status__c"]) == ([Decimal("10.00")], None)

    counter.firm.set("direction: to_xero\n", "")
    counter.firm.later()
    counter.firm.sync()
    assert len(counter.rows()) == 1
    in_order(counter, row_id, "10.00")


def test_settings_that_take_the_date_from_elsewhere_change_no_payment_that_was_made(counter: Counter) -> None:
    """People are asked about a row that they changed, and not about all others."""
    row_id, changed = counter.record("10.00"), counter.record("20.00")
    counter.firm.sync()
    counter.firm.edit("Xero_Payment__c", changed, Amount__c=Decimal("21.00"))
    counter.firm.later()
    counter.firm.sync()

    counter.firm.set("Date: Date__c", "Date: Date__c + 1")
    counter.firm.later()
    assert counter.firm.sync().paid.made == 0
    assert (counter.waits(row_id), counter.waits(changed)) == (set(), {"payment_row_changed"})

    counter.firm.edit("Xero_Payment__c", row_id, Date__c="2026-11-12")
    counter.firm.later()
    counter.firm.sync()
    assert counter.waits(row_id) == {"payment_row_changed"}
    assert counter.payments() == [Decimal("10.00"), Decimal("20.00")]
