"""What happens to records on either side: merged, archived, deleted, restored; and what may be written at all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from crossfoot.core.errors import NeedsPerson, RetryLater, Stopped
from crossfoot.core.links import Kind
from crossfoot.engine.plans import describe_plan
from crossfoot.engine.runs import look
from crossfoot.engine.undo import undo
from crossfoot.store.links import StoredLink, load_links

from .business import URLS, Business, Carry
from .test_invoice_fields import CLINIC, LINES
from .test_settings_changed import DRAFTED
from .test_two_way_customers import account, linked, phone, waiting


def links(firm: Business, kind: Kind = Kind.CONTACT) -> dict[str, StoredLink]:
    with firm.database.reading() as connection:
        return {stored.source_id: stored for stored in load_links(connection, firm.session().organisation_id, kind)}


def set_phone(firm: Business, contact_id: str, number: str) -> None:
    firm.in_xero("Contacts", ContactID=contact_id, Phones=[{"PhoneType": "DEFAULT", "PhoneNumber": number}])


def balance(firm: Business, account_id: str) -> Any:
    [row] = firm.soql(f"SELECT Xero_Balance__c FROM Account WHERE Id = '{account_id}'")
    return row["Xero_Balance__c"]


def merge_accounts(firm: Business, winner: str, loser: str) -> None:
    body = {"object": "Account", "winner": winner, "losers": [loser]}
    firm.post(f"{URLS['salesforce']}/control/merge", body)


@pytest.mark.promise("S3-03")
def test_an_account_merged_into_one_without_a_contact_takes_its_link_along(shared: Business) -> None:
    row, contact = linked(shared)[0]
    winner = shared.office.salesforce("POST", "/sobjects/Account", {"Name": "The One That Stands Pty Ltd"})["id"]
    merge_accounts(shared, winner, row["Id"])

    shared.sync()

    known = links(shared)
    assert row["Id"] not in known
    assert known[winner].link.xero_id == contact["ContactID"]
    shared.later()
    shared.edit("Account", winner, Phone="02 5550 7777")
    shared.sync()
    assert phone(shared, contact["ContactID"]) == "02 5550 7777"


@pytest.mark.parametrize("renamed", [{}, {"Name": "Quite Another", "ABN__c": "", "Phone": "", "AccountNumber": ""}])
def test_an_account_that_was_merged_away_and_is_restored_is_a_customer_again(
    shared: Business, renamed: dict[str, str]
) -> None:
    """Under the contact that it had; or, where nothing leads there any more, under one that is made."""
    (row, contact), (winner, _) = linked(shared)[:2]
    merge_accounts(shared, winner["Id"], row["Id"])
    shared.later()
    shared.sync()
    assert row["Id"] not in links(shared)
    shared.later()
    if renamed:
        shared.in_xero("Contacts", ContactID=contact["ContactID"], ContactNumber="another app's")
    shared.post(f"{URLS['salesforce']}/control/undelete", {"object": "Account", "id": row["Id"]})
    shared.edit("Account", row["Id"], **renamed)
    shared.win("After the restore", renamed.get("Name", row["Name"]), [LINES[1]])

    shared.sync()

    now = links(shared)[row["Id"]].link
    assert (now.xero_id == contact["ContactID"]) is not bool(renamed)
    assert shared.invoice_of("After the restore")["Contact"]["ContactID"] == now.xero_id


@pytest.mark.promise("U-07")
def test_an_account_merged_into_one_that_was_merged_in_its_turn_leads_to_the_last(shared: Business) -> None:
    row, contact = linked(shared)[0]
    names = ("The One Between Pty Ltd", "The One That Stands Pty Ltd")
    between, last = (shared.office.salesforce("POST", "/sobjects/Account", {"Name": name})["id"] for name in names)
    merge_accounts(shared, between, row["Id"])
    merge_accounts(shared, last, between)

    shared.sync()

    assert links(shared)[last].link.xero_id == contact["ContactID"]


@pytest.mark.promise("S0-06")
def test_two_accounts_with_contacts_merged_suggest_merging_the_contacts(shared: Business) -> None:
    (row, contact), (other, kept) = linked(shared)[:2]
    merge_accounts(shared, other["Id"], row["Id"])

    shared.sync()

    entry = waiting(shared, other["Id"])["accounts_merged"]
    assert {ref.id for ref in entry.related} == {contact["ContactID"], kept["ContactID"]}
    assert links(shared)[other["Id"]].link.xero_id == kept["ContactID"]
    assert shared.contact(contact["ContactID"])["ContactStatus"] == "ACTIVE"


def test_nothing_is_asked_about_an_account_that_was_merged_away(shared: Business) -> None:
    (row, contact), (other, kept) = linked(shared)[:2]
    shared.office.ask(URLS["xero"], "POST", f"/Contacts/{contact['ContactID']}/merge", {"Into": kept["ContactID"]})
    shared.sync()
    assert set(waiting(shared, row["Id"])) == {"contacts_merged", "link_archived"}
    shared.later()
    merge_accounts(shared, other["Id"], row["Id"])

    shared.sync()

    assert waiting(shared, row["Id"]) == {}


@pytest.mark.promise("U-07")
def test_a_contact_merged_into_an_unlinked_one_takes_the_link_along(shared: Business) -> None:
    row, contact = linked(shared)[0]
    survivor = shared.office.xero("PUT", "Contacts", [{"Name": "Survivor of the merge"}])[0]["ContactID"]
    shared.office.ask(URLS["xero"], "POST", f"/Contacts/{contact['ContactID']}/merge", {"Into": survivor})
    shared.edit("Account", row["Id"], Phone="02 5550 8888")

    shared.sync()
    shared.later()
    shared.sync()

    assert links(shared)[row["Id"]].link.xero_id == survivor
    assert phone(shared, survivor) == "02 5550 8888"


@pytest.mark.parametrize("merged", ["accounts", "contacts"])
def test_what_the_one_that_stands_after_a_merge_does_not_say_was_not_emptied(shared: Business, merged: str) -> None:
    shared.set("Phone: {from: Phone, as: phone}", "Phone: {from: Phone, as: phone, empties: true}")
    shared.sync()
    shared.later()
    row, contact = linked(shared)[0]
    account_id, contact_id = row["Id"], contact["ContactID"]
    if merged == "accounts":
        account_id = shared.office.salesforce("POST", "/sobjects/Account", {"Name": "The One That Stands"})["id"]
        merge_accounts(shared, account_id, row["Id"])
    else:
        contact_id = shared.office.xero("PUT", "Contacts", [{"Name": "The One That Stands"}])[0]["ContactID"]
        merge_contacts(shared, contact_id, contact["ContactID"])

    shared.sync()

    assert row["Phone"]
    assert (account(shared, account_id)["Phone"], phone(shared, contact_id)) == (row["Phone"], row["Phone"])
    assert "blank_kept" not in waiting(shared, account_id)


@pytest.mark.promise("S3-03")
def test_the_documents_of_a_merged_contact_are_the_survivors_at_once(shared: Business) -> None:
    """Xero moves no stamp of a document when contacts are merged."""
    drafts = [invoice for invoice in shared.invoices() if invoice["Status"] == "DRAFT"]
    owing = {each["Contact"]["ContactID"] for each in drafts if each["CurrencyCode"] == "AUD"}  # as their accounts
    row, contact = next((row, contact) for row, contact in linked(shared) if contact["ContactID"] in owing)
    kept = next(other for _, other in linked(shared) if other["ContactID"] != contact["ContactID"])
    moved = [i for i in shared.invoices() if i["Contact"]["ContactID"] == contact["ContactID"]]
    for invoice in moved:
        shared.in_xero("Invoices", InvoiceID=invoice["InvoiceID"], Status="AUTHORISED")
    shared.sync()
    assert balance(shared, row["Id"]) > 0
    for _ in range(2):  # until what is read again for safety's sake no longer holds them
        shared.later(minutes=30)
        shared.sync()
    shared.office.ask(URLS["xero"], "POST", f"/Contacts/{contact['ContactID']}/merge", {"Into": kept["ContactID"]})

    shared.sync()

    assert not balance(shared, row["Id"])
    keys = {
        row["Xero_Contact__r"]["Xero_Key__c"]
        for row in shared.soql("SELECT Xero_Contact__r.Xero_Key__c, Invoice_Id__c FROM Xero_Invoice__c")
        if row["Invoice_Id__c"] in {invoice["InvoiceID"] for invoice in moved}
    }
    assert [key.rpartition(":")[2] for key in keys] == [kept["ContactID"]]
    shared.later()
    assert shared.sync().writes == 0


def test_two_accounts_merged_into_one_without_a_contact_leave_it_one_and_name_the_other(shared: Business) -> None:
    pairs = linked(shared)[:2]
    winner = shared.office.salesforce("POST", "/sobjects/Account", {"Name": "The One That Stands Pty Ltd"})["id"]
    for row, _ in pairs:
        merge_accounts(shared, winner, row["Id"])

    shared.sync()

    contacts = {contact["ContactID"] for _, contact in pairs}
    assert links(shared)[winner].link.xero_id in contacts
    assert {ref.id for ref in waiting(shared, winner)["accounts_merged"].related} == contacts


def test_an_account_merged_while_its_contact_became_another_accounts_asks_about_the_accounts(shared: Business) -> None:
    (row, contact), (other, kept) = linked(shared)[:2]
    winner = shared.office.salesforce("POST", "/sobjects/Account", {"Name": "The One That Stands Pty Ltd"})["id"]
    shared.office.ask(URLS["xero"], "POST", f"/Contacts/{contact['ContactID']}/merge", {"Into": kept["ContactID"]})
    merge_accounts(shared, winner, row["Id"])

    shared.sync()

    known = links(shared)
    assert winner not in known
    assert known[other["Id"]].link.xero_id == kept["ContactID"]
    assert {ref.id for ref in waiting(shared, winner)["contacts_merged"].related} == {other["Id"], kept["ContactID"]}


def merge_contacts(firm: Business, winner: str, loser: str) -> None:
    firm.office.ask(URLS["xero"], "POST", f"/Contacts/{loser}/merge", {"Into": winner})


@pytest.mark.parametrize("first", ["accounts", "contacts", "both at once"])
@pytest.mark.parametrize("kept", [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_customers_merged_on_both_sides_are_one_and_nothing_more_is_asked(
    shared: Business, first: str, kept: tuple[int, int]
) -> None:
    """Whichever account and whichever contact people let stand."""
    pairs = linked(shared)[:2]
    accounts, contacts = [row["Id"] for row, _ in pairs], [contact["ContactID"] for _, contact in pairs]
    account_id, contact_id = accounts[kept[0]], contacts[kept[1]]
    steps: list[Callable[[], None]] = [
        lambda: merge_accounts(shared, account_id, accounts[1 - kept[0]]),
        lambda: merge_contacts(shared, contact_id, contacts[1 - kept[1]]),
    ]
    for step in reversed(steps) if first == "contacts" else steps:
        step()
        if first != "both at once":
            shared.later()
            shared.sync()
    shared.later()
    shared.sync()

    assert {each: links(shared)[each].link.xero_id for each in accounts if each in links(shared)} == {
        account_id: contact_id
    }
    asked = {code for each in accounts for code in waiting(shared, each)}
    assert not asked & {"accounts_merged", "contacts_merged", "link_archived"}
    shared.edit("Account", account_id, Phone="02 5550 7777")
    shared.later()
    shared.sync()
    assert phone(shared, contact_id) == "02 5550 7777"


def test_two_contacts_merged_into_an_unlinked_one_leave_it_to_the_first(shared: Business) -> None:
    (row, contact), (other, second) = linked(shared)[:2]
    survivor = shared.office.xero("PUT", "Contacts", [{"Name": "Survivor of the merge"}])[0]["ContactID"]
    for each in (contact, second):
        shared.office.ask(URLS["xero"], "POST", f"/Contacts/{each['ContactID']}/merge", {"Into": survivor})

    shared.sync()

    holders = [account_id for account_id, stored in links(shared).items() if stored.link.xero_id == survivor]
    assert len(holders) == 1
    [left] = {row["Id"], other["Id"]} - set(holders)
    assert "contacts_merged" in waiting(shared, left)


def test_an_archived_contact_is_named_never_written_and_never_restored(shared: Business) -> None:
    row, contact = linked(shared)[0]
    shared.office.ask(URLS["xero"], "POST", f"/Contacts/{contact['ContactID']}", {"ContactStatus": "ARCHIVED"})
    shared.edit("Account", row["Id"], Phone="02 5550 4444")

    report = shared.sync()

    assert report.agreed.writes == 0
    assert "archived" in waiting(shared, row["Id"])["link_archived"].cause
    shared.office.ask(URLS["xero"], "POST", f"/Contacts/{contact['ContactID']}", {"ContactStatus": "ACTIVE"})
    shared.later()
    shared.sync()
    assert phone(shared, contact["ContactID"]) == "02 5550 4444"
    assert "link_archived" not in waiting(shared, row["Id"])


def test_a_deletion_crosses_to_neither_side_and_a_restored_record_goes_on_where_it_was(shared: Business) -> None:
    row, contact = linked(shared)[0]
    new_home = shared.office.salesforce("POST", "/sobjects/Account", {"Name": "Holds The Deals"})["id"]
    for deal in shared.soql(f"SELECT Id FROM Opportunity WHERE AccountId = '{row['Id']}'"):
        shared.edit("Opportunity", deal["Id"], AccountId=new_home)
    shared.office.ask(URLS["salesforce"], "DELETE", f"/services/data/v66.0/sobjects/Account/{row['Id']}")
    set_phone(shared, contact["ContactID"], "02 5550 0002")

    report = shared.sync()

    assert report.agreed.writes == 0
    assert "link_deleted" in waiting(shared, row["Id"])
    assert shared.contact(contact["ContactID"])["ContactStatus"] == "ACTIVE"
    shared.post(f"{URLS['salesforce']}/control/undelete", {"object": "Account", "id": row["Id"]})
    shared.later()
    shared.sync()
    assert account(shared, row["Id"])["Phone"] == "02 5550 0002"
    assert "link_deleted" not in waiting(shared, row["Id"])


def test_a_deletion_is_named_until_the_contact_is_archived_as_the_entry_says(shared: Business) -> None:
    row, contact = linked(shared)[0]
    for deal in shared.soql(f"SELECT Id FROM Opportunity WHERE AccountId = '{row['Id']}'"):
        shared.office.salesforce("DELETE", f"/sobjects/Opportunity/{deal['Id']}")
    shared.office.salesforce("DELETE", f"/sobjects/Account/{row['Id']}")
    shared.sync()
    assert "archive the contact" in waiting(shared, row["Id"])["link_deleted"].fix
    shared.in_xero("Contacts", ContactID=contact["ContactID"], ContactStatus="ARCHIVED")
    shared.later()
    shared.sync()
    assert waiting(shared, row["Id"]) == {}
    shared.post(f"{URLS['salesforce']}/control/undelete", {"object": "Account", "id": row["Id"]})
    shared.later()
    shared.sync()
    assert "link_archived" in waiting(shared, row["Id"])


@pytest.mark.promise("S1-02")
@pytest.mark.parametrize(("direction", "told"), [("to_xero", "salesforce"), ("to_salesforce", "xero")])
def test_a_one_way_flow_writes_nothing_the_other_way(shared: Business, direction: str, told: str) -> None:
    shared.set("    salesforce: Account\n    direction: both ", f"    salesforce: Account\n    direction: {direction} ")
    (row, contact), (other, their) = linked(shared)[:2]
    shared.edit("Account", row["Id"], Phone="02 5550 6001")
    set_phone(shared, their["ContactID"], "02 5550 6002")

    report = shared.sync()

    written = report.agreed.to_salesforce if told == "salesforce" else report.agreed.to_xero
    assert written == 0
    if direction == "to_xero":
        assert phone(shared, contact["ContactID"]) == "02 5550 6001"
        assert phone(shared, their["ContactID"]) == other["Phone"]
    else:
        assert account(shared, other["Id"])["Phone"] == "02 5550 6002"
        assert account(shared, row["Id"])["Phone"] == row["Phone"]


@pytest.mark.promise("S1-02")
@pytest.mark.parametrize(("direction", "quiet"), [("to_xero", "/services/data/"), ("to_salesforce", "/api.xro/")])
def test_a_one_way_workspace_makes_no_write_the_other_way(connected: Business, direction: str, quiet: str) -> None:
    connected.set("prices:", f"direction: {direction}\nprices:")

    written = connected.writes_during(connected.sync)

    assert [line for line in written if quiet in line] == []


def test_undo_writes_nothing_to_xero_where_the_workspace_goes_the_other_way(synced: Business) -> None:
    [run] = synced.runs()
    synced.set("prices:", "direction: to_salesforce\nprices:")

    def attempt() -> None:
        with pytest.raises(NeedsPerson, match="direction"):
            undo(synced.session(), run)

    assert synced.writes_during(attempt) == []


def test_where_nothing_goes_to_xero_no_plan_says_so_and_no_brake_holds_what_goes_to_salesforce(
    synced: Business,
) -> None:
    synced.win("New work", CLINIC, LINES)
    synced.set("prices:", "direction: to_salesforce\nprices:")
    synced.set("brake: {creations: 50", "brake: {on_test_pair: true, creations: 0")
    synced.in_xero("Invoices", InvoiceID=synced.invoice_of(DRAFTED)["InvoiceID"], Status="AUTHORISED")
    synced.later()
    assert synced.plan().invoices == []

    synced.sync()

    assert synced.bucket("New work") == "ready"
    assert synced.deal(DRAFTED)["Xero_Status__c"] == "Authorised"


@pytest.mark.promise("S3-04")
def test_a_lost_answer_is_compared_anew_and_never_told_twice(shared: Business) -> None:
    row, contact = linked(shared)[0]
    shared.edit("Account", row["Id"], Phone="02 5550 5001")
    shared.carrier.lose_answer_to = ("POST", "Contacts")
    shared.sync()
    assert phone(shared, contact["ContactID"]) == "02 5550 5001"
    shared.later()

    again = shared.writes_during(shared.sync)

    assert [line for line in again if "Contacts" in line] == []
    assert links(shared)[row["Id"]].base["Phone"] == "02 5550 5001"


def test_after_a_lost_answer_nothing_is_told_until_the_lost_call_can_no_longer_land(shared: Business) -> None:
    row, contact = linked(shared)[0]
    shared.edit("Account", row["Id"], Phone="02 5550 5001")
    shared.carrier.lose_answer_to = ("POST", "Contacts")
    shared.sync()
    shared.edit("Account", row["Id"], Phone="02 5550 5009")
    shared.later(minutes=2)
    assert shared.sync().agreed.writes == 0

    shared.later(minutes=10)
    shared.sync()

    assert phone(shared, contact["ContactID"]) == "02 5550 5009"
    actions = [entry.action for entry in shared.audit() if entry.record_id == row["Id"]]
    assert actions[-2:] == ["answer lost to update of Contact", "update Contact"]


@pytest.mark.parametrize("side", ["salesforce", "xero"])
def test_what_a_days_limit_kept_from_being_told_is_told_as_soon_as_it_ends(shared: Business, side: str) -> None:
    row, contact = linked(shared)[0]
    if side == "xero":
        shared.edit("Account", row["Id"], Phone="02 5550 5001")
        limit = {"retry_after_s": 240, "match": {"method": "POST", "path_contains": "/Contacts"}}
    else:
        set_phone(shared, contact["ContactID"], "02 5550 5001")
        limit = {"match": {"method": "PATCH", "path_contains": "composite/sobjects"}}
    shared.post(f"{URLS[side]}/control/fault", {"kind": "limit_day", **limit})
    with pytest.raises(RetryLater):
        shared.sync()
    shared.later(minutes=5 if side == "xero" else 61)

    assert shared.sync().agreed.writes == 1

    assert account(shared, row["Id"])["Phone"] == phone(shared, contact["ContactID"]) == "02 5550 5001"
    actions = [entry.action for entry in shared.audit() if entry.record_id == row["Id"]]
    assert not [action for action in actions if "answer lost" in action]


def test_a_lost_answer_of_salesforce_is_compared_anew(shared: Business) -> None:
    row, contact = linked(shared)[0]
    set_phone(shared, contact["ContactID"], "02 5550 5002")
    shared.carrier.lose_answer_to = ("PATCH", "sobjects")
    shared.sync()
    shared.later()
    shared.sync()
    assert account(shared, row["Id"])["Phone"] == "02 5550 5002"
    assert links(shared)[row["Id"]].base["Phone"] == "02 5550 5002"


def test_a_refusal_waits_with_the_vendors_words_and_is_not_repeated(shared: Business) -> None:
    row, contact = linked(shared)[0]
    shared.edit("Account", row["Id"], Name="Angle <brackets> Pty Ltd")
    shared.sync()
    assert "angle brackets" in waiting(shared, row["Id"])["field_refused"].vendor_text
    shared.later()

    again = shared.sync()

    assert again.agreed.writes == 0
    assert "field_refused" in waiting(shared, row["Id"])
    assert shared.contact(contact["ContactID"])["Name"] == contact["Name"]


def test_a_field_that_is_turned_back_again_and_again_is_left_alone(shared: Business) -> None:
    row, contact = linked(shared)[0]
    writes = 0
    for _ in range(5):
        shared.in_xero("Contacts", ContactID=contact["ContactID"], Name="Turned Back Pty Ltd")
        shared.time.pass_s(300)
        writes += shared.sync().agreed.to_xero
    assert writes == 3
    assert "Name" in waiting(shared, row["Id"])["flapping"].cause


def items(firm: Business) -> dict[str, dict[str, Any]]:
    rows = firm.office.ask(URLS["xero"], "GET", "/Items", query="unitdp=4")["Items"]
    return {row["ItemID"]: row for row in rows}


@pytest.mark.promise("S0-62", "S3-14", "S3-52")
def test_a_product_renamed_in_salesforce_renames_the_item_and_finance_keeps_its_coding(shared: Business) -> None:
    product_id, stored = next(iter(links(shared, Kind.ITEM).items()))
    before = items(shared)[stored.link.xero_id]
    shared.edit("Product2", product_id, Name="Renamed product", Description="Said otherwise")

    shared.sync()

    after = items(shared)[stored.link.xero_id]
    assert (after["Name"], after["Description"], after["Code"]) == ("Renamed product", "Said otherwise", before["Code"])
    assert after["SalesDetails"] == before["SalesDetails"]
    shared.later()
    assert shared.sync().agreed.writes == 0


@pytest.mark.promise("S3-14")
def test_an_item_changed_in_xero_changes_its_product_and_a_new_item_is_left_to_xero(shared: Business) -> None:
    shared.set(", Description: Description", ", Description: {from: Description, owner: either}")
    product_id, stored = next(iter(links(shared, Kind.ITEM).items()))
    item = items(shared)[stored.link.xero_id]
    shared.in_xero("Items", Code="ONLY-XERO", Name="Known to Xero only")
    shared.in_xero("Items", ItemID=item["ItemID"], Code=item["Code"], Description="As finance says")
    count = "SELECT Id FROM Product2"
    products = len(shared.soql(count))

    report = shared.sync()

    [product] = shared.soql(f"SELECT Description, ProductCode FROM Product2 WHERE Id = '{product_id}'")
    assert (product["Description"], product["ProductCode"]) == ("As finance says", item["Code"])
    assert (report.agreed.to_xero, report.agreed.to_salesforce) == (0, 1)
    assert len(shared.soql(count)) == products
    shared.later()
    assert shared.sync().agreed.writes == 0


def meanwhile(firm: Business, path_part: str, act: Callable[[], object]) -> None:
    """Somebody acts just before the app's next request whose address says ``path_part``."""
    waiting = [act]

    def handle(request: httpx2.Request, carry: Carry) -> httpx2.Response:
        if waiting and path_part in str(request.url) and "/control/" not in str(request.url):
            waiting.pop()()
        return carry(request)

    firm.carrier.intercept(handle)


