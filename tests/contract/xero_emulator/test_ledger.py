"""The ledger behind the documents: postings, journals, reports, and what holds after any history (XERO 4.18, 4.23)."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from crossfoot.emulators.snapshot import encode
from crossfoot.emulators.xero import new_world

from .conftest import Client, line
from .test_credits import allocate, make_note, make_prepayment

LAST_DAY = "2099-12-31"


def journals(xero: Client) -> list[dict[str, Any]]:
    """The whole feed, as a client pages through it."""
    found: list[dict[str, Any]] = []
    while page := xero.rows("GET", "/Journals", offset=len(found)):
        found += page
    return found


def legs(journal: dict[str, Any]) -> dict[str, Decimal]:
    return {row["AccountCode"]: row["NetAmount"] for row in journal["JournalLines"]}


def report(xero: Client, name: str, **query: Any) -> dict[str, list[str]]:
    """A report's rows by the text of their first cell."""
    (found,) = xero.rows("GET", f"/Reports/{name}", **query)
    rows = [row for part in found["Rows"] for row in part.get("Rows", [part])]
    return {cells[0]["Value"]: [cell["Value"] for cell in cells[1:]] for cells in (row["Cells"] for row in rows)}


def test_a_draft_posts_nothing_and_approval_posts_net_tax_and_gross(xero: Client) -> None:
    made = xero.invoice(100, {"UnitAmount": 50, "AccountCode": "201"})
    assert journals(xero) == []
    xero.one("POST", f"/Invoices/{made['InvoiceID']}", {"Status": "AUTHORISED"})
    (journal,) = journals(xero)
    assert legs(journal) == {"610": 165, "200": -100, "201": -50, "820": -15}
    assert (journal["SourceType"], journal["SourceID"]) == ("ACCREC", made["InvoiceID"])
    sales = next(row for row in journal["JournalLines"] if row["AccountCode"] == "200")
    assert (sales["GrossAmount"], sales["TaxAmount"], sales["TaxName"]) == (-110, -10, "GST on Income")


def test_an_edit_is_a_reversal_and_a_new_journal_and_a_void_only_a_reversal(xero: Client) -> None:
    made = xero.invoice(100, Status="AUTHORISED")
    path = f"/Invoices/{made['InvoiceID']}"
    kept = {"LineItemID": made["LineItems"][0]["LineItemID"]}
    xero.one("POST", path, {"LineItems": [{**line(200), **kept}]})
    xero.one("POST", path, {"DueDate": "2027-01-01"})
    first, reversal, second = journals(xero)
    assert legs(reversal) == {code: -amount for code, amount in legs(first).items()}
    assert legs(second)["610"] == 220
    xero.one("POST", path, {"Status": "VOIDED"})
    last = journals(xero)[-1]
    assert legs(last)["610"] == -220
    assert (last["JournalDate"], last["JournalNumber"]) == (first["JournalDate"], 4)


def test_money_received_for_an_invoice_and_given_back(xero: Client) -> None:
    made = xero.invoice(100, Status="AUTHORISED")
    payment = xero.pay(made, 60)
    assert legs(journals(xero)[-1]) == {"090": 60, "610": -60}
    xero.one("POST", f"/Payments/{payment['PaymentID']}", {"Status": "DELETED"})
    assert legs(journals(xero)[-1]) == {"090": -60, "610": 60}


def test_a_gain_of_the_rate_goes_to_the_currency_gain_account(xero: Client) -> None:
    made = xero.invoice(100, Status="AUTHORISED", CurrencyCode="NZD", CurrencyRate=1.1)
    xero.pay(made, 110, CurrencyRate=1.0)
    assert legs(journals(xero)[-1]) == {"090": 110, "610": -100, "499": -10}


def test_an_allocation_at_one_rate_posts_nothing_and_at_two_the_difference(xero: Client) -> None:
    made, credit = xero.invoice(100, Status="AUTHORISED"), make_note(xero, 50)
    before = len(journals(xero))
    allocate(xero, f"/CreditNotes/{credit['CreditNoteID']}", made, 55)
    assert len(journals(xero)) == before
    foreign = xero.invoice(100, Status="AUTHORISED", CurrencyCode="NZD", CurrencyRate=1.1)
    other = make_note(xero, 100, CurrencyCode="NZD", CurrencyRate=1.0)
    allocate(xero, f"/CreditNotes/{other['CreditNoteID']}", foreign, 110)
    assert legs(journals(xero)[-1]) == {"610": 10, "499": -10}


