"""A person decides a part of a document otherwise than the deal says: named, audited, dropped in time."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from crossfoot.core.errors import NeedsPerson
from crossfoot.core.findings import REASONS
from crossfoot.core.overrides import Override, OverrideState
from crossfoot.engine.review.overrides import approve_override, edit_entry, withdraw_override
from crossfoot.engine.session import Session
from crossfoot.store.overrides import load_overrides

from .business import URLS, Business, Stage
from .test_invoice_fields import CLINIC, LINES

DEAL = "Override me"


class Firm(Business):
    """The demo firm, with a deal that waits because its line's account is none of the ledger's."""

    def act(self, actor: str) -> Session:
        """A session of one person."""
        session = self.session()
        session.actor = actor
        return session

    def overrides(self) -> list[Override]:
        """What stands or is proposed."""
        with self.database.reading() as connection:
            return [each for of in load_overrides(connection, self.session().organisation_id).values() for each in of]

    def actions(self) -> list[tuple[str, str]]:
        """Who did what about the deal, overrides only."""
        return [(entry.actor, entry.action) for entry in self.history(DEAL) if "override" in entry.action]


@pytest.fixture
def firm(connected_stage: Stage, tmp_path: Path) -> Iterator[Firm]:
    made = Firm(connected_stage, tmp_path)
    made.set("start_date: 2026-10-01", "start_date: 2026-11-18")
    made.win(DEAL, CLINIC, LINES, CloseDate="2026-12-24")  # it waits for its day
    made.sync()
    made.later()
    yield made
    made.close()


def entry_of(firm: Firm) -> int:
    return next(iter(firm.waiting(DEAL).values())).id


@pytest.mark.promise("S0-43")
def test_what_is_decided_goes_out_stays_named_and_is_dropped_when_the_source_agrees(firm: Firm) -> None:
    edit_entry(firm.act("Priya"), entry_of(firm), {"account": "260", "due": "2027-01-31"}, "as agreed by letter")
    firm.time.now = firm.time.now.replace(month=12, day=24)

    report = firm.sync()

    assert report.applied.created == 1
    invoice = firm.invoice_of(DEAL)
    assert {line["AccountCode"] for line in invoice["LineItems"]} == {"260"}
    assert invoice["DueDateString"].startswith("2027-01-31")
    assert "override_stands" in firm.waiting(DEAL)
    tied = firm.tie_out()
    assert not tied.result.unexplained
    assert sorted(each.field for each in tied.overrides) == ["account", "due"]
    firm.later()
    assert firm.sync().writes == 0
    decided = next(each for each in firm.overrides() if each.field == "due")
    withdraw_override(firm.act("Sam"), decided.id, "terms hold after all")
    for product in {line["Product2Id"] for line in firm.lines(DEAL)}:
        firm.edit("Product2", product, Xero_Account_Code__c="260")
    firm.later()
    firm.sync()
    assert firm.overrides() == []
    assert firm.tie_out().overrides == ()
    assert firm.waiting(DEAL) == {}
    assert ("crossfoot", "drop override") in firm.actions()
    assert firm.actions()[:2] == [("Priya", "override")] * 2


@pytest.mark.parametrize("country", ["New Zealand", "Fiji"], ids=["a row", "no row"])
def test_a_tax_that_a_person_decides_goes_before_that_of_the_customers_country(firm: Firm, country: str) -> None:
    """Also where the product says the same: that counts for customers at home alone."""
    firm.edit("Account", firm.deal(DEAL)["AccountId"], BillingCountry=country)
    for row in {line["Product2Id"] for line in firm.lines(DEAL)}:
        firm.edit("Product2", row, Xero_Tax_Type__c="OUTPUT")
    firm.time.now = firm.time.now.replace(month=12, day=23)
    firm.sync()
    edit_entry(firm.act("Priya"), entry_of(firm), {"tax": "OUTPUT"}, "used here")
    firm.later(days=1)
    firm.sync()

    assert {line["TaxType"] for line in firm.invoice_of(DEAL)["LineItems"]} == {"OUTPUT"}
    assert firm.waiting(DEAL).keys() == {"override_stands"}
    firm.edit("Account", firm.deal(DEAL)["AccountId"], BillingCountry="Australia")
    firm.later()
    firm.sync()
    assert firm.waiting(DEAL) == {}


def test_a_deal_below_zero_goes_once_two_people_decided_on_prices_above_it(firm: Firm) -> None:
    for line in firm.lines(DEAL):
        firm.edit("OpportunityLineItem", line["Id"], UnitPrice=-10)
    firm.time.now = firm.time.now.replace(month=12, day=24)
    firm.sync()
    assert firm.waiting(DEAL).keys() == {"negative_deal"}
    edit_entry(firm.act("Priya"), entry_of(firm), {"unit_amount": "10.00"}, "the sign was meant otherwise")
    approve_override(firm.act("Sam"), firm.overrides()[0].id)
    firm.later()

    assert firm.sync().applied.created == 1
    assert firm.waiting(DEAL).keys() == {"override_stands"}
    assert not firm.tie_out().result.unexplained


@pytest.mark.promise("U-20")
def test_an_amount_counts_only_after_a_second_person_approved_it(firm: Firm) -> None:
    [proposed] = edit_entry(firm.act("Priya"), entry_of(firm), {"unit_amount:2": "40.00"}, "discount by phone")
    assert proposed.state is OverrideState.PROPOSED
    firm.time.now = firm.time.now.replace(month=12, day=24)
    assert firm.sync().applied.created == 0
    assert firm.waiting(DEAL)["override_proposed"].cause.startswith(f"override {proposed.id}: unit_amount:2 is 40.00")
    with pytest.raises(NeedsPerson, match="second person"):
        approve_override(firm.act("priya"), proposed.id)

    approve_override(firm.act("Sam"), proposed.id)
    firm.later()
    assert firm.sync().applied.created == 1

    deal, invoice = firm.deal(DEAL), firm.invoice_of(DEAL)
    assert invoice["SubTotal"] == deal["Amount"] - 12 * (Decimal("48.75") - 40)
    tied = firm.tie_out()
    assert not tied.result.unexplained
    [difference] = [d for row in tied.result.rows for d in row.differences if d.deal_name == DEAL]
    assert (difference.kind, difference.amount) == ("override_stands", Decimal("105.00"))
    assert firm.actions() == [("Priya", "override"), ("Sam", "approve override")]


def test_a_document_can_be_billed_to_another_customer(firm: Firm) -> None:
    other = next(c for c in firm.contacts() if c["ContactStatus"] == "ACTIVE" and c["Name"] != CLINIC)
    edit_entry(firm.act("Priya"), entry_of(firm), {"contact": other["Name"]}, "paid by the parent")
    firm.time.now = firm.time.now.replace(month=12, day=24)
    firm.sync()
    assert firm.invoice_of(DEAL)["Contact"]["ContactID"] == other["ContactID"]
    firm.later()
    assert firm.sync().writes == 0


def bill_another(firm: Firm) -> dict[str, Any]:
    """Priya has the deal billed to another customer, and its day comes. Returns that one."""
    other = next(c for c in firm.contacts() if c["ContactStatus"] == "ACTIVE" and c["Name"] != CLINIC)
    edit_entry(firm.act("Priya"), entry_of(firm), {"contact": other["Name"]}, "paid by the parent")
    firm.time.now = firm.time.now.replace(month=12, day=24)
    return other


def test_another_customer_who_is_billed_has_until_its_own_terms_say(firm: Firm) -> None:
    other = bill_another(firm)
    terms = {"Sales": {"Day": 3, "Type": "DAYSAFTERBILLDATE"}}
    firm.in_xero("Contacts", ContactID=other["ContactID"], PaymentTerms=terms)
    firm.sync()
    assert firm.invoice_of(DEAL)["DueDateString"].startswith("2026-12-27")


def test_what_another_customer_was_billed_already_makes_the_deal_wait(firm: Firm) -> None:
    other = bill_another(firm)
    line = {"Description": "by hand", "Quantity": 1, "UnitAmount": firm.deal(DEAL)["Amount"], "AccountCode": "200"}
    about = {"Type": "ACCREC", "Date": "2026-12-20", "Contact": {"ContactID": other["ContactID"]}}
    firm.in_xero("Invoices", **about, LineItems=[line])
    firm.sync()
    assert firm.invoices_of(DEAL) == []
    assert "already_invoiced" in firm.waiting(DEAL)


def test_another_customer_who_was_archived_since_is_sent_nothing(firm: Firm) -> None:
    other = bill_another(firm)
    firm.in_xero("Contacts", ContactID=other["ContactID"], ContactStatus="ARCHIVED")
    firm.sync()
    assert firm.invoices_of(DEAL) == []
    assert set(firm.waiting(DEAL)) == {"override_stands", "contact_archived"}


def test_another_customer_who_was_merged_since_is_billed_as_who_stands_for_it(firm: Firm) -> None:
    other = bill_another(firm)
    survivor = firm.office.xero("PUT", "Contacts", [{"Name": "Survivor of the merge"}])[0]["ContactID"]
    firm.office.ask(URLS["xero"], "POST", f"/Contacts/{other['ContactID']}/merge", {"Into": survivor})
    firm.sync()
    assert firm.invoice_of(DEAL)["Contact"]["ContactID"] == survivor
    firm.later()
    assert firm.sync().writes == 0


def test_a_source_that_moves_on_under_a_decision_asks_again(firm: Firm) -> None:
    edit_entry(firm.act("Priya"), entry_of(firm), {"unit_amount:2": "40.00"}, "discount by phone")
    approve_override(firm.act("Sam"), firm.overrides()[0].id)
    firm.edit("OpportunityLineItem", firm.lines(DEAL)[1]["Id"], UnitPrice=Decimal("45.00"))
    firm.time.now = firm.time.now.replace(month=12, day=24)

    assert firm.sync().applied.created == 0
    assert "Now the source says 45" in firm.waiting(DEAL)["override_outdated"].cause

    withdraw_override(firm.act("Priya"), firm.overrides()[0].id, "sales settled it")
    firm.later()
    assert firm.sync().applied.created == 1
    assert firm.invoice_of(DEAL)["SubTotal"] == firm.deal(DEAL)["Amount"]


def test_an_amount_that_was_decided_in_one_currency_does_not_go_out_in_another(firm: Firm) -> None:
    firm.win("Lump sum", CLINIC, [], Amount=12000, CloseDate="2026-12-24")
    firm.sync()
    waits = next(iter(firm.waiting("Lump sum").values()))
    [proposed] = edit_entry(firm.act("Priya"), waits.id, {"unit_amount": "11000"}, "as agreed")
    approve_override(firm.act("Sam"), proposed.id)
    firm.edit("Opportunity", firm.deal("Lump sum")["Id"], CurrencyIsoCode="NZD")
    firm.time.now = firm.time.now.replace(month=12, day=24)

    firm.sync()

    assert firm.invoices_of("Lump sum") == []
    assert "12000 NZD" in firm.waiting("Lump sum")["override_outdated"].cause


def test_a_due_date_that_was_decided_is_asked_about_once_the_deal_is_dated_after_it(firm: Firm) -> None:
    edit_entry(firm.act("Priya"), entry_of(firm), {"account": "260", "due": "2027-01-31"}, "as agreed by letter")
    firm.edit("Opportunity", firm.deal(DEAL)["Id"], CloseDate="2027-02-15")
    firm.time.now = firm.time.now.replace(year=2027, month=2, day=15)

    firm.sync()

    assert firm.invoices_of(DEAL) == []
    assert "2027-02-15" in firm.waiting(DEAL)["override_outdated"].cause


def test_what_was_decided_about_a_line_never_goes_over_to_another(firm: Firm) -> None:
    """The second line becomes the first one when that is taken out."""
    edit_entry(firm.act("Priya"), entry_of(firm), {"tax:1": "EXEMPTOUTPUT"}, "samples are exempt")
    samples, support = firm.lines(DEAL)
    firm.office.salesforce("DELETE", f"/sobjects/OpportunityLineItem/{samples['Id']}")
    firm.time.now = firm.time.now.replace(month=12, day=24)

    assert firm.sync().applied.created == 0
    cause = firm.waiting(DEAL)["override_outdated"].cause
    assert f"for ASR-SAMPLE {samples['Id']}" in cause
    assert f"Now the source says OUTPUT for TEC-SUPPORT {support['Id']}" in cause


@pytest.mark.parametrize(
    ("changes", "reason", "words"),
    [
        ({"account": "200"}, " ", "needs a reason"),
        ({}, "why not", "what is to be otherwise"),
        ({"account": "9999"}, "x", "no active ledger account"),
        ({"tax": "NOTAX"}, "x", "no active tax type"),
        ({"contact": "Nobody at all"}, "x", "0 active contacts"),
        ({"due": "soon"}, "x", "not a day"),
        ({"due": "2026-12-23"}, "x", "before the date of the document, 2026-12-24"),
        ({"unit_amount:1": "1.00001"}, "x", "at most 4 decimals"),
        ({"unit_amount:1": "NaN"}, "x", "at most 4 decimals"),
        ({"unit_amount:9": "1"}, "x", "has 2 lines"),
        ({"due:1": "2027-01-01"}, "x", "names no line"),
        ({"status": "PAID"}, "x", "cannot be overridden"),
    ],
)
def test_what_cannot_be_decided_is_refused_and_nothing_is_kept(
    firm: Firm, changes: dict[str, str], reason: str, words: str
) -> None:
    with pytest.raises(NeedsPerson, match=words):
        edit_entry(firm.act("Priya"), entry_of(firm), changes, reason)
    assert firm.overrides() == []


@pytest.mark.promise("S0-43")
def test_many_entries_are_retried_by_reason_or_by_owner(synced: Business) -> None:
    desk = synced.desk
    entries = desk.entries()
    code = entries[0].code
    assert {entry.code for entry in desk.retry_many(code=code)} == {code}
    assert code not in {entry.code for entry in desk.entries()}
    finance = desk.retry_many(owner="Finance")
    assert finance
    assert {entry.owner for entry in finance} == {"finance"}
    with pytest.raises(NeedsPerson, match="no reason"):
        desk.retry_many(code="no such thing")
    with pytest.raises(NeedsPerson, match="Say which"):
        desk.retry_many()
    desk.retry_many(everything=True)
    assert desk.entries() == []
    synced.sync()
    assert {entry.code for entry in synced.desk.entries()} <= set(REASONS)
    assert len(synced.desk.entries()) == len(entries), "what has its cause still comes back"
