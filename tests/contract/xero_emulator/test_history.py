"""History and notes: the system's own rows, and notes that stay (XERO 4.21)."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import Client

NO_HISTORY = "The document with the supplied id was not found for this endpoint."


def history(xero: Client, path: str) -> list[dict[str, Any]]:
    return xero.rows("GET", f"{path}/History")


def changes(xero: Client, path: str) -> list[str]:
    """What the system says happened, oldest first."""
    return [row["Changes"] for row in reversed(history(xero, path))]


def test_the_life_of_an_invoice_is_told(xero: Client) -> None:
    made = xero.invoice()
    path = f"/Invoices/{made['InvoiceID']}"
    assert changes(xero, path) == ["Created"]
    xero.one("POST", path, {"Reference": "PO 7"})
    xero.one("POST", path, {"Status": "AUTHORISED"})
    paid = xero.pay(made, 110)
    assert changes(xero, path) == ["Created", "Edited", "Approved", "Paid"]
    xero.one("POST", f"/Payments/{paid['PaymentID']}", {"Status": "DELETED"})
    xero.one("POST", path, {"Status": "VOIDED"})
    assert changes(xero, path)[4:] == ["Edited", "Voided"]
    assert changes(xero, f"/Payments/{paid['PaymentID']}") == ["Created", "Deleted"]


def test_an_invoice_approved_at_once_was_created_and_approved(xero: Client) -> None:
    made = xero.invoice(Status="AUTHORISED")
    assert changes(xero, f"/Invoices/{made['InvoiceID']}") == ["Created", "Approved"]


def test_a_refused_change_leaves_no_row(xero: Client) -> None:
    made = xero.invoice(Status="AUTHORISED")
    path = f"/Invoices/{made['InvoiceID']}"
    xero.problems("POST", path, {"Status": "DELETED"})
    assert changes(xero, path) == ["Created", "Approved"]


def test_rows_come_newest_first_with_who_and_when(xero: Client) -> None:
    made = xero.invoice()
    xero.wait(minutes=5)
    xero.person("POST", f"/Invoices/{made['InvoiceID']}", {"Reference": "by hand"})
    newest, oldest = history(xero, f"/Invoices/{made['InvoiceID']}")
    assert (newest["Changes"], oldest["Changes"]) == ("Edited", "Created")
    assert newest["DateUTCString"] == "2026-11-20 01:35:00"
    assert newest["DateUTC"].startswith("/Date(")
    assert oldest["User"] == "System Generated"
    assert newest["User"] != "System Generated"
    assert "through the Xero API using Crossfoot" in oldest["Details"]
    assert "Xero API" not in newest["Details"]


def test_a_note_is_added_and_neither_the_stamp_nor_a_webhook_moves(xero: Client) -> None:
    made = xero.invoice()
    path = f"/Invoices/{made['InvoiceID']}"
    xero.wait(minutes=5)
    note = xero.one("PUT", f"{path}/History", {"HistoryRecords": [{"Details": "Called the customer"}]})
    assert (note["Details"], note["User"]) == ("Called the customer", "System Generated")
    assert xero.events == []
    assert changes(xero, path) == ["Created", "Note"]
    assert xero.one("GET", path)["UpdatedDateUTC"] == made["UpdatedDateUTC"]


@pytest.mark.parametrize(
    ("length", "refused"), [(2500, False), (2501, True), (0, True)], ids=["longest", "too long", "empty"]
)
def test_a_note_has_a_length(xero: Client, length: int, refused: bool) -> None:
    path = f"/Contacts/{xero.contact()['ContactID']}/History"
    body = {"HistoryRecords": [{"Details": "x" * length}]}
    if refused:
        assert xero.problems("PUT", path, body)
    else:
        assert len(xero.one("PUT", path, body)["Details"]) == length


def test_one_note_per_call_is_kept(xero: Client) -> None:
    path = f"/Contacts/{xero.contact()['ContactID']}"
    xero.one("PUT", f"{path}/History", {"HistoryRecords": [{"Details": "one"}, {"Details": "two"}]})
    assert [row["Details"] for row in history(xero, path)][:-1] == ["one"]
    assert xero.world.log[-2]["illegal"]


def test_a_kind_without_history_says_so(xero: Client) -> None:
    account = xero.rows("GET", "/Accounts")[0]["AccountID"]
    assert xero.problems("GET", f"/Accounts/{account}/History", None) == [NO_HISTORY]


def test_a_note_cannot_be_removed(xero: Client) -> None:
    path = f"/Contacts/{xero.contact()['ContactID']}/History"
    assert xero.send("DELETE", path).status == 405
    assert xero.send("POST", path, {"Details": "x"}).status == 405


def test_history_never_shows_on_the_record_itself(xero: Client) -> None:
    made = xero.invoice()
    assert not [name for name in xero.one("GET", f"/Invoices/{made['InvoiceID']}") if name.startswith("_")]


def test_a_record_of_an_older_version_has_no_history_until_something_happens(xero: Client) -> None:
    made = xero.invoice()
    (organisation,) = xero.world.organisations.values()
    del organisation.tables["Invoices"][made["InvoiceID"]]["_history"]
    path = f"/Invoices/{made['InvoiceID']}"
    assert history(xero, path) == []
    xero.one("POST", path, {"Reference": "PO 7"})
    assert changes(xero, path) == ["Edited"]
