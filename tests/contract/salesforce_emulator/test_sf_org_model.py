"""Quotes, orders, contracts, leads, persons, record types, addresses, duplicates and the recycle bin (SF 6, 7)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from tests.contract.salesforce_emulator.conftest import Org

from crossfoot.emulators.salesforce import World, new_world
from crossfoot.emulators.salesforce.metadata.rows import ROW_TYPES
from crossfoot.emulators.salesforce.metadata.xml import parse_xml
from crossfoot.emulators.salesforce.standard import STANDARD_OBJECTS, standard_objects

DAY_S = 24 * 3600


def org_with(**settings: Any) -> Org:
    return Org(new_world(seed=7, settings=settings))


def order(org: Org, **fields: Any) -> str:
    made = {"EffectiveDate": "2026-11-20", "Status": "Draft", "Pricebook2Id": org.standard_book()}
    return org.create("Order", **({"AccountId": org.create("Account", Name="Buyer")} | made | fields))


def refusal(answer: Any) -> str:
    assert answer.status == 400, answer.body
    return str(answer.code)


def test_every_declaration_can_be_described_and_queried(org: Org) -> None:
    for each in standard_objects(org.world.settings):
        if each.tooling or each.name == "CurrencyType":
            continue
        described = org.call("GET", f"sobjects/{each.name}/describe").body
        names = [field["name"] for field in described["fields"]]
        assert len(names) == len(set(names))
        where = f" WHERE {each.filtered_by[0]} = null" if each.filtered_by else ""
        org.soql(f"SELECT {', '.join(names[:60])} FROM {each.name}{where}")
    prefixes = [each.key_prefix for each in STANDARD_OBJECTS]
    assert len(prefixes) == len(set(prefixes))


@pytest.mark.parametrize(
    ("feature", "objects"),
    [("quotes", {"Quote", "QuoteLineItem"}), ("orders", {"Order", "OrderItem"})],
)
def test_an_org_without_a_feature_has_neither_objects_nor_lookups(feature: str, objects: set[str]) -> None:
    org = org_with(**{feature: False})
    names = {each["name"] for each in org.call("GET", "sobjects").body["sobjects"]}
    assert not names & objects
    for name in ("Opportunity", "Task", "Contract"):
        fields = org.call("GET", f"sobjects/{name}/describe").body["fields"]
        assert not objects & {target for field in fields for target in field["referenceTo"]}


def test_a_synced_quote_replaces_the_deals_lines_for_good(org: Org) -> None:
    deal, entry = org.deal(), org.priced_product("A", "10")
    old = org.create("OpportunityLineItem", OpportunityId=deal, PricebookEntryId=entry, Quantity=1, UnitPrice=10)
    quote = org.create("Quote", Name="Offer", OpportunityId=deal, Tax=5)
    line = org.create("QuoteLineItem", QuoteId=quote, PricebookEntryId=entry, Quantity=3, UnitPrice=20, Discount=10)
    row = org.read("Quote", quote)
    assert [row[name] for name in ("Subtotal", "Discount", "TotalPrice", "GrandTotal")] == [60, 10, 54, 59]
    assert (row["QuoteNumber"], row["IsSyncing"], row["LineItemCount"]) == ("00000001", False, 1)
    assert org.call("PATCH", f"sobjects/Opportunity/{deal}", {"SyncedQuoteId": quote}).status == 204
    (first,) = org.soql("SELECT Id, Quantity, TotalPrice FROM OpportunityLineItem")
    assert (first["Quantity"], first["TotalPrice"], org.read("Opportunity", deal)["Amount"]) == (3, 54, 54)
    assert first["Id"] != old
    assert org.read("QuoteLineItem", line)["OpportunityLineItemId"] == first["Id"]
    org.call("PATCH", f"sobjects/QuoteLineItem/{line}", {"Quantity": 4})
    (second,) = org.soql("SELECT Id, TotalPrice FROM OpportunityLineItem", resource="queryAll")
    assert (second["TotalPrice"], org.read("Opportunity", deal)["Amount"]) == (72, 72)
    assert second["Id"] != first["Id"]
    other = org.create("Quote", Name="Foreign", OpportunityId=org.deal("Other"))
    answer = org.call("PATCH", f"sobjects/Opportunity/{deal}", {"SyncedQuoteId": other})
    assert refusal(answer) == "FIELD_INTEGRITY_EXCEPTION"


@pytest.mark.parametrize("field", ["GrandTotal", "Subtotal", "TotalPrice", "Discount", "IsSyncing", "AccountId"])
def test_a_quotes_sums_are_read_only(org: Org, field: str) -> None:
    quote = org.create("Quote", Name="Offer", OpportunityId=org.deal())
    answer = org.call("PATCH", f"sobjects/Quote/{quote}", {field: None})
    assert refusal(answer) == "INVALID_FIELD_FOR_INSERT_UPDATE"


def test_an_order_is_drafted_filled_and_activated_by_its_status_alone(org: Org) -> None:
    entry = org.priced_product("A", "10")
    born = {"AccountId": org.create("Account", Name="B"), "EffectiveDate": "2026-11-20", "Status": "Activated"}
    assert refusal(org.call("POST", "sobjects/Order", born)) == "INVALID_STATUS"
    made = order(org)
    path, activate = f"sobjects/Order/{made}", {"Status": "Activated"}
    assert refusal(org.person("PATCH", path, activate)) == "FAILED_ACTIVATION"
    item = org.create("OrderItem", OrderId=made, PricebookEntryId=entry, Quantity=2, UnitPrice="12.50")
    assert refusal(org.person("PATCH", path, {**activate, "PoNumber": "1"})) == "FAILED_ACTIVATION"
    org.tick(60)
    assert org.person("PATCH", path, activate).status == 204
    row = org.read("Order", made)
    assert (row["StatusCode"], row["TotalAmount"], row["OrderNumber"]) == ("Activated", 25, "00000002")
    assert row["ActivatedDate"] == "2026-11-20T01:31:00.000+0000"
    assert org.person("DELETE", path).code == "DELETE_FAILED"
    assert org.person("PATCH", path, {"Status": "Draft"}).status == 204
    assert org.person("DELETE", f"sobjects/OrderItem/{item}").status == 204
    assert org.soql("SELECT Id FROM OrderItem", resource="queryAll") == []


def test_an_activated_order_is_held_against_those_without_the_permission(org: Org) -> None:
    entry, made = org.priced_product("A", "10"), order(org)
    item = org.create("OrderItem", OrderId=made, PricebookEntryId=entry, Quantity=2, UnitPrice=1)
    assert refusal(org.call("PATCH", f"sobjects/Order/{made}", {"Status": "Activated"})) == (
        "INSUFFICIENT_ACCESS_OR_READONLY"
    )
    org.person("PATCH", f"sobjects/Order/{made}", {"Status": "Activated"})
    for row in org.world.rows["PermissionSet"].values():
        row["PermissionsEditActivatedOrders"] = False
    org.world.compiled.clear()
    for path, change in (
        (f"sobjects/Order/{made}", {"PoNumber": "1"}),
        (f"sobjects/OrderItem/{item}", {"Quantity": 3}),
    ):
        assert refusal(org.call("PATCH", path, change)) == "INSUFFICIENT_ACCESS_OR_READONLY"
    assert org.call("DELETE", f"sobjects/OrderItem/{item}").status == 400


def test_an_order_takes_no_price_book_from_its_lines(org: Org) -> None:
    entry, made = org.priced_product("A", "10"), order(org, Pricebook2Id=None)
    line = {"OrderId": made, "PricebookEntryId": entry, "Quantity": 1, "UnitPrice": 1}
    assert refusal(org.call("POST", "sobjects/OrderItem", line)) == "FIELD_INTEGRITY_EXCEPTION"


def test_a_reduction_order_takes_from_the_lines_of_an_activated_one() -> None:
    org = org_with(reduction_orders=True)
    account, entry = org.create("Account", Name="Buyer"), org.priced_product("A", "10")
    first = order(org, AccountId=account)
    item = org.create("OrderItem", OrderId=first, PricebookEntryId=entry, Quantity=5, UnitPrice=10)
    wish = {"IsReductionOrder": True, "OriginalOrderId": first, "AccountId": account, "Status": "Draft"}
    wish |= {"EffectiveDate": "2026-11-21", "Pricebook2Id": org.standard_book()}
    assert refusal(org.person("POST", "sobjects/Order", wish)) == "FIELD_INTEGRITY_EXCEPTION"
    org.person("PATCH", f"sobjects/Order/{first}", {"Status": "Activated"})
    reduction = org.create("Order", **wish)
    line = {"OrderId": reduction, "PricebookEntryId": entry, "UnitPrice": 10}
    assert refusal(org.person("POST", "sobjects/OrderItem", {**line, "Quantity": -1})) == "REQUIRED_FIELD_MISSING"
    line["OriginalOrderItemId"] = item
    for quantity in (1, -6):
        answer = org.person("POST", "sobjects/OrderItem", {**line, "Quantity": quantity})
        assert refusal(answer) == "FIELD_INTEGRITY_EXCEPTION"
    org.create("OrderItem", **line, Quantity=-2)
    assert org.read("OrderItem", item)["AvailableQuantity"] == 3
    assert refusal(org.person("PATCH", f"sobjects/Order/{first}", {"Status": "Draft"})) == "INVALID_STATUS"


def test_a_contract_ends_with_its_term_and_stays_activated(org: Org) -> None:
    account = org.create("Account", Name="A")
    made = org.create("Contract", AccountId=account, Status="Draft", StartDate="2026-11-30", ContractTerm=3)
    row = org.read("Contract", made)
    assert (row["ContractNumber"], row["EndDate"], row["StatusCode"]) == ("00000001", "2027-02-27", "Draft")
    path = f"sobjects/Contract/{made}"
    assert org.call("PATCH", path, {"Status": "In Approval Process"}).status == 204
    assert org.call("PATCH", path, {"Status": "Activated"}).status == 204
    assert refusal(org.call("PATCH", path, {"Status": "Draft"})) == "INVALID_STATUS"


@pytest.mark.parametrize(("start", "term"), [("9999-12-31", 999), ("0001-01-01", -1), ("2026-11-20", 999_999_999)])
def test_a_contract_whose_end_no_calendar_has_can_still_be_read(org: Org, start: str, term: int) -> None:
    """SF 6.10: the end follows from start and term."""
    account = org.create("Account", Name="A")
    made = org.create("Contract", AccountId=account, Status="Draft", StartDate=start, ContractTerm=term)
    assert org.read("Contract", made)["EndDate"] is None


def test_a_converted_lead_becomes_records_and_is_closed_to_edits(org: Org) -> None:
    lead = org.create("Lead", LastName="Lee", FirstName="Ann", Company="Kea Ltd", Email="a@kea.example", City="Perth")
    made = org.control("convert-lead", {"id": lead}).body
    row = org.read("Lead", lead)
    assert (row["IsConverted"], row["ConvertedAccountId"]) == (True, made["ConvertedAccountId"])
    assert org.read("Account", made["ConvertedAccountId"])["BillingCity"] == "Perth"
    assert org.read("Opportunity", made["ConvertedOpportunityId"])["Name"] == "Kea Ltd-"
    assert refusal(org.call("PATCH", f"sobjects/Lead/{lead}", {"Title": "x"})) == "CANNOT_UPDATE_CONVERTED_LEAD"
    assert org.control("convert-lead", {"id": lead}).code == "INVALID_STATUS"


def test_a_person_account_is_an_account_with_a_contact_of_itself() -> None:
    org = org_with(person_accounts=True)
    person = org.create("Account", FirstName="Ann", LastName="Lee", PersonEmail="ann@lee.example")
    row = org.read("Account", person)
    assert (row["Name"], row["IsPersonAccount"]) == ("Ann Lee", True)
    contact = org.read("Contact", row["PersonContactId"])
    assert (contact["Email"], contact["AccountId"], contact["IsPersonAccount"]) == ("ann@lee.example", person, True)
    org.call("PATCH", f"sobjects/Account/{person}", {"LastName": "Ray"})
    assert org.read("Contact", row["PersonContactId"])["Name"] == "Ann Ray"
    business = org.create("Account", Name="Kea Ltd")
    refused = [
        org.call("PATCH", f"sobjects/Account/{person}", {"Name": "x"}),
        org.call("PATCH", f"sobjects/Account/{business}", {"PersonEmail": "a@b.example"}),
        org.call("PATCH", f"sobjects/Contact/{row['PersonContactId']}", {"Title": "x"}),
    ]
    assert {refusal(each) for each in refused} == {"INVALID_FIELD_FOR_INSERT_UPDATE"}
    merge = {"object": "Account", "winner": business, "losers": [person]}
    assert org.control("merge", merge).code == "INVALID_OPERATION"


def test_a_record_type_restricts_picklists_and_belongs_to_its_object() -> None:
    kinds = {"Opportunity": {"Services": {"Type": ["New Customer"]}}, "Account": {"Partner": {}}}
    org = org_with(record_types=kinds)
    ids = {row["DeveloperName"]: row["Id"] for row in org.soql("SELECT Id, DeveloperName FROM RecordType")}
    deal = org.deal(RecordTypeId=ids["Services"], Type="New Customer")
    other = org.call("PATCH", f"sobjects/Opportunity/{deal}", {"Type": "Existing Customer - Upgrade"})
    assert refusal(other) == "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"
    foreign = org.call("PATCH", f"sobjects/Opportunity/{deal}", {"RecordTypeId": ids["Partner"]})
    assert refusal(foreign) == "INVALID_CROSS_REFERENCE_KEY"
    assert org.call("PATCH", f"sobjects/Opportunity/{deal}", {"NextStep": "n"}).status == 204


ADDRESSES: list[tuple[dict[str, Any], tuple[Any, ...] | None]] = [
    ({"BillingCountry": "australia", "BillingState": "new south wales"}, ("Australia", "AU", "New South Wales", "NSW")),
    ({"BillingCountryCode": "nz"}, ("New Zealand", "NZ", None, None)),
    ({"BillingCountry": "AU"}, None),
    ({"BillingCountryCode": "AU", "BillingStateCode": "TX"}, None),
    ({"BillingCountry": "New Zealand", "BillingState": "Otago"}, None),
    ({"BillingCountry": "Australia", "BillingCountryCode": "NZ"}, ("New Zealand", "NZ", None, None)),
]


@pytest.mark.parametrize(("given", "kept"), ADDRESSES)
def test_states_and_countries_are_chosen_from_lists(given: dict[str, Any], kept: tuple[Any, ...] | None) -> None:
    org = org_with(state_country_picklists=True)
    answer = org.call("POST", "sobjects/Account", {"Name": "A", **given})
    if kept is None:
        assert refusal(answer) == "FIELD_INTEGRITY_EXCEPTION"
        return
    row = org.read("Account", answer.body["id"])
    names = ("BillingCountry", "BillingCountryCode", "BillingState", "BillingStateCode")
    assert tuple(row[name] for name in names) == kept
    assert row["BillingAddress"]["countryCode"] == kept[1]


def test_of_a_saved_address_codes_and_labels_have_to_agree_and_a_country_takes_its_state_along() -> None:
    org = org_with(state_country_picklists=True)
    made = org.create("Account", Name="A", BillingCountryCode="AU", BillingStateCode="NSW")
    path = f"sobjects/Account/{made}"
    refused = org.call("PATCH", path, {"BillingCountry": "Australia", "BillingCountryCode": "NZ"})
    assert refused.body[0]["message"] == (
        "There's a problem with this country, even though it may appear correct. "
        "Please select a country/territory from the list of valid countries.: Billing Country"
    )
    assert org.call("PATCH", path, {"BillingCountryCode": None}).status == 204
    row = org.read("Account", made)
    assert {row[f"Billing{part}"] for part in ("Country", "CountryCode", "State", "StateCode")} == {None}


def test_addresses_are_free_text_where_the_lists_are_off(org: Org) -> None:
    made = org.create("Account", Name="A", BillingCountry="Straya")
    assert "countryCode" not in org.read("Account", made)["BillingAddress"]
    assert org.call("POST", "sobjects/Account", {"Name": "A", "BillingCountryCode": "AU"}).code == "INVALID_FIELD"


@pytest.mark.parametrize(("action", "passes"), [("Allow", True), ("Block", False)])
def test_a_duplicate_is_stopped_and_passes_with_the_header_where_the_rule_allows(action: str, passes: bool) -> None:
    org = org_with(duplicate_rules=[{"object": "Account", "fields": ["Name", "Phone"], "action": action}])
    known = org.create("Account", Name="Kea Ltd", Phone="1")
    body, header = {"Name": "KEA LTD", "Phone": "1"}, {"Sforce-Duplicate-Rule-Header": "allowSave=true"}
    stopped = org.call("POST", "sobjects/Account", body)
    found = stopped.body[0]["duplicateResult"]
    assert (refusal(stopped), found["allowSave"]) == ("DUPLICATES_DETECTED", passes)
    assert found["matchResults"][0]["matchRecords"][0]["record"]["Id"] == known
    assert org.call("POST", "sobjects/Account", {**body, "Phone": "2"}).status == 201
    batch = {"records": [{"attributes": {"type": "Account"}, **body}]}
    item = org.call("POST", "composite/sobjects", batch).body[0]["errors"][0]
    assert (item["statusCode"], item["duplicateResult"]["allowSave"]) == ("DUPLICATES_DETECTED", passes)
    assert (org.call("POST", "sobjects/Account", body, headers=header).status == 201) is passes
    wish = {"method": "POST", "url": "/services/data/v66.0/sobjects/Account", "referenceId": "a", "body": body}
    inner = {"compositeRequest": [{**wish, "httpHeaders": header}]}
    answered = org.call("POST", "composite", inner).body["compositeResponse"][0]
    assert (answered["httpStatusCode"] == 201) is passes


def test_dated_rates_exist_with_advanced_currency_management_only() -> None:
    assert org_with().call("GET", "sobjects/DatedConversionRate/describe").status == 404
    org = org_with(dated_exchange_rates=True)
    first = org.create("DatedConversionRate", IsoCode="NZD", StartDate="2026-01-01", ConversionRate="1.1")
    org.create("DatedConversionRate", IsoCode="NZD", StartDate="2026-06-01", ConversionRate="1.2")
    assert org.read("DatedConversionRate", first)["NextStartDate"] == "2026-06-01"
    again = {"IsoCode": "NZD", "StartDate": "2026-01-01", "ConversionRate": 1}
    assert refusal(org.person("POST", "sobjects/DatedConversionRate", again)) == "DUPLICATE_VALUE"
    org.person("DELETE", f"sobjects/DatedConversionRate/{first}")
    (last,) = org.soql("SELECT Id FROM DatedConversionRate")
    assert org.person("DELETE", f"sobjects/DatedConversionRate/{last['Id']}").code == "DELETE_FAILED"


def test_an_inactive_owner_and_an_inactive_price_book_are_refused(org: Org) -> None:
    users = {row["LastName"]: row["Id"] for row in org.soql("SELECT Id, LastName FROM User")}
    org.person("PATCH", f"sobjects/User/{users['Nair']}", {"IsActive": False})
    answer = org.call("POST", "sobjects/Account", {"Name": "A", "OwnerId": users["Nair"]})
    assert refusal(answer) == "INACTIVE_OWNER_OR_USER"
    entry, deal = org.priced_product("A", "1"), org.deal()
    org.person("PATCH", f"sobjects/Pricebook2/{org.standard_book()}", {"IsActive": False})
    line = {"OpportunityId": deal, "PricebookEntryId": entry, "Quantity": 1, "UnitPrice": 1}
    assert refusal(org.call("POST", "sobjects/OpportunityLineItem", line)) == "FIELD_INTEGRITY_EXCEPTION"


def test_a_line_is_rounded_to_the_decimals_of_its_currency() -> None:
    org = org_with(currencies={"AUD": "1", "JPY": "95"})
    entry = org.priced_product("A", "10", CurrencyIsoCode="AUD")
    product = org.read("PricebookEntry", entry)["Product2Id"]
    yen = {"Product2Id": product, "Pricebook2Id": org.standard_book(), "UnitPrice": 10, "IsActive": True}
    entry = org.create("PricebookEntry", **yen, CurrencyIsoCode="JPY")
    deal = org.deal(CurrencyIsoCode="JPY")
    line = org.create("OpportunityLineItem", OpportunityId=deal, PricebookEntryId=entry, Quantity=1, UnitPrice="10.5")
    assert org.read("OpportunityLineItem", line)["TotalPrice"] == 11


def test_a_deal_knows_its_fiscal_quarter_and_how_often_it_was_put_off(org: Org) -> None:
    deal = org.deal(CloseDate="2026-07-01")
    row = org.read("Opportunity", deal)
    assert (row["FiscalYear"], row["FiscalQuarter"], row["Fiscal"]) == (2027, 1, "2027 1")
    for day in ("2026-07-31", "2026-08-01", "2026-06-01"):
        org.call("PATCH", f"sobjects/Opportunity/{deal}", {"CloseDate": day})
    assert org.read("Opportunity", deal)["PushCount"] == 1


def test_the_recycle_bin_forgets_after_fifteen_days(org: Org) -> None:
    kept, lost = org.create("Account", Name="Kept"), org.create("Account", Name="Lost")
    org.call("DELETE", f"sobjects/Account/{lost}")
    org.tick(DAY_S)
    org.person("DELETE", f"sobjects/Account/{kept}")
    assert org.control("undelete", {"object": "Account", "id": kept}).status == 200
    window = {"start": "2026-11-20T00:00:00Z", "end": "2026-11-22T00:00:00Z"}
    fresh = org.token_by(grant_type="client_credentials").body["access_token"]
    answer = org.call("GET", "sobjects/Account/deleted", query=window, token=fresh)
    assert [each["id"] for each in answer.body["deletedRecords"]] == [lost]
    org.tick(14 * DAY_S + 1)
    assert org.person("GET", f"sobjects/Account/{lost}").status == 404
    assert [row["Name"] for row in org.world.rows["Account"].values()] == ["Kept"]
    assert org.control("undelete", {"object": "Account", "id": lost}).code == "UNDELETE_FAILED"


def test_an_emptied_bin_leaves_only_the_log_of_deletions(org: Org) -> None:
    gone = org.create("Account", Name="Gone")
    assert org.control("erase", {"object": "Account", "id": gone}).code == "UNDELETE_FAILED"
    org.call("DELETE", f"sobjects/Account/{gone}")
    assert org.control("erase", {"object": "Account", "id": gone}).status == 200
    assert org.soql("SELECT Id FROM Account", resource="queryAll") == []
    window = {"start": "2026-11-20T01:00:00Z", "end": "2026-11-20T02:00:00Z"}
    assert len(org.call("GET", "sobjects/Account/deleted", query=window).body["deletedRecords"]) == 1
    assert org.call("GET", f"sobjects/Account/{gone}").code == "ENTITY_IS_DELETED"


def test_a_saved_org_of_before_the_features_still_loads(org: Org) -> None:
    state = org.world.dump()
    for name in ("quotes", "orders", "record_types", "recycle_bin_days", "person_accounts"):
        del state["settings"][name]
    for name in ("OrderStatus", "ContractStatus"):
        del state["rows"][name]
    del state["unseen"]
    old = Org(World.load(state))
    made = order(old)
    assert (old.read("Order", made)["StatusCode"], old.read("Order", made)["TotalAmount"]) == ("Draft", Decimal(0))


def test_a_deployed_record_type_restricts_too() -> None:
    """What a RecordType's file leaves of a picklist is what its records may have (SF 8.4)."""
    root = parse_xml(
        b"<RecordType><fullName>Services</fullName><active>true</active><label>Services</label><picklistValues>"
        b"<picklist>Type</picklist><values><fullName>New Customer%2FSite</fullName></values></picklistValues>"
        b"</RecordType>"
    )
    values = ROW_TYPES["RecordType"].values("Opportunity.Services", root)
    assert values["_values"] == {"Type": ["New Customer/Site"]}
