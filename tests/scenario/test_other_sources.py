"""Records other than opportunities as the source of invoices: which object it is stands in crossfoot.yaml alone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from crossfoot.emulators.salesforce.schema import SObject, currency, declaration, moment, number, reference, text
from crossfoot.emulators.salesforce.schema import date as day
from crossfoot.emulators.salesforce.standard import SYSTEM_FIELDS
from crossfoot.emulators.scenario import find_scenario

from .business import Business, Stage, found
from .test_credit_and_reissue import SMALL_FIRM

ORDERS = """  invoices:
    salesforce: Order
    when: StatusCode = 'Activated'
    won_at: ActivatedDate
    fields: {Name: Name, Owner: Owner.Name, Contact: AccountId, Date: EffectiveDate, Currency: "'AUD'",
      Number: OrderNumber, Reference: OrderNumber, Amount: TotalAmount}
    lines:
      from: OrderItems
      fields: {Product: Product2Id, ItemCode: Product2.ProductCode, Description: Product2.Name, Quantity: Quantity,
        UnitAmount: UnitPrice}
"""


@pytest.fixture(scope="session")
def small_stage(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """A small firm before its first sync."""
    return found(find_scenario(str(SMALL_FIRM)), tmp_path_factory.mktemp("small firm"), date(2026, 11, 1))


@pytest.fixture
def firm(small_stage: Stage, tmp_path: Path) -> Iterator[Business]:
    opened = Business(small_stage, tmp_path)
    opened.settings = with_orders(opened.settings)
    yield opened
    opened.close()


def with_orders(settings: str) -> str:
    """Settings as init writes them, with orders as the source: invoices are shown in Salesforce."""
    head, _, flow = settings.partition("  invoices:\n")
    return head + ORDERS + flow[flow.index("    records:") :]


def create(firm: Business, kind: str, **fields: Any) -> str:
    made: str = firm.office.salesforce("POST", f"/sobjects/{kind}", fields)["id"]
    return made


def order(firm: Business) -> str:
    """Sales enter an order of two products and activate it. Returns its id."""
    [account] = firm.soql("SELECT Id FROM Account WHERE Name = 'Birch & Sons'")
    [book] = firm.soql("SELECT Id FROM Pricebook2 WHERE IsStandard = TRUE")
    about = {"AccountId": account["Id"], "EffectiveDate": "2026-11-18", "Status": "Draft", "Name": "Winter order"}
    order_id = create(firm, "Order", **about, Pricebook2Id=book["Id"])
    for code, quantity, price in (("AUDIT", 1, "8600.00"), ("HOUR", 2, "180.50")):
        [entry] = firm.soql(f"SELECT Id FROM PricebookEntry WHERE Product2.ProductCode = '{code}'")
        line = {"OrderId": order_id, "PricebookEntryId": entry["Id"], "Quantity": quantity}
        create(firm, "OrderItem", **line, UnitPrice=Decimal(price))
    firm.edit("Order", order_id, Status="Activated")
    firm.later()
    return order_id


def invoice_of(firm: Business, record_id: str) -> dict[str, Any]:
    [invoice] = [each for each in firm.invoices() if (each.get("Url") or "").endswith(record_id)]
    return invoice


@pytest.mark.promise("S0-21", "S0-64", "S3-37", "U-29")
def test_an_activated_order_becomes_one_invoice_with_its_lines(firm: Business) -> None:
    firm.sync()
    order_id = order(firm)

    firm.sync()

    invoice = invoice_of(firm, order_id)
    [number] = [row["OrderNumber"] for row in firm.soql("SELECT OrderNumber FROM Order")]
    assert (invoice["Status"], invoice["InvoiceNumber"], invoice["Reference"]) == ("DRAFT", f"SF-{number}", number)
    lines = [(line["ItemCode"], line["Quantity"], line["UnitAmount"]) for line in invoice["LineItems"]]
    assert lines == [("AUDIT", 1, Decimal("8600.00")), ("HOUR", 2, Decimal("180.50"))]
    assert (invoice["SubTotal"], invoice["Contact"]["Name"]) == (Decimal("8961.00"), "Birch & Sons")
    shown = firm.soql(f"SELECT Opportunity__c FROM Xero_Invoice__c WHERE Invoice_Id__c = '{invoice['InvoiceID']}'")
    assert [row["Opportunity__c"] for row in shown] == [None]  # the field takes opportunities alone
    assert "write_back_refused" not in {entry.code for entry in firm.desk.entries()}
    assert not firm.tie_out().result.unexplained
    firm.later()
    assert firm.writes_during(firm.sync) == []


ENGAGEMENT = SObject(
    "Engagement__c",
    "a50",
    (
        *SYSTEM_FIELDS,
        text("Name", 80),
        reference("Account__c", "Account"),
        day("Billed_On__c"),
        moment("Approved_At__c"),
        currency("Fee__c"),
        text("Billing_Status__c", 40),
    ),
)
TIME = SObject(
    "Time_Entry__c",
    "a51",
    (
        *SYSTEM_FIELDS,
        text("Name", 80),
        reference("Engagement__c", "Engagement__c", children="Time_Entries__r"),
        reference("Product__c", "Product2"),
        number("Hours__c", 10, 2),
        currency("Rate__c"),
    ),
)
ENGAGEMENTS = """  invoices:
    salesforce: Engagement__c
    when: NOT(ISBLANK(Approved_At__c))
    won_at: Approved_At__c
    fields: {Name: Name, Contact: Account__c, Date: Billed_On__c, Currency: "'AUD'", Reference: "'For ' & Name",
      Amount: Fee__c}
    lines:
      from: Time_Entries__r
      fields: {Product: Product__c, ItemCode: Product__r.ProductCode, Description: Name, Quantity: Hours__c,
        UnitAmount: Rate__c}
    write_back: {Billing_Status__c: Status}
