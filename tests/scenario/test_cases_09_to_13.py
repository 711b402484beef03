"""The planted cases 9 to 13 of the demo business: codes, dates, currencies and odd amounts."""

from __future__ import annotations

from decimal import Decimal

import pytest

from crossfoot.emulators.scenarios.demo_cases import case

from .business import Business

FLOUR, FORECAST, PRO_BONO, CRANES, RETURNS, PACKAGE = case(13).deal_names


def dec(text: str) -> Decimal:
    return Decimal(text)


@pytest.mark.promise("S0-28", "S0-29", "S1-67", "S0-62")
def test_case_09_one_uncoded_product_of_three_holds_the_deal_until_sales_fills_it(synced: Business) -> None:
    [name] = case(9).deal_names
    entry = synced.waiting(name)["no_product_code"]
    assert "line 2 (Courier for soil samples)" in entry.cause
    assert (entry.owner, synced.invoices_of(name)) == ("deal owner", [])
    [uncoded] = [line for line in synced.lines(name) if not line["Product2"]["ProductCode"]]

    synced.edit("Product2", uncoded["Product2Id"], ProductCode="COURIER")
    synced.later()
    synced.sync()

    invoice = synced.invoice_of(name)
    assert [line["ItemCode"] for line in invoice["LineItems"]] == ["ASR-STOCK", "COURIER", "ASR-SAMPLE"]
    assert invoice["SubTotal"] == synced.deal(name)["Amount"] == dec("5741.00")
    assert synced.waiting(name) == {}


@pytest.mark.promise("S0-30", "S0-05")
def test_case_10_a_retired_tax_rate_waits_and_a_current_one_clears_it(synced: Business) -> None:
    name, _ = case(10).deal_names
    entry = synced.waiting(name)["tax_retired"]
    assert "GST on apprentice courses" in entry.cause
    assert entry.owner == "finance"
    [line] = synced.lines(name)

    synced.edit("Product2", line["Product2Id"], Xero_Tax_Type__c="OUTPUT")
    synced.later()
    synced.sync()

    invoice = synced.invoice_of(name)
    assert (invoice["SubTotal"], invoice["TotalTax"]) == (dec("3540.00"), dec("354.00"))


def test_case_10_an_archived_tracking_option_waits_and_another_clears_it(synced: Business) -> None:
    _, name = case(10).deal_names
    assert "Region option 'Tasmania' is archived" in synced.waiting(name)["tracking_archived"].cause

    synced.edit("Opportunity", synced.deal(name)["Id"], Region__c="VIC")
    synced.later()
    synced.sync()

    [line] = synced.invoice_of(name)["LineItems"]
    assert {(option["Name"], option["Option"]) for option in line["Tracking"]} == {
        ("Region", "VIC"),
        ("Practice", "Assurance"),
    }


@pytest.mark.promise("U-06", "S1-45")
def test_case_11_a_close_date_behind_the_lock_is_offered_the_first_open_day(synced: Business) -> None:
    """The books are locked up to 5 October; the deal closed on the 2nd."""
    name = case(11).deal_names[0]
    entry = synced.waiting(name)["locked_period"]
    assert "locked up to 2026-10-05" in entry.cause
    assert "The first open day is 2026-10-06" in entry.fix

    synced.edit("Opportunity", synced.deal(name)["Id"], CloseDate="2026-10-06")
    synced.later()
    synced.sync()

    assert synced.invoice_of(name)["DateString"] == "2026-10-06T00:00:00"
    assert synced.waiting(name) == {}


def test_case_11_moving_the_lock_date_clears_it_too(synced: Business) -> None:
    name = case(11).deal_names[0]
    synced.lock("2026-09-30")
    synced.later()

    synced.sync()

    assert synced.invoice_of(name)["DateString"] == "2026-10-02T00:00:00"


def test_case_11_a_win_at_half_past_midnight_in_sydney_counts(synced: Business) -> None:
    """Won at 14:30 UTC on 30 September: in Sydney that is 1 October, the start date. Only the lock holds it."""
    name = case(11).deal_names[1]
    assert set(synced.waiting(name)) == {"locked_period"}
    synced.lock("2026-09-30")
    synced.later()

    synced.sync()

    assert synced.invoice_of(name)["DateString"] == "2026-10-01T00:00:00"


@pytest.mark.promise("S1-46", "U-06")
def test_case_11_a_win_near_midnight_utc_keeps_its_calendar_date(synced: Business) -> None:
    name = case(11).deal_names[2]
    assert synced.invoice_of(name)["DateString"] == "2026-10-20T00:00:00"


