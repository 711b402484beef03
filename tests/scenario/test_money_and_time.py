"""Currencies, tax, rounding and dates: what each combination of settings on both sides comes to in the books."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from crossfoot.emulators.scenario import find_scenario
from crossfoot.engine.setup.doctor import examine

from .business import Business, Stage, found


def dec(text: str) -> Decimal:
    return Decimal(text)


SMALL_FIRM = Path(__file__).parents[1] / "acceptance" / "small_firm.yaml"
TAXES = {"AU": "OUTPUT", "NZ": "OUTPUT2", "GB": "OUTPUT2", "US": "OUTPUT"}
REVIEW = "Evergreen Cinemas - Half-year review"


@pytest.mark.parametrize("currency", ["CurrencyIsoCode", "Account.CurrencyIsoCode"])
def test_the_tie_out_reads_what_a_deal_takes_from_its_account(connected: Business, currency: str) -> None:
    """It found no deal that counts, and agreed with books that it had not compared."""
    connected.set("    when: IsWon\n", "    when: IsWon && Account.BillingCountry = 'Australia'\n")
    connected.set("Currency: CurrencyIsoCode", f"Currency: {currency}")
    made = connected.sync().applied.created

    result = connected.tie_out().result

    assert made > 90
    assert sum(row.invoices for row in result.rows) == made
    assert not result.unexplained
    assert len(result.in_xero_only) == 3  # what finance keyed by hand


def test_an_org_that_comes_to_have_several_currencies_holds_invoices_until_the_settings_read_them(
    connected: Business,
) -> None:
    """A deal of 500 US dollars became an invoice of 500 Australian ones."""
    connected.org.settings["multi_currency"] = False
    connected.set("Currency: CurrencyIsoCode", "Currency: \"'AUD'\"")
    connected.set("start_date: 2026-10-01", "start_date: 2026-11-18")
    connected.sync()
    connected.org.settings["multi_currency"] = True
    for row in connected.org.rows["Organization"].values():
        row["SystemModstamp"] = connected.time.now  # moves what descriptions are stamped with
    connected.win("Dollars", "Pacific Crest Analytics", [], Amount=500, CurrencyIsoCode="USD")
    connected.edit("Account", connected.deal("Dollars")["AccountId"], BillingCountry="United States")
    connected.later()

    assert connected.sync().applied.created == 0

    assert [(each.name, each.state) for each in examine(connected.session()) if each.name == "Currencies"] == [
        ("Currencies", "fix"),
        ("Currencies", "note"),
    ]
    assert "Salesforce has several currencies now" in connected.waiting("Dollars")["flow_paused"].cause
    connected.set("Currency: \"'AUD'\"", "Currency: CurrencyIsoCode")
    connected.later()
    connected.sync()
    assert connected.waiting("Dollars").keys() == {"no_products"}
    assert connected.invoice_of("Dollars")["CurrencyCode"] == "USD"


def key_in_francs(firm: Business, deal: str) -> str:
    """Finance invoice a deal's customer by hand, in a currency that Salesforce does not have. Returns the id."""
    firm.office.ask(firm.office.xero_url, "PUT", "/Currencies", {"Code": "CHF"})
    line = {"Description": "Fair", "Quantity": 1, "UnitAmount": 100, "AccountCode": "200", "TaxType": "BASEXCLUDED"}
    invoice = {
        "Type": "ACCREC",
        "Status": "AUTHORISED",
        "Contact": {"ContactID": firm.invoice_of(deal)["Contact"]["ContactID"]},
        "Date": "2026-11-18",
        "DueDate": "2026-12-18",
        "CurrencyCode": "CHF",
        "LineItems": [line],
    }
    [made] = firm.office.xero("PUT", "Invoices", [invoice])
    return str(made["InvoiceID"])


def test_an_invoice_in_a_currency_that_salesforce_has_not_holds_no_other(synced: Business) -> None:
    """Nothing of any invoice was shown in Salesforce any more, such as that it was approved or paid."""
    invoice_id = key_in_francs(synced, REVIEW)
    shown = f"SELECT CurrencyIsoCode FROM Xero_Invoice__c WHERE Invoice_Id__c = '{invoice_id}'"

    synced.approve(REVIEW)

    [row] = synced.soql(f"SELECT Status__c FROM Xero_Invoice__c WHERE Opportunity__r.Name = '{REVIEW}'")
    assert row["Status__c"] == "Authorised"
    assert synced.soql(shown) == []
    entries = [entry for entry in synced.desk.entries() if entry.code == "choice_missing"]
    assert {entry.record.id for entry in entries} == {
        "Xero_Invoice__c.CurrencyIsoCode",
        "Xero_Invoice_Line__c.CurrencyIsoCode",
    }
    assert all("does not take CHF; rows that say so wait" in entry.cause for entry in entries)


