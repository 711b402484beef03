"""Installing and removing: what is sent, by whom, and what of the customer's stays as it was."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from crossfoot.core.errors import NeedsPerson, NeedsReauthorisation
from crossfoot.emulators.salesforce import sessions
from crossfoot.engine.setup.install import State, summary
from crossfoot.salesforce.package import BILLS, CORE, ORDERS, Component, load_components, pack, parse

from .conftest import Firm, make_firm

PACKAGE = load_components((CORE, ORDERS))
FIELD = """<CustomField><fullName>{name}</fullName><label>Theirs</label>{parts}</CustomField>"""


def deploy_theirs(firm: Firm, *components: Component) -> None:
    """The customer's administrator deploys something of the business."""
    installer = firm.installer()
    installer._deployed(pack(components), check_only=False)


def field(owner: str, name: str, parts: str) -> Component:
    return Component("CustomField", f"{owner}.{name}", parse(FIELD.format(name=name, parts=parts).encode()))


def counts(steps: Any) -> dict[State, int]:
    return {state: number for state, number in summary(steps).items() if number}


@pytest.mark.promise("S3-01")
def test_the_package_deploys_into_an_empty_org_and_a_second_time_without_change(firm: Firm) -> None:
    first = firm.installer()
    steps = first.inspect()
    assert counts(steps) == {State.CREATE: len(PACKAGE)}
    assert first.install(first.check(steps), "Avery") == len(steps) + 2
    again = firm.installer()
    steps = again.inspect()
    assert counts(again.check(steps)) == {State.UNCHANGED: len(steps)}
    assert again.install(steps, "Avery") == 0
    assert len(firm.deployments()) == 1


def test_looking_changes_nothing(firm: Firm) -> None:
    installer = firm.installer()
    before = firm.org.dump()["rows"]
    installer.check(installer.inspect())
    assert firm.org.dump()["rows"] == before
    assert firm.org.schema.object("Xero_Invoice__c") is None
    assert firm.deployments() == []


def test_an_integration_users_session_that_has_ended_is_renewed(firm: Firm) -> None:
    """The first call of an inspection is userinfo, which tells it by 403 and a word (SF 1.5)."""
    installer = firm.installer()
    mine = [token for token, each in firm.org.sessions.items() if each["user"] == firm.org.grants["integration"]]
    for token in mine:
        sessions.end_session(firm.org, token)
    assert mine
    assert counts(installer.inspect()) == {State.CREATE: len(PACKAGE)}


def test_an_administrators_session_that_has_ended_is_asked_for_anew(firm: Firm) -> None:
    """Salesforce's userinfo tells it by 403 and a word (SF 1.5)."""
    installer = firm.installer()
    sessions.end_session(firm.org, installer._admin.session.reveal())
    with pytest.raises(NeedsReauthorisation, match="Log in again"):
        installer.inspect()


def test_the_integration_user_sees_its_fields_afterwards_and_the_administrators_session_is_not_kept(
    firm: Firm,
) -> None:
    firm.install()
    sets = {
        firm.org.rows["PermissionSet"][each["PermissionSetId"]]["Name"]
        for each in firm.org.rows["PermissionSetAssignment"].values()
        if each["AssigneeId"] == firm.org.grants["integration"]
    }
    assert sets == {"Crossfoot_Integration", "Crossfoot_Integration_Orders"}
    token = firm.installers[-1]._admin.session.reveal()
    with firm.database.reading() as connection:
        raw: Any = connection.connection.driver_connection
        assert token.encode() not in raw.serialize()
    firm.installers[-1].close(end_session=True)
    assert token not in firm.org.sessions


def test_the_integration_user_may_not_install(firm: Firm) -> None:
    with pytest.raises(NeedsPerson, match="integration user"):
        firm.installer("integration").inspect()


def test_a_name_that_is_taken_stops_the_installation_and_says_what_to_do(firm: Firm) -> None:
    theirs = field("Account", "Xero_Balance__c", "<length>80</length><type>Text</type>")
    deploy_theirs(firm, theirs)
    installer = firm.installer()
    steps = installer.inspect()
    assert [each.component.name for each in steps if each.state is State.CLASH] == ["Account.Xero_Balance__c"]
    for act in (installer.check, lambda found: installer.install(found, "Avery")):
        with pytest.raises(NeedsPerson, match=r"rename or delete your own CustomField Account\.Xero_Balance__c"):
            act(steps)
    assert firm.org.schema.object("Xero_Invoice__c") is None


def test_a_field_of_the_customer_that_serves_is_used_and_left_as_it_is(firm: Firm) -> None:
    parts = "<precision>16</precision><scale>2</scale><type>Currency</type>"
    deploy_theirs(firm, field("Account", "Xero_Balance__c", parts))
    installer = firm.installer()
    steps = installer.check(installer.inspect())
    [step] = [each for each in steps if each.component.name == "Account.Xero_Balance__c"]
    assert (step.state, step.ours) == (State.UNCHANGED, False)
    installer.install(steps, "Avery")
    found = firm.org.schema.objects["account"].field("Xero_Balance__c")
    assert found is not None
    assert found.label == "Theirs"
    installer.remove(firm.installer().inspect(), "Avery")
    assert firm.org.schema.objects["account"].field("Xero_Balance__c") is not None
    assert firm.org.schema.objects["account"].field("Xero_Overdue__c") is None