def test_a_prepayment_waits_on_its_own_account_until_it_is_used(xero: Client) -> None:
    made = xero.invoice(100, Status="AUTHORISED")
    credit = make_prepayment(xero, 88)
    assert legs(journals(xero)[-1]) == {"090": 88, "835": -80, "820": -8}
    allocate(xero, f"/Prepayments/{credit['PrepaymentID']}", made, 44)
    assert legs(journals(xero)[-1]) == {"610": -44, "835": 40, "820": 4}


def test_the_feed_is_read_by_offset_instant_and_number(xero: Client) -> None:
    xero.contact()
    for _ in range(101):
        xero.invoice(1, Status="AUTHORISED")
    page = xero.rows("GET", "/Journals")
    assert [journal["JournalNumber"] for journal in page] == list(range(1, 101))
    (last,) = xero.rows("GET", "/Journals", offset=100)
    xero.wait(minutes=10)
    xero.invoice(1, Status="AUTHORISED")
    since = xero.json("GET", "/Journals", headers={"if-modified-since": "2026-11-20T01:35:00"})
    assert [journal["JournalNumber"] for journal in since["Journals"]] == [102]
    for reference in (last["JournalID"], last["JournalNumber"]):
        single = xero.one("GET", f"/Journals/{reference}")
        assert single["JournalNumber"] == 101
        assert "SourceID" not in single


def test_an_element_that_is_refused_leaves_no_gap(xero: Client) -> None:
    good = {**xero.draft(10), "Status": "AUTHORISED"}
    batch = {"Invoices": [good, {**good, "DueDate": ""}, good]}
    assert xero.send("PUT", "/Invoices", batch).status == 400
    assert journals(xero) == []
    xero.send("PUT", "/Invoices", batch, {"summarizeErrors": "false"})
    assert [journal["JournalNumber"] for journal in journals(xero)] == [1, 2]


def test_reports_show_what_was_earned_and_what_is_owed(xero: Client) -> None:
    made = xero.invoice(1000, Status="AUTHORISED")
    xero.pay(made, 300)
    cost = {**xero.draft({"UnitAmount": 200, "AccountCode": "429", "TaxType": "INPUT"}), "Type": "ACCPAY"}
    xero.one("PUT", "/Invoices", {**cost, "Status": "AUTHORISED"})
    profit = report(xero, "ProfitAndLoss", fromDate="2026-11-01", toDate="2026-11-30")
    assert (profit["Total Income"], profit["General Expenses"], profit["Net Profit"]) == (
        ["1000.00"],
        ["200.00"],
        ["800.00"],
    )
    sheet = report(xero, "BalanceSheet", date="2026-11-30")
    assert (sheet["Accounts Receivable"], sheet["Business Bank Account"], sheet["Net Assets"]) == (
        ["800.00"],
        ["300.00"],
        ["800.00"],
    )
    assert sheet["Current Year Earnings"] == sheet["Total Equity"] == ["800.00"]
    aged = report(xero, "AgedReceivablesByContact", contactId=made["Contact"]["ContactID"], date="2026-11-30")
    assert aged["Total"][3:] == ["1100.00", "300.00", "0.00", "800.00"]
    assert report(xero, "AgedPayablesByContact", contactId=made["Contact"]["ContactID"])["Total"][-1] == "220.00"


def test_a_new_financial_year_begins_at_zero(xero: Client) -> None:
    xero.invoice(1000, Status="AUTHORISED", Date="2026-06-30")
    trial = report(xero, "TrialBalance", date="2026-07-01")
    assert "Sales (200)" not in trial
    assert trial["Retained Earnings (960)"] == ["", "", "", "1000.00"]
    assert report(xero, "BalanceSheet", date="2026-07-01")["Retained Earnings"] == ["1000.00"]


