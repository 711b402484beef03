"""One invoice field by field, prices with tax in them, and a draft that follows its deal."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from .business import Business

CLINIC = "Evergreen Cinemas"
LINES = [
    {"code": "ASR-SAMPLE", "Quantity": Decimal("240.5"), "UnitPrice": Decimal("12.4375"), "Discount": Decimal("12.5")},
    {"code": "TEC-SUPPORT", "Quantity": Decimal(12), "UnitPrice": Decimal("48.75"), "Description": "Support, one year"},
]


def dec(text: str) -> Decimal:
    return Decimal(text)


def tracking(line: dict[str, Any]) -> dict[str, str]:
    return {option["Name"]: option["Option"] for option in line["Tracking"]}


@pytest.mark.promise(
    "S0-20", "S0-22", "S0-23", "S0-24", "S0-25", "S0-26", "S0-27", "S1-29", "S1-30", "S1-41", "S1-42", "S1-44",
    "S1-45", "S1-49", "S1-50", "S3-28", "S3-29", "S0-59", "S1-04", "S3-17", "S3-19", "S3-30", "S3-53", "U-20", "U-35",
    "U-41", "S3-18",
)  # fmt: skip
def test_every_field_of_an_invoice_comes_from_its_deal(connected: Business) -> None:
    """Two lines, 2,617.32 and 585.00 ex tax, to a customer who pays on the 20th of the following month."""
    [contact] = [found for found in connected.contacts() if found["Name"] == CLINIC]
    terms = {"Sales": {"Day": 20, "Type": "OFFOLLOWINGMONTH"}}
    connected.in_xero("Contacts", ContactID=contact["ContactID"], PaymentTerms=terms)
    connected.set("start_date: 2026-10-01", "start_date: 2026-11-18")
    deal_id = connected.win("Golden deal", CLINIC, LINES, PO_Number__c="PO-77", Region__c="VIC")

    connected.sync()

    deal, invoice = connected.deal("Golden deal"), connected.invoice_of("Golden deal")
    number = deal["Deal_Number__c"]
    assert {name: invoice[name] for name in ("Type", "Status", "LineAmountTypes", "CurrencyCode", "InvoiceNumber")} == {
        "Type": "ACCREC",
        "Status": "DRAFT",
        "LineAmountTypes": "Exclusive",
        "CurrencyCode": "AUD",
        "InvoiceNumber": f"SF-{number}",
    }
    assert invoice["Contact"]["ContactID"] == contact["ContactID"]
    assert (invoice["DateString"][:10], invoice["DueDateString"][:10]) == ("2026-11-18", "2026-12-20")
    assert invoice["Reference"] == f"{number} PO PO-77"
    assert invoice["Url"].endswith(f"/{deal_id}")
    assert invoice["SentToContact"] is False
    samples, support = invoice["LineItems"]
    wanted = ("ItemCode", "Description", "Quantity", "UnitAmount", "LineAmount", "TaxType", "AccountCode")
    assert {name: samples[name] for name in (*wanted, "DiscountRate")} == {
        "ItemCode": "ASR-SAMPLE",
        "Description": connected.lines("Golden deal")[0]["Product2"]["Name"],
        "Quantity": dec("240.5"),
        "UnitAmount": dec("12.4375"),
        "LineAmount": dec("2617.32"),  # 240.5 x 12.4375 x 0.875 = 2617.3164
        "TaxType": "OUTPUT",
        "AccountCode": "212",
        "DiscountRate": dec("12.5"),
    }
    assert {name: support[name] for name in wanted} == {
        "ItemCode": "TEC-SUPPORT",
        "Description": "Support, one year",
        "Quantity": dec("12"),
        "UnitAmount": dec("48.75"),
        "LineAmount": dec("585.00"),
        "TaxType": "OUTPUT",
        "AccountCode": "214",
    }
    assert tracking(samples) == {"Region": "VIC", "Practice": "Assurance"}
    assert tracking(support) == {"Region": "VIC", "Practice": "Technology"}
    assert (invoice["SubTotal"], invoice["TotalTax"], invoice["Total"]) == (
        dec("3202.32"),
        dec("320.23"),
        dec("3522.55"),
    )
    assert (deal["Amount"], deal["Xero_Total__c"]) == (dec("3202.32"), dec("3522.55"))


@pytest.mark.parametrize(
    ("terms", "due"),
    [
        ({"Day": 30, "Type": "DAYSAFTERBILLDATE"}, "2026-12-18"),
        ({"Day": 10, "Type": "DAYSAFTERBILLMONTH"}, "2026-12-10"),
        ({"Day": 25, "Type": "OFCURRENTMONTH"}, "2026-11-25"),
        (None, "2026-12-02"),
    ],
    ids=["30 days", "10 days after the month", "on the 25th", "no terms: 14 days"],
)
def test_the_due_date_follows_the_customers_terms(connected: Business, terms: dict[str, Any] | None, due: str) -> None:
    if terms:
        [contact] = [found for found in connected.contacts() if found["Name"] == CLINIC]
        connected.in_xero("Contacts", ContactID=contact["ContactID"], PaymentTerms={"Sales": terms})
    connected.set("start_date: 2026-10-01", "start_date: 2026-11-18")
    connected.win("Golden deal", CLINIC, LINES)

    connected.sync()

    assert connected.invoice_of("Golden deal")["DueDateString"][:10] == due


@pytest.mark.promise("S1-43", "S0-26")
def test_prices_that_include_tax_are_sent_as_inclusive_and_the_deal_equals_the_gross(connected: Business) -> None:
    """Three at 99.99 with GST in the price: 299.97 gross, of which 27.27 is tax."""
    connected.set("prices: ex_tax ", "prices: inc_tax")
    connected.set("start_date: 2026-10-01", "start_date: 2026-11-10")
    line = {"code": "ASR-SAMPLE", "Quantity": 3, "UnitPrice": dec("99.99")}
    connected.win("Shelf price", CLINIC, [line])

    connected.sync()

    invoice = connected.invoice_of("Shelf price")
    assert invoice["LineAmountTypes"] == "Inclusive"
    assert (invoice["SubTotal"], invoice["TotalTax"], invoice["Total"]) == (dec("272.70"), dec("27.27"), dec("299.97"))
    assert connected.deal("Shelf price")["Amount"] == dec("299.97")
    assert not connected.tie_out().result.unexplained


def test_gst_free_lines_beside_taxed_ones_carry_no_tax(connected: Business) -> None:
    free = connected.soql("SELECT ProductCode FROM Product2 WHERE Xero_Tax_Type__c = 'EXEMPTOUTPUT' LIMIT 1")
    assert free, "the demo sells something GST-free"
    lines = [
        {"code": free[0]["ProductCode"], "Quantity": 1, "UnitPrice": dec("100.00")},
        {"code": "ASR-SAMPLE", "Quantity": 1, "UnitPrice": dec("50.00")},
    ]
    connected.set("start_date: 2026-10-01", "start_date: 2026-11-18")
    connected.win("Mixed", CLINIC, lines)

    connected.sync()

    invoice = connected.invoice_of("Mixed")
    assert [line["TaxAmount"] for line in invoice["LineItems"]] == [dec("0.00"), dec("5.00")]
    assert invoice["Total"] == dec("155.00")


@pytest.mark.promise("S3-05", "S0-03", "N-10", "F-17")
def test_an_untouched_draft_follows_its_amended_deal(synced: Business) -> None:
    """Evergreen's review doubles from 4,300.00 to 8,600.00 while its invoice is still a draft."""
    name = "Evergreen Cinemas - Half-year review"
    before = synced.invoice_of(name)
    [line] = synced.lines(name)
    synced.edit("OpportunityLineItem", line["Id"], Quantity=2, UnitPrice=line["UnitPrice"])
    synced.later()

    report = synced.sync()

    after = synced.invoice_of(name)
    assert (report.applied.updated, report.applied.created) == (1, 0)
    for kept in ("InvoiceID", "InvoiceNumber", "Reference", "Url", "DueDateString"):
        assert after[kept] == before[kept]
    assert [item["LineItemID"] for item in after["LineItems"]] == [item["LineItemID"] for item in before["LineItems"]]
    assert (before["SubTotal"], after["SubTotal"]) == (dec("4300.00"), dec("8600.00"))
    assert synced.deal(name)["Xero_Subtotal__c"] == dec("8600.00")
    assert not synced.tie_out().result.unexplained


