"""What Salesforce shows of Xero: every sales document, what waits, and how each deal and customer stands."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import httpx2
import pytest

from .business import URLS, Business


@pytest.mark.promise("S3-08", "S3-09", "S3-13", "S3-52")
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


def test_a_line_that_finance_takes_the_item_from_points_at_none(synced: Business) -> None:
    name = "Evergreen Cinemas - Half-year review"
    invoice = synced.invoice_of(name)
    kept = ("LineItemID", "Description", "Quantity", "UnitAmount", "AccountCode", "TaxType")
    lines = [{**{each: line[each] for each in kept}, "ItemCode": ""} for line in invoice["LineItems"]]
    synced.in_xero("Invoices", InvoiceID=invoice["InvoiceID"], LineItems=lines)
    synced.later()

    synced.sync()

    of = f"Xero_Invoice__r.Invoice_Id__c = '{invoice['InvoiceID']}'"
    [row] = synced.soql(f"SELECT Item_Code__c, Xero_Item__c, Xero_Account__c FROM Xero_Invoice_Line__c WHERE {of}")
    assert (row["Item_Code__c"], row["Xero_Item__c"]) == (None, None)
    assert row["Xero_Account__c"]


def test_amounts_of_an_invoice_in_another_currency_are_not_shown_as_the_deals(synced: Business) -> None:
    deal_id = synced.win("Retainer", "Wollemi Laboratories", [], Amount=Decimal(100))
    synced.sync()
    synced.later()
    shown = "Xero_Total__c, Xero_Amount_Due__c, Xero_Drafted__c, Xero_Uninvoiced__c"
    [before] = synced.soql(f"SELECT {shown} FROM Opportunity WHERE Id = '{deal_id}'")
    assert [before[name] for name in shown.split(", ")] == [110, 110, 100, 100]
    synced.edit("Opportunity", deal_id, CurrencyIsoCode="NZD")
    synced.later()

    synced.sync()

    [after] = synced.soql(f"SELECT {shown}, Xero_Status__c FROM Opportunity WHERE Id = '{deal_id}'")
    assert [after[name] for name in shown.split(", ")] == [None] * 4
    assert after["Xero_Status__c"] == "Draft"


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


def row(firm: Business, kind: str, field: str, value: str) -> dict[str, Any]:
    """One row of reference data, by a field that stays."""
    fields = {
        "Xero_Account__c": "Code__c, Active__c, Takes_Sales_Lines__c",
        "Xero_Tax_Rate__c": "Tax_Type__c, Active__c, Applies_To_Sales__c, Rate__c",
        "Xero_Tracking_Option__c": "Category__c, Active__c",
    }[kind]
    [found] = firm.soql(f"SELECT Id, Name, Xero_Key__c, {fields} FROM {kind} WHERE {field} = '{value}'")
    return found


def changed_in_xero(firm: Business, path: str, fields: dict[str, Any]) -> None:
    """Finance change reference data, and Crossfoot runs."""
    firm.office.ask(URLS["xero"], "POST", path, fields)
    firm.later(minutes=30)
    firm.sync()


def test_a_deal_that_was_copied_from_an_invoiced_one_does_not_show_that_ones_invoice(settled: Business) -> None:
    fields = "Xero_Invoice_Number__c, Xero_Invoice_Id__c, Xero_Status__c, Xero_Payment_Status__c, Xero_Amount_Paid__c"
    [model] = settled.soql(f"SELECT Name, {fields} FROM Opportunity WHERE Xero_Payment_Status__c = 'Paid' LIMIT 1")
    copied = {name: model[name] for name in fields.split(", ")}
    sold = [{"code": "TEC-SUPPORT", "Quantity": 1, "UnitPrice": 77}]
    settled.win("Copy", "Evergreen Cinemas", sold, CloseDate="2026-12-24", **copied)
    settled.sync()
    [copy] = settled.soql(f"SELECT Xero_Sync_State__c, {fields} FROM Opportunity WHERE Name = 'Copy'")
    assert copy["Xero_Sync_State__c"] == "Scheduled"
    assert {copy[name] for name in copied} == {None}


@pytest.mark.promise("F-40")
def test_an_account_that_is_archived_or_gets_another_code_says_so_on_its_own_row(synced: Business) -> None:
    accounts = {each["Code"]: each for each in synced.office.ask(URLS["xero"], "GET", "/Accounts")["Accounts"]}
    unused, recoded = row(synced, "Xero_Account__c", "Code__c", "270"), row(synced, "Xero_Account__c", "Code__c", "260")
    assert (unused["Active__c"], unused["Takes_Sales_Lines__c"]) == (True, True)

    changed_in_xero(synced, f"/Accounts/{accounts['260']['AccountID']}", {"Code": "265", "Name": "Sundry Revenue"})
    changed_in_xero(synced, f"/Accounts/{accounts['270']['AccountID']}", {"Status": "ARCHIVED"})

    after = row(synced, "Xero_Account__c", "Xero_Key__c", recoded["Xero_Key__c"])
    assert (after["Id"], after["Code__c"], after["Name"]) == (recoded["Id"], "265", "265 Sundry Revenue")
    after = row(synced, "Xero_Account__c", "Xero_Key__c", unused["Xero_Key__c"])
    assert (after["Id"], after["Active__c"]) == (unused["Id"], False)
    for kind, takes in (("BANK", False), ("REVENUE", True)):
        rows = synced.soql(f"SELECT Takes_Sales_Lines__c FROM Xero_Account__c WHERE Type__c = '{kind}'")
        assert {each["Takes_Sales_Lines__c"] for each in rows} == {takes}


@pytest.mark.promise("F-41")
def test_a_rate_that_is_renamed_keeps_its_row_and_one_that_is_deleted_is_no_longer_active(synced: Business) -> None:
    component = {"Name": "GST", "Rate": 5}
    reduced = {"Name": "Reduced GST", "ReportTaxType": "OUTPUT", "TaxComponents": [component]}
    [made] = synced.office.xero("PUT", "TaxRates", [reduced])
    synced.later(minutes=30)
    synced.sync()
    before = row(synced, "Xero_Tax_Rate__c", "Tax_Type__c", made["TaxType"])
    assert (before["Name"], before["Rate__c"], before["Active__c"]) == ("Reduced GST", 5, True)

    synced.office.xero("POST", "TaxRates", [{**reduced, "TaxType": made["TaxType"], "Name": "GST for now"}])
    synced.later(minutes=30)
    synced.sync()
    renamed = row(synced, "Xero_Tax_Rate__c", "Tax_Type__c", made["TaxType"])
    assert (renamed["Id"], renamed["Name"]) == (before["Id"], "GST for now")

    synced.office.xero("POST", "TaxRates", [{"Name": "GST for now", "TaxType": made["TaxType"], "Status": "DELETED"}])
    synced.later(minutes=30)
    synced.sync()
    assert row(synced, "Xero_Tax_Rate__c", "Tax_Type__c", made["TaxType"])["Active__c"] is False
    assert row(synced, "Xero_Tax_Rate__c", "Tax_Type__c", "INPUT")["Applies_To_Sales__c"] is False


@pytest.mark.promise("F-42")
def test_options_of_both_categories_are_shown_and_an_archived_one_is_no_longer_active(synced: Business) -> None:
    categories = synced.office.ask(URLS["xero"], "GET", "/TrackingCategories")["TrackingCategories"]
    shown = synced.soql("SELECT Category__c FROM Xero_Tracking_Option__c WHERE Active__c = TRUE")
    assert {each["Category__c"] for each in shown} == {category["Name"] for category in categories}
    assert len(shown) == sum(len(category["Options"]) for category in categories)
    [region] = [category for category in categories if category["Name"] == "Region"]
    [option] = [each for each in region["Options"] if each["Name"] == "NT"]
    before = row(synced, "Xero_Tracking_Option__c", "Name", "NT")

    path = f"/TrackingCategories/{region['TrackingCategoryID']}/Options/{option['TrackingOptionID']}"
    changed_in_xero(synced, path, {"Status": "ARCHIVED"})

    after = row(synced, "Xero_Tracking_Option__c", "Name", "NT")
    assert (after["Id"], before["Active__c"], after["Active__c"]) == (before["Id"], True, False)


def told_since(firm: Business, position: int, record_id: str, field: str) -> list[str]:
    """What the org's change events say of a field of one record, in order: each could start somebody's automation."""
    payloads = [entry["payload"] for entry in bus(firm, position)["entries"]]
    about = [each for each in payloads if record_id in each["ChangeEventHeader"]["recordIds"]]
    return [each[field] for each in about if each[field] is not None]


def bus(firm: Business, position: int = 0) -> dict[str, Any]:
    """The org's events after a position."""
    with httpx2.Client(transport=firm.carrier) as client:
        shown: dict[str, Any] = client.get(f"{URLS['salesforce']}/control/events", params={"since": position}).json()
    return shown