def test_an_account_with_postings_stays(xero: Client) -> None:
    xero.pay(xero.invoice(100, Status="AUTHORISED"), 10, Account={"Code": "880"})
    (drawings,) = xero.rows("GET", "/Accounts", where='Code=="880"')
    assert xero.send("DELETE", f"/Accounts/{drawings['AccountID']}").status == 400
    (unused,) = xero.rows("GET", "/Accounts", where='Code=="881"')
    assert xero.send("DELETE", f"/Accounts/{unused['AccountID']}").status == 200


@pytest.mark.parametrize("path", ["/Reports/Nothing", "/Reports"])
def test_unknown_reports(xero: Client, path: str) -> None:
    assert xero.send("GET", path).status == 404


AMOUNTS = st.integers(1, 40_000).map(lambda cents: Decimal(cents) / 100)
RATES = st.integers(50, 200).map(lambda percent: Decimal(percent) / 100)
CURRENCIES = st.sampled_from(("AUD", "AUD", "NZD"))
PICKS = st.integers(0, 99)


class Books(RuleBasedStateMachine):
    """Any history that clients and people can make; refused steps are part of it."""

    key = new_world().signing_key_pem

    @initialize()
    def open(self) -> None:
        self.xero = Client(new_world(settings={"minute_limit": 10**6, "day_limit": 10**6}, signing_key_pem=self.key))
        self.customer = self.xero.contact()["ContactID"]
        self.save()
        for currency, rate in (("AUD", Decimal(1)), ("NZD", Decimal("1.1"))):
            for kind in ("ACCREC", "ACCPAY"):
                self._document("/Invoices", kind, [Decimal("123.45")], currency, rate)
                self._document("/CreditNotes", f"{kind}CREDIT", [Decimal("66.67")], currency, rate)
            for kind in ("RECEIVE-OVERPAYMENT", "RECEIVE-PREPAYMENT"):
                self._bank(kind, Decimal("33.33"), currency, rate)

    def _document(self, path: str, kind: str, amounts: list[Decimal], currency: str, rate: Decimal) -> None:
        sales = kind.startswith("ACCREC")
        about = {"AccountCode": "200" if sales else "429", "TaxType": "OUTPUT" if sales else "INPUT"}
        sent = {
            **self.xero.draft(*({"UnitAmount": amount, **about} for amount in amounts)),
            "Type": kind,
            "Status": "AUTHORISED",
            "CurrencyCode": currency,
            "CurrencyRate": rate,
        }
        self.xero.one("PUT", path, sent)

    @rule(
        kind=st.sampled_from(("ACCREC", "ACCREC", "ACCPAY", "ACCRECCREDIT", "ACCPAYCREDIT")),
        amounts=st.lists(AMOUNTS, min_size=1, max_size=3),
        currency=CURRENCIES,
        rate=RATES,
    )
    def approve(self, kind: str, amounts: list[Decimal], currency: str, rate: Decimal) -> None:
        self._document("/CreditNotes" if kind.endswith("CREDIT") else "/Invoices", kind, amounts, currency, rate)

    @rule(
        kind=st.sampled_from(("RECEIVE", "RECEIVE-OVERPAYMENT", "RECEIVE-PREPAYMENT", "SPEND-PREPAYMENT")),
        amount=AMOUNTS,
        currency=CURRENCIES,
        rate=RATES,
    )
    def bank(self, kind: str, amount: Decimal, currency: str, rate: Decimal) -> None:
        self._bank(kind, amount, currency, rate)

    def _bank(self, kind: str, amount: Decimal, currency: str, rate: Decimal) -> None:
        sent = {
            "Type": kind,
            "Contact": {"ContactID": self.customer},
            "BankAccount": {"Code": "090"},
            "Date": "2026-11-20",
            "CurrencyCode": currency,
            "CurrencyRate": rate,
            "LineItems": [{"Description": "Money", "UnitAmount": amount, "AccountCode": "835", "TaxType": "OUTPUT"}],
        }
        self.xero.one("PUT", "/BankTransactions", sent)

    @rule(
        place=st.sampled_from(("Invoice", "CreditNote", "Overpayment", "Prepayment")),
        pick=PICKS,
        amount=AMOUNTS,
        whole=st.booleans(),
        rate=RATES,
    )
    def pay(self, place: str, pick: int, amount: Decimal, whole: bool, rate: Decimal) -> None:
        if document := self._pick(f"{place}s", pick):
            left = document.get("AmountDue", document.get("RemainingCredit"))
            sent = {"Account": {"Code": "090"}, "Date": "2026-11-21", "Amount": left if whole else amount}
            about = {place: {f"{place}ID": document[f"{place}ID"]}, "CurrencyRate": rate}
            self.xero.send("PUT", "/Payments", {**sent, **about})

    @rule(place=st.sampled_from(("CreditNote", "Overpayment", "Prepayment")), pick=PICKS, into=PICKS, share=PICKS)
    def allocate(self, place: str, pick: int, into: int, share: int) -> None:
        credit = self._pick(f"{place}s", pick)
        side = "ACCREC" if (credit or {"Type": ""})["Type"].startswith(("ACCREC", "RECEIVE")) else "ACCPAY"
        invoice = self._pick("Invoices", into, Type=side, CurrencyCode=credit["CurrencyCode"]) if credit else None
        if credit and invoice:
            most = min(credit["RemainingCredit"], invoice["AmountDue"])
            amount = most if share > 50 else round(most * share / 100, 2)
            sent = {"Amount": amount, "Date": "2026-11-22", "Invoice": {"InvoiceID": invoice["InvoiceID"]}}
            self.xero.send("PUT", f"/{place}s/{credit[f'{place}ID']}/Allocations", sent)

    @rule(place=st.sampled_from(("CreditNote", "Overpayment", "Prepayment")), pick=PICKS)
    def take_back(self, place: str, pick: int) -> None:
        credit = self._pick(f"{place}s", pick)
        for row in (credit or {}).get("Allocations", [])[:1]:
            path = f"/{place}s/{credit[f'{place}ID']}/Allocations/{row['AllocationID']}"  # type: ignore[index]
            assert self.xero.send("DELETE", path).status == 200

    @rule(place=st.sampled_from(("Invoices", "CreditNotes")), pick=PICKS)
    def void(self, place: str, pick: int) -> None:
        if document := self._pick(place, pick, Status="AUTHORISED"):
            self.xero.send("POST", f"/{place}/{document[f'{place[:-1]}ID']}", {"Status": "VOIDED"})

    @rule(pick=PICKS)
    def delete_payment(self, pick: int) -> None:
        if payment := self._pick("Payments", pick):
            self.xero.send("POST", f"/Payments/{payment['PaymentID']}", {"Status": "DELETED"})

    @rule()
    def save(self) -> None:
        self.saved = self.xero.world.dump()
        self.saved_text = b"".join(encode(self.saved))

    def teardown(self) -> None:
        """A dump shares the world's records, so none of them may have changed since."""
        assert b"".join(encode(self.saved)) == self.saved_text

    def _pick(self, plural: str, pick: int, **members: str) -> dict[str, Any] | None:
        rows = self.xero.rows("GET", f"/{plural}", page=1)
        found = [row for row in rows if all(row[name] == value for name, value in members.items())]
        return found[pick % len(found)] if found else None

    @invariant()
    def journals_balance_and_have_no_gap(self) -> None:
        found = journals(self.xero)
        assert [journal["JournalNumber"] for journal in found] == list(range(1, len(found) + 1))
        assert all(sum(line["NetAmount"] for line in journal["JournalLines"]) == 0 for journal in found)

    @invariant()
    def control_accounts_equal_the_open_documents(self) -> None:
        """The aged reports say the same, and so does the trial balance."""
        trial = report(self.xero, "TrialBalance", date=LAST_DAY)
        totals = trial.pop("Total", None)
        for name, aged, sign in (
            ("Accounts Receivable (610)", "AgedReceivablesByContact", 1),
            ("Accounts Payable (800)", "AgedPayablesByContact", -1),
        ):
            _, _, debit, credit = trial.get(name, ["", "", "0", "0"])
            rows = report(self.xero, aged, contactId=self.customer, date=LAST_DAY)
            assert Decimal(debit or 0) - Decimal(credit or 0) == sign * Decimal(rows["Total"][-1])
        assert totals is None or totals[2] == totals[3]


Books.TestCase.settings = settings(
    max_examples=40, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
test_books: Callable[..., Any] = Books.TestCase