def test_an_edit_in_xero_between_the_comparison_and_the_write_is_not_overwritten(shared: Business) -> None:
    row, contact = linked(shared)[0]
    shared.edit("Account", row["Id"], Phone="02 5550 1111")
    meanwhile(shared, "IDs=", lambda: set_phone(shared, contact["ContactID"], "02 5550 2222"))

    report = shared.sync()

    assert report.agreed.writes == 0
    assert phone(shared, contact["ContactID"]) == "02 5550 2222"
    shared.later()
    shared.sync()
    assert "field_conflict" in waiting(shared, row["Id"])


def test_an_edit_in_salesforce_between_the_comparison_and_the_write_is_not_overwritten(shared: Business) -> None:
    row, contact = linked(shared)[0]
    set_phone(shared, contact["ContactID"], "02 5550 2222")
    meanwhile(shared, f"Id+IN+%28%27{row['Id']}", lambda: shared.edit("Account", row["Id"], Phone="02 5550 1111"))

    report = shared.sync()

    assert report.agreed.writes == 0
    assert account(shared, row["Id"])["Phone"] == "02 5550 1111"
    shared.later()
    shared.sync()
    assert "field_conflict" in waiting(shared, row["Id"])


def test_an_edit_in_xero_while_salesforce_is_told_the_one_before_follows_it_and_asks_nobody(shared: Business) -> None:
    (row, contact), (other, _), *_ = linked(shared)
    set_phone(shared, contact["ContactID"], "02 5550 2222")
    shared.edit("Account", other["Id"], Phone="02 5550 1111")  # so that contacts are read back too
    meanwhile(shared, "composite/sobjects", lambda: set_phone(shared, contact["ContactID"], "02 5550 3333"))
    shared.sync()
    assert account(shared, row["Id"])["Phone"] == "02 5550 2222"
    shared.later()

    shared.sync()

    assert account(shared, row["Id"])["Phone"] == "02 5550 3333"
    assert waiting(shared, row["Id"]) == {}