def test_a_draft_whose_deal_falls_below_zero_stays_and_its_deal_waits_for_a_credit_note(synced: Business) -> None:
    [line] = synced.lines(REVIEW)
    synced.edit("OpportunityLineItem", line["Id"], UnitPrice=dec("-100"))
    synced.later()

    report = synced.sync()

    assert report.applied.refused == []
    assert synced.waiting(REVIEW).keys() == {"negative_deal"}
    assert synced.invoice_of(REVIEW)["SubTotal"] == dec("4300.00")


def test_a_deal_in_yen_is_over_once_finance_invoiced_it_by_hand_in_another_currency(synced: Business) -> None:
    """The queue says to invoice it so; the tie-out then had a difference that nothing could name."""
    currencies = synced.org.rows["CurrencyType"]
    known = next(iter(currencies.values()))
    currencies["01LXoK000000099IBA"] = {**known, "Id": "01LXoK000000099IBA", "IsoCode": "JPY"}
    synced.win("Tokyo fair", "Evergreen Cinemas", [], Amount=500_000, CurrencyIsoCode="JPY")
    synced.sync()
    assert "currency_decimals" in synced.waiting("Tokyo fair")
    invoice_id = key_in_francs(synced, REVIEW)
    synced.in_xero("Invoices", InvoiceID=invoice_id, Reference=synced.deal("Tokyo fair")["Deal_Number__c"])
    synced.later()
    synced.sync()

    synced.desk.link(synced.waiting("Tokyo fair")["already_invoiced"].id)
    synced.later()
    synced.sync()

    assert synced.waiting("Tokyo fair").keys() == {"draft_edited"}
    result = synced.tie_out().result
    assert not result.unexplained
    [row] = [row for row in result.rows if row.currency == "JPY"]
    assert [(each.kind, each.note) for each in row.differences] == [("draft_edited", "invoiced in CHF")]


def firm_in(country: str, directory: Path, settings: str = "", *, one_currency: str = "") -> Stage:
    """The small firm with its books in another country, or set up otherwise, connected."""
    about = f"Advisory, CountryCode: {country}{settings}}}"
    text = SMALL_FIRM.read_text(encoding="utf-8").replace("Advisory}", about)
    text = text.replace("TaxType: OUTPUT}", f"TaxType: {TAXES[country]}}}").replace("Australia", country)
    if one_currency:
        org = f"salesforce:\n  $settings: {{multi_currency: false, corporate_currency: {one_currency}}}\n"
        text = text.replace("salesforce:\n", org)
    text = text.replace('AccountCode: "200"', 'AccountCode: "400"') if country == "US" else text
    path = directory / "firm.yaml"
    path.write_text(text.replace('TaxNumber: "51 824 753 556"', "AccountNumber: A-1"), encoding="utf-8")
    return found(find_scenario(str(path)), directory, date(2026, 11, 1))


@pytest.mark.parametrize(
    ("country", "currency", "abroad", "tax"),
    [("NZ", "NZD", "{AU: ZERORATED,", "184.42"), ("GB", "GBP", "{}", "245.89"), ("US", "USD", "{}", "0.00")],
)
def test_books_of_each_country(tmp_path: Path, country: str, currency: str, abroad: str, tax: str) -> None:
    """What is sold abroad from Britain has no one tax: it waits, and is proposed none of the EU."""
    stage = firm_in(country, tmp_path)
    firm = Business(stage, tmp_path)
    firm.set("Currency: CurrencyIsoCode", f"Currency: \"'{currency}'\"")

    firm.sync()

    assert f"tax_by_country: {abroad}" in stage.settings
    invoice = firm.invoice_of("Advice")
    assert (invoice["SubTotal"], invoice["TotalTax"]) == (dec("1229.46"), dec(tax))
    assert not firm.tie_out().result.unexplained
    firm.later()
    assert firm.sync().writes == 0
    firm.close()


@pytest.mark.parametrize(("currency", "shown"), [("AUD", None), ("NZD", dec("2267.23"))])
def test_what_a_customer_owes_in_another_currency_is_not_shown_as_its_accounts(
    synced: Business, currency: str, shown: Decimal | None
) -> None:
    """2,267.23 New Zealand dollars stood on an account as Australian ones."""
    deal = "Aoraki Outdoors - Cloud ledger"
    synced.edit("Account", synced.deal(deal)["AccountId"], CurrencyIsoCode=currency)

    synced.approve(deal)

    fields = "Xero_Balance__c, Xero_Credit_Exposure__c, Xero_Currency__c"
    [account] = synced.soql(f"SELECT {fields} FROM Account WHERE Name = 'Aoraki Outdoors'")
    [row] = synced.soql("SELECT Balance__c, CurrencyIsoCode FROM Xero_Contact__c WHERE Name = 'Aoraki Outdoors'")
    assert (account["Xero_Balance__c"], account["Xero_Credit_Exposure__c"]) == (shown, shown)
    assert account["Xero_Currency__c"] == "NZD"
    assert (row["Balance__c"], row["CurrencyIsoCode"]) == (dec("2267.23"), "NZD")


