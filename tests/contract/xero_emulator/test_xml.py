"""XML in and out: the default where JSON is not asked for (XERO 3.1, 3.5)."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode
from xml.etree.ElementTree import Element, fromstring

import pytest

from crossfoot.emulators.wire import Response
from crossfoot.emulators.xero.xml_format import DEPTH_MAX, parse_xml, wants_xml

from .conftest import Client

XML = {"content-type": "application/xml"}
NOTHING: Mapping[str, str] = {"accept": ""}
TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"


def tree(answer: Response, status: int = 200) -> Element:
    assert answer.status == status, answer.body
    assert answer.headers[0] == ("Content-Type", "text/xml; charset=utf-8")
    return fromstring(answer.body)  # noqa: S314 - the emulator's own answer


@pytest.mark.parametrize(
    ("accept", "xml"),
    [
        ("", True),
        ("*/*", True),
        ("application/xml", True),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", True),
        ("application/json", False),
        ("Application/JSON; charset=utf-8", False),
        ("application/json, text/plain, */*", False),
        ("text/xml, application/json", True),
    ],
)
def test_json_must_be_asked_for_by_name(accept: str, xml: bool) -> None:
    assert wants_xml(accept) is xml


def test_an_answer_is_xml_where_nothing_is_asked_for(xero: Client) -> None:
    made = xero.invoice(12.5, Status="AUTHORISED")
    root = tree(xero.send("GET", f"/Invoices/{made['InvoiceID']}", headers=NOTHING))
    assert (root.tag, root.findtext("Status"), root.findtext("ProviderName")) == ("Response", "OK", "Crossfoot")
    assert root.findtext("DateTimeUTC") == "2026-11-20T01:30:00Z"
    (invoice,) = root.findall("Invoices/Invoice")
    assert invoice.findtext("InvoiceID") == made["InvoiceID"]
    assert invoice.findtext("Total") == "13.75"
    assert invoice.findtext("Date") == "2026-11-20T00:00:00"
    assert invoice.find("DateString") is None
    assert invoice.findtext("SentToContact") == "false"
    assert invoice.findtext("Contact/Addresses/Address/AddressType") == "STREET"
    assert [line.findtext("UnitAmount") for line in invoice.findall("LineItems/LineItem")] == ["12.50"]


def test_other_lists_have_their_singulars(xero: Client) -> None:
    rates = tree(xero.send("GET", "/TaxRates", headers=NOTHING))
    assert rates.find("TaxRates/TaxRate/TaxComponents/TaxComponent/Rate") is not None
    xero.one("PUT", "/TrackingCategories", {"Name": "Region"})
    found = tree(xero.send("GET", "/TrackingCategories", headers=NOTHING))
    assert found.findtext("TrackingCategories/TrackingCategory/Name") == "Region"
    report = tree(xero.send("GET", "/Reports/TrialBalance", headers=NOTHING))
    assert report.find("Reports/Report/Rows/Row/Cells/Cell/Value") is not None


def test_a_page_has_its_pagination(xero: Client) -> None:
    xero.contact()
    root = tree(xero.send("GET", "/Contacts", query={"page": 1}, headers=NOTHING))
    assert root.findtext("pagination/itemCount") == "1"


def test_an_xml_body_makes_what_its_json_twin_makes(xero: Client) -> None:
    contact = xero.contact()
    body = f"""<?xml version="1.0" encoding="utf-8"?>
        <Invoices>
          <Invoice>
            <Type>ACCREC</Type><Status>AUTHORISED</Status>
            <Contact><ContactID>{contact["ContactID"]}</ContactID></Contact>
            <Date>2026-11-20T00:00:00</Date><DueDate>2026-12-04</DueDate>
            <LineItems>
              <LineItem>
                <Description>Caf&#233; &amp; cake</Description><Quantity>3.0000</Quantity>
                <UnitAmount>33.35</UnitAmount><AccountCode>200</AccountCode><TaxType>OUTPUT</TaxType>
              </LineItem>
            </LineItems>
          </Invoice>
        </Invoices>"""
    answer = xero.send("PUT", "/Invoices", body.encode(), headers=XML)
    assert answer.status == 200, answer.body
    made = xero.one("GET", "/Invoices", page=1)
    assert (made["Status"], str(made["Total"])) == ("AUTHORISED", "110.06")
    assert made["LineItems"][0]["Description"] == "Café & cake"


@pytest.mark.parametrize(
    "body",
    [
        b"<Contact><Name>Acme</Name></Contact>",
        b"<contacts><contact><name>Acme</name></contact></contacts>",
        b'<Contacts xmlns="urn:any"><Contact><Name>Acme</Name><FirstName/></Contact></Contacts>',
    ],
    ids=["bare", "lower case", "with a name space"],
)
def test_bodies_bind_as_json_does(xero: Client, body: bytes) -> None:
    assert xero.send("PUT", "/Contacts", body, headers=XML).status == 200
    assert [row["Name"] for row in xero.rows("GET", "/Contacts")] == ["Acme"]


def test_tracking_of_a_line(xero: Client) -> None:
    category = xero.one("PUT", "/TrackingCategories", {"Name": "Region"})
    options = f"/TrackingCategories/{category['TrackingCategoryID']}/Options"
    answer = xero.send("PUT", options, b"<Options><Option><Name>North</Name></Option></Options>", headers=XML)
    assert answer.status == 200, answer.body
    tracked = parse_xml(
        b"<LineItem><Tracking><TrackingCategory><Name>Region</Name><Option>North</Option>"
        b"</TrackingCategory></Tracking></LineItem>"
    )
    assert tracked == {"Tracking": [{"Name": "Region", "Option": "North"}]}
    made = xero.invoice(tracked)
    assert made["LineItems"][0]["Tracking"][0]["Option"] == "North"
    root = tree(xero.send("GET", f"/Invoices/{made['InvoiceID']}", headers=NOTHING))
    assert root.findtext("Invoices/Invoice/LineItems/LineItem/Tracking/TrackingCategory/Option") == "North"


def test_a_refusal_is_an_api_exception(xero: Client) -> None:
    root = tree(xero.send("PUT", "/Contacts", {"Contacts": [{"Name": ""}]}, headers=NOTHING), 400)
    assert (root.tag, root.findtext("ErrorNumber"), root.findtext("Type")) == (
        "ApiException",
        "10",
        "ValidationException",
    )
    (refused,) = root.findall("Elements/DataContractBase")
    assert refused.get(TYPE) == "Contact"
    assert refused.findtext("ValidationErrors/ValidationError/Message") == "Contact Name cannot be empty."


def test_what_the_gateway_refuses_stays_as_it_is(xero: Client) -> None:
    assert xero.send("GET", "/Nothing", headers=NOTHING).body.startswith(b"The resource")
    refused = xero.send("GET", "/Contacts", headers={**NOTHING, "authorization": "Bearer junk"})
    assert (refused.status, refused.headers[0][1].split(";")[0]) == (401, "application/json")


def test_an_answer_replayed_by_its_key_is_in_the_form_asked_for_now(xero: Client) -> None:
    key = {"idempotency-key": "k1"}
    xero.send("PUT", "/Contacts", {"Name": "Acme"}, headers=key)
    again = tree(xero.send("PUT", "/Contacts", {"Name": "Acme"}, headers={**key, **NOTHING}))
    assert again.findtext("Contacts/Contact/Name") == "Acme"
    assert len(xero.rows("GET", "/Contacts")) == 1


DTD = '<!DOCTYPE a [<!ENTITY b "boom">]><Contact><Name>&b;</Name></Contact>'


@pytest.mark.parametrize(
    "body",
    [
        DTD.encode(),
        f'<?xml version="1.0" encoding="utf-16"?>{DTD}'.encode("utf-16"),
        b"<Contact><Name>Acme</Contact>",
        b'<?xml version="1.0" encoding="martian"?><Contact/>',
        b"<Contact><Name>&unknown;</Name></Contact>",
        b"<a>" * (DEPTH_MAX + 1) + b"</a>" * (DEPTH_MAX + 1),
        b"\xff\xfe\x00",
    ],
    ids=["DTD", "DTD in UTF-16", "broken", "unknown encoding", "unknown entity", "too deep", "no XML"],
)
def test_what_cannot_be_read_is_refused_whole(xero: Client, body: bytes) -> None:
    answer = xero.json("PUT", "/Contacts", body, headers=XML)
    assert answer["ErrorNumber"] == 14
    assert xero.rows("GET", "/Contacts") == []


def test_an_empty_document_has_nothing_to_process(xero: Client) -> None:
    assert xero.json("PUT", "/Contacts", b"<Contacts/>", headers=XML)["ErrorNumber"] == 17


def test_signs_that_xml_cannot_hold_are_left_out(xero: Client) -> None:
    contact = xero.contact(FirstName="A\u0001nn")
    root = tree(xero.send("GET", f"/Contacts/{contact['ContactID']}", headers=NOTHING))
    assert root.findtext("Contacts/Contact/FirstName") == "Ann"


def test_a_form_may_carry_xml_as_its_one_field(xero: Client) -> None:
    """xeroizer writes so."""
    body = urlencode({"xml": "<Contact><Name>Crumb &amp; Söhne + 1</Name></Contact>"}).encode()
    form = {"content-type": "application/x-www-form-urlencoded", "accept": ""}
    made = tree(xero.send("PUT", "/Contacts", body, headers=form))
    assert made.findtext("Contacts/Contact/Name") == "Crumb & Söhne + 1"
    note = urlencode({"xml": "<HistoryRecords><HistoryRecord><Details>Seen</Details></HistoryRecord></HistoryRecords>"})
    path = f"/Contacts/{made.findtext('Contacts/Contact/ContactID')}/History"
    assert xero.send("PUT", path, note.encode(), headers=form).status == 200
    assert tree(xero.send("PUT", "/Contacts", b"xml=%3CContact", headers=form), 400).findtext("ErrorNumber") == "14"
    assert tree(xero.send("PUT", "/Contacts", b"xml=", headers=form), 400).findtext("ErrorNumber") == "17"
