"""Files on records: upload, list, download, limits, scope (XERO 4.22), and how documents reach customers (XERO 4.3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest

from crossfoot.emulators.snapshot import decode, encode
from crossfoot.emulators.wire import Response
from crossfoot.emulators.xero import credentials, new_world
from crossfoot.emulators.xero.attachments import BYTES_MAX

from .conftest import Client, line

COST = {"UnitAmount": 5, "AccountCode": "400", "TaxType": "INPUT"}
PNG = b"\x89PNG\r\n\x1a\n\x00\xff"


def upload(xero: Client, path: str, name: str, content: bytes = PNG, **named: Any) -> Response:
    headers = {"content-type": named.pop("content_type", "application/octet-stream")}
    method = named.pop("method", "PUT")
    return xero.send(method, f"{path}/Attachments/{quote(name, safe='')}", content, named, headers)


def listed(xero: Client, path: str) -> list[dict[str, Any]]:
    return xero.rows("GET", f"{path}/Attachments")


@pytest.fixture
def invoice(xero: Client) -> str:
    return f"/Invoices/{xero.invoice(Status='AUTHORISED')['InvoiceID']}"


def test_a_file_is_uploaded_listed_and_read_by_id_and_by_name(xero: Client, invoice: str) -> None:
    assert listed(xero, invoice) == []
    assert xero.one("GET", invoice)["HasAttachments"] is False
    assert upload(xero, invoice, "site photo.png", includeOnline="true").status == 200
    (row,) = listed(xero, invoice)
    assert (row["FileName"], row["MimeType"], row["ContentLength"]) == ("site photo.png", "image/png", len(PNG))
    assert row["IncludeOnline"] is True
    assert row["Url"].endswith(f"{invoice}/Attachments/site%20photo.png")
    for name in (row["AttachmentID"], "site%20photo.png"):
        answer = xero.send("GET", f"{invoice}/Attachments/{name}", headers={"accept": "application/octet-stream"})
        assert (answer.status, answer.body, answer.headers[0]) == (200, PNG, ("Content-Type", "image/png"))
    shown = xero.one("GET", invoice)
    assert (shown["HasAttachments"], shown["Attachments"]) == (True, [row])
    assert "Attached a file" in {entry["Changes"] for entry in xero.rows("GET", f"{invoice}/History")}


def test_the_type_is_the_one_sent_unless_it_says_nothing(xero: Client, invoice: str) -> None:
    upload(xero, invoice, "a.pdf", content_type="application/x-own")
    upload(xero, invoice, "b.PDF")
    upload(xero, invoice, "c.unknown")
    upload(xero, invoice, "d.xml", b"<a/>", content_type="text/xml")
    types = {row["FileName"]: row["MimeType"] for row in listed(xero, invoice)}
    assert types == {
        "a.pdf": "application/x-own",
        "b.PDF": "application/pdf",
        "c.unknown": "application/octet-stream",
        "d.xml": "text/xml",
    }


@pytest.mark.parametrize("method", ["PUT", "POST"])
def test_a_file_of_the_same_name_is_overwritten(xero: Client, invoice: str, method: str) -> None:
    upload(xero, invoice, "note.txt", b"one")
    assert upload(xero, invoice, "note.txt", b"second", method=method).status == 200
    (row,) = listed(xero, invoice)
    assert row["ContentLength"] == 6
    assert xero.send("GET", f"{invoice}/Attachments/note.txt").body == b"second"


def test_a_document_has_at_most_ten_files(xero: Client, invoice: str) -> None:
    for number in range(10):
        assert upload(xero, invoice, f"{number}.txt").status == 200
    assert upload(xero, invoice, "10.txt").status == 400
    assert upload(xero, invoice, "9.txt", b"again").status == 200
    assert len(listed(xero, invoice)) == 10


def test_a_file_is_not_empty_and_not_above_ten_megabytes(xero: Client, invoice: str) -> None:
    assert upload(xero, invoice, "full.bin", bytes(BYTES_MAX)).status == 200
    assert upload(xero, invoice, "over.bin", bytes(BYTES_MAX + 1)).status == 413
    assert upload(xero, invoice, "empty.bin", b"").status == 400


@pytest.mark.parametrize(
    "name", ["a+b.txt", "a/b.txt", "a\\b.txt", "a:b.txt", "<a>.txt", 'a"b.txt', "a|b", "a?b", "a*b"]
)
def test_some_signs_are_illegal_in_names(xero: Client, invoice: str, name: str) -> None:
    assert upload(xero, invoice, name).status == 400
    assert listed(xero, invoice) == []


def test_brackets_and_accents_in_names_are_fine(xero: Client, invoice: str) -> None:
    assert upload(xero, invoice, "Beleg (1) [für Müller].pdf").status == 200
    assert listed(xero, invoice)[0]["FileName"] == "Beleg (1) [für Müller].pdf"


def test_other_kinds_have_files_too_and_some_have_none(xero: Client) -> None:
    contact = f"/Contacts/{xero.contact()['ContactID']}"
    account = f"/Accounts/{xero.rows('GET', '/Accounts')[0]['AccountID']}"
    for path in (contact, account):
        assert upload(xero, path, "terms.pdf").status == 200
        (row,) = listed(xero, path)
        assert "IncludeOnline" not in row
        assert xero.one("GET", path)["HasAttachments"] is True
    paid = xero.pay(xero.invoice(Status="AUTHORISED"), 10)
    assert upload(xero, f"/Payments/{paid['PaymentID']}", "receipt.pdf").status == 404


def test_files_stay_through_edits_and_cannot_be_deleted(xero: Client, invoice: str) -> None:
    upload(xero, invoice, "a.txt")
    xero.one("POST", invoice, {"Reference": "PO 7"})
    assert xero.one("GET", invoice)["HasAttachments"] is True
    assert xero.send("DELETE", f"{invoice}/Attachments/a.txt").status == 405
    assert xero.send("GET", f"{invoice}/Attachments/b.txt").status == 404


def test_content_survives_a_snapshot_byte_for_byte(xero: Client, invoice: str) -> None:
    content = bytes(range(256))
    upload(xero, invoice, "all.bin", content)
    state = decode(b"".join(encode(xero.world.dump(), 6)))
    xero.world = new_world(signing_key_pem=xero.world.signing_key_pem)
    xero.world.load(state)
    assert xero.send("GET", f"{invoice}/Attachments/all.bin").body == content
    assert len(listed(xero, invoice)) == 1


@pytest.mark.parametrize(
    ("scope", "read", "write"),
    [
        ("accounting.invoices", 401, 401),
        ("accounting.attachments", 401, 401),
        ("accounting.invoices.read accounting.attachments.read", 200, 401),
        ("accounting.invoices.read accounting.attachments", 200, 200),
    ],
)
def test_files_need_a_scope_of_their_own(xero: Client, invoice: str, scope: str, read: int, write: int) -> None:
    xero.world.state["access_tokens"][xero.token]["grant"]["scope"] = scope.split()
    assert xero.send("GET", f"{invoice}/Attachments").status == read
    assert upload(xero, invoice, "a.txt").status == write


class TestOnlineInvoice:
    def test_an_approved_sales_invoice_has_a_link_that_stays(self, xero: Client, invoice: str) -> None:
        link = xero.one("GET", f"{invoice}/OnlineInvoice")["OnlineInvoiceUrl"]
        assert link.startswith("https://in.xero.com/")
        assert xero.one("GET", f"{invoice}/OnlineInvoice")["OnlineInvoiceUrl"] == link

    @pytest.mark.parametrize("members", [{}, {"Type": "ACCPAY", "Status": "AUTHORISED"}], ids=["draft", "bill"])
    def test_a_draft_and_a_bill_have_none(self, xero: Client, members: dict[str, str]) -> None:
        lines = [COST] if members else [5]
        made = xero.invoice(*lines, **members)
        assert xero.problems("GET", f"/Invoices/{made['InvoiceID']}/OnlineInvoice", None)


class TestEmail:
    @pytest.fixture
    def mailing(self, make_client: Callable[..., Client]) -> Client:
        """An organisation that is no demo company, with a customer who has an address."""
        xero = make_client(minute_limit=100_000, IsDemoCompany=False)
        xero.contact(EmailAddress="ap@acme.example")
        return xero

    def test_an_approved_invoice_is_sent_and_marked_so(self, mailing: Client) -> None:
        made = mailing.invoice(Status="AUTHORISED")
        path = f"/Invoices/{made['InvoiceID']}"
        assert mailing.send("POST", f"{path}/Email", {}).status == 204
        assert mailing.one("GET", path)["SentToContact"] is True
        newest = mailing.rows("GET", f"{path}/History")[0]["Details"]
        assert newest == "This invoice has been sent to ap@acme.example"

    def test_a_draft_a_bill_and_a_contact_without_address_are_refused(self, mailing: Client) -> None:
        draft = mailing.invoice()
        nobody = mailing.contact("Nobody")
        silent = mailing.invoice(Contact={"ContactID": nobody["ContactID"]}, Status="AUTHORISED")
        bill = mailing.invoice(COST, Type="ACCPAY", Status="AUTHORISED")
        for made in (draft, silent, bill):
            assert len(mailing.problems("POST", f"/Invoices/{made['InvoiceID']}/Email", {})) == 1
            assert mailing.one("GET", f"/Invoices/{made['InvoiceID']}")["SentToContact"] is False

    def test_the_stamp_of_a_part_paid_invoice_does_not_move(self, mailing: Client) -> None:
        made = mailing.invoice(Status="AUTHORISED")
        mailing.pay(made, 10)
        before = mailing.one("GET", f"/Invoices/{made['InvoiceID']}")
        mailing.wait(minutes=5)
        mailing.send("POST", f"/Invoices/{made['InvoiceID']}/Email", {})
        after = mailing.one("GET", f"/Invoices/{made['InvoiceID']}")
        assert (after["SentToContact"], after["UpdatedDateUTC"]) == (True, before["UpdatedDateUTC"])

    def test_a_day_has_a_quota(self, mailing: Client) -> None:
        made = mailing.invoice(Status="AUTHORISED")
        path = f"/Invoices/{made['InvoiceID']}/Email"
        assert mailing.send("POST", path, {}).status == 204
        (organisation,) = mailing.world.organisations.values()
        organisation.state["emails"]["sent"] = 999
        assert mailing.send("POST", path, {}).status == 204
        assert "daily limit" in mailing.problems("POST", path, {})[0]
        mailing.wait(days=1)
        mailing.token = credentials(mailing.world, mailing.now)["access_token"]
        assert mailing.send("POST", path, {}).status == 204

    def test_a_demo_company_sends_nothing(self, xero: Client) -> None:
        xero.contact(EmailAddress="ap@acme.example")
        made = xero.invoice(Status="AUTHORISED")
        assert "daily limit" in xero.problems("POST", f"/Invoices/{made['InvoiceID']}/Email", {})[0]


class TestPdf:
    @pytest.mark.parametrize("asked", ["/pdf", ""])
    def test_a_document_is_printed(self, xero: Client, asked: str) -> None:
        made = xero.invoice(Status="AUTHORISED", Contact={"Name": "Zoë (Acme) \\ Söhne"})
        path = f"/Invoices/{made['InvoiceID']}{asked}"
        answer = xero.send("GET", path, headers={"accept": "application/pdf"})
        assert (answer.status, answer.headers[0]) == (200, ("Content-Type", "application/pdf"))
        text = answer.body.decode("cp1252", "replace")
        assert made["InvoiceNumber"] in text
        assert "Zoë \\(Acme\\) \\\\ Söhne" in text
        assert "110.00" in text

    def test_the_file_is_a_pdf_whose_table_points_at_its_objects(self, xero: Client) -> None:
        made = xero.invoice()
        body = xero.send("GET", f"/Invoices/{made['InvoiceID']}/pdf").body
        assert body.startswith(b"%PDF-1.4")
        assert body.endswith(b"%%EOF\n")
        start = int(body.rsplit(b"startxref\n", 1)[1].split(b"\n")[0])
        assert body[start:].startswith(b"xref\n0 6\n")
        entries = body[start:].split(b"\n")[3:8]
        for number, entry in enumerate(entries, start=1):
            assert len(entry) == 19
            assert body[int(entry[:10]) :].startswith(b"%d 0 obj" % number)

    def test_credit_notes_too_but_not_contacts(self, xero: Client) -> None:
        contact = xero.contact()
        note = xero.one("PUT", "/CreditNotes", xero.draft(7, Type="ACCRECCREDIT", Contact=contact, Status="AUTHORISED"))
        assert xero.send("GET", f"/CreditNotes/{note['CreditNoteID']}/pdf").body.startswith(b"%PDF")
        assert xero.send("GET", f"/Contacts/{contact['ContactID']}/pdf").status == 404


@pytest.mark.parametrize("plural", ["Invoices", "CreditNotes", "BankTransactions", "Contacts", "Accounts"])
def test_lists_are_filtered_by_having_files(xero: Client, plural: str) -> None:
    """XERO 3.8: members that are shown can be filtered by; a record that never had a file has none."""
    about = {"Contact": {"ContactID": xero.contact()["ContactID"]}, "LineItems": [line({"UnitAmount": 5})]}
    bodies: dict[str, dict[str, Any]] = {
        "Invoices": {"Type": "ACCREC", **about},
        "CreditNotes": {"Type": "ACCRECCREDIT", **about},
        "BankTransactions": {"Type": "RECEIVE", "BankAccount": {"Code": "090"}, **about},
    }
    if plural in bodies:
        xero.rows("PUT", f"/{plural}", {plural: [bodies[plural], bodies[plural]]})
    elif plural == "Contacts":
        xero.contact("Other Ltd")
    first, *others = xero.rows("GET", f"/{plural}")
    upload(xero, f"/{plural}/{first[f'{plural[:-1]}ID']}", "a.txt", b"a")
    with_files, without = (
        xero.rows("GET", f"/{plural}", where=f"HasAttachments=={flag}") for flag in ("true", "false")
    )
    assert [len(with_files), len(without)] == [1, len(others)]