def test_an_invoice_that_finance_made_free_of_tax_is_credited_and_made_anew(synced: Business) -> None:
    """It was said that its tax had been corrected by hand."""
    draft = synced.invoice_of(REVIEW)
    names = ("LineItemID", "Description", "Quantity", "UnitAmount", "ItemCode", "AccountCode")
    lines = [{name: line[name] for name in names} for line in draft["LineItems"]]
    synced.in_xero("Invoices", InvoiceID=draft["InvoiceID"], LineAmountTypes="NoTax", LineItems=lines)
    synced.approve(REVIEW)
    [line] = synced.lines(REVIEW)
    synced.edit("OpportunityLineItem", line["Id"], Quantity=2, UnitPrice=line["UnitPrice"])
    synced.later()
    synced.sync()

    synced.desk.reissue(synced.waiting(REVIEW)["changed_after_approval"].id)
    synced.later()

    assert synced.sync().reissued.finished == 1
    note = synced.see("CreditNotes")
    assert (note["LineAmountTypes"], note["Total"], note["Status"]) == ("NoTax", dec("4300.00"), "PAID")
    assert synced.waiting(REVIEW) == {}


@pytest.mark.parametrize("settings", ["PaysTax: false", "DefaultSalesTax: No Tax"])
def test_an_organisation_that_charges_no_tax_is_proposed_none(tmp_path: Path, settings: str) -> None:
    """A firm that is not registered for GST would have charged it."""
    firm = Business(firm_in("AU", tmp_path, f", {settings}"), tmp_path)

    firm.sync()

    assert firm.invoices_of("Advice") == []
    assert "tax_missing" in firm.waiting("Advice")
    firm.set('tax: ""', 'tax: "OUTPUT"')
    [told] = [each for each in examine(firm.session()) if each.name == "Default tax"]
    assert (told.state, told.found.partition(",")[0]) == ("fix", "GST on Income (10 %)")
    firm.set('tax: "OUTPUT"', 'tax: "BASEXCLUDED"')
    firm.later()
    firm.sync()
    assert firm.invoice_of("Advice")["TotalTax"] == 0
    firm.close()


def test_deals_of_an_org_with_one_currency_are_in_that_and_not_in_the_ledgers(tmp_path: Path) -> None:
    """What was sold in US dollars would have been invoiced as Australian ones."""
    firm = Business(firm_in("AU", tmp_path, one_currency="USD"), tmp_path)

    firm.sync()

    assert firm.invoice_of("Advice")["CurrencyCode"] == "USD"
    firm.set("'USD'", "'AUD'")
    [told] = [each for each in examine(firm.session()) if each.name == "Currencies"]
    assert (told.state, told.found) == ("fix", "amounts in Salesforce are in USD; crossfoot.yaml says AUD")
    firm.close()


def test_what_is_owed_in_another_currency_than_the_orgs_only_one_is_not_shown_as_that(tmp_path: Path) -> None:
    firm = Business(firm_in("AU", tmp_path, one_currency="AUD"), tmp_path)
    firm.sync()
    for deal in ("Advice", "Second audit"):  # all that this customer has
        draft = {"InvoiceID": firm.invoice_of(deal)["InvoiceID"], "CurrencyCode": "NZD"}
        firm.in_xero("Invoices", **draft, Status="AUTHORISED")
    firm.later()

    firm.sync()

    [account] = firm.soql("SELECT Xero_Balance__c, Xero_Currency__c FROM Account WHERE Name = 'Birch & Sons'")
    assert (account["Xero_Balance__c"], account["Xero_Currency__c"]) == (None, "NZD")
    assert firm.waiting("Advice").keys() == {"draft_edited"}
    assert not firm.tie_out().result.unexplained
    firm.close()


@pytest.mark.parametrize("due", ["9999-12-31", "0001-01-01"])
def test_a_due_date_at_the_end_of_the_calendar_ends_no_run(synced: Business, due: str) -> None:
    synced.in_xero("Invoices", InvoiceID=synced.invoice_of(REVIEW)["InvoiceID"], DueDate=due)

    synced.approve(REVIEW)  # every run ended with an exception

    assert synced.deal(REVIEW)["Xero_Status__c"] == "Authorised"
    synced.later(days=1)
    synced.sync()
