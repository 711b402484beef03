"""Organisations of four countries, what their plans let them do, and limits that are an organisation's own
(XERO 3.9, 3.12, 4.3, 4.10, 4.11, 4.13)."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from crossfoot.emulators.host import make_worlds
from crossfoot.emulators.scenario import ScenarioError, read_scenario
from crossfoot.emulators.xero import World, new_world
from crossfoot.emulators.xero.countries import COUNTRIES
from crossfoot.emulators.xero.plans import PLANS

from .conftest import Client
from .test_ledger import journals, legs

Make = Callable[..., Client]
# Country code -> Version, currency, zone, year end, the codes of sales and receivables, tax of a sale at 100
EXPECTED: dict[str, tuple[Any, ...]] = {
    "AU": ("AU", "AUD", "AUSEASTERNSTANDARDTIME", (30, 6), "200", "610", "OUTPUT", 10),
    "NZ": ("NZ", "NZD", "NEWZEALANDSTANDARDTIME", (31, 3), "200", "610", "OUTPUT2", 15),
    "GB": ("UK", "GBP", "GMTSTANDARDTIME", (31, 3), "200", "610", "OUTPUT2", 20),
    "US": ("US", "USD", "EASTERNSTANDARDTIME", (31, 12), "400", "120", "OUTPUT", 0),
}
# What the ledger itself needs, in every country
SYSTEM_ACCOUNTS = {
    *("DEBTORS", "CREDITORS", "GST", "ROUNDING", "HISTORICAL", "RETAINEDEARNINGS", "TRACKINGTRANSFERS"),
    *("UNPAIDEXPCLM", "BANKCURRENCYGAIN", "REALISEDCURRENCYGAIN", "UNREALISEDCURRENCYGAIN"),
}


def sale(code: str, tax_type: str | None, **members: Any) -> dict[str, Any]:
    told = {"Description": "Advice", "Quantity": 1, "UnitAmount": 100, "AccountCode": code, **members}
    return {**told, "TaxType": tax_type} if tax_type else told


def invoice(xero: Client, *lines: dict[str, Any], **members: Any) -> dict[str, Any]:
    contact = xero.rows("GET", "/Contacts") or [xero.contact()]
    return {
        "Type": "ACCREC",
        "Contact": {"ContactID": contact[0]["ContactID"]},
        "Date": "2026-11-20",
        "DueDate": "2026-12-04",
        "LineItems": list(lines),
        **members,
    }


@pytest.mark.parametrize("code", EXPECTED)
def test_an_organisation_is_of_its_country(make_client: Make, code: str) -> None:
    version, currency, zone, year_end, sales, debtors, tax_type, tax = EXPECTED[code]
    xero = make_client(minute_limit=1000, CountryCode=code)
    info = xero.one("GET", "/Organisation")
    assert (info["CountryCode"], info["Version"], info["BaseCurrency"], info["Timezone"]) == (
        *(code, version, currency, zone),
    )
    assert (info["FinancialYearEndDay"], info["FinancialYearEndMonth"]) == year_end
    accounts = xero.rows("GET", "/Accounts")
    assert {row["SystemAccount"] for row in accounts if row.get("SystemAccount")} >= SYSTEM_ACCOUNTS
    assert {row["Code"]: row.get("SystemAccount") for row in accounts}[debtors] == "DEBTORS"
    assert {row["CurrencyCode"] for row in accounts if row["Type"] == "BANK"} == {currency}
    made = xero.one("PUT", "/Invoices", invoice(xero, sale(sales, None), Status="AUTHORISED"))
    assert (made["LineItems"][0]["TaxType"], made["TotalTax"], made["CurrencyCode"]) == (tax_type, tax, currency)
    assert legs(journals(xero)[-1])[debtors] == 100 + tax


@pytest.mark.parametrize("code", EXPECTED)
def test_every_account_names_a_tax_rate_of_its_country_that_can_apply_to_it(make_client: Make, code: str) -> None:
    xero = make_client(CountryCode=code)
    rates = {row["TaxType"]: row for row in xero.rows("GET", "/TaxRates")}
    sides = {"ASSET": "Assets", "EQUITY": "Equity", "EXPENSE": "Expenses", "LIABILITY": "Liabilities"}
    for account in xero.rows("GET", "/Accounts"):
        side = sides.get(account["Class"], "Revenue")
        assert rates[account["TaxType"]][f"CanApplyTo{side}"], account["Name"]
    codes = [row["Code"] for row in xero.rows("GET", "/Accounts")]
    assert len(codes) == len(set(codes))


def test_uk_is_another_word_for_gb_and_an_unknown_country_is_refused() -> None:
    assert COUNTRIES["UK"] is COUNTRIES["GB"]
    with pytest.raises(ValueError, match="AU, NZ, GB, US"):
        new_world(settings={"organisation": {"CountryCode": "FR"}})


def test_a_reverse_charge_shows_its_rate_and_charges_nothing(make_client: Make) -> None:
    xero = make_client(CountryCode="GB")
    rate = xero.one("GET", "/TaxRates/REVERSECHARGES")
    assert (rate["DisplayTaxRate"], rate["EffectiveRate"]) == (20, 0)
    bill = invoice(xero, sale("429", "REVERSECHARGES"), Type="ACCPAY")
    assert xero.one("PUT", "/Invoices", bill)["TotalTax"] == 0


def test_a_rate_of_the_us_sales_tax_engine_is_not_for_apps(make_client: Make) -> None:
    xero = make_client(CountryCode="US")
    (engine,) = (row for row in xero.rows("GET", "/TaxRates") if row["ReportTaxType"] == "USSALESTAX")
    told = xero.problems("PUT", "/Invoices", invoice(xero, sale("400", engine["TaxType"])))
    assert told == [
        f"The TaxType code '{engine['TaxType']}' does not exist or cannot be used for this type of transaction."
    ]
    made = xero.person("PUT", "/Invoices", invoice(xero, sale("400", engine["TaxType"])))
    assert made["Invoices"][0]["LineItems"][0]["TaxType"] == engine["TaxType"]


def test_rates_of_exchange_are_per_unit_of_the_organisations_own_currency(make_client: Make) -> None:
    xero = make_client(CountryCode="GB", currencies=["AUD"])
    made = xero.one("PUT", "/Invoices", invoice(xero, sale("200", "OUTPUT2"), CurrencyCode="AUD"))
    assert Decimal("1.9") < made["CurrencyRate"] < Decimal("2.1")


def allowed(xero: Client) -> set[str]:
    return {row["Name"] for row in xero.rows("GET", "/Organisation/Actions") if row["Status"] == "ALLOWED"}


@pytest.mark.parametrize("plan", PLANS)
def test_actions_follow_the_plan(make_client: Make, plan: str) -> None:
    xero = make_client(Class=plan)
    invoicing = plan not in {"LEDGER", "GST_CASHBOOK", "NON_GST_CASHBOOK"}
    assert ("CreateApprovedInvoice" in allowed(xero)) == invoicing
    many = {"STANDARD", "GROW", "STARTER", "IGNITE", "LITE", "SIMPLE", "BASICLITE"}
    assert ("UseMulticurrency" in allowed(xero)) == (invoicing and plan not in many)
    assert (len(xero.rows("GET", "/Currencies")) > 1) == ("UseMulticurrency" in allowed(xero))


def test_a_downgraded_organisation_refuses_what_its_plan_does_not_have(make_client: Make) -> None:
    xero = make_client(currencies=["USD"])
    draft = xero.one("PUT", "/Invoices", invoice(xero, sale("200", "OUTPUT")))
    approved = xero.one("PUT", "/Invoices", invoice(xero, sale("200", "OUTPUT"), Status="AUTHORISED"))
    xero.person("POST", "/Organisation", {"Class": "STANDARD"})
    foreign = invoice(xero, sale("200", "OUTPUT"), CurrencyCode="USD")
    assert xero.problems("PUT", "/Invoices", foreign) == ["Organisation is not subscribed to currency USD"]
    assert xero.problems("PUT", "/Currencies", {"Code": "EUR"})
    xero.person("POST", "/Organisation", {"Class": "GST_CASHBOOK"})
    refused = "The organisation's subscription does not include this action: "
    change = {"Status": "AUTHORISED"}
    assert xero.problems("POST", f"/Invoices/{draft['InvoiceID']}", change) == [f"{refused}CreateApprovedInvoice"]
    assert xero.problems("PUT", "/Invoices", invoice(xero, sale("200", "OUTPUT"))) == [f"{refused}CreateDraftInvoice"]
    assert xero.problems("PUT", "/Payments", xero.payment(approved, 10)) == [f"{refused}CreateInvoicePayment"]
    assert xero.one("POST", f"/Invoices/{approved['InvoiceID']}", {"Status": "VOIDED"})["Status"] == "VOIDED"


def test_an_accountants_edition_keeps_books_only(make_client: Make) -> None:
    assert not any(name.startswith("Create") for name in allowed(make_client(Edition="PARTNER", Class="STANDARD")))


def test_not_allowed_takes_single_actions_away(make_client: Make) -> None:
    xero = make_client(not_allowed=["CreateApprovedBill"])
    bill = invoice(xero, sale("429", "INPUT"), Type="ACCPAY", Status="AUTHORISED")
    assert xero.problems("PUT", "/Invoices", bill)
    assert xero.one("PUT", "/Invoices", {**bill, "Status": "DRAFT"})["Status"] == "DRAFT"


def test_an_entry_plan_caps_what_is_approved_in_a_month(make_client: Make) -> None:
    xero = make_client(Class="IGNITE", minute_limit=1000)
    bill = invoice(xero, sale("429", "INPUT"), Type="ACCPAY", Status="AUTHORISED")
    for _ in range(5):
        xero.one("PUT", "/Invoices", bill)
    assert xero.problems("PUT", "/Invoices", bill) == ["You have reached the limit of invoices you can approve"]
    assert xero.one("PUT", "/Invoices", {**bill, "Status": "DRAFT"})
    assert xero.one("PUT", "/Invoices", {**bill, "Date": "2026-12-01"})
    assert xero.one("PUT", "/Invoices", invoice(xero, sale("200", "OUTPUT"), Status="AUTHORISED"))


def test_the_lock_may_be_passed_by_advisers_only(xero: Client) -> None:
    assert "ApproveTransactionsBeforePeriodLockDate" in {
        row["Name"] for row in xero.rows("GET", "/Organisation/Actions")
    }


def test_a_long_list_and_a_slow_filter_are_refused(make_client: Make) -> None:
    xero = make_client(high_volume_limit=2, minute_limit=1000)
    for _ in range(3):
        xero.one("PUT", "/Invoices", invoice(xero, sale("200", "OUTPUT")))
    refused: list[dict[str, Any]] = [{}, {"page": 1, "where": "Total==110"}, {"page": 1, "order": "Total"}]
    for query in refused:
        response = xero.send("GET", "/Invoices", query=query)
        assert response.status == 400, query
    for query in ({"page": 1}, {"page": 1, "where": 'Status=="DRAFT"', "order": "Date"}, {"where": 'Status=="PAID"'}):
        assert xero.send("GET", "/Invoices", query=query).status == 200, query
    assert len(xero.person("GET", "/Invoices")["Invoices"]) == 3


def rounded(xero: Client, amount: Any, **members: Any) -> dict[str, Any]:
    told = {"SubTotal": 100, "TotalTax": 10, "Total": 110, "Status": "AUTHORISED", "RoundingAmount": amount}
    return invoice(xero, sale("200", "OUTPUT"), **{**told, **members})


def test_an_organisation_with_the_capability_rounds_a_total(make_client: Make) -> None:
    xero = make_client(rounding_amounts=True)
    made = xero.one("PUT", "/Invoices", rounded(xero, "0.05"))
    assert (made["Total"], made["AmountDue"], made["RoundingAmount"]) == (*(Decimal("110.05"),) * 2, Decimal("0.05"))
    assert legs(journals(xero)[-1]) == {"610": Decimal("110.05"), "200": -100, "820": -10, "860": Decimal("-0.05")}
    kept = xero.one("POST", f"/Invoices/{made['InvoiceID']}", {"Reference": "again"})
    assert (kept["Total"], kept["Reference"]) == (Decimal("110.05"), "again")
    assert "RoundingAmount" not in xero.rows("GET", "/Invoices", page=1)[0]


@pytest.mark.parametrize("members", [{"RoundingAmount": "0.11"}, {"Status": "DRAFT"}, {"Total": None}])
def test_what_a_rounding_amount_needs(make_client: Make, members: dict[str, Any]) -> None:
    xero = make_client(rounding_amounts=True)
    assert xero.problems("PUT", "/Invoices", rounded(xero, "0.05", **members))


def test_without_the_capability_a_rounding_amount_is_ignored(xero: Client) -> None:
    made = xero.one("PUT", "/Invoices", rounded(xero, "0.05"))
    assert made["Total"] == 110
    assert "RoundingAmount" not in made


def test_a_scenario_names_the_country_and_holds_what_apps_only_read() -> None:
    quote = {
        "$name": "quote",
        "Contact": {"ContactID": "$mill"},
        "Date": "2026-11-01",
        "LineItems": [sale("200", "OUTPUT2")],
    }
    told = {
        "$settings": {"organisation": {"CountryCode": "NZ", "Class": "GROW"}, "day_limit": 1000},
        "Contacts": {"mill": {"Name": "Paper Mill"}},
        "Quotes": [quote],
        "Employees": [{"FirstName": "Ana", "LastName": "Silva"}],
        "Budgets": [{"Description": "Overall"}],
    }
    worlds = make_worlds(read_scenario({"xero": told}, "nz"))
    world = worlds.xero.world
    assert isinstance(world, World)
    (organisation,) = world.organisations.values()
    (stored,) = organisation.all("Quotes")
    assert (stored["QuoteID"], stored["Total"], organisation.base_currency) == (worlds.names["quote"], 115, "NZD")
    assert len(list(organisation.all("Employees"))) == len(list(organisation.all("Budgets"))) == 1
    with pytest.raises(ScenarioError, match="is not a plan"):
        make_worlds(read_scenario({"xero": {"$settings": {"Class": "GOLD"}}}, "gold"))


@pytest.mark.parametrize(("country", "needed"), [("AU", True), ("NZ", True), ("GB", True), ("US", False)])
def test_where_a_new_tax_rate_must_say_what_it_reports_as(make_client: Make, country: str, needed: bool) -> None:
    """XERO 4.11: ReportTaxType is mandatory in Australia, New Zealand and the United Kingdom."""
    xero = make_client(CountryCode=country)
    rate = {"Name": "Local", "TaxComponents": [{"Name": "Local", "Rate": 5}]}
    if needed:
        assert xero.problems("PUT", "/TaxRates", rate) == ["ReportTaxType is required."]
        return
    assert xero.one("PUT", "/TaxRates", rate)["EffectiveRate"] == 5
    assert xero.problems("PUT", "/TaxRates", {**rate, "Name": "Other", "ReportTaxType": "NONSENSE"}) == [
        "ReportTaxType is not valid."
    ]
