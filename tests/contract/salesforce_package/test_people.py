"""What people may do by the package's permission sets, and what becomes of it: requests, approvals and payments."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest
from tests.scenario.business import KEY, URLS, Carry, machine
from tools.salesforce_tables import ACTIONS

from crossfoot.core.requests import Action
from crossfoot.emulators.people import Office
from crossfoot.emulators.salesforce import sessions
from crossfoot.emulators.scenarios import demo
from crossfoot.engine.runs import RunReport, sync
from crossfoot.engine.session import Session, make_session
from crossfoot.engine.setup.workspace import Choices, propose, remotes
from crossfoot.mapping.compiled import FlowMapping
from crossfoot.mapping.settings import FILE_NAME, load_settings
from crossfoot.store.audit import read_audit

from .conftest import Firm

API = f"{URLS['salesforce']}/services/data/v66.0"
FLOWS = """
  requests: {salesforce: Xero_Request__c}
"""


class Person:
    """Somebody with a standard user's profile and these permission sets, who works over the API."""

    def __init__(self, firm: Firm, name: str, *sets: str) -> None:
        self.firm = firm
        [profile] = [each for each in firm.org.rows["Profile"].values() if each["Name"] == "Standard User"]
        about = {"LastName": name, "Username": f"{name}@lantern.example", "Email": f"{name}@lantern.example"}
        keys = ("Alias", "EmailEncodingKey", "LanguageLocaleKey", "LocaleSidKey", "TimeZoneSidKey")
        given = dict(zip(keys, (name[:8], "UTF-8", "en_US", "en_AU", "Australia/Sydney"), strict=True))
        self.id = firm.person("POST", "sobjects/User", {**about, **given, "ProfileId": profile["Id"]})["id"]
        known = {each["Name"]: each["Id"] for each in firm.org.rows["PermissionSet"].values()}
        for each in sets:
            wish = {"AssigneeId": self.id, "PermissionSetId": known[f"Crossfoot_{each}"]}
            firm.person("POST", "sobjects/PermissionSetAssignment", wish)

    def send(self, method: str, path: str, fields: Mapping[str, Any] | None = None) -> tuple[int, Any]:
        """The status and the body of the answer."""
        token = sessions.open_session(self.firm.org, self.id, "api", self.firm.time.now)
        content = b"" if fields is None else msgspec.json.encode(fields)
        headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        request = httpx2.Request(method, f"{API}/sobjects/{path}", headers=headers, content=content)
        answer = self.firm.carrier.handle_request(request)
        return answer.status_code, msgspec.json.decode(answer.read() or b"null")

    def does(self, method: str, path: str, fields: Mapping[str, Any] | None = None) -> Any:
        """What has to succeed."""
        status, body = self.send(method, path, fields)
        assert status < 300, body
        return body

    def refused(self, method: str, path: str, fields: Mapping[str, Any] | None = None) -> str:
        """The words of what has to be refused."""
        status, body = self.send(method, path, fields)
        assert status >= 400, body
        return f"{body[0]['errorCode']}: {body[0]['message']}"


@pytest.fixture
def office(firm: Firm) -> Firm:
    """The firm with the package, and deals that wait to be invoiced."""
    firm.install()
    return firm


def invoice_row(firm: Firm, **fields: Any) -> str:
    made: str = firm.person("POST", "sobjects/Xero_Invoice__c", {"Name": "INV-1", "Xero_Key__c": "o:1", **fields})["id"]
    return made


def grant_administrator(firm: Firm) -> None:
    """The administrator takes the integration's own set, so that the tests can make rows of the mirror."""
    known = {each["Name"]: each["Id"] for each in firm.org.rows["PermissionSet"].values()}
    wish = {"AssigneeId": firm.org.grants["admin"], "PermissionSetId": known["Crossfoot_Integration"]}
    firm.person("POST", "sobjects/PermissionSetAssignment", wish)


@pytest.mark.promise("S0-44", "U-20")
def test_who_asks_does_not_approve_and_who_approves_does_not_ask(office: Firm) -> None:
    grant_administrator(office)
    invoice = invoice_row(office)
    robin, kim, lee = Person(office, "robin", "Requester"), Person(office, "kim", "Approver"), Person(office, "lee")
    asked = {"Name": "Wrong customer", "Xero_Invoice__c": invoice, "Action__c": ACTIONS[0], "Reason__c": "typed twice"}
    assert "Approved__c" in robin.refused("POST", "Xero_Request__c", {**asked, "Approved__c": True})
    request = f"Xero_Request__c/{robin.does('POST', 'Xero_Request__c', asked)['id']}"
    for somebody in (robin, lee):
        assert somebody.refused("PATCH", request, {"Approved__c": True})
    assert kim.refused("POST", "Xero_Request__c", asked)
    for name, value in (("Action__c", ACTIONS[1]), ("Reason__c", "another"), ("Status__c", "Done")):
        assert name in kim.refused("PATCH", request, {name: value})
    kim.does("PATCH", request, {"Approved__c": True})
    for somebody in (robin, kim, lee):
        assert somebody.refused("DELETE", request)