@pytest.mark.promise("S3-32", "S3-55")
def test_each_change_of_an_invoices_status_is_an_event_in_salesforce_on_the_invoice_and_its_deal(
    synced: Business,
) -> None:
    [deal] = synced.soql("SELECT Id, Name FROM Opportunity WHERE Xero_Status__c = 'Draft' ORDER BY Name LIMIT 1")
    invoice = synced.invoice_of(deal["Name"])
    [shown] = synced.soql(f"SELECT Id FROM Xero_Invoice__c WHERE Invoice_Id__c = '{invoice['InvoiceID']}'")
    synced.post(f"{URLS['salesforce']}/control/change-events", {"entities": ["Opportunity", "Xero_Invoice__c"]})
    about, position = {"InvoiceID": invoice["InvoiceID"]}, bus(synced)["next"]

    def then(act: Callable[[], Any]) -> Any:
        done = act()
        synced.later()
        synced.sync()
        return done

    payment = {"Invoice": about, "Account": {"Code": "090"}, "Date": "2026-11-20", "Amount": invoice["Total"]}
    then(lambda: synced.in_xero("Invoices", **about, Status="AUTHORISED"))
    [paid] = then(lambda: synced.office.xero("PUT", "Payments", [payment]))
    bounced = f"/Payments/{paid['PaymentID']}"
    then(lambda: synced.office.ask(URLS["xero"], "POST", bounced, {"Status": "DELETED"}))
    then(lambda: synced.in_xero("Invoices", **about, Status="VOIDED"))

    wanted = ["Authorised", "Paid", "Authorised", "Voided"]
    assert told_since(synced, position, shown["Id"], "Status__c") == wanted
    assert told_since(synced, position, deal["Id"], "Xero_Status__c") == wanted
    assert told_since(synced, position, deal["Id"], "Xero_Payment_Status__c") == [
        "Unpaid", "Paid", "Unpaid", "Voided",
    ]  # fmt: skip


def test_a_customer_that_is_hidden_from_the_integration_user_makes_one_entry(synced: Business) -> None:
    draft = next(each for each in synced.invoices() if each["Status"] == "DRAFT" and each.get("Url"))
    customer = synced.contact(draft["Contact"]["ContactID"])["ContactNumber"]
    before = {entry.id for entry in synced.desk.entries(ignored=True)}
    synced.post(f"{URLS['salesforce']}/control/hide", {"object": "Account", "id": customer})
    synced.in_xero("Invoices", InvoiceID=draft["InvoiceID"], Status="AUTHORISED")
    for _ in range(2):
        synced.later()
        synced.sync()
    [entry] = [each for each in synced.desk.entries(ignored=True) if each.id not in before]
    assert (entry.code, entry.record.id) == ("write_back_refused", customer)

    synced.post(f"{URLS['salesforce']}/control/show", {"id": customer})
    synced.desk.retry(entry.id)
    synced.later()
    assert synced.sync().write_backs_refused == 0
    assert {each.id for each in synced.desk.entries(ignored=True)} <= before
