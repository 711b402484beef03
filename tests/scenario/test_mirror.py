"""What Salesforce shows of Xero: every sales document, what waits, and how each deal and customer stands."""

from __future__ import annotations

from decimal import Decimal

import pytest

from .business import Business


@pytest.mark.promise("S3-08", "S3-09", "S3-13")
def test_chart_rates_tracking_and_the_organisation_are_shown_with_what_is_legal_for_sales(synced: Business) -> None:
    home = synced.session().organisation_id
    [sales] = synced.soql("SELECT Name, Active__c, Takes_Sales_Lines__c FROM Xero_Account__c WHERE Code__c = '200'")
    assert (sales["Active__c"], sales["Takes_Sales_Lines__c"]) == (True, True)
    banks = synced.soql("SELECT Takes_Sales_Lines__c FROM Xero_Account__c WHERE Type__c = 'BANK'")
    assert {each["Takes_Sales_Lines__c"] for each in banks} <= {False}
    [rate] = synced.soql("SELECT Rate__c, Active__c FROM Xero_Tax_Rate__c WHERE Tax_Type__c = 'OUTPUT'")
    assert (rate["Rate__c"], rate["Active__c"]) == (Decimal(10), True)
    options = synced.soql("SELECT Category__c, Xero_Key__c FROM Xero_Tracking_Option__c")
    assert {each["Category__c"] for each in options} >= {"Region"}
    assert all(each["Xero_Key__c"].startswith(f"{home}:") for each in options)
    [organisation] = synced.soql("SELECT Name, Base_Currency__c FROM Xero_Organisation__c")
    assert (organisation["Name"], organisation["Base_Currency__c"]) == ("Harbour Point Advisory", "AUD")


@pytest.mark.promise("S3-22", "S3-23", "S3-24", "S3-54", "S3-30")
def test_every_sales_invoice_is_shown_with_its_lines_whoever_made_it(synced: Business) -> None:
    there = {each["InvoiceID"]: each for each in synced.invoices()}
    shown = {
        each["Invoice_Id__c"]: each
        for each in synced.soql("SELECT Invoice_Id__c, Status__c, Total__c, Opportunity__c FROM Xero_Invoice__c")
    }
    assert shown.keys() == there.keys()
    assert {key: row["Total__c"] for key, row in shown.items()} == {
        key: Decimal(str(each["Total"])) for key, each in there.items()
    }
    lines = synced.soql("SELECT Xero_Invoice__r.Invoice_Id__c, Line_Amount__c FROM Xero_Invoice_Line__c")
    amounts: dict[str, Decimal] = {}
    for line in lines:
        parent = line["Xero_Invoice__r"]["Invoice_Id__c"]
        amounts[parent] = amounts.get(parent, Decimal(0)) + line["Line_Amount__c"]
    exclusive = {key for key, each in there.items() if each["LineAmountTypes"] == "Exclusive"}
    assert {key: amounts.get(key, Decimal(0)) for key in exclusive} == {
        key: Decimal(str(there[key]["SubTotal"])) for key in exclusive
    }


@pytest.mark.promise("S0-16")
def test_a_deals_money_adds_up_and_its_state_is_in_words(settled: Business) -> None:
    line = {"code": "ASR-CTRL", "Quantity": 1, "UnitPrice": Decimal("2640.00")}
    settled.win("Not before Christmas", "Wollemi Laboratories", [line], CloseDate="2026-12-24")
    settled.sync()
    money = ("Xero_Scheduled__c", "Xero_Drafted__c", "Xero_Invoiced__c", "Xero_Uninvoiced__c")
    query = f"SELECT Name, Amount, {', '.join(money)}, Xero_Sync_State__c, Xero_Last_Error__c FROM Opportunity"
    rows = {each["Name"]: each for each in settled.soql(f"{query} WHERE Xero_Sync_State__c != null")}
    assert {each["Xero_Sync_State__c"] for each in rows.values()} >= {"Invoiced", "Waiting", "Scheduled"}
    later = rows["Not before Christmas"]
    assert [later[name] for name in money] == [Decimal(2640), 0, 0, Decimal(2640)]
    assert "Closes in the future" in later["Xero_Last_Error__c"]
    for each in rows.values():
        assert (each["Xero_Last_Error__c"] is not None) == (each["Xero_Sync_State__c"] in {"Waiting", "Scheduled"})
        if each["Xero_Invoiced__c"]:
            assert each["Xero_Drafted__c"] == 0
            assert each["Xero_Uninvoiced__c"] in {0, each["Amount"] - each["Xero_Invoiced__c"]}


@pytest.mark.promise("U-15")
def test_what_waits_is_shown_with_reason_money_and_next_step_and_is_closed_when_it_is_settled(
    synced: Business,
) -> None:
    query = "SELECT Xero_Key__c, Reason__c, Next_Step__c, Status__c, Opportunity__c, Amount__c FROM Xero_Sync_Issue__c"
    shown = {each["Xero_Key__c"]: each for each in synced.soql(query)}
    entries = {f"{each.record.id}:{each.code}": each for each in synced.desk.entries(ignored=True)}
    home = synced.session().organisation_id
    assert {key.removeprefix(f"{home}:") for key in shown} == entries.keys()
    for key, entry in entries.items():
        assert shown[f"{home}:{key}"]["Next_Step__c"] == entry.fix
    first = next(each for each in entries.values() if each.code == "no_account")
    [customer] = synced.soql("SELECT Id FROM Account WHERE Name = 'Kirrawee Engineering Pty Ltd'")
    synced.edit("Opportunity", first.record.id, AccountId=customer["Id"])
    synced.later()
    synced.sync()
    shown = {each["Xero_Key__c"]: each for each in synced.soql(query)}
    assert shown[f"{home}:{first.record.id}:no_account"]["Status__c"] == "Closed"