def test_a_draft_follows_its_deal_to_a_product_that_xero_does_not_have_yet(synced: Business) -> None:
    deal = "Evergreen Cinemas - Half-year review"
    new = {"Name": "Brand new", "ProductCode": "BRAND-NEW", "IsActive": True, "Xero_Account_Code__c": "200"}
    product = synced.office.salesforce("POST", "/sobjects/Product2", new)["id"]
    [book] = synced.soql("SELECT Id FROM Pricebook2 WHERE IsStandard = TRUE")
    price = {"Product2Id": product, "Pricebook2Id": book["Id"], "IsActive": True, "CurrencyIsoCode": "AUD"}
    entry = synced.office.salesforce("POST", "/sobjects/PricebookEntry", {**price, "UnitPrice": 10})["id"]
    line = {"OpportunityId": synced.deal(deal)["Id"], "PricebookEntryId": entry, "Quantity": 1, "UnitPrice": 10}
    synced.office.salesforce("POST", "/sobjects/OpportunityLineItem", line)
    synced.later()

    report = synced.sync()

    assert (report.applied.items, report.applied.updated, report.applied.refused) == (1, 1, [])
    assert [each["ItemCode"] for each in synced.invoice_of(deal)["LineItems"]][1:] == ["BRAND-NEW"]


