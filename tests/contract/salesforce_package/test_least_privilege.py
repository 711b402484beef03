"""The integration user can do what the flows need, and no more: its permission sets beside what the engine touches.

One firm lives through everything that makes the engine read or write in Salesforce, with every flow switched on.
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.scenario.business import KEY, URLS, Carry, machine
from tools.salesforce_tables import ACTIONS

from crossfoot.emulators.people import Office
from crossfoot.emulators.salesforce.permissions import address_of, permissionable
from crossfoot.emulators.scenarios import demo
from crossfoot.engine.runs import sync
from crossfoot.engine.session import Session, make_session
from crossfoot.engine.setup.doctor import Check, examine
from crossfoot.engine.setup.workspace import Choices, propose, remotes
from crossfoot.mapping.compiled import FlowMapping
from crossfoot.mapping.settings import FILE_NAME, load_settings
from crossfoot.salesforce.package import BILLS, CORE, ORDERS, load_components

from .conftest import Firm
from .test_people import Person
from .touched import Touched

FLOWS = """
  payments:
    fields: {Invoice: Xero_Invoice__r.Xero_Key__c, Amount: Amount__c, Date: Date__c, Account: "'090'",
      Reference: Reference__c, Name: Name}
  requests: {salesforce: Xero_Request__c}
  people:
    when: NOT(ISBLANK(Email))
    fields: {FirstName: FirstName, LastName: LastName, Email: Email}
