"""What the pages of the user interface show, over REST (SF 2.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.contract.salesforce_emulator.conftest import Org


def test_the_list_view_of_all_records_pages_through_them(org: Org) -> None:
    for name in ("Tui", "Kea", "Moa"):
        org.create("Account", Name=name)
    (view,) = org.call("GET", "sobjects/Account/listviews").body["listviews"]
    assert (view["developerName"], view["soqlCompatible"]) == ("AllAccounts", True)
    path = f"sobjects/Account/listviews/{view['id']}"
    described = org.call("GET", f"{path}/describe").body
    found = org.call("GET", "query", query={"q": described["query"]}).body["records"]
    shown = org.call("GET", f"{path}/results", query={"limit": "2", "offset": "1"}).body
    names = [each["columns"][0] for each in shown["records"]]
    assert names == [{"fieldNameOrPath": "Name", "value": each["Name"]} for each in found[1:3]]
    assert org.call("GET", f"{path}/results", query={"limit": "2001"}).status == 400
    assert org.call("GET", "sobjects/Contact/listviews/" + view["id"]).code == "NOT_FOUND"


@pytest.mark.parametrize(
    ("path", "empty"),
    [
        ("recent", []),
        ("quickActions", []),
        ("sobjects/Account/quickActions", []),
        ("sobjects/Account/describe/approvalLayouts", {"approvalLayouts": []}),
        ("process/rules", {"rules": {}}),
        ("process/approvals/", {"approvals": {}}),
        ("actions/custom/flow", {"actions": []}),
    ],
)
def test_what_nobody_made_is_an_empty_list(org: Org, path: str, empty: object) -> None:
    assert org.call("GET", path).body == empty


def test_objects_with_pages_have_tabs_and_tell_their_addresses(org: Org) -> None:
    tabs = {each["name"]: each["label"] for each in org.call("GET", "tabs").body}
    assert (tabs["standard-Account"], "standard-Profile" in tabs) == ("Accounts", False)
    urls = org.call("GET", "sobjects/Account/describe").body["urls"]
    assert org.call("GET", urls["compactLayouts"]).body["compactLayouts"][0]["name"] == "SYSTEM"
    assert urls["uiNewRecord"].endswith("/001/e")
    assert "listviews" not in org.call("GET", "sobjects/Profile/describe").body["urls"]


@pytest.mark.parametrize(
    "path", ["sobjects/Profile/listviews", "sobjects/Account/describe/layouts", "sobjects/No/quickActions"]
)
def test_what_has_no_page_is_not_found(org: Org, path: str) -> None:
    assert org.call("GET", path).code == "NOT_FOUND"
