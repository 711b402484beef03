"""Contact groups: unique names, a limit, membership on both sides (XERO 4.2)."""

from __future__ import annotations

import pytest

from crossfoot.emulators.xero import new_world

from .conftest import Client

Row = dict[str, object]


def group(xero: Client, name: str = "Suppliers") -> Row:
    return xero.one("PUT", "/ContactGroups", {"ContactGroups": [{"Name": name}]})


def put_into(xero: Client, found: Row, *contacts: Row) -> list[Row]:
    sent = [{"ContactID": contact["ContactID"]} for contact in contacts]
    return xero.rows("PUT", f"/ContactGroups/{found['ContactGroupID']}/Contacts", {"Contacts": sent})


def members(xero: Client, found: Row) -> list[object]:
    shown = xero.one("GET", f"/ContactGroups/{found['ContactGroupID']}")["Contacts"]
    return [contact["Name"] for contact in shown]


def test_a_group_is_created_renamed_and_deleted(xero: Client) -> None:
    made = group(xero)
    assert (made["Name"], made["Status"], made["Contacts"]) == ("Suppliers", "ACTIVE", [])
    path = f"/ContactGroups/{made['ContactGroupID']}"
    renamed = xero.one("POST", path, {"ContactGroups": [{"Name": "Key suppliers"}]})
    assert (renamed["ContactGroupID"], renamed["Name"]) == (made["ContactGroupID"], "Key suppliers")
    assert [row["Name"] for row in xero.rows("GET", "/ContactGroups")] == ["Key suppliers"]
    assert xero.one("POST", path, {"Status": "DELETED"})["Status"] == "DELETED"
    assert xero.rows("GET", "/ContactGroups") == []
    assert xero.problems("POST", path, {"Name": "Again"})


def test_a_name_is_unique_among_the_groups_that_are_active(xero: Client) -> None:
    made = group(xero)
    assert xero.problems("PUT", "/ContactGroups", {"Name": "suppliers"}) == ["Please enter a unique Name."]
    assert xero.problems("PUT", "/ContactGroups", {"Name": " "}) == ["Please enter a unique Name."]
    xero.one("POST", f"/ContactGroups/{made['ContactGroupID']}", {"Status": "DELETED"})
    assert group(xero)["ContactGroupID"] != made["ContactGroupID"]


def test_a_hundred_groups_are_the_limit(xero: Client) -> None:
    rows = [{"Name": f"Group {number}"} for number in range(100)]
    assert len(xero.rows("PUT", "/ContactGroups", {"ContactGroups": rows})) == 100
    refused = xero.problems("PUT", "/ContactGroups", {"Name": "One more"})
    assert refused == ["You\u2019ve reached the limit of 100 contact groups."]


def test_membership_shows_on_the_group_and_on_the_contact(xero: Client) -> None:
    made, acme, bolt = group(xero), xero.contact("Acme"), xero.contact("Bolt")
    assert [row["Name"] for row in put_into(xero, made, acme, bolt)] == ["Acme", "Bolt"]
    put_into(xero, made, acme)
    assert members(xero, made) == ["Acme", "Bolt"]
    assert xero.one("GET", "/ContactGroups")["Contacts"] == []
    (shown,) = xero.one("GET", f"/Contacts/{acme['ContactID']}")["ContactGroups"]
    assert (shown["ContactGroupID"], shown["Name"], shown["Status"]) == (made["ContactGroupID"], "Suppliers", "ACTIVE")
    assert [row["ContactGroups"] for row in xero.rows("GET", "/Contacts")] == [[], []]
    assert all(row["ContactGroups"] for row in xero.rows("GET", "/Contacts", page=1))
    again = xero.one("POST", f"/Contacts/{acme['ContactID']}", {"FirstName": "Ann"})
    assert [row["Name"] for row in again["ContactGroups"]] == ["Suppliers"]


def test_a_deleted_group_is_no_longer_shown_on_its_contacts(xero: Client) -> None:
    made, acme = group(xero), xero.contact()
    put_into(xero, made, acme)
    xero.one("POST", f"/ContactGroups/{made['ContactGroupID']}", {"Status": "DELETED"})
    assert xero.one("GET", f"/Contacts/{acme['ContactID']}")["ContactGroups"] == []


def test_contacts_leave_one_by_one_or_all_at_once(xero: Client) -> None:
    made, acme, bolt, cord = group(xero), *(xero.contact(name) for name in ("Acme", "Bolt", "Cord"))
    put_into(xero, made, acme, bolt, cord)
    path = f"/ContactGroups/{made['ContactGroupID']}/Contacts"
    assert xero.send("DELETE", f"{path}/{acme['ContactID']}").status == 204
    assert xero.send("DELETE", f"{path}/{acme['ContactID']}").status == 404
    assert members(xero, made) == ["Bolt", "Cord"]
    assert xero.send("DELETE", path).status == 204
    assert members(xero, made) == []


def test_an_archived_contact_joins_no_group_and_neither_do_those_sent_with_it(xero: Client) -> None:
    made, acme, bolt = group(xero), xero.contact("Acme"), xero.contact("Bolt")
    xero.one("POST", f"/Contacts/{bolt['ContactID']}", {"ContactStatus": "ARCHIVED"})
    sent = {"Contacts": [{"ContactID": row["ContactID"]} for row in (acme, bolt)]}
    path = f"/ContactGroups/{made['ContactGroupID']}/Contacts"
    assert xero.problems("PUT", path, sent) == ["Unable to assign an Archived contact."]
    assert members(xero, made) == []


def test_groups_survive_a_dump(xero: Client) -> None:
    made, acme = group(xero), xero.contact()
    put_into(xero, made, acme)
    state = xero.world.dump()
    xero.world = new_world(signing_key_pem=xero.world.signing_key_pem)
    xero.world.load(state)
    assert members(xero, made) == ["Acme Pty Ltd"]
    assert xero.problems("PUT", "/ContactGroups", {"Name": "Suppliers"}) == ["Please enter a unique Name."]


@pytest.mark.parametrize(("method", "path"), [("POST", "/Contacts"), ("GET", "/Contacts"), ("PUT", "/Options")])
def test_what_a_group_does_not_have_is_refused(xero: Client, method: str, path: str) -> None:
    made = group(xero)
    assert xero.send(method, f"/ContactGroups/{made['ContactGroupID']}{path}", {}).status in {404, 405}