def test_a_draft_whose_customer_was_archived_waits_for_that_and_then_follows(synced: Business) -> None:
    deal = "Evergreen Cinemas - Half-year review"
    before = synced.invoice_of(deal)
    synced.in_xero("Contacts", ContactID=before["Contact"]["ContactID"], ContactStatus="ARCHIVED")
    [line] = synced.lines(deal)
    synced.edit("OpportunityLineItem", line["Id"], Quantity=2, UnitPrice=line["UnitPrice"])
    synced.later()
    synced.sync()
    assert set(synced.waiting(deal)) == {"contact_archived"}
    assert synced.invoice_of(deal)["SubTotal"] == before["SubTotal"]

    synced.in_xero("Contacts", ContactID=before["Contact"]["ContactID"], ContactStatus="ACTIVE")
    synced.later()
    synced.sync()
    assert synced.waiting(deal) == {}
    assert synced.invoice_of(deal)["SubTotal"] == 2 * before["SubTotal"]


def test_a_draft_that_was_submitted_for_approval_follows_its_deal_and_stays_submitted(synced: Business) -> None:
    deal = "Cent and Sons Bakers - Flour costing"
    synced.in_xero("Invoices", InvoiceID=synced.invoice_of(deal)["InvoiceID"], Status="SUBMITTED")
    [line] = synced.lines(deal)
    synced.edit("OpportunityLineItem", line["Id"], Quantity=2, UnitPrice=dec("40.00"))
    synced.later()

    assert synced.sync().applied.updated == 1

    assert (synced.invoice_of(deal)["Status"], synced.invoice_of(deal)["SubTotal"]) == ("SUBMITTED", dec("70.00"))


def apart(firm: Business, name: str) -> list[tuple[str, Decimal]]:
    """By what, and by how much, the tie-out tells a deal and its invoice apart."""
    result = firm.tie_out().result
    assert not result.unexplained
    return [(each.kind, each.amount) for row in result.rows for each in row.differences if each.deal_name == name]


def test_what_was_submitted_for_approval_stays_submitted_as_it_follows_its_deal(synced: Business) -> None:
    name = "Evergreen Cinemas - Half-year review"
    synced.in_xero("Invoices", InvoiceID=synced.invoice_of(name)["InvoiceID"], Status="SUBMITTED")
    [line] = synced.lines(name)
    synced.edit("OpportunityLineItem", line["Id"], Quantity=2, UnitPrice=line["UnitPrice"])
    synced.later()

    synced.sync()

    after = synced.invoice_of(name)
    assert (after["Status"], after["SubTotal"]) == ("SUBMITTED", dec("8600.00"))
    synced.later()
    assert synced.sync().writes == 0


@pytest.mark.parametrize(
    ("second", "change", "amount"),
    [
        ([], lambda firm, line: firm.edit("OpportunityLineItem", line, Discount=None), "2991.22"),
        (
            [LINES[1]],
            lambda firm, line: firm.office.salesforce("DELETE", f"/sobjects/OpportunityLineItem/{line}"),
            "585.00",
        ),
    ],
    ids=["discount", "line"],
)
def test_what_sales_take_off_a_line_is_taken_off_its_draft(
    connected: Business, second: list[dict[str, Any]], change: Callable[[Business, str], None], amount: str
) -> None:
    connected.win("Golden deal", CLINIC, [LINES[0], *second])
    connected.sync()
    connected.later()
    [line, *_] = connected.lines("Golden deal")
    change(connected, line["Id"])
    connected.later()

    connected.sync()

    [standing] = connected.invoice_of("Golden deal")["LineItems"]
    assert standing["LineAmount"] == dec(amount)
    connected.later()
    assert connected.sync().writes == 0
    assert connected.waiting("Golden deal") == {}