def test_who_has_both_permission_sets_still_approves_only_what_others_asked(office: Firm) -> None:
    grant_administrator(office)
    invoice, other = invoice_row(office), invoice_row(office, Xero_Key__c="o:2")
    both = [Person(office, name, "Requester", "Approver") for name in ("ash", "birch")]
    asked = {"Name": "Please", "Xero_Invoice__c": invoice, "Action__c": ACTIONS[0]}
    assert "Somebody else" in both[0].refused("POST", "Xero_Request__c", {**asked, "Approved__c": True})
    request = f"Xero_Request__c/{both[0].does('POST', 'Xero_Request__c', asked)['id']}"
    assert "Somebody else" in both[0].refused("PATCH", request, {"Approved__c": True})
    assert "stays as it was made" in both[1].refused("PATCH", request, {"Xero_Invoice__c": other})
    both[1].does("PATCH", request, {"Approved__c": True})


@pytest.mark.promise("S0-44")
def test_who_records_payments_fills_four_fields_until_xero_has_the_payment(office: Firm) -> None:
    grant_administrator(office)
    invoice = invoice_row(office)
    paula, viewer = Person(office, "paula", "Payments"), Person(office, "vera", "Viewer")
    paid = {"Name": "Cheque", "Xero_Invoice__c": invoice, "Amount__c": 10, "Date__c": "2026-11-18", "Reference__c": "7"}
    assert viewer.refused("POST", "Xero_Payment__c", paid)
    for name in ("Xero_Key__c", "Payment_Id__c", "Status__c"):
        assert name in paula.refused("POST", "Xero_Payment__c", {**paid, name: "x"})
    payment = f"Xero_Payment__c/{paula.does('POST', 'Xero_Payment__c', paid)['id']}"
    paula.does("PATCH", payment, {"Amount__c": 11})
    assert paula.refused("DELETE", payment)
    assert paula.refused("PATCH", f"Xero_Invoice__c/{invoice}", {"Amount_Due__c": 0})
    office.org.rows["Xero_Payment__c"][payment.partition("/")[2]]["Xero_Key__c"] = "o:paid"
    assert "Xero has this payment" in paula.refused("PATCH", payment, {"Amount__c": 12})


def test_bills_are_seen_only_by_who_is_granted_them(firm: Firm) -> None:
    firm.install(bills=True)
    viewer, buyer = Person(firm, "vera", "Viewer"), Person(firm, "bo", "Viewer", "Bills")
    assert viewer.refused("GET", "Xero_Bill__c/describe")
    assert {"Supplier__c", "Amount_Due__c"} <= {
        each["name"] for each in buyer.does("GET", "Xero_Bill__c/describe")["fields"]
    }
    assert buyer.refused("POST", "Xero_Bill__c", {"Name": "B"})


def test_bills_are_read_only_where_the_settings_name_their_object(firm: Firm) -> None:
    firm.install(bills=True)
    books = Books(firm)
    asked = [f"{request.url}" for request in sent_while(firm, books.sync)]
    assert not [each for each in asked if "ACCPAY" in each]
    assert not firm.org.rows.get("Xero_Bill__c")
    text = books.path.read_text(encoding="utf-8")
    books.path.write_text(text.replace("records: {", "records: {bill: Xero_Bill__c, "), encoding="utf-8")
    with Office(URLS["salesforce"], URLS["xero"], firm.carrier) as office:
        line = {"Description": "Rent", "Quantity": 1, "UnitAmount": 10, "AccountCode": "469", "TaxType": "INPUT"}
        bill = {"Type": "ACCPAY", "Contact": {"Name": "Landlord"}, "InvoiceNumber": "R-7", "LineItems": [line]}
        dated = {"Date": "2026-11-18", "DueDate": "2026-11-28", "Status": "AUTHORISED"}
        [made] = office.xero("PUT", "Invoices", [{**bill, **dated}])
    asked = [f"{request.url}" for request in sent_while(firm, books.sync)]
    assert len([each for each in asked if "ACCPAY" in each]) == 1
    [row] = firm.org.rows["Xero_Bill__c"].values()
    assert (row["Name"], row["Supplier__c"], row["Bill_Number__c"]) == ("Landlord R-7", "Landlord", "R-7")
    assert (row["Total__c"], row["Amount_Due__c"], row["Payment_Status__c"]) == (11, 11, "Unpaid")
    assert row["Url__c"].endswith(f"AccountsPayable/View.aspx?InvoiceID={made['InvoiceID']}")
    assert books.sync().written_back == 0


