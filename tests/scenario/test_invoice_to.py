"""Who is billed: the account of the deal, or the one that the settings say its invoices go to."""

from __future__ import annotations

import pytest

from .business import Business


@pytest.mark.promise("S1-25")
def test_a_subsidiary_is_billed_to_its_parent_and_after_a_change_to_the_new_one(connected: Business) -> None:
    connected.set("Contact: AccountId", 'Contact: "BLANKVALUE(Account.ParentId, AccountId)"')
    first, second, child = connected.soql(
        "SELECT Id, Name FROM Account WHERE BillingCountry = 'Australia' AND ABN__c != null "
        "AND (NOT Name LIKE 'Blue Gum%') ORDER BY Id LIMIT 3"
    )
    [product, *_] = connected.soql("SELECT ProductCode FROM Product2 WHERE IsActive = TRUE ORDER BY Id")
    line = {"code": product["ProductCode"], "Quantity": 1, "UnitPrice": 750}
    connected.edit("Account", child["Id"], ParentId=first["Id"])
    connected.win("Held by the first", child["Name"], [line])
    connected.sync()
    connected.edit("Account", child["Id"], ParentId=second["Id"])
    connected.win("Held by the second", child["Name"], [{**line, "UnitPrice": 760}])
    connected.later()
    connected.sync()

    billed = {
        name: connected.invoice_of(name)["Contact"]["Name"] for name in ("Held by the first", "Held by the second")
    }
    assert billed["Held by the first"].startswith(first["Name"]), "what was billed stays with whom it was billed to"
    assert billed["Held by the second"].startswith(second["Name"])