"""


def engaged(firm: Business) -> str:
    """A consultant enters two pieces of time for a client. Returns the engagement's id."""
    for each in (ENGAGEMENT, TIME):
        firm.org.declare(declaration(each))
    firm.org.rows["PermissionSet"] = {}  # everybody sees everything
    firm.settings = firm.settings.replace(ORDERS, ENGAGEMENTS)
    firm.sync()
    [account] = firm.soql("SELECT Id FROM Account WHERE Name = 'Birch & Sons'")
    [hour] = firm.soql("SELECT Id FROM Product2 WHERE ProductCode = 'HOUR'")
    about = {"Name": "Merger advice", "Account__c": account["Id"], "Billed_On__c": "2026-11-18"}
    engagement = create(firm, "Engagement__c", **about, Fee__c=Decimal("787.50"))
    for name, hours in (("Drafting", "2.5"), ("Meeting", "1")):
        entry = {"Engagement__c": engagement, "Product__c": hour["Id"], "Hours__c": Decimal(hours)}
        create(firm, "Time_Entry__c", Name=name, **entry, Rate__c=Decimal("225.00"))
    firm.later()
    return engagement


def approve(firm: Business, engagement: str) -> None:
    """A partner approves the engagement's bill, and Crossfoot runs."""
    firm.edit("Engagement__c", engagement, Approved_At__c="2026-11-20T01:00:00Z")
    firm.later()
    firm.sync()
    firm.later()


@pytest.mark.promise("S0-64", "S0-75", "S1-07", "S3-37", "U-29", "S1-84")
def test_a_custom_object_with_rows_below_it_becomes_one_invoice(firm: Business) -> None:
    engagement = engaged(firm)
    assert firm.sync().applied.created == 0

    approve(firm, engagement)

    invoice = invoice_of(firm, engagement)
    lines = [(line["ItemCode"], line["Description"], line["Quantity"]) for line in invoice["LineItems"]]
    assert lines == [("HOUR", "Drafting", Decimal("2.5")), ("HOUR", "Meeting", 1)]
    assert (invoice["Reference"], invoice["SubTotal"]) == ("For Merger advice", Decimal("787.50"))
    assert (invoice["Contact"]["Name"], invoice["DateString"][:10]) == ("Birch & Sons", "2026-11-18")
    assert not firm.tie_out().result.unexplained
    assert firm.writes_during(firm.sync) == []


