"""Lead conversion, which SOAP, Apex and people do, never plain REST (SF 6.4)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from crossfoot.emulators.salesforce import records
from crossfoot.emulators.salesforce.errors import ApiError
from crossfoot.emulators.salesforce.transaction import Transaction
from crossfoot.emulators.salesforce.world import Row

# Field of the new account, or contact -> field of the lead.
_ACCOUNT = {
    "Name": "Company",
    "Phone": "Phone",
    "Website": "Website",
    "Industry": "Industry",
    "AnnualRevenue": "AnnualRevenue",
    "NumberOfEmployees": "NumberOfEmployees",
    **{f"Billing{part}": part for part in ("Street", "City", "State", "PostalCode", "Country")},
}
_CONTACT = {
    "Salutation": "Salutation",
    "FirstName": "FirstName",
    "LastName": "LastName",
    "Title": "Title",
    "Email": "Email",
    "Phone": "Phone",
    "MobilePhone": "MobilePhone",
    "LeadSource": "LeadSource",
    **{f"Mailing{part}": part for part in ("Street", "City", "State", "PostalCode", "Country")},
}
CLOSES_AFTER = timedelta(days=90)


def convert(tx: Transaction, lead_id: str, account_id: str | None = None, deal_name: str | None = "") -> dict[str, Any]:
    """Make account, contact and, unless ``deal_name`` is None, a deal of a lead; it stays, closed to edits."""
    sobject = tx.world.object("Lead")
    lead = records.find(tx.world, sobject, lead_id)
    if lead.get("IsConverted"):
        raise ApiError("INVALID_STATUS", "The lead is converted already", fields=["Status"])
    account = account_id or records.insert(tx, tx.world.object("Account"), _copied(lead, _ACCOUNT))
    contact = records.insert(tx, tx.world.object("Contact"), {**_copied(lead, _CONTACT), "AccountId": account})
    made = {"ConvertedAccountId": account, "ConvertedContactId": contact}
    if deal_name is not None:
        deal = {
            "Name": deal_name or f"{lead['Company']}-",
            "AccountId": account,
            "StageName": "Prospecting",
            "CloseDate": (tx.now + CLOSES_AFTER).date().isoformat(),
        }
        made["ConvertedOpportunityId"] = records.insert(tx, tx.world.object("Opportunity"), deal)
    stamped = {"IsConverted": True, "ConvertedDate": tx.now.date(), "Status": "Closed - Converted"}
    tx.change(sobject, lead["Id"], **made, **stamped)
    return {"success": True, "leadId": lead["Id"], **made}


def _copied(lead: Row, fields: dict[str, str]) -> Row:
    return {name: lead[source] for name, source in fields.items() if lead.get(source) is not None}
