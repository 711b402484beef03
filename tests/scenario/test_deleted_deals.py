"""A deal is deleted whose invoice stands: nothing points at the deal any more, and the invoice is still shown."""

from __future__ import annotations

from typing import Any

from .business import URLS, Business


def _delete(firm: Business, deal_id: str) -> None:
    firm.office.ask(URLS["salesforce"], "DELETE", f"/services/data/v66.0/sobjects/Opportunity/{deal_id}")


def _drafted(firm: Business) -> tuple[str, str]:
    """A deal and its draft."""
    [row] = firm.soql(
        "SELECT Id, Xero_Invoice_Id__c FROM Opportunity WHERE Xero_Status__c = 'Draft' ORDER BY Id LIMIT 1"
    )
    return row["Id"], row["Xero_Invoice_Id__c"]


def _shown(firm: Business, invoice_id: str) -> dict[str, Any]:
    query = "SELECT Status__c, Opportunity__c FROM Xero_Invoice__c"
    [row] = firm.soql(f"{query} WHERE Invoice_Id__c = '{invoice_id}'")
    return row


def _codes(firm: Business, deal_id: str) -> set[str]:
    return {entry.code for entry in firm.desk.entries(ignored=True) if entry.record.id == deal_id}


def test_the_invoice_of_a_deleted_deal_is_shown_as_it_is_and_nothing_is_refused(synced: Business) -> None:
    deal_id, invoice_id = _drafted(synced)
    _delete(synced, deal_id)
    synced.in_xero("Invoices", InvoiceID=invoice_id, Status="AUTHORISED")

    report = synced.sync()

    assert report.write_backs_refused == 0
    assert _shown(synced, invoice_id) == _shown(synced, invoice_id) | {
        "Status__c": "Authorised",
        "Opportunity__c": None,
    }
    assert _codes(synced, deal_id) == {"source_deleted"}
    synced.later()
    assert synced.sync().writes == 0


def test_a_deal_that_is_taken_out_of_the_bin_is_pointed_at_and_told_again(synced: Business) -> None:
    deal_id, invoice_id = _drafted(synced)
    _delete(synced, deal_id)
    synced.in_xero("Invoices", InvoiceID=invoice_id, Status="AUTHORISED")
    synced.sync()
    synced.later()
    synced.post(f"{URLS['salesforce']}/control/undelete", {"object": "Opportunity", "id": deal_id})

    synced.sync()

    assert _shown(synced, invoice_id)["Opportunity__c"] == deal_id
    [deal] = synced.soql(f"SELECT Xero_Status__c FROM Opportunity WHERE Id = '{deal_id}'")
    assert deal["Xero_Status__c"] == "Authorised"
    assert "source_deleted" not in _codes(synced, deal_id)


def test_lines_wait_for_an_invoice_that_is_refused_and_the_reason_told_is_the_invoices_own(synced: Business) -> None:
    rule = {
        "object": "Xero_Invoice__c",
        "name": "No_new_ones",
        "condition": "Subtotal__c = 2641",
        "message": "Closed for today.",
    }
    synced.post(f"{URLS['salesforce']}/control/validation-rule", {**rule, "active": True})
    line = {"code": "ASR-CTRL", "Quantity": 1, "UnitPrice": 2641}
    deal_id = synced.win("Refused invoice", "Wollemi Laboratories", [line])

    synced.sync()

    [entry] = [each for each in synced.desk.entries(ignored=True) if each.record.id == deal_id]
    assert (entry.code, "Closed for today." in entry.cause) == ("write_back_refused", True)
    illegal = [each["illegal"] for each in synced.org.log if each.get("illegal")]
    assert not [words for words in illegal if "Foreign key" in words]
    synced.post(f"{URLS['salesforce']}/control/validation-rule", {**rule, "active": False})
    synced.time.pass_s(90_000)
    synced.sync()
    shown = synced.soql(f"SELECT Id FROM Xero_Invoice_Line__c WHERE Xero_Invoice__r.Opportunity__c = '{deal_id}'")
    assert len(shown) == 1
