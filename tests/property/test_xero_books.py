"""What holds in the books after any history: debits equal credits, sub-ledgers tie, nothing moves behind a lock."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from crossfoot.emulators.wire import Response
from tests.contract.xero_emulator.conftest import line
from tests.contract.xero_emulator.test_ledger import journals, report
from tests.property.exact_reference import rounded
from tests.property.xero_client import books_of, open_client

LAST_DAY = "2099-12-31"
DAY = date(2026, 11, 20)
AMOUNTS = st.integers(1, 40_000).map(lambda cents: Decimal(cents) / 100)
RATES = st.integers(50, 200).map(lambda percent: Decimal(percent) / 100)
CURRENCIES = st.sampled_from(("AUD", "AUD", "NZD"))
DAYS = st.integers(-2, 4).map(lambda offset: (DAY + timedelta(days=offset)).isoformat())
PICKS = st.integers(0, 99)
CREDITS = ("CreditNote", "Overpayment", "Prepayment")
BANK_KINDS = (
    *("RECEIVE", "SPEND", "RECEIVE-OVERPAYMENT", "SPEND-OVERPAYMENT"),
    *("RECEIVE-PREPAYMENT", "SPEND-PREPAYMENT"),
)
# Control account, its aged report, and the sign of an open document by its type
CONTROLS: tuple[tuple[str, str, int, dict[str, int]], ...] = (
    (
        "Accounts Receivable (610)",
        "AgedReceivablesByContact",
        1,
        {"ACCREC": 1, "ACCRECCREDIT": -1, "RECEIVE-OVERPAYMENT": -1},
    ),
    (
        "Accounts Payable (800)",
        "AgedPayablesByContact",
        -1,
        {"ACCPAY": 1, "ACCPAYCREDIT": -1, "SPEND-OVERPAYMENT": -1},
    ),
)
DOCUMENTS = ("Invoices", "CreditNotes", "Prepayments", "Overpayments")


def in_base(amount: Decimal, rate: Decimal) -> Decimal:
    """A document's amount in the organisation's currency, to the cent."""
    cents = rounded(Fraction(amount) / Fraction(rate)) * 100
    return Decimal(cents.numerator) / 100


def open_in_base(row: dict[str, Any]) -> Decimal:
    """What is open of a document or a credit, in the organisation's currency."""
    left = row["AmountDue"] if "AmountDue" in row else row["RemainingCredit"]
    return in_base(left, row["CurrencyRate"])


def is_sale(kind: str) -> bool:
    return kind.startswith(("ACCREC", "RECEIVE"))


def day_of(text: str) -> date:
    """A date as the API writes it."""
    return datetime.fromtimestamp(int(text[6:-7]) / 1000, UTC).date()