def test_an_older_version_of_ours_is_changed(firm: Firm) -> None:
    firm.install()
    old = next(each for each in PACKAGE if each.name == "Account.Xero_Contact_Id__c")
    length = old.element.find("length")
    assert length is not None
    length.text = "20"
    deploy_theirs(firm, old)
    installer = firm.installer()
    steps = installer.check(installer.inspect())
    assert [each.component.name for each in steps if each.state is State.CHANGE] == ["Account.Xero_Contact_Id__c"]
    installer.install(steps, "Avery")
    found = firm.org.schema.objects["account"].field("Xero_Contact_Id__c")
    assert found is not None
    assert found.length == 36


def test_removal_lists_the_data_that_would_be_lost_and_leaves_nothing_of_ours(firm: Firm) -> None:
    before = {name: {each.name for each in found.fields} for name, found in firm.org.schema.objects.items()}
    firm.install()
    account = next(iter(firm.org.rows["Account"].values()))
    firm.person("PATCH", f"sobjects/Account/{account['Id']}", {"Xero_Contact_Id__c": "1"})
    firm.person("POST", "sobjects/Xero_Contact__c", {"Name": "One", "Xero_Key__c": "o:1"})
    installer = firm.installer()
    steps = installer.inspect()
    losses = {each.object: each.rows for each in installer.losses(steps)}
    assert (losses["Account"], losses["Xero_Contact__c"], losses["Xero_Invoice__c"]) == (1, 1, 0)
    assert installer.remove(steps, "Avery") > 50
    after = {name: {each.name for each in found.fields} for name, found in firm.org.schema.objects.items()}
    assert after == before
    assert counts(firm.installer().inspect()) == {State.CREATE: len(PACKAGE)}


def test_an_org_that_was_founded_with_the_package_has_it_already(tmp_path: Path) -> None:
    firm = make_firm(tmp_path)
    installer = firm.installer()
    steps = installer.inspect()
    states = Counter((each.component.type, each.state) for each in steps)
    assert not [each for each in states if each[1] is State.CLASH]
    assert [
        each.component.name for each in steps if each.state is State.CREATE and each.component.type == "CustomField"
    ] == []
    installer.install(installer.check(steps), "Avery")
    again = firm.installer()
    assert counts(again.check(again.inspect())) == {State.UNCHANGED: len(steps)}


def test_bills_come_only_when_they_are_asked_for_and_stay_looked_after(firm: Firm) -> None:
    firm.install()
    assert firm.org.schema.object("Xero_Bill__c") is None
    added = firm.install(bills=True)
    assert added == len(load_components((BILLS,))) + 1
    assert firm.org.schema.object("Xero_Bill__c") is not None
    sets = {
        firm.org.rows["PermissionSet"][each["PermissionSetId"]]["Name"]
        for each in firm.org.rows["PermissionSetAssignment"].values()
        if each["AssigneeId"] == firm.org.grants["integration"]
    }
    assert "Crossfoot_Integration_Bills" in sets
    again = firm.installer()
    steps = again.inspect()
    assert counts(again.check(steps)) == {State.UNCHANGED: len(load_components((CORE, ORDERS, BILLS)))}
    again.remove(steps, "Avery")
    assert firm.org.schema.object("Xero_Bill__c") is None


def test_a_component_that_differs_in_its_script_alone_is_changed(firm: Firm) -> None:
    firm.install()
    [panel] = [each for each in PACKAGE if each.name == "crossfootDeal"]
    older = {**panel.files, "crossfootDeal.js": panel.files["crossfootDeal.js"].replace(b"Draft", b"Not yet")}
    deploy_theirs(firm, Component(panel.type, panel.name, panel.element, older))
    steps = firm.installer().inspect()
    assert [each.component.name for each in steps if each.state is State.CHANGE] == ["crossfootDeal"]


def test_a_component_that_the_customer_placed_stays_until_it_is_taken_off_the_page(firm: Firm) -> None:
    firm.install()
    placed = """<FlexiPage><flexiPageRegions><itemInstances><componentInstance>
        <componentName>crossfootDeal</componentName></componentInstance></itemInstances></flexiPageRegions>
        <masterLabel>Deal</masterLabel><template>t</template><type>RecordPage</type></FlexiPage>"""
    firm.org.metadata["FlexiPage"] = {
        "Deal": {"xml": placed[len("<FlexiPage>") : -len("</FlexiPage>")], "files": {}, "id": "0M0", "file": ""}
    }
    installer = firm.installer()
    with pytest.raises(NeedsPerson, match=r"crossfootDeal: .*by the FlexiPage Deal"):
        installer.remove(installer.inspect(), "Avery")
    assert firm.org.schema.object("Xero_Invoice__c") is not None
    assert {each.state for each in firm.installer().inspect()} == {State.UNCHANGED}
    assigned = [each["AssigneeId"] for each in firm.org.rows["PermissionSetAssignment"].values()]
    assert assigned.count(firm.org.grants["integration"]) == 2
