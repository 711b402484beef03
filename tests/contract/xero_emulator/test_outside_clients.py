"""Small things that unmodified public clients of Xero do: each was found by running them."""

from __future__ import annotations

from base64 import b64encode
from urllib.parse import urlencode

import jwt
import msgspec
import pytest

from crossfoot.emulators.wire import Request, Response
from crossfoot.emulators.xero import handle

from .conftest import Client


def ask_token(xero: Client, **form: object) -> Response:
    """A custom connection's request for a token."""
    secret = f"{xero.world.app['client_id']}:{xero.world.app['client_secret']}"
    headers = {"authorization": f"Basic {b64encode(secret.encode()).decode()}"}
    body = urlencode({"grant_type": "client_credentials", **form}, doseq=True).encode()
    return handle(xero.world, Request("POST", "/connect/token", "", headers, body), xero.now)[0]


def granted(answer: Response) -> set[str]:
    assert answer.status == 200, answer.body
    return set(msgspec.json.decode(answer.body)["scope"].split())


def test_a_repeated_form_field_called_scopes_means_nothing(xero: Client) -> None:
    everything = granted(ask_token(xero))
    assert granted(ask_token(xero, scopes=["accounting.contacts.read", "openid"])) == everything


def test_scopes_of_xeros_other_apis_may_be_asked_for_and_unknown_ones_not(xero: Client) -> None:
    asked = "accounting.contacts payroll.settings projects.read files assets.read"
    assert granted(ask_token(xero, scope=asked)) == set(asked.split())
    refused = ask_token(xero, scope="accounting.contacts payroll.bonuses")
    assert (refused.status, refused.body) == (400, b'{"error": "invalid_scope"}')


def test_under_xeros_own_name_tokens_are_issued_by_the_identity_host(xero: Client) -> None:
    xero.world.public_url = "https://api.xero.com"
    told = msgspec.json.decode(
        handle(xero.world, Request("GET", "/.well-known/openid-configuration"), xero.now)[0].body
    )
    token = msgspec.json.decode(ask_token(xero).body)["access_token"]
    claims = jwt.decode(token, options={"verify_signature": False})
    assert (told["issuer"], claims["iss"]) == ("https://identity.xero.com",) * 2
    assert (told["token_endpoint"], claims["aud"]) == (
        "https://identity.xero.com/connect/token",
        "https://identity.xero.com/resources",
    )


@pytest.mark.parametrize(
    "path",
    ["/payroll.xro/2.0/Employees", "/projects.xro/2.0/Projects", "/files.xro/1.0/Files", "/assets.xro/1.0/Assets"],
)
def test_an_organisation_without_another_api_forbids_it_in_json(xero: Client, path: str) -> None:
    answer = xero.send("GET", path)
    told = msgspec.json.decode(answer.body)
    assert (answer.status, told["Title"], told["Status"]) == (403, "Forbidden", 403)
    assert xero.send("GET", "/api.xro/2.0/Organisation").status == 200


def test_another_api_without_its_scope_is_401(xero: Client) -> None:
    grant = next(token["grant"] for text, token in xero.world.state["access_tokens"].items() if text == xero.token)
    grant["scope"] = ["accounting.contacts"]
    assert xero.send("GET", "/payroll.xro/2.0/Employees").status == 401


def test_an_id_needs_no_hyphens(xero: Client) -> None:
    contact = xero.contact()
    bare = contact["ContactID"].replace("-", "").upper()
    invoice = xero.invoice(100, Contact={"ContactID": bare})
    assert xero.one("GET", f"/Contacts/{bare}")["ContactID"] == contact["ContactID"]
    assert len(xero.rows("GET", "/Contacts", IDs=bare)) == 1
    assert len(xero.rows("GET", "/Invoices", ContactIDs=f"{bare},{'0' * 32}")) == 1
    assert len(xero.rows("GET", "/Invoices", where=f'Contact.ContactID==Guid("{bare}")')) == 1
    assert len(xero.rows("GET", "/Invoices", IDs=invoice["InvoiceID"].replace("-", ""))) == 1


def test_a_date_needs_no_leading_zeros(xero: Client) -> None:
    made = xero.invoice(100, Date="2026-9-1", DueDate="2026-9-15")
    assert (made["DateString"], made["DueDateString"]) == ("2026-09-01T00:00:00", "2026-09-15T00:00:00")
    assert xero.send("GET", "/PurchaseOrders", query={"DateFrom": "2026-1-1"}).status == 200
    assert xero.send("GET", "/PurchaseOrders", query={"DateFrom": "2026-13-1"}).status == 400


def test_an_allocation_may_say_applied_amount(xero: Client) -> None:
    invoice = xero.invoice(100, Status="AUTHORISED")
    lines = [{"Description": "Credit", "Quantity": 1, "UnitAmount": 10, "AccountCode": "200"}]
    credit = {"Type": "ACCRECCREDIT", "Status": "AUTHORISED", "Contact": {"ContactID": invoice["Contact"]["ContactID"]}}
    note = xero.one("PUT", "/CreditNotes", {**credit, "LineItems": lines})
    row = {"AppliedAmount": "4.00", "Invoice": {"InvoiceID": invoice["InvoiceID"]}}
    (made,) = xero.rows("PUT", f"/CreditNotes/{note['CreditNoteID']}/Allocations", row)
    assert made["Amount"] == 4


def test_titles_write_months_in_full_and_columns_in_short(xero: Client) -> None:
    (report,) = xero.rows("GET", "/Reports/BalanceSheet", date="2026-09-30")
    assert (report["ReportTitles"][-1], report["ReportDate"]) == ("As at 30 September 2026", "20 November 2026")
    assert report["Rows"][0]["Cells"][1]["Value"] == "30 Sep 2026"


def test_nobody_has_published_a_tax_report(xero: Client) -> None:
    assert xero.json("GET", "/Reports")["Reports"] == []
    assert xero.send("GET", "/Reports/BankSummary/x").status == 404


def test_a_bank_summary_tells_what_came_and_went(xero: Client) -> None:
    invoice = xero.invoice(100, Status="AUTHORISED")
    xero.pay(invoice, 60, Date="2026-10-31")
    xero.pay(invoice, 30)
    spent = {"AccountCode": "429", "Description": "Paper", "Quantity": 1, "UnitAmount": 10, "TaxType": "INPUT"}
    bank = {"Type": "SPEND", "Contact": invoice["Contact"], "BankAccount": {"Code": "090"}, "LineItems": [spent]}
    xero.one("PUT", "/BankTransactions", {**bank, "Date": "2026-11-20", "LineAmountTypes": "NoTax"})
    (report,) = xero.rows("GET", "/Reports/BankSummary")
    body = report["Rows"][1]["Rows"]
    cells = {row["Cells"][0]["Value"]: [cell["Value"] for cell in row["Cells"][1:]] for row in body}
    assert cells["Business Bank Account"] == ["60.00", "30.00", "10.00", "80.00"]
    assert cells["Total"] == cells["Business Bank Account"]


def test_a_zero_has_no_sign(xero: Client) -> None:
    lines = [{"LineAmount": 10, "AccountCode": "429"}, {"LineAmount": -10, "AccountCode": "835"}]
    answer = xero.send("PUT", "/ManualJournals", {"Narration": "Accrual", "JournalLines": lines})
    assert (answer.status, b":-0" in answer.body) == (200, False)
