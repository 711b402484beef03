"""The partner and enterprise APIs: records, queries and descriptions, and what SOAP alone can do (SF 2.5, 2.9)."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import pytest

if TYPE_CHECKING:
    from tests.contract.salesforce_emulator.conftest import Org

XSI = "{http://www.w3.org/2001/XMLSchema-instance}"


class Faulted(Exception):
    """A fault: its code and its kind."""


class Soap:
    """A client that speaks envelopes; answers are the ``result`` elements, without namespaces."""

    def __init__(self, org: Org, api: str = "u") -> None:
        self.org, self.api = org, api

    def __call__(self, operation: str, inner: str, header: str = "") -> list[ElementTree.Element]:
        body = (
            '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/" xmlns="urn:partner.soap.sforce.com" '
            'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:o="urn:sobject.partner.soap.sforce.com">'
            f"<e:Header><SessionHeader><sessionId>{self.org.token}</sessionId></SessionHeader>{header}</e:Header>"
            f"<e:Body><{operation}>{inner}</{operation}></e:Body></e:Envelope>"
        )
        path = f"/services/Soap/{self.api}/60.0/{self.org.world.organization['Id'][:15]}"
        answer = self.org.send("POST", path, body.encode(), **{"content-type": "text/xml"})
        self.events = answer.events
        root = ElementTree.fromstring(answer.body)  # noqa: S314 - the emulator's own answer
        for each in root.iter():
            each.tag = each.tag.rpartition("}")[2]
        kind = root.find(".//detail/*")
        if kind is not None:
            raise Faulted(f"{kind.tag} {root.findtext('.//exceptionCode')}")
        if answer.status != 200:
            raise Faulted(root.findtext(".//faultstring"))
        return root.findall(".//result")


@pytest.fixture
def soap(org: Org) -> Soap:
    org.token = org.token_by(grant_type="client_credentials").body["access_token"]
    return Soap(org)


def sobject(kind: str, inner: str) -> str:
    return f"<sObjects><o:type>{kind}</o:type>{inner}</sObjects>"


def ids(*values: str, name: str = "ids") -> str:
    return "".join(f"<{name}>{each}</{name}>" for each in values)


def test_records_are_created_changed_and_deleted(soap: Soap, org: Org) -> None:
    account = sobject("Account", "<o:Name>Kea &amp; Co</o:Name><o:Phone>1</o:Phone>")
    made, refused = soap("create", account + sobject("Account", '<o:Name xsi:nil="true"/>'))
    account_id = made.findtext("id") or ""
    assert (made.findtext("success"), refused.findtext("success")) == ("true", "false")
    assert refused.findtext("errors/statusCode") == "REQUIRED_FIELD_MISSING"
    cleared = f"<o:fieldsToNull>Phone</o:fieldsToNull><o:Id>{account_id}</o:Id><o:Fax>2</o:Fax>"
    (changed,) = soap("update", sobject("Account", cleared))
    assert changed.findtext("success") == "true"
    read = org.read("Account", account_id)
    assert (read["Name"], read["Phone"], read["Fax"]) == ("Kea & Co", None, "2")
    (gone,) = soap("delete", ids(account_id))
    assert (gone.findtext("id"), org.soql("SELECT Id FROM Account")) == (account_id, [])


def test_a_header_makes_it_all_or_none(soap: Soap, org: Org) -> None:
    both = sobject("Account", "<o:Name>Good</o:Name>") + sobject("Account", "<o:Phone>1</o:Phone>")
    soap("create", both, "<AllOrNoneHeader><allOrNone>true</allOrNone></AllOrNoneHeader>")
    assert org.soql("SELECT Id FROM Account") == []


def test_upserts_go_by_the_field_that_they_name(soap: Soap) -> None:
    row = "<o:Name>Org</o:Name><o:Xero_Key__c>k1</o:Xero_Key__c>"
    wish = f"<externalIDFieldName>Xero_Key__c</externalIDFieldName>{sobject('Xero_Organisation__c', row)}"
    told = [soap("upsert", wish)[0].findtext("created") for _ in range(2)]
    assert told == ["true", "false"]


def test_queries_answer_pages_with_parents_and_children(soap: Soap, org: Org) -> None:
    account = org.create("Account", Name="Kea")
    org.create("Contact", LastName="Tui", AccountId=account)
    text = "SELECT Name, Phone, CreatedDate, Owner.Alias, (SELECT LastName FROM Contacts) FROM Account"
    (page,) = soap("query", f"<queryString>{text}</queryString>")
    record = page.find("records")
    assert record is not None
    assert [each.tag for each in record][:3] == ["type", "Id", "Name"]
    assert record.find("Phone").get(f"{XSI}nil") == "true"  # type: ignore[union-attr]
    assert record.findtext("CreatedDate") == "2026-11-20T01:30:00.000Z"
    assert record.findtext("Owner/Alias") == "admin"
    assert record.findtext("Contacts/records/LastName") == "Tui"
    for number in range(250):
        org.create("Account", Name=f"A{number}")
    options = "<QueryOptions><batchSize>200</batchSize></QueryOptions>"
    (first,) = soap("query", "<queryString>SELECT Id FROM Account</queryString>", options)
    assert (first.findtext("done"), first.findtext("size"), len(first.findall("records"))) == ("false", "251", 200)
    (last,) = soap("queryMore", f"<queryLocator>{first.findtext('queryLocator')}</queryLocator>", options)
    assert (last.findtext("done"), len(last.findall("records"))) == ("true", 51)


def test_the_enterprise_api_names_types_in_xml(org: Org) -> None:
    soap = Soap(org, "c")
    made = soap("create", '<sObjects xsi:type="Account"><Name>Kea</Name></sObjects>')[0].findtext("id")
    (page,) = soap("query", "<queryString>SELECT Id, Name, Phone FROM Account</queryString>")
    record = page.find("records")
    assert record is not None
    assert (record.get(f"{XSI}type"), [each.tag for each in record]) == ("sf:Account", ["Id", "Name"])
    assert record.findtext("Id") == made


def test_what_is_deleted_comes_back_or_goes_for_good(soap: Soap, org: Org) -> None:
    account = org.create("Account", Name="Kea")
    contact = org.create("Contact", LastName="Tui", AccountId=account)
    soap("delete", ids(account))
    back, unknown = soap("undelete", ids(account, "003000000000000AAA"))
    assert (back.findtext("success"), unknown.findtext("errors/statusCode")) == ("true", "UNDELETE_FAILED")
    assert [each["Id"] for each in org.soql("SELECT Id FROM Contact")] == [contact]
    (refused,) = soap("emptyRecycleBin", ids(account))
    assert refused.findtext("success") == "false"
    soap("delete", ids(account))
    soap("emptyRecycleBin", ids(account))
    assert org.soql("SELECT Id FROM Account", resource="queryAll") == []


def test_a_merge_moves_what_hangs_on_the_losers(soap: Soap, org: Org) -> None:
    master, loser = (org.create("Account", Name=name) for name in ("Kea", "KEA Ltd"))
    contact = org.create("Contact", LastName="Tui", AccountId=loser)
    kept = f"<masterRecord><o:type>Account</o:type><o:Id>{master}</o:Id><o:Phone>7</o:Phone></masterRecord>"
    (told,) = soap("merge", f"<request>{kept}{ids(loser, name='recordToMergeIds')}</request>")
    assert (told.findtext("id"), told.findtext("success")) == (master, "true")
    assert (told.findtext("mergedRecordIds"), told.findtext("updatedRelatedIds")) == (loser, contact)
    assert org.read("Contact", contact)["AccountId"] == master
    assert org.read("Account", master)["Phone"] == "7"
    rows = org.soql(f"SELECT MasterRecordId FROM Account WHERE Id = '{loser}'", resource="queryAll")
    assert [each["MasterRecordId"] for each in rows] == [master]
    origins = {str(each.payload) for each in soap.events if "api/soap/60.0" in str(each.payload)}
    assert origins
    (again,) = soap("merge", f"<request>{kept}{ids(loser, name='recordToMergeIds')}</request>")
    assert (again.findtext("success"), again.findtext("errors/statusCode")) == ("false", "ENTITY_IS_DELETED")


def test_only_some_objects_merge(soap: Soap, org: Org) -> None:
    master, loser = (org.create("Product2", Name=name) for name in ("A", "B"))
    kept = f"<masterRecord><o:type>Product2</o:type><o:Id>{master}</o:Id></masterRecord>"
    (told,) = soap("merge", f"<request>{kept}{ids(loser, name='recordToMergeIds')}</request>")
    assert (told.findtext("success"), told.findtext("errors/statusCode")) == ("false", "INVALID_OPERATION")


def test_leads_are_converted(soap: Soap, org: Org) -> None:
    lead = org.create("Lead", LastName="Tui", Company="Kea")
    wish = f"<leadConverts><convertedStatus>Closed - Converted</convertedStatus><leadId>{lead}</leadId></leadConverts>"
    (told,) = soap("convertLead", wish)
    assert (told.findtext("leadId"), told.findtext("success")) == (lead, "true")
    assert org.read("Opportunity", told.findtext("opportunityId") or "")["Name"] == "Kea-"


def test_descriptions_and_changes_are_told(soap: Soap, org: Org) -> None:
    (described,) = soap("describeSObjects", "<sObjectType>Account</sObjectType>")
    fields = {each.findtext("name"): each for each in described.findall("fields")}
    assert (fields["OwnerId"].findtext("referenceTo"), fields["Name"].findtext("nillable")) == ("User", "false")
    names = {each.findtext("name") for each in soap("describeGlobal", "")[0].findall("sobjects")}
    assert {"Account", "Xero_Invoice__c"} <= names
    account = org.create("Account", Name="Kea")
    window = "<startDate>2026-11-20T00:00:00Z</startDate><endDate>2026-11-20T02:00:00Z</endDate>"
    (updated,) = soap("getUpdated", f"<sObjectType>Account</sObjectType>{window}")
    assert updated.findtext("ids") == account


def test_what_strict_clients_read_is_always_there(soap: Soap) -> None:
    (user,) = soap("getUserInfo", "")
    assert {"accessibilityMode", "orgHasPersonAccounts", "roleId", "userUiSkin"} <= {each.tag for each in user}
    (account, person) = soap("describeSObjects", ids("Account", "User", name="sObjectType"))
    assert str(account.findtext("urlEdit")).endswith("/{ID}/e")
    nil = person.find("urlNew")
    assert nil is not None
    assert nil.attrib == {f"{XSI}nil": "true"}


def test_words_are_found_over_soap(soap: Soap, org: Org) -> None:
    account = org.create("Account", Name="Kea")
    (found,) = soap("search", "<searchString>FIND {Kea} RETURNING Account(Id, Name)</searchString>")
    assert [each.findtext("Id") for each in found.findall("searchRecords/record")] == [account]


def test_an_instant_without_a_zone_is_one_of_utc_and_ids_may_be_named_id(soap: Soap, org: Org) -> None:
    account = org.create("Account", Name="Kea")
    window = "<startDate>2026-11-20T00:00:00</startDate><endDate>2026-11-20T02:00:00.000001</endDate>"
    (updated,) = soap("getUpdated", f"<sObjectType>Account</sObjectType>{window}")
    assert updated.findtext("ids") == account
    (deleted,) = soap("delete", ids(account, name="id"))
    assert deleted.findtext("success") == "true"


@pytest.mark.parametrize("path", ["/services/Soap/T/60.0", "/services/Soap/s/60.0", "/services/Soap/class/My"])
def test_a_soap_api_that_is_not_served_answers_a_fault(org: Org, path: str) -> None:
    answer = org.send("POST", path, b"<x/>", **{"content-type": "text/xml"})
    assert answer.status == 500
    assert f"<faultstring>The emulator serves no SOAP API at {path}</faultstring>".encode() in answer.body


def test_an_envelope_may_be_gzip(org: Org) -> None:
    envelope = (
        b'<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body><getUserInfo/></e:Body></e:Envelope>'
    )
    packed = {"content-type": "text/xml", "content-encoding": "gzip"}
    answer = org.send("POST", "/services/Soap/u/60.0", gzip.compress(envelope), **packed)
    assert b"INVALID_SESSION_ID" in answer.body  # it was read: only the session is missing
    assert org.send("POST", "/services/Soap/u/60.0", envelope, **packed).code == "JSON_PARSER_ERROR"


@pytest.mark.parametrize(
    ("operation", "inner", "fault"),
    [
        ("query", "<queryString>SELECT Nope FROM Account</queryString>", "InvalidFieldFault INVALID_FIELD"),
        ("query", "<queryString>SELECT FROM</queryString>", "MalformedQueryFault MALFORMED_QUERY"),
        ("queryMore", "<queryLocator>01g-1</queryLocator>", "InvalidQueryLocatorFault INVALID_QUERY_LOCATOR"),
        ("describeSObject", "<sObjectType>Nope</sObjectType>", "InvalidSObjectFault INVALID_TYPE"),
        ("delete", ids(*["001000000000000AAA"] * 201), "ApiFault EXCEEDED_ID_LIMIT"),
    ],
)
def test_refusals_are_faults_of_their_kind(soap: Soap, operation: str, inner: str, fault: str) -> None:
    with pytest.raises(Faulted, match=fault):
        soap(operation, inner)


def test_a_session_that_ended_is_a_fault(org: Org) -> None:
    org.token = "00D!none"
    with pytest.raises(Faulted, match="UnexpectedErrorFault INVALID_SESSION_ID"):
        Soap(org)("query", "<queryString>SELECT Id FROM Account</queryString>")