class Books(RuleBasedStateMachine):
    """Any history that clients and people can make; refused steps are part of it, and leave nothing behind."""

    @initialize()
    def open(self) -> None:
        self.xero = open_client()
        self.customer = self.xero.contact()["ContactID"]
        self.lock: date | None = None
        self.feed: list[dict[str, Any]] = []
        for currency, rate in (("AUD", Decimal(1)), ("NZD", Decimal("1.1"))):
            for kind in ("ACCREC", "ACCPAY", "ACCRECCREDIT", "ACCPAYCREDIT"):
                self.approve(kind, [Decimal("123.45")], currency, rate, DAY.isoformat(), "Exclusive")
            for kind in BANK_KINDS:
                self.bank(kind, Decimal("33.33"), currency, rate, DAY.isoformat())

    def _send(self, method: str, path: str, body: Any = None) -> Response:
        """One request; when it is refused the books are as they were."""
        before = books_of(self.xero)
        response = self.xero.send(method, path, body)
        assert response.status in {200, 400}, response
        if response.status == 400:
            assert books_of(self.xero) == before
        return response

    @rule(
        kind=st.sampled_from(("ACCREC", "ACCREC", "ACCPAY", "ACCRECCREDIT", "ACCPAYCREDIT")),
        amounts=st.lists(AMOUNTS, min_size=1, max_size=3),
        currency=CURRENCIES,
        rate=RATES,
        day=DAYS,
        mode=st.sampled_from(("Exclusive", "Inclusive", "NoTax")),
    )
    def approve(self, kind: str, amounts: list[Decimal], currency: str, rate: Decimal, day: str, mode: str) -> None:
        sent = {
            **self.xero.draft(*({"UnitAmount": amount, **self._about(kind)} for amount in amounts)),
            "Type": kind,
            "Status": "AUTHORISED",
            "Date": day,
            "LineAmountTypes": mode,
            "CurrencyCode": currency,
            "CurrencyRate": rate,
        }
        answer = self._send("PUT", "/CreditNotes" if kind.endswith("CREDIT") else "/Invoices", sent)
        assert (answer.status == 200) == self._is_open(day)

    @staticmethod
    def _about(kind: str) -> dict[str, str]:
        return (
            {"AccountCode": "200", "TaxType": "OUTPUT"} if is_sale(kind) else {"AccountCode": "429", "TaxType": "INPUT"}
        )

    def _is_open(self, day: str) -> bool:
        return self.lock is None or date.fromisoformat(day) > self.lock

    @rule(kind=st.sampled_from(BANK_KINDS), amount=AMOUNTS, currency=CURRENCIES, rate=RATES, day=DAYS)
    def bank(self, kind: str, amount: Decimal, currency: str, rate: Decimal, day: str) -> None:
        sent = {
            "Type": kind,
            "Contact": {"ContactID": self.customer},
            "BankAccount": {"Code": "090"},
            "Date": day,
            "CurrencyCode": currency,
            "CurrencyRate": rate,
            "LineItems": [line({"UnitAmount": amount, **self._about(kind)})],
        }
        assert (self._send("PUT", "/BankTransactions", sent).status == 200) == self._is_open(day)

    @rule(place=st.sampled_from(("Invoices", "CreditNotes", "BankTransactions")), pick=PICKS, amount=AMOUNTS, day=DAYS)
    def edit(self, place: str, pick: int, amount: Decimal, day: str) -> None:
        if document := self._pick(place, pick):
            (first, *_) = self.xero.one("GET", f"/{place}/{document[f'{place[:-1]}ID']}")["LineItems"]
            told = {"UnitAmount": amount, "LineItemID": first["LineItemID"], **self._about(document["Type"])}
            self._send("POST", f"/{place}/{document[f'{place[:-1]}ID']}", {"LineItems": [line(told)], "Date": day})

    @rule(
        place=st.sampled_from(("Invoice", *CREDITS)),
        pick=PICKS,
        amount=AMOUNTS,
        whole=st.booleans(),
        rate=RATES,
        day=DAYS,
    )
    def pay_or_refund(self, place: str, pick: int, amount: Decimal, whole: bool, rate: Decimal, day: str) -> None:
        if document := self._pick(f"{place}s", pick):
            left = document.get("AmountDue", document.get("RemainingCredit"))
            sent = {"Account": {"Code": "090"}, "Date": day, "Amount": left if whole else amount}
            about = {place: {f"{place}ID": document[f"{place}ID"]}, "CurrencyRate": rate}
            self._send("PUT", "/Payments", {**sent, **about})

    @rule(place=st.sampled_from(CREDITS), pick=PICKS, into=PICKS, share=PICKS, day=DAYS)
    def allocate(self, place: str, pick: int, into: int, share: int, day: str) -> None:
        credit = self._pick(f"{place}s", pick)
        side = "ACCREC" if credit and is_sale(credit["Type"]) else "ACCPAY"
        invoice = self._pick("Invoices", into, Type=side, CurrencyCode=credit["CurrencyCode"]) if credit else None
        if credit and invoice:
            most = min(credit["RemainingCredit"], invoice["AmountDue"])
            amount = most if share > 50 else round(most * share / 50, 2)
            sent = {"Amount": amount, "Date": day, "Invoice": {"InvoiceID": invoice["InvoiceID"]}}
            self._send("PUT", f"/{place}s/{credit[f'{place}ID']}/Allocations", sent)

    @rule(place=st.sampled_from(CREDITS), pick=PICKS)
    def take_back(self, place: str, pick: int) -> None:
        credit = self._pick(f"{place}s", pick)
        for row in (credit or {}).get("Allocations", [])[:1]:
            assert credit is not None
            answer = self._send("DELETE", f"/{place}s/{credit[f'{place}ID']}/Allocations/{row['AllocationID']}")
            assert (answer.status == 200) == self._is_open(day_of(row["Date"]).isoformat())

    @rule(place=st.sampled_from(("Invoices", "CreditNotes")), pick=PICKS)
    def void(self, place: str, pick: int) -> None:
        if document := self._pick(place, pick, Status="AUTHORISED"):
            self._send("POST", f"/{place}/{document[f'{place[:-1]}ID']}", {"Status": "VOIDED"})

    @rule(place=st.sampled_from(("Payments", "BankTransactions")), pick=PICKS)
    def delete(self, place: str, pick: int) -> None:
        if money := self._pick(place, pick):
            self._send("POST", f"/{place}/{money[f'{place[:-1]}ID']}", {"Status": "DELETED"})

    @rule(day=st.none() | DAYS, name=st.sampled_from(("PeriodLockDate", "EndOfYearLockDate")))
    def lock_books(self, day: str | None, name: str) -> None:
        """The ready token is of a user who is no adviser: both locks hold for it."""
        cleared = {"PeriodLockDate": "", "EndOfYearLockDate": ""}
        self.xero.person("POST", "/Organisation", {**cleared, **({name: day} if day else {})})
        self.lock = date.fromisoformat(day) if day else None

    def _pick(self, plural: str, pick: int, **members: str) -> dict[str, Any] | None:
        rows = self.xero.rows("GET", f"/{plural}", page=1)
        found = [row for row in rows if all(row[name] == value for name, value in members.items())]
        return found[pick % len(found)] if found else None

    @invariant()
    def journals_balance_never_change_have_no_gap_and_stay_before_the_lock(self) -> None:
        known, found = self.feed, journals(self.xero)
        assert [journal["JournalNumber"] for journal in found] == list(range(1, len(found) + 1))
        assert all(sum(line["NetAmount"] for line in journal["JournalLines"]) == 0 for journal in found)
        assert found[: len(known)] == known
        assert all(self._is_open(day_of(journal["JournalDate"]).isoformat()) for journal in found[len(known) :])
        self.feed = found

    @invariant()
    def what_is_open_of_a_document_is_its_total_less_what_was_applied(self) -> None:
        for plural in DOCUMENTS:
            for row in self.xero.rows("GET", f"/{plural}", page=1, pageSize=1000):
                applied = sum((part["Amount"] for part in (*row["Payments"], *row.get("Allocations", ()))), Decimal(0))
                applied += sum(
                    (part["AppliedAmount"] for name in DOCUMENTS[1:] for part in row.get(name, ())), Decimal(0)
                )
                left = row.get("AmountDue", row.get("RemainingCredit"))
                if row["Status"] == "VOIDED":
                    assert (left, applied) == (0, 0)
                else:
                    assert left == row["Total"] - applied
                    assert row["Status"] == ("AUTHORISED" if left else "PAID")

    @invariant()
    def control_accounts_equal_the_open_documents(self) -> None:
        """And the aged reports, and the trial balance balances."""
        trial = report(self.xero, "TrialBalance", date=LAST_DAY)
        totals = trial.pop("Total", None)
        assert totals is None or totals[2] == totals[3]
        everything = [row for plural in DOCUMENTS for row in self.xero.rows("GET", f"/{plural}", page=1, pageSize=1000)]
        for name, aged, sign, kinds in CONTROLS:
            balance = sign * self._balance(trial, name)
            owed = sum((kinds.get(row["Type"], 0) * open_in_base(row) for row in everything), Decimal(0))
            rows = report(self.xero, aged, contactId=self.customer, date=LAST_DAY)
            assert balance == owed == Decimal(rows["Total"][-1])

    @invariant()
    def the_bank_account_holds_what_was_received_less_what_was_spent(self) -> None:
        trial = report(self.xero, "TrialBalance", date=LAST_DAY)
        held = Decimal(0)
        for row in self.xero.rows("GET", "/BankTransactions", page=1, pageSize=1000):
            if row["Status"] == "AUTHORISED":
                held += (1 if is_sale(row["Type"]) else -1) * in_base(row["Total"], row["CurrencyRate"])
        for row in self.xero.rows("GET", "/Payments", page=1, pageSize=1000):
            if row["Status"] == "AUTHORISED":
                comes_in = row["PaymentType"] in {
                    "ACCRECPAYMENT",
                    "APCREDITPAYMENT",
                    "APOVERPAYMENTPAYMENT",
                    "APPREPAYMENTPAYMENT",
                }
                held += (1 if comes_in else -1) * in_base(row["Amount"], row["CurrencyRate"])
        assert self._balance(trial, "Business Bank Account (090)") == held

    @staticmethod
    def _balance(trial: dict[str, list[str]], name: str) -> Decimal:
        _, _, debit, credit = trial.get(name, ["", "", "0", "0"])
        return Decimal(debit or 0) - Decimal(credit or 0)


Books.TestCase.settings = settings(
    max_examples=40, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
test_books: Callable[..., Any] = Books.TestCase