def test_an_edit_after_a_death_over_a_call_is_told_as_well_and_asks_nobody(shared: Business) -> None:
    row, contact = linked(shared)[0]
    shared.edit("Account", row["Id"], Phone="02 5550 5001")

    shared.die_at("commit outcome begins")
    assert phone(shared, contact["ContactID"]) == "02 5550 5001"
    shared.edit("Account", row["Id"], Phone="02 5550 5009")
    shared.later(minutes=20)

    shared.sync()

    assert phone(shared, contact["ContactID"]) == "02 5550 5009"
    assert waiting(shared, row["Id"]) == {}


def test_a_value_told_once_that_a_person_brings_back_is_that_persons_edit(shared: Business) -> None:
    row, contact = linked(shared)[0]
    set_phone(shared, contact["ContactID"], "02 5550 2222")
    shared.sync()
    shared.edit("Account", row["Id"], Phone="02 5550 3333")
    set_phone(shared, contact["ContactID"], "02 5550 3333")
    shared.later()
    shared.sync()
    shared.edit("Account", row["Id"], Phone="02 5550 2222")
    shared.later()

    shared.sync()

    assert phone(shared, contact["ContactID"]) == "02 5550 2222"


def test_a_change_in_bulk_is_held_by_the_brake_and_the_rest_of_the_run_goes(shared: Business) -> None:
    shared.set("first_live_run: 5}", "first_live_run: 5, records: 0, on_test_pair: true}")
    row, contact = linked(shared)[0]
    shared.edit("Account", row["Id"], Phone="02 5550 1111")

    report = shared.sync()

    assert report.agreed.writes == 0
    assert "The brake holds changes to customers and products" in report.warning
    assert phone(shared, contact["ContactID"]) == row["Phone"]