@pytest.mark.promise("S3-07")
def test_a_custom_object_that_changes_changes_its_draft_and_an_approval_in_xero_is_seen_on_it(firm: Business) -> None:
    engagement = engaged(firm)
    approve(firm, engagement)
    [entry] = firm.soql("SELECT Id FROM Time_Entry__c WHERE Name = 'Meeting'")
    firm.edit("Time_Entry__c", entry["Id"], Hours__c=2)
    firm.edit("Engagement__c", engagement, Fee__c=Decimal("1012.50"))
    firm.later()

    assert firm.sync().applied.updated == 1

    invoice = invoice_of(firm, engagement)
    assert invoice["SubTotal"] == Decimal("1012.50")
    firm.in_xero("Invoices", InvoiceID=invoice["InvoiceID"], Status="AUTHORISED")
    firm.later()
    firm.sync()
    [row] = firm.soql(f"SELECT Billing_Status__c FROM Engagement__c WHERE Id = '{engagement}'")
    assert row["Billing_Status__c"] == "Authorised"


@pytest.mark.promise("S3-25")
def test_an_invoice_in_salesforce_points_at_the_custom_object_that_its_deal_names(
    small_stage: Stage, tmp_path: Path
) -> None:
    firm = Business(small_stage, tmp_path)
    firm.org.declare(declaration(ENGAGEMENT))
    for owner, prefix in (("Opportunity", "006"), ("Xero_Invoice__c", "a00")):
        firm.org.declare(declaration(SObject(owner, prefix, (reference("Engagement__c", "Engagement__c"),))))
    firm.org.rows["PermissionSet"] = {}
    firm.settings += "    lookups: {Engagement__c: Engagement__c}\n"
    engagement = create(firm, "Engagement__c", Name="Audit of the year")
    firm.edit("Opportunity", firm.deal("Second audit")["Id"], Engagement__c=engagement)
    firm.later()

    firm.sync()

    shown = firm.soql("SELECT Opportunity__r.Name, Engagement__c FROM Xero_Invoice__c WHERE Opportunity__c != null")
    assert {row["Opportunity__r"]["Name"]: row["Engagement__c"] for row in shown} == {
        "Annual audit": None,
        "Advice": None,
        "Second audit": engagement,
    }
    firm.close()


def test_a_line_of_an_unknown_item_and_no_product_holds_its_own_record_alone(firm: Business) -> None:
    firm.settings = firm.settings.replace(
        "Product: Product2Id, ItemCode: Product2.ProductCode", "ItemCode: \"'NOSUCH'\""
    )
    order_id = order(firm)
    firm.sync()
    [entry] = [each for each in firm.desk.entries() if each.record.id == order_id]
    assert entry.code == "item_unknown"


@pytest.fixture
def switched(small_stage: Stage, tmp_path: Path) -> Iterator[Business]:
    """Deals were invoiced and others wait; then orders become the source."""
    opened = Business(small_stage, tmp_path)
    opened.sync()
    opened.approve("Second audit")
    opened.settings = with_orders(opened.settings)
    yield opened
    opened.close()


def order_like_the_deal(firm: Business) -> str:
    """The order of what the deal sold: the same customer and amount. Returns its id."""
    order_id = order(firm)
    [hours] = firm.soql("SELECT Id FROM OrderItem WHERE Product2.ProductCode = 'HOUR'")
    firm.office.salesforce("DELETE", f"/sobjects/OrderItem/{hours['Id']}")
    firm.later()
    return order_id


@pytest.mark.parametrize("first", ["order", "settings"], ids=["order first", "settings first"])
def test_what_a_deal_billed_is_not_billed_again_as_an_order_unasked(switched: Business, first: str) -> None:
    if first == "settings":
        switched.sync()
        switched.later()
    order_id = order_like_the_deal(switched)

    switched.sync()

    billed = switched.invoice_of("Second audit")["InvoiceID"]
    [entry] = [each for each in switched.desk.entries() if each.record.id == order_id]
    assert entry.code == "already_invoiced"
    switched.desk.link(entry.id, billed)
    switched.later()
    assert switched.sync().applied.created == 0
    assert [each for each in switched.desk.entries() if each.record.id == order_id] == []
    assert switched.buckets()[order_id] == "linked"


def test_deals_that_are_no_source_any_more_are_asked_about_no_more_and_go_on_once_they_are(
    switched: Business, small_stage: Stage
) -> None:
    deals, asked = small_stage.settings, {"already_invoiced", "contact_similar"}
    assert asked <= {entry.code for entry in switched.desk.entries()}

    switched.sync()

    assert {entry.record.kind for entry in switched.desk.entries()} == {"Account"}
    assert switched.standings() == []
    switched.settings = deals
    switched.later()
    assert switched.sync().applied.created == 0
    assert asked <= {entry.code for entry in switched.desk.entries()}
    assert switched.bucket("Second audit") == "drafted"