@pytest.mark.promise("S0-72")
def test_a_change_that_may_not_go_waits_and_the_draft_stays_as_it_was_until_it_may(synced: Business) -> None:
    name = "Evergreen Cinemas - Half-year review"
    before = synced.invoice_of(name)
    [line] = synced.lines(name)
    synced.edit("Product2", line["Product2Id"], Xero_Tax_Type__c="NOSUCH")
    synced.edit("OpportunityLineItem", line["Id"], Quantity=2, UnitPrice=line["UnitPrice"])
    synced.later()

    assert synced.sync().applied.updated == 0

    [entry] = synced.waiting(name).values()
    assert (entry.code, "tax type NOSUCH does not exist" in entry.cause) == ("tax_unknown", True)
    assert entry.money.amount == synced.deal(name)["Amount"]
    assert synced.bucket(name) == "waiting"
    assert synced.invoice_of(name)["SubTotal"] == before["SubTotal"]
    assert apart(synced, name) == [("tax_unknown", before["SubTotal"])]
    synced.edit("Product2", line["Product2Id"], Xero_Tax_Type__c="OUTPUT")
    synced.later()
    synced.sync()
    assert synced.invoice_of(name)["SubTotal"] == before["SubTotal"] * 2
    assert synced.waiting(name) == {}


def test_a_deal_of_which_it_cannot_be_told_whether_it_counts_waits_and_keeps_its_draft(connected: Business) -> None:
    connected.set("policy:\n", "policy:\n  cancel: delete_drafts\n")
    for name in ("Before", "After"):
        connected.win(name, CLINIC, [LINES[1]], Region__c="VIC", Amount=585)
        if name == "Before":
            connected.sync()
            connected.later()
            connected.set("when: IsWon", "when: IsWon && Region__c > 5")
            connected.edit("Opportunity", connected.deal(name)["Id"], PO_Number__c="PO-77")

    connected.sync()

    for name in ("Before", "After"):
        [entry] = connected.waiting(name).values()
        assert (entry.code, "Region__c > 5" in entry.cause) == ("unreadable", True)
        assert connected.bucket(name) == "waiting"
    assert connected.invoice_of("Before")["Status"] == "DRAFT"
    assert connected.invoices_of("After") == []
    assert apart(connected, "Before") == []


def test_a_deal_without_products_whose_amount_cannot_be_read_waits_and_is_not_taken_for_worthless(
    connected: Business,
) -> None:
    connected.set('Amount: "Amount - ', 'Amount: "Amount / (Amount - 500) - ')
    connected.win("Odd", "Evergreen Cinemas", [], Amount=500)
    connected.sync()
    assert (connected.bucket("Odd"), set(connected.waiting("Odd"))) == ("waiting", {"unreadable"})


def test_a_draft_behind_the_lock_whose_deal_changed_is_named_on_the_tie_out(synced: Business) -> None:
    name = "Evergreen Cinemas - Half-year review"
    before = synced.invoice_of(name)
    [line] = synced.lines(name)
    synced.lock("2026-11-30")
    synced.edit("OpportunityLineItem", line["Id"], Quantity=2, UnitPrice=line["UnitPrice"])
    synced.later()

    assert synced.sync().applied.updated == 0

    assert set(synced.waiting(name)) == {"locked_period"}
    assert apart(synced, name) == [("locked_period", before["SubTotal"])]


def test_a_draft_whose_deal_closes_in_the_future_by_now_follows_on_that_day(synced: Business) -> None:
    name = "Evergreen Cinemas - Half-year review"
    before = synced.invoice_of(name)
    synced.edit("Opportunity", synced.deal(name)["Id"], CloseDate="2026-11-25")
    synced.later()

    assert synced.sync().applied.updated == 0

    assert set(synced.waiting(name)) == {"future_date"}
    assert synced.invoice_of(name)["DateString"] == before["DateString"]
    [deal] = synced.soql(f"SELECT Xero_Scheduled__c, Xero_Drafted__c FROM Opportunity WHERE Name = '{name}'")
    assert (deal["Xero_Scheduled__c"], deal["Xero_Drafted__c"]) == (0, before["SubTotal"])

    synced.later(days=5)
    synced.sync()

    assert synced.waiting(name) == {}
    assert synced.invoice_of(name)["DateString"].startswith("2026-11-25")


def test_an_approved_invoice_whose_deal_became_invalid_tells_why_it_cannot_be_made_anew(synced: Business) -> None:
    name = "Evergreen Cinemas - Half-year review"
    synced.in_xero("Invoices", InvoiceID=synced.invoice_of(name)["InvoiceID"], Status="AUTHORISED")
    [line] = synced.lines(name)
    synced.edit("Product2", line["Product2Id"], Xero_Tax_Type__c="NOSUCH")
    synced.edit("OpportunityLineItem", line["Id"], Quantity=2, UnitPrice=line["UnitPrice"])
    synced.later()

    synced.sync()

    [entry] = synced.waiting(name).values()
    assert entry.code == "changed_after_approval"
    assert "Xero does not know a tax type" in entry.cause
    assert "tax type NOSUCH does not exist" in entry.cause