def test_a_plan_says_what_each_side_would_be_told(shared: Business) -> None:
    row, _ = linked(shared)[0]
    shared.edit("Account", row["Id"], Phone="02 5550 1111")
    session = shared.session()
    [change] = describe_plan(session, look(session)[1])["changes"]
    assert (change["id"], change["told"], change["values"]) == (row["Id"], "xero", {"Phone": "02 5550 1111"})


def test_what_becomes_ready_while_customers_are_told_does_not_pass_the_brake_unseen(shared: Business) -> None:
    """The brake looks at what a run would make as it begins, and has seen 112 drafts of that day already."""
    shared.set("first_live_run: 5}", "first_live_run: 5, on_test_pair: true}")
    row, _ = linked(shared)[0]
    shared.edit("Account", row["Id"], Phone="02 5550 7777")
    [archived] = [contact for contact in shared.contacts() if contact["Name"] == "Old Mint Restorations"]
    active = {"ContactID": archived["ContactID"], "ContactStatus": "ACTIVE"}
    before = len(shared.invoices())
    shared.later()

    shared.stand_still_at("commit told done", lambda: shared.in_xero("Contacts", **active))

    assert len(shared.invoices()) == before
    shared.later()
    with pytest.raises(Stopped, match="The brake holds this run"):
        shared.sync()
