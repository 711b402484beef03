"""What people do in the demo's fourth act, on drafts such as an integration would leave."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import httpx2
import pytest

from crossfoot.emulators.host import Worlds
from crossfoot.emulators.people import Acts, Office, approve_and_pay
from crossfoot.emulators.play import Person
from crossfoot.emulators.scenarios import demo
from crossfoot.emulators.scenarios.demo_cases import case
from crossfoot.emulators.wire import Request

from .probe import load_demo, soql, xero_get

SALESFORCE, XERO = "http://salesforce.example", "http://xero.example"


def transport(worlds: Worlds) -> httpx2.MockTransport:
    """Carries requests to the emulators without sockets; the clock's route is the server's own."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        if request.url.path == "/control/clock":
            return httpx2.Response(200, json={"now": worlds.clock.now().isoformat()})
        emulator = worlds.salesforce if request.url.host == "salesforce.example" else worlds.xero
        asked = Request(request.method, request.url.path, "", dict(request.headers), request.read())
        found = emulator.answer(asked)
        return httpx2.Response(found.status, headers=list(found.headers), content=found.body)

    return httpx2.MockTransport(answer)


def add_drafts(worlds: Worlds, names: list[str]) -> None:
    """A draft of 1,000.00 ex tax for each named deal, as an integration would leave it."""
    ids = {row["Name"]: row["Id"] for row in soql(worlds, "SELECT Id, Name FROM Opportunity WHERE IsWon = true")}
    [contact] = xero_get(worlds, "Contacts", "where=Name==%22Evergreen%20Cinemas%22")
    line = {"Description": "Work", "Quantity": 1, "UnitAmount": Decimal(1000), "AccountCode": "200"}
    drafts = [
        {
            "Type": "ACCREC",
            "Contact": {"ContactID": contact["ContactID"]},
            "Date": "2026-11-20",
            "DueDate": "2026-12-04",
            "Url": f"https://org.example/lightning/r/Opportunity/{ids[name]}/view",
            "LineItems": [line | {"TaxType": "OUTPUT"}],
        }
        for name in names
    ]
    person = Person(worlds.xero.world, worlds.xero.handle, demo.CLOCK)
    status, answer = person.ask("PUT", "/Invoices", {"Invoices": drafts})
    assert status == 200, answer


@pytest.fixture(scope="module")
def acted() -> tuple[Worlds, Acts, dict[str, dict[str, Any]]]:
    """The act played on drafts for cases 14 and 15 and five plain deals; invoices by deal name."""
    worlds = load_demo()
    plain = [*case(3).deal_names, *case(9).deal_names, *case(16).deal_names, *case(7).deal_names]
    names = [*case(14).deal_names, *case(15).deal_names, *plain]
    add_drafts(worlds, names)
    acts = approve_and_pay(SALESFORCE, XERO, transport(worlds))
    ids = {row["Id"]: row["Name"] for row in soql(worlds, "SELECT Id, Name FROM Opportunity WHERE IsWon = true")}
    found = (invoice for invoice in xero_get(worlds, "Invoices") if invoice.get("Url"))
    return worlds, acts, {ids[invoice["Url"].split("/")[-2]]: invoice for invoice in found}


def _amounts(invoice: dict[str, Any]) -> tuple[str, Decimal, Decimal]:
    return invoice["Status"], invoice["AmountPaid"], invoice["AmountDue"]


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        pytest.param(0, ("PAID", Decimal(1100), Decimal(0)), id="full"),
        pytest.param(1, ("AUTHORISED", Decimal(550), Decimal(550)), id="two parts"),
        pytest.param(2, ("PAID", Decimal(1100), Decimal(0)), id="over"),
        pytest.param(3, ("AUTHORISED", Decimal(0), Decimal(1100)), id="bounced"),
    ],
)
def test_case_14_payments(acted: Any, place: int, expected: tuple[str, Decimal, Decimal]) -> None:
    _worlds, _acts, invoices = acted
    assert _amounts(invoices[case(14).deal_names[place]]) == expected


def test_case_14_too_much_is_an_overpayment(acted: Any) -> None:
    worlds, acts, _invoices = acted
    [overpayment] = xero_get(worlds, "Overpayments")
    assert overpayment["RemainingCredit"] == Decimal("50.00")
    assert acts.money["overpayments"] == {"AUD": Decimal("50.00")}


def test_case_15_changes_after_approval(acted: Any) -> None:
    worlds, _acts, invoices = acted
    changed, voided, edited = case(15).deal_names
    [deal] = soql(worlds, "SELECT Amount FROM Opportunity WHERE Name = {name}", name=changed)
    assert deal["Amount"] == Decimal("19600.00")
    assert invoices[changed]["Status"] == "AUTHORISED"
    assert invoices[voided]["Status"] == "VOIDED"
    assert (invoices[edited]["Status"], invoices[edited]["SubTotal"]) == ("DRAFT", Decimal("990.00"))
    assert invoices[edited]["LineItems"][0]["Description"] == "Work (as agreed by phone)"


def test_four_of_five_plain_drafts_are_approved_and_half_of_those_paid(acted: Any) -> None:
    _worlds, acts, invoices = acted
    special = {*case(14).deal_names, *case(15).deal_names}
    states = sorted(invoice["Status"] for name, invoice in invoices.items() if name not in special)
    assert states == ["AUTHORISED", "AUTHORISED", "DRAFT", "PAID", "PAID"]
    assert acts.counts == {
        "approved": 10,
        "paid": 3,
        "part payments": 2,
        "paid over": 1,
        "overpayments": 1,
        "bounced": 1,
        "deals changed after approval": 1,
        "voided": 1,
        "drafts edited": 1,
    }


def test_nothing_to_approve_is_no_error(demo_worlds: Worlds) -> None:
    assert approve_and_pay(SALESFORCE, XERO, transport(demo_worlds)) == Acts()


def test_a_refusal_carries_the_vendors_words(demo_worlds: Worlds) -> None:
    with (
        Office(SALESFORCE, XERO, transport(demo_worlds)) as office,
        pytest.raises(RuntimeError, match="cannot be found"),
    ):
        office.ask(XERO, "GET", "/Contacts/00000000-0000-0000-0000-000000000001")