@pytest.mark.promise("S3-06")
def test_a_bill_that_changes_in_xero_changes_in_salesforce(firm: Firm) -> None:
    firm.install(bills=True)
    books = Books(firm)
    text = books.path.read_text(encoding="utf-8")
    books.path.write_text(text.replace("records: {", "records: {bill: Xero_Bill__c, "), encoding="utf-8")
    line = {"Description": "Rent", "Quantity": 1, "UnitAmount": 10, "AccountCode": "469", "TaxType": "INPUT"}
    bill = {"Type": "ACCPAY", "Contact": {"Name": "Landlord"}, "InvoiceNumber": "R-7", "LineItems": [line]}
    dated = {"Date": "2026-11-18", "DueDate": "2026-11-28", "Status": "AUTHORISED"}
    shown = ("Total__c", "Amount_Due__c", "Status__c", "Payment_Status__c", "Due_Date__c")
    with Office(URLS["salesforce"], URLS["xero"], firm.carrier) as office:
        [made] = office.xero("PUT", "Invoices", [{**bill, **dated}])
        books.sync()
        about = {"InvoiceID": made["InvoiceID"]}
        changed = [{**line, "UnitAmount": 20, "LineItemID": made["LineItems"][0]["LineItemID"]}]
        office.xero("POST", "Invoices", [{**about, "DueDate": "2026-12-05", "LineItems": changed}])
        books.sync()
        [row] = firm.org.rows["Xero_Bill__c"].values()
        assert [row[name] for name in shown] == [22, 22, "Authorised", "Unpaid", date(2026, 12, 5)]
        payment = {"Invoice": about, "Account": {"Code": "090"}, "Date": "2026-11-19", "Amount": 22}
        office.xero("PUT", "Payments", [payment])
    books.sync()
    [row] = firm.org.rows["Xero_Bill__c"].values()
    assert [row[name] for name in shown] == [22, 0, "Paid", "Paid", date(2026, 12, 5)]


def sent_while(firm: Firm, act: Callable[[], object]) -> list[httpx2.Request]:
    """What Crossfoot sends meanwhile."""
    sent: list[httpx2.Request] = []

    def noted(request: httpx2.Request, carry: Carry) -> httpx2.Response:
        sent.append(request)
        return carry(request)

    firm.carrier.intercept(noted)
    act()
    return [*sent]


def test_what_may_be_asked_is_what_crossfoot_knows() -> None:
    assert tuple(Action) == ACTIONS


class Books:
    """The firm as its first sync leaves it, and one of its deals."""

    def __init__(self, firm: Firm) -> None:
        self.firm = firm
        sides = remotes(firm.connections, firm.connector())
        self.path = Path(firm.workspace.directory) / FILE_NAME
        self.path.write_text(propose(*sides, Choices(demo.CLOCK.date())).text + FLOWS, encoding="utf-8")
        self.sync()
        self.deal, *self.others = sorted(
            each["Id"] for each in firm.org.rows["Opportunity"].values() if each.get("Xero_Invoice_Id__c")
        )

    def session(self) -> Session:
        mapping = FlowMapping(load_settings(self.path))
        return make_session(
            self.firm.database, mapping, lambda: KEY, host=machine(self.firm.time), transport=self.firm.carrier
        )

    def sync(self) -> RunReport:
        self.firm.time.pass_s(600)
        report = sync(self.session())
        assert report.write_backs_refused == 0
        return report

    def lose(self) -> None:
        self.firm.person("PATCH", f"sobjects/Opportunity/{self.deal}", {"StageName": "Closed Lost"})
        self.sync()

    def shown(self) -> dict[str, Any]:
        """The row of the deal's invoice."""
        rows = self.firm.org.rows["Xero_Invoice__c"].values()
        return next(each for each in rows if each.get("Opportunity__c") == self.deal)

    def ask(self, person: Person, action: str = ACTIONS[0]) -> str:
        self.firm.time.pass_s(60)
        fields = {"Name": "Please", "Xero_Invoice__c": self.shown()["Id"], "Action__c": action}
        made: str = person.does("POST", "Xero_Request__c", fields)["id"]
        return made

    def approve(self, person: Person, request: str) -> None:
        self.firm.time.pass_s(60)
        person.does("PATCH", f"Xero_Request__c/{request}", {"Approved__c": True})

    def says(self, request: str) -> tuple[str | None, str | None]:
        row = self.firm.org.rows["Xero_Request__c"][request]
        return row.get("Status__c"), row.get("Outcome__c")


@pytest.fixture
def books(office: Firm) -> Books:
    return Books(office)


