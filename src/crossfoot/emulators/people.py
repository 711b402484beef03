"""What people do inside the two systems once drafts have arrived: the fourth act of the demo business.

The practice's controller approves, customers pay in every way that customers pay, and both sides are changed by hand
where the planted cases want it. Everything goes through the emulators' control plane (``POST /control/person``), as
if typed into the vendors' own pages; nothing of it counts as the app's calls.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from zoneinfo import ZoneInfo

import httpx2
import msgspec

from crossfoot.emulators.scenarios.demo_cases import case, planted_deals

_API = "/services/data/v66.0"
_BANK = {"Code": "090"}
_LINE_FIELDS = {
    "LineItemID", "Description", "Quantity", "UnitAmount", "ItemCode", "AccountCode", "TaxType", "DiscountRate",
    "Tracking",
}  # fmt: skip
_encode = msgspec.json.Encoder(decimal_format="number").encode
page_size = 1000
pages_max = 100
batch = 50
ask_s_max = 60


class RefusedError(RuntimeError):
    """An emulated system refused what a person did; carries its own words."""


@dataclass(slots=True)
class Acts:
    """What was done: counts by act, and money by act and currency."""

    counts: dict[str, int] = field(default_factory=dict)
    money: dict[str, dict[str, Decimal]] = field(default_factory=dict)

    def note(self, act: str, currency: str, amount: Decimal) -> None:
        """Count one act."""
        self.counts[act] = self.counts.get(act, 0) + 1
        by_currency = self.money.setdefault(act, {})
        by_currency[currency] = by_currency.get(currency, Decimal(0)) + amount


class Office:
    """People's hands on both systems, given their public addresses. Close it, or use it in a ``with``."""

    def __init__(self, salesforce_url: str, xero_url: str, transport: httpx2.BaseTransport | None = None) -> None:
        self.salesforce_url = salesforce_url.rstrip("/")
        self.xero_url = xero_url.rstrip("/")
        self._client = httpx2.Client(transport=transport, timeout=ask_s_max, trust_env=False)

    def __enter__(self) -> Office:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def ask(self, base: str, method: str, path: str, body: Any = None, query: str = "") -> Any:
        """One request as a person at work; answers the parsed body. Raises RefusedError."""
        wish = _encode({"method": method, "path": path, "query": query, "body": body})
        answer = self._client.post(f"{base}/control/person", content=wish, headers={"content-type": "application/json"})
        if answer.status_code >= 400:
            raise RefusedError(f"{method} {path}: {answer.status_code} {answer.text}")
        return json.loads(answer.content, parse_float=Decimal) if answer.content else None

    def salesforce(self, method: str, path: str, body: Any = None, query: str = "") -> Any:
        """One request as the Salesforce administrator."""
        return self.ask(self.salesforce_url, method, f"{_API}{path}", body, query)

    def xero(self, method: str, kind: str, records: list[dict[str, Any]], query: str = "") -> list[dict[str, Any]]:
        """Write records of one kind as the organisation's own user, in batches; all or an error."""
        written: list[dict[str, Any]] = []
        for start in range(0, len(records), batch):
            answer = self.ask(self.xero_url, method, f"/{kind}", {kind: records[start : start + batch]}, query)
            written += answer[kind]
        return written

    def invoices(self) -> Iterator[dict[str, Any]]:
        """Every sales invoice, whole."""
        for page in range(1, pages_max + 1):
            query = f"where=Type==%22ACCREC%22&order=InvoiceID&unitdp=4&page={page}&pageSize={page_size}"
            found = self.ask(self.xero_url, "GET", "/Invoices", query=query)["Invoices"]
            yield from found
            if len(found) < page_size:
                return

    def today(self) -> str:
        """The calendar day that the emulators' clock shows in Sydney."""
        now = datetime.fromisoformat(self._client.get(f"{self.xero_url}/control/clock").json()["now"])
        return now.astimezone(ZoneInfo("Australia/Sydney")).date().isoformat()

    def deal_ids(self) -> dict[str, str]:
        """The id of every planted deal in Salesforce, by its name."""
        wanted = {deal.name for deal in planted_deals()}
        answer = self.salesforce("GET", "/query", query="q=SELECT+Id,Name+FROM+Opportunity+WHERE+IsWon=true")
        return {row["Name"]: row["Id"] for row in answer["records"] if row["Name"] in wanted}