@pytest.mark.parametrize("status", ["DRAFT", "AUTHORISED"])
def test_a_due_date_that_finance_moved_is_no_change_of_a_deal_that_names_none(synced: Business, status: str) -> None:
    name, renamed = "Evergreen Cinemas - Half-year review", "Evergreen Cinemas - Half-year review 2026"
    invoice_id = synced.invoice_of(name)["InvoiceID"]
    synced.in_xero("Invoices", InvoiceID=invoice_id, Status=status, DueDate="2027-01-31")
    synced.later()
    synced.sync()
    before = set(synced.waiting(name))

    synced.edit("Opportunity", synced.deal(name)["Id"], Name=renamed)
    synced.later()
    synced.sync()

    assert set(synced.waiting(renamed)) == before == ({"draft_edited"} if status == "DRAFT" else set())
    [line] = synced.lines(renamed)
    synced.edit("OpportunityLineItem", line["Id"], Quantity=2, UnitPrice=line["UnitPrice"])
    synced.later()
    synced.sync()
    [entry] = synced.waiting(renamed).values()
    assert entry.code == ("changed_and_draft_edited" if status == "DRAFT" else "changed_after_approval")
    assert synced.invoice_of(renamed)["DueDateString"].startswith("2027-01-31")


def test_an_update_whose_answer_was_lost_is_not_taken_for_a_persons_edit(synced: Business) -> None:
    """The draft is updated but no answer comes; the deal changes again; the draft follows, and nobody is asked."""
    name = "Evergreen Cinemas - Half-year review"
    [line] = synced.lines(name)
    synced.edit("OpportunityLineItem", line["Id"], Quantity=2, UnitPrice=line["UnitPrice"])
    synced.later()
    synced.carrier.lose_answer_to = ("POST", "Invoices")
    synced.sync()
    synced.edit("OpportunityLineItem", line["Id"], Quantity=3, UnitPrice=line["UnitPrice"])
    synced.later()

    synced.sync()

    assert synced.invoice_of(name)["SubTotal"] == dec("12900.00")
    assert not synced.waiting(name)


def test_a_foreign_draft_keeps_its_rate_when_it_follows_its_deal(synced: Business) -> None:
    name = "Aoraki Outdoors - Cloud ledger"
    before = synced.invoice_of(name)
    line = synced.lines(name)[0]
    synced.edit("OpportunityLineItem", line["Id"], Quantity=3, UnitPrice=line["UnitPrice"])
    synced.later(days=3)

    synced.sync()

    after = synced.invoice_of(name)
    assert after["CurrencyRate"] == before["CurrencyRate"]
    assert after["SubTotal"] == dec("5526.33")  # 3 x 1,629.55 + 12 x 53.1402


@pytest.mark.promise("U-35")
def test_a_draft_follows_what_it_takes_from_its_account(connected: Business) -> None:
    connected.set("start_date: 2026-10-01", "start_date: 2026-11-18")
    connected.set("' PO ' & PO_Number__c)", "' PO ' & PO_Number__c) & ' for ' & Account.Site")
    [account] = connected.soql(f"SELECT Id FROM Account WHERE Name = '{CLINIC}'")
    connected.edit("Account", account["Id"], Site="Head office")
    connected.win("Golden deal", CLINIC, LINES)
    connected.sync()
    assert connected.invoice_of("Golden deal")["Reference"].endswith(" for Head office")
    connected.later()
    connected.edit("Account", account["Id"], Site="Depot")

    report = connected.sync()

    assert report.applied.updated == report.verified.verified == 1
    assert connected.invoice_of("Golden deal")["Reference"].endswith(" for Depot")
    connected.later()
    assert connected.sync().writes == 0


def test_an_amount_that_can_be_no_invoices_holds_its_own_deal_alone(synced: Business) -> None:
    """A quantity or price with some digits too many: no run could keep the sum, and each of them ended."""
    synced.win("A slip", CLINIC, [{**LINES[0], "Quantity": 1_000_000, "UnitPrice": 999_999_999_999}])
    synced.win("Beside it", CLINIC, LINES)
    synced.later()
    assert synced.sync().applied.created == 1
    assert "is too large" in synced.waiting("A slip")["unreadable"].cause
    assert not synced.tie_out().result.unexplained
