"""One emulated org with a small book of deals, and helpers to ask it."""

from __future__ import annotations

import pytest
from tests.contract.salesforce_emulator.conftest import Org

from crossfoot.emulators.salesforce import new_world
from crossfoot.emulators.salesforce.schema import SObject, declaration, moment, reference, text
from crossfoot.emulators.salesforce.standard import SYSTEM_FIELDS

NOTE = SObject(
    "Memo__c",
    "a9Z",
    (
        *SYSTEM_FIELDS,
        text("Name"),
        reference("About__c", "Account", "Opportunity"),
        moment("Said__c"),
        text("Topics__c", 4000, type="multipicklist"),
    ),
)


@pytest.fixture
def org() -> Org:
    return Org(new_world(seed=7))


@pytest.fixture
def book(org: Org) -> Org:
    """Two accounts, four deals with stages, regions and currencies, three contacts and two memos."""
    north = org.create("Account", Name="North", Industry="Shipping")
    south = org.create("Account", Name="South")
    for name in ("Ash", "Birch", "Cedar"):
        org.create("Contact", LastName=name, AccountId=north)
    org.deal("One", AccountId=north, StageName="Closed Won", Amount=100, CloseDate="2026-07-01", Type="New")
    org.deal("Two", AccountId=north, StageName="Prospecting", Amount=50, CloseDate="2026-06-30", Type="Old")
    org.deal("Three", AccountId=south, StageName="Closed Won", Amount=7, CloseDate="2026-11-21", Type="New")
    org.deal("Kiwi", StageName="Closed Lost", Amount=109, CurrencyIsoCode="NZD", CloseDate="2027-01-01")
    org.world.rows["PermissionSet"] = {}  # everybody sees everything: who may see what is tested elsewhere
    org.world.declare(declaration(NOTE))
    deal = org.soql("SELECT Id FROM Opportunity WHERE Name = 'One'")[0]["Id"]
    for name, about, topics in (("m1", north, "Tax;Cash"), ("m2", deal, "Cash"), ("m3", None, None)):
        org.create("Memo__c", Name=name, About__c=about, Said__c="2026-11-20T13:30:00Z", Topics__c=topics)
    return org