@dataclass(frozen=True, slots=True)
class Visit:
    """One deal and its document in Xero, for a person to act on."""

    deal_id: str
    document: dict[str, Any]


def drafts_by_deal(office: Office) -> dict[str, dict[str, Any]]:
    """The drafts that carry a Salesforce deal's id in their Url, by that id."""
    drafts = (found for found in office.invoices() if found["Status"] == "DRAFT" and found.get("Url"))
    return {deal_id: draft for draft in drafts if (deal_id := _deal_id(draft["Url"]))}


def approve(office: Office, drafts: list[dict[str, Any]], acts: Acts) -> list[dict[str, Any]]:
    """The controller approves drafts; answers the approved invoices."""
    wishes = [{"InvoiceID": draft["InvoiceID"], "Status": "AUTHORISED"} for draft in drafts]
    approved = office.xero("POST", "Invoices", wishes, "unitdp=4")
    for invoice in approved:
        acts.note("approved", invoice["CurrencyCode"], invoice["Total"])
    return approved


def pay(office: Office, invoices: list[dict[str, Any]], share: Decimal, acts: Acts, act: str) -> list[dict[str, Any]]:
    """Customers pay ``share`` of what is due on each invoice; answers the payments."""
    today = office.today()
    wishes = [
        {
            "Invoice": {"InvoiceID": invoice["InvoiceID"]},
            "Account": _BANK,
            "Date": today,
            "Amount": (invoice["AmountDue"] * share).quantize(Decimal("0.01"), ROUND_HALF_UP),
        }
        for invoice in invoices
    ]
    payments = office.xero("PUT", "Payments", wishes)
    for invoice, payment in zip(invoices, payments, strict=True):
        acts.note(act, invoice["CurrencyCode"], payment["Amount"])
    return payments


def pay_in_full(office: Office, visit: Visit, acts: Acts) -> None:
    """A customer pays all."""
    pay(office, [visit.document], Decimal(1), acts, "paid")


def pay_in_two_parts(office: Office, visit: Visit, acts: Acts) -> None:
    """A customer pays two parts, a quarter each, and owes the rest: part-paid."""
    for _ in range(2):
        pay(office, [visit.document], Decimal("0.25"), acts, "part payments")


def pay_over(office: Office, visit: Visit, acts: Acts) -> None:
    """A customer pays 50.00 too much: what is due as a payment, the rest as an overpayment (XERO 4.7)."""
    pay(office, [visit.document], Decimal(1), acts, "paid over")
    over = Decimal("50.00")
    overpayment = {
        "Type": "RECEIVE-OVERPAYMENT",
        "Contact": {"ContactID": visit.document["Contact"]["ContactID"]},
        "BankAccount": _BANK,
        "Date": office.today(),
        "LineItems": [{"Description": "Paid too much", "Quantity": 1, "UnitAmount": over}],
    }
    office.xero("PUT", "BankTransactions", [overpayment])
    acts.note("overpayments", visit.document["CurrencyCode"], over)


def pay_and_bounce(office: Office, visit: Visit, acts: Acts) -> None:
    """A payment arrives and bounces: finance deletes it, and the invoice is due again."""
    [payment] = pay(office, [visit.document], Decimal(1), acts, "bounced")
    office.ask(office.xero_url, "POST", f"/Payments/{payment['PaymentID']}", {"Status": "DELETED"})