@pytest.mark.promise("S0-65")
def test_case_12_a_deal_in_new_zealand_dollars_goes_and_its_rate_is_stored(synced: Business) -> None:
    name = case(12).deal_names[0]
    invoice = synced.invoice_of(name)

    assert (invoice["CurrencyCode"], invoice["Total"], invoice["TotalTax"]) == ("NZD", dec("2267.23"), dec("0.00"))
    assert invoice["CurrencyRate"] > 0
    [proof] = [event for event in synced.history(name) if event.action == "verify Invoice"]
    assert Decimal(str(proof.body["rate"])) == invoice["CurrencyRate"]


@pytest.mark.promise("S0-31")
def test_case_12_pounds_wait_until_finance_adds_the_currency(synced: Business) -> None:
    name = case(12).deal_names[1]
    entry = synced.waiting(name)["currency_not_enabled"]
    assert (entry.owner, entry.money.currency) == ("finance", "GBP")

    synced.office.ask(synced.office.xero_url, "PUT", "/Currencies", {"Code": "GBP"})
    synced.later()
    synced.sync()

    assert synced.invoice_of(name)["CurrencyCode"] == "GBP"


def test_case_12_a_foreign_customer_without_a_country_waits_for_its_tax(synced: Business) -> None:
    name = case(12).deal_names[2]
    assert "country_blank" in synced.waiting(name)

    synced.edit("Account", synced.deal(name)["AccountId"], BillingCountry="United States")
    synced.later()
    synced.sync()

    invoice = synced.invoice_of(name)
    assert [line["TaxType"] for line in invoice["LineItems"]] == ["EXEMPTEXPORT"]
    assert (invoice["CurrencyCode"], invoice["TotalTax"]) == ("USD", dec("0.00"))


@pytest.mark.promise("N-08")
def test_case_13_a_cent_between_both_sums_goes_and_the_tie_out_names_it(synced: Business) -> None:
    """1,200 at 9.5238 less 12.5 % is 9,999.99 by multiplying; Salesforce keeps the 10,000.00 that was typed."""
    invoice = synced.invoice_of(FLOUR)
    [line] = invoice["LineItems"]
    assert (line["UnitAmount"], line["Quantity"], line["DiscountRate"]) == (dec("9.5238"), 1200, dec("12.5"))
    assert (invoice["SubTotal"], synced.deal(FLOUR)["Amount"]) == (dec("9999.99"), dec("10000.00"))
    assert synced.deal(FLOUR)["Xero_Subtotal__c"] == dec("9999.99")

    named = [d for row in synced.tie_out().result.rows for d in row.differences if d.deal_name == FLOUR]

    assert [(d.kind, d.amount, d.invoice) for d in named] == [("rounding", dec("0.01"), invoice["InvoiceNumber"])]


@pytest.mark.promise("U-30")
def test_case_13_a_deal_without_products_is_one_flagged_line(synced: Business) -> None:
    invoice = synced.invoice_of(FORECAST)

    [line] = invoice["LineItems"]
    assert (line["Description"], line["LineAmount"], line["AccountCode"]) == (FORECAST, dec("3200.00"), "200")
    assert invoice["Status"] == "DRAFT"
    assert synced.waiting(FORECAST)["no_products"].weight == "warning"


def test_case_13_a_deal_worth_nothing_is_listed_and_gets_no_invoice(synced: Business) -> None:
    assert synced.invoices_of(PRO_BONO) == []
    assert synced.bucket(PRO_BONO) == "not billable"


def test_case_13_a_credit_line_is_a_negative_price(synced: Business) -> None:
    lines = synced.invoice_of(CRANES)["LineItems"]
    assert [(line["Quantity"], line["UnitAmount"]) for line in lines] == [(1, dec("6250.00")), (1, dec("-495.00"))]


def test_case_13_a_deal_below_zero_waits(synced: Business) -> None:
    """Ten licences at 31.9975 against a credit of 1,250.00."""
    entry = synced.waiting(RETURNS)["negative_deal"]
    assert entry.money.amount == dec("-930.02")
    assert synced.invoices_of(RETURNS) == []


@pytest.mark.promise("S0-25")
def test_case_13_a_discount_on_the_whole_deal_is_spread_by_largest_remainder(synced: Business) -> None:
    """500.00 over 1,650.00, 4,300.00 and 1,540.00: 110.147, 287.049 and 102.804; the spare cent goes to the first."""
    invoice = synced.invoice_of(PACKAGE)

    discounts = [line["DiscountAmount"] for line in invoice["LineItems"]]

    assert discounts == [dec("110.15"), dec("287.05"), dec("102.80")]
    assert sum(discounts) == dec("500.00")
    assert (invoice["SubTotal"], synced.deal(PACKAGE)["Amount"]) == (dec("6990.00"), dec("7490.00"))
