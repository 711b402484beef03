"""The integration user can do what the flows need, and no more: its permission set beside what the engine touches."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.scenario.business import KEY, machine

from crossfoot.emulators.salesforce.permissions import address_of, permissionable
from crossfoot.emulators.scenarios import demo
from crossfoot.engine.runs import sync
from crossfoot.engine.session import make_session
from crossfoot.engine.setup import Choices, propose, remotes
from crossfoot.mapping.compiled import FlowMapping
from crossfoot.mapping.settings import FILE_NAME, load_settings
from crossfoot.salesforce.package import load_components

from .conftest import Firm
from .touched import Touched

# Granted for what these few deals do not bring about.
SELDOM = {
    "Account.AccountNumber": "read where the account has one",
    "Product2.Family": "read by `init`, and for tracking by family",
    "Xero_Payment__c": "payments come later",
    "Xero_Credit_Note__c": "credit notes come later",
    "Xero_Item__c.Quantity_On_Hand__c": "stock that Xero counts",
    "Product2.Xero_Stock__c": "stock that Xero counts",
    "Product2": "its stock",
    "Xero_Tracking_Option__c": "an organisation with tracking",
    "Xero_Sync_Issue__c": "something has to wait first",
    "Tracking_1__c": "an organisation with tracking",
    "Tracking_2__c": "an organisation with tracking",
}


def run(firm: Firm) -> Touched:
    """Init and one sync after the installation, every request to Salesforce looked at."""
    firm.install()
    touched = Touched(firm.org.schema)
    plain = firm.carrier.handle_request

    def noted(request: httpx2.Request) -> httpx2.Response:
        if request.url.host == "salesforce.invalid" and not request.url.path.startswith("/control"):
            touched.note(request)
        return plain(request)

    firm.carrier.handle_request = noted  # type: ignore[method-assign]
    sides = remotes(firm.connections, firm.connector())
    path = Path(firm.workspace.directory) / FILE_NAME
    path.write_text(propose(*sides, Choices(demo.CLOCK.date())).text, encoding="utf-8")
    session = make_session(
        firm.database,
        FlowMapping(load_settings(path)),
        lambda: KEY,
        host=machine(firm.time),
        transport=firm.carrier,
    )
    report = sync(session)
    assert report.write_backs_refused == 0
    assert report.applied.created > 0
    return touched


def granted() -> dict[str, Any]:
    """The integration user's permission set, as it was deployed."""
    [found] = [each for each in load_components() if each.name == "Crossfoot_Integration"]
    fields = {
        each.findtext("field") or "": each.findtext("editable") for each in found.element.iter("fieldPermissions")
    }
    objects = {
        each.findtext("object") or "": {part.tag for part in each if part.text == "true"}
        for each in found.element.iter("objectPermissions")
    }
    users = {each.findtext("name") for each in found.element.iter("userPermissions")}
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


@pytest.mark.promise("S0-10")
def test_the_integration_user_may_do_what_the_flows_need_and_no_more(firm: Firm) -> None:
    touched, sets = run(firm), granted()
    written = needed(touched, touched.written)
    read = needed(touched, touched.read)
    may_write = {name for name, editable in sets["fields"].items() if editable == "true"}
    assert written <= may_write
    assert read <= set(sets["fields"])
    assert unexplained(may_write - written) == set()
    assert unexplained(set(sets["fields"]) - may_write - read - written) == set()


@pytest.mark.promise("S0-10")
def test_it_creates_only_rows_of_the_mirror_and_deletes_none(firm: Firm) -> None:
    touched, sets = run(firm), granted()
    creating = {name for name, given in sets["objects"].items() if "allowCreate" in given}
    editing = {name for name, given in sets["objects"].items() if "allowEdit" in given}
    assert touched.created <= creating
    assert touched.updated <= editing
    assert unexplained(creating - touched.created) == set()
    assert unexplained(editing - touched.updated) == set()
    assert not [name for name, given in sets["objects"].items() if given & {"allowDelete", "modifyAllRecords"}]
    assert sets["users"] == {"ApiEnabled", "ViewSetup"}


def unexplained(names: set[str]) -> set[str]:
    return {
        name
        for name in names
        if not any(
            name == each or (each.endswith("__c") and (name.startswith(f"{each}.") or name.endswith(f"_{each}")))
            for each in SELDOM
        )
    }