def change_deal_amount(office: Office, visit: Visit, acts: Acts) -> None:
    """A salesperson adds one more of the first line to a deal whose invoice is already approved."""
    where = f"OpportunityId='{visit.deal_id}'+ORDER+BY+Id"
    query = f"q=SELECT+Id,Quantity,UnitPrice,CurrencyIsoCode+FROM+OpportunityLineItem+WHERE+{where}"
    line = office.salesforce("GET", "/query", query=query)["records"][0]
    change = {"Quantity": line["Quantity"] + 1, "UnitPrice": line["UnitPrice"]}
    office.salesforce("PATCH", f"/sobjects/OpportunityLineItem/{line['Id']}", change)
    acts.note("deals changed after approval", line["CurrencyIsoCode"], line["UnitPrice"])


def void(office: Office, visit: Visit, acts: Acts) -> None:
    """Finance voids an approved invoice in Xero."""
    office.xero("POST", "Invoices", [{"InvoiceID": visit.document["InvoiceID"], "Status": "VOIDED"}])
    acts.note("voided", visit.document["CurrencyCode"], visit.document["Total"])


def edit_draft(office: Office, visit: Visit, acts: Acts, *, lower_by: int = 10) -> None:
    """Finance rewords a draft's first line and lowers its price, by ten unless told."""
    draft = visit.document
    kept = [{name: value for name, value in line.items() if name in _LINE_FIELDS} for line in draft["LineItems"]]
    first = kept[0]
    first["Description"] = f"{first['Description']} (as agreed by phone)"
    first["UnitAmount"] = first["UnitAmount"] - lower_by
    office.xero("POST", "Invoices", [{"InvoiceID": draft["InvoiceID"], "LineItems": kept}], "unitdp=4")
    acts.note("drafts edited", draft["CurrencyCode"], draft["Total"])


# What happens to the invoice of each planted deal of cases 14 and 15, in the order of their deals.
_APPROVED_FIRST = {14: (pay_in_full, pay_in_two_parts, pay_over, pay_and_bounce), 15: (change_deal_amount, void)}
_LEFT_DRAFT = {15: edit_draft}


def approve_and_pay(salesforce_url: str, xero_url: str, transport: httpx2.BaseTransport | None = None) -> Acts:
    """The whole act: four of five drafts approved, half of those paid, and the planted payments and changes."""
    acts = Acts()
    with Office(salesforce_url, xero_url, transport) as office:
        drafts, ids = drafts_by_deal(office), office.deal_ids()
        planted = [
            (act, ids[name])
            for number, deeds in _APPROVED_FIRST.items()
            for act, name in zip(deeds, case(number).deal_names, strict=False)
            if ids.get(name) in drafts
        ]
        left = [
            (act, ids[case(number).deal_names[-1]])
            for number, act in _LEFT_DRAFT.items()
            if ids.get(case(number).deal_names[-1]) in drafts
        ]
        special = {deal_id for _act, deal_id in (*planted, *left)}
        plain = [draft for deal_id, draft in drafts.items() if deal_id not in special]
        chosen = _four_of_five(sorted(plain, key=lambda draft: (draft["Contact"]["Name"], draft["InvoiceNumber"])))
        approved = approve(office, [*chosen, *(drafts[deal_id] for _act, deal_id in planted)], acts)
        by_id = {invoice["InvoiceID"]: invoice for invoice in approved}
        pay(office, [by_id[draft["InvoiceID"]] for draft in chosen[::2]], Decimal(1), acts, "paid")
        for act, deal_id in planted:
            act(office, Visit(deal_id, by_id[drafts[deal_id]["InvoiceID"]]), acts)
        for act, deal_id in left:
            act(office, Visit(deal_id, drafts[deal_id]), acts)
    return acts


def _four_of_five(drafts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [draft for number, draft in enumerate(drafts, start=1) if number % 5]


def _deal_id(url: str) -> str | None:
    """The 18-character id of an opportunity somewhere in a Url."""
    for part in url.replace("?", "/").replace("=", "/").split("/"):
        if len(part) == 18 and part.startswith("006"):
            return part
    return None