@pytest.fixture
def people(books: Books) -> tuple[Person, Person]:
    """Who asks, and who approves."""
    return Person(books.firm, "robin", "Requester"), Person(books.firm, "kim", "Approver")


def test_an_approved_request_has_the_invoice_of_a_lost_deal_cancelled(
    books: Books, people: tuple[Person, Person]
) -> None:
    robin, kim = people
    books.lose()
    request = books.ask(robin)
    books.sync()
    assert books.says(request) == (None, None)
    assert books.shown()["Status__c"] == "Draft"
    books.approve(kim, request)
    assert books.sync().cancelled.deleted == 1
    books.sync()
    assert books.says(request) == ("Done", "The invoice is deleted in Xero.")
    told = [each for each in desk_log(books) if each["action"] in {"approve request", "queue cancel"}]
    assert {each["actor"] for each in told} == {f"Salesforce user {kim.id}"}
    assert [each.get("asked_by") for each in told if each["action"] == "approve request"] == [
        f"Salesforce user {robin.id}"
    ]
    assert books.sync().writes == 0


def desk_log(books: Books) -> list[dict[str, Any]]:
    """What the audit log says, whole."""
    with books.firm.database.reading() as connection:
        entries = list(read_audit(connection, books.session().organisation_id))
    return [{"action": each.action, "actor": each.actor, **each.body} for each in entries]


@pytest.fixture
def reissue(books: Books, people: tuple[Person, Person]) -> str:
    """An approved request: the deal changed after its invoice was approved."""
    robin, kim = people
    firm = books.firm
    invoice_id = books.shown()["Invoice_Id__c"]
    with Office(URLS["salesforce"], URLS["xero"], firm.carrier) as office:
        office.xero("POST", "Invoices", [{"InvoiceID": invoice_id, "Status": "AUTHORISED"}])
    books.sync()
    lines = firm.org.rows["OpportunityLineItem"].values()
    line = next(each for each in lines if each["OpportunityId"] == books.deal)
    firm.person("PATCH", f"sobjects/OpportunityLineItem/{line['Id']}", {"UnitPrice": 500})
    books.sync()
    request = books.ask(robin, ACTIONS[1])
    books.approve(kim, request)
    return request


@pytest.mark.promise("S0-63", "S3-64")
def test_an_approved_request_has_an_invoice_credited_and_made_anew(books: Books, reissue: str) -> None:
    assert books.sync().reissued.credited == 1
    books.sync()
    status, words = books.says(reissue)
    assert (status, (words or "")[:27]) == ("Done", "Taken back and made anew as")


def test_a_request_that_xero_stops_says_why_and_stands(books: Books, reissue: str) -> None:
    with Office(URLS["salesforce"], URLS["xero"], books.firm.carrier) as office:

        def lock(until: str) -> None:
            office.ask(URLS["xero"], "POST", "/Organisation", {"PeriodLockDate": until})

        books.firm.database.seam = lambda name: lock("2026-12-31") if name == "commit re-issue begun done" else None
        books.sync()
        books.firm.database.seam = lambda _name: None
        status, words = books.says(reissue)
        assert (status, "lock" in (words or "")) == ("Waits", True)
        lock("2026-06-30")
    books.firm.time.pass_s(86400)
    assert books.sync().reissued.credited == 1


def test_a_request_about_a_deal_that_stands_waits_and_says_so(books: Books, people: tuple[Person, Person]) -> None:
    robin, kim = people
    request = books.ask(robin)
    books.approve(kim, request)
    assert books.sync().cancelled.writes == 0
    assert books.says(request) == ("Waits", "Nothing of the deal asks for it: lose or change the deal first.")
    assert books.shown()["Status__c"] == "Draft"


def test_an_approval_is_about_the_deal_as_it_stood(books: Books, people: tuple[Person, Person]) -> None:
    robin, kim = people
    books.lose()
    request = books.ask(robin)
    books.approve(kim, request)
    books.firm.time.pass_s(60)
    books.firm.person("PATCH", f"sobjects/Opportunity/{books.deal}", {"Name": "Another deal by now"})
    assert books.sync().cancelled.writes == 0
    assert books.says(request)[0] == "Lapsed"


def test_crossfoot_itself_asks_for_two_people_where_the_rule_was_taken_away(
    books: Books, people: tuple[Person, Person]
) -> None:
    both = Person(books.firm, "ash", "Requester", "Approver")
    for rule in books.firm.org.rows["ValidationRule"].values():
        rule["Active"] = False
    books.lose()
    request = books.ask(both)
    books.approve(both, request)
    assert books.sync().cancelled.writes == 0
    assert books.says(request) == ("Waits", "Somebody else than who asked has to approve it.")