"""
# Granted for what this firm does not bring about.
SELDOM = {
    "Product2.Family": "read by `init`, and for tracking by family",
    "Xero_Item__c.Quantity_On_Hand__c": "stock that Xero counts",
    "Product2.Xero_Stock__c": "stock that Xero counts",
    "*.Xero_Tracking_[12]__c": "tracking that the mapping takes from the deal or the product",
    "Xero_Invoice__c.Order__c": "a lookup that `crossfoot.yaml` names",
    "OrderItem.*": "products of an order, where orders are the source",
}
# Written only where a flow goes from Xero alone, so that Xero decides every field.
FROM_XERO_ALONE = {"Account.AccountNumber", "Account.BillingAddress", "Product2.Description", "Product2.ProductCode"}
SETS = {f"Crossfoot_Integration{name}" for name in ("", "_Two_Way", "_People", "_Orders", "_Bills")}


class Year:
    """The firm with the package and every flow."""

    def __init__(self, firm: Firm) -> None:
        self.firm = firm
        firm.install(bills=True)
        self.assign("Crossfoot_Integration_People")
        sides = remotes(firm.connections, firm.connector())
        text = propose(*sides, Choices(demo.CLOCK.date())).text + FLOWS
        assert "direction: both" in text.partition("  products:")[0]
        text = re.sub(r"( +)salesforce: Product2\b.*\n", r"\g<0>\1direction: both\n", text)
        text = text.replace(
            "organisation: Xero_Organisation__c", "bill: Xero_Bill__c, organisation: Xero_Organisation__c"
        )
        self.path = Path(firm.workspace.directory) / FILE_NAME
        self.path.write_text(text, encoding="utf-8")

    def assign(self, name: str) -> None:
        """The administrator gives the integration user another permission set."""
        [given] = [each for each in self.firm.org.rows["PermissionSet"].values() if each["Name"] == name]
        assignment = {"AssigneeId": self.firm.org.grants["integration"], "PermissionSetId": given["Id"]}
        self.firm.person("POST", "sobjects/PermissionSetAssignment", assignment)

    def session(self) -> Session:
        mapping = FlowMapping(load_settings(self.path))
        firm = self.firm
        return make_session(firm.database, mapping, lambda: KEY, host=machine(firm.time), transport=firm.carrier)

    def sync(self) -> None:
        self.firm.time.pass_s(600)
        assert sync(self.session()).write_backs_refused == 0

    def in_xero(self, method: str, kind: str, **fields: Any) -> dict[str, Any]:
        with Office(URLS["salesforce"], URLS["xero"], self.firm.carrier) as office:
            return office.xero(method, kind, [fields])[0]

    def use(self, note: dict[str, Any], invoice_id: str) -> None:
        """Finance uses a credit note for an invoice."""
        wish = {"Allocations": [{"Invoice": {"InvoiceID": invoice_id}, "Amount": 3, "Date": "2026-11-18"}]}
        with Office(URLS["salesforce"], URLS["xero"], self.firm.carrier) as office:
            office.ask(URLS["xero"], "PUT", f"/CreditNotes/{note['CreditNoteID']}/Allocations", wish)

    def live(self) -> None:
        """Everything that a firm does, each followed by a sync."""
        firm = self.firm
        country = {"BillingCountry": "Peru"}
        firm.person("PATCH", f"sobjects/Account/{next(iter(firm.org.rows['Account']))}", country)  # no rule for its tax
        self.in_xero("PUT", "TrackingCategories", Name="Region", Options=[{"Name": "NSW"}])
        self.sync()
        rows = sorted(firm.org.rows["Xero_Invoice__c"].values(), key=lambda row: str(row["Invoice_Number__c"]))
        for row in rows:
            self.in_xero("POST", "Invoices", InvoiceID=row["Invoice_Id__c"], Status="AUTHORISED")
        line = {"Description": "Work", "Quantity": 1, "UnitAmount": 10, "AccountCode": "200", "TaxType": "OUTPUT"}
        contact = self.firm.org.rows["Xero_Contact__c"]
        contact_id = next(iter(contact.values()))["Contact_Id__c"]
        whose = {"Contact": {"ContactID": contact_id}, "Date": "2026-11-18", "LineItems": [line]}
        jo = {"AccountId": next(iter(contact.values()))["Account__c"], "FirstName": "Jo", "LastName": "Park"}
        firm.person("POST", "sobjects/Contact", {**jo, "Email": "jo@park.example"})
        note = self.in_xero("PUT", "CreditNotes", Type="ACCRECCREDIT", Status="AUTHORISED", **whose)
        of_customer = next(row for row in rows if row["Xero_Contact__c"] == next(iter(contact)))
        self.use(note, of_customer["Invoice_Id__c"])
        cash = {"Account": {"Code": "090"}, "Date": "2026-11-18", "Amount": 2}
        self.in_xero("PUT", "Payments", Invoice={"InvoiceID": rows[0]["Invoice_Id__c"]}, **cash)
        bought = {**whose, "LineItems": [{**line, "AccountCode": "400", "TaxType": "INPUT"}], "DueDate": "2026-11-28"}
        self.in_xero("PUT", "Invoices", Type="ACCPAY", Status="AUTHORISED", **bought)
        self.in_xero("POST", "Contacts", ContactID=contact_id, Phones=[{"PhoneType": "DEFAULT", "PhoneNumber": "123"}])
        item = next(iter(firm.org.rows["Xero_Item__c"].values()))
        coded = {"UnitPrice": 5, "AccountCode": "260", "TaxType": "OUTPUT"}
        self.in_xero("POST", "Items", ItemID=item["Item_Id__c"], Code=item["Code__c"], SalesDetails=coded)
        self.sync()
        kept = [{"FirstName": "Jo", "LastName": "Park", "EmailAddress": "accounts@park.example"}]
        self.in_xero("POST", "Contacts", ContactID=contact_id, ContactPersons=kept)
        paula, robin, kim = (
            Person(firm, name, role)
            for name, role in (("paula", "Payments"), ("robin", "Requester"), ("kim", "Approver"))
        )
        paid = {"Name": "Cheque", "Xero_Invoice__c": rows[0]["Id"], "Amount__c": 1, "Date__c": "2026-11-18"}
        paula.does("POST", "Xero_Payment__c", paid)
        firm.person("PATCH", f"sobjects/Opportunity/{rows[1]['Opportunity__c']}", {"StageName": "Closed Lost"})
        asked = {"Name": "Please", "Xero_Invoice__c": rows[1]["Id"], "Action__c": ACTIONS[0]}
        request = robin.does("POST", "Xero_Request__c", asked)["id"]
        firm.time.pass_s(60)
        kim.does("PATCH", f"Xero_Request__c/{request}", {"Approved__c": True})
        self.sync()
        self.sync()
        assert firm.org.rows["Xero_Request__c"][request]["Status__c"] == "Done"


def watched(firm: Firm) -> Touched:
    """Every request of the app to Salesforce from now on is looked at."""
    touched, mine = Touched(firm.org.schema), firm.org.grants["integration"]

    def noted(request: httpx2.Request, carry: Carry) -> httpx2.Response:
        session = firm.org.sessions.get(request.headers.get("authorization", "").removeprefix("Bearer "))
        if request.url.host == "salesforce.invalid" and session is not None and session["user"] == mine:
            touched.note(request)
        return carry(request)

    firm.carrier.intercept(noted)
    return touched


def granted() -> dict[str, Any]:
    """The integration user's permission sets together, as they were deployed."""
    found = [each.element for each in load_components((CORE, ORDERS, BILLS)) if each.name in SETS]
    assert len(found) == len(SETS)
    fields: dict[str, bool] = {}
    objects: dict[str, set[str]] = {}
    for element in found:
        for each in element.iter("fieldPermissions"):
            name = each.findtext("field") or ""
            fields[name] = fields.get(name, False) or each.findtext("editable") == "true"
        for each in element.iter("objectPermissions"):
            flags = {part.tag for part in each if part.text == "true"}
            objects.setdefault(each.findtext("object") or "", set()).update(flags)
    users = {each.findtext("name") for element in found for each in element.iter("userPermissions")}
    return {"fields": fields, "objects": objects, "users": users}


def needed(touched: Touched, names: set[str]) -> set[str]:
    """The fields among them that take a grant; the parts of an address by their compound."""
    found = set()
    for full_name in names:
        owner, _, name = full_name.partition(".")
        sobject = touched.schema.objects[owner.lower()]
        declared = sobject.field(name)
        if declared is None:
            continue
        governing = address_of(sobject, declared) or declared
        if not sobject.setup and permissionable(sobject, governing):
            found.add(f"{sobject.name}.{governing.name}")
    return found


def unexplained(names: set[str]) -> set[str]:
    return {name for name in names if not any(fnmatchcase(name, each) for each in SELDOM)}


@pytest.mark.promise("S0-10", "S0-55")
def test_the_integration_user_may_do_what_the_flows_need_and_no_more(firm: Firm) -> None:
    year = Year(firm)
    year.assign("Crossfoot_Integration_Two_Way")
    touched, sets = watched(firm), granted()
    year.live()
    written, read = needed(touched, touched.written), needed(touched, touched.read)
    may_write = {name for name, editable in sets["fields"].items() if editable}
    assert written <= may_write
    assert read <= set(sets["fields"])
    assert unexplained(may_write - written - FROM_XERO_ALONE) == set()
    assert unexplained(set(sets["fields"]) - may_write - read - written) == set()
    creating = {name for name, given in sets["objects"].items() if "allowCreate" in given}
    editing = {name for name, given in sets["objects"].items() if "allowEdit" in given}
    assert touched.created <= creating
    assert touched.updated <= editing
    assert unexplained(creating - touched.created) == set()
    assert unexplained(editing - touched.updated) == set()
    assert not [name for name, given in sets["objects"].items() if given & {"allowDelete", "modifyAllRecords"}]
    assert sets["users"] == {"ApiEnabled", "ViewSetup"}


@pytest.mark.promise("S0-55")
def test_without_the_set_for_it_nothing_of_the_customers_own_can_be_written_and_the_doctor_says_so(firm: Firm) -> None:
    year = Year(firm)

    def fields_to_write() -> Check:
        [found] = [each for each in examine(year.session()) if each.name == "Fields to write"]
        return found

    year.sync()
    assert fields_to_write().state == "fix"
    assert "Product2.Xero_Account_Code__c" in fields_to_write().found
    year.assign("Crossfoot_Integration_Two_Way")
    assert fields_to_write().state == "pass"
