"""The official Python SDK around documents: groups, history, attachments, online link, e-mail, PDF (XERO 9.1)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from .conftest import served
from .integration import App, exceptions, models, unique


@pytest.fixture
def invoice(app: App) -> Any:
    return app.invoice(app.contact())


def test_contact_groups(app: App) -> None:
    name, contact = unique("Group"), app.contact()
    sent = models.ContactGroups(contact_groups=[models.ContactGroup(name=name)])
    (made,) = app.call("create_contact_group", sent).contact_groups
    with pytest.raises(exceptions.AccountingBadRequestException, match=r"Please enter a unique Name\."):
        app.call("create_contact_group", sent)
    group_id = made.contact_group_id
    joining = models.Contacts(contacts=[models.Contact(contact_id=contact.contact_id)])
    assert app.call("create_contact_group_contacts", group_id, joining).contacts[0].contact_id == contact.contact_id
    (shown,) = app.call("get_contact_group", group_id).contact_groups
    assert [row.contact_id for row in shown.contacts] == [contact.contact_id]
    assert [row.name for row in app.call("get_contact", contact.contact_id).contacts[0].contact_groups] == [name]
    app.call("delete_contact_group_contact", group_id, contact.contact_id)
    app.call("create_contact_group_contacts", group_id, joining)
    app.call("delete_contact_group_contacts", group_id)
    assert app.call("get_contact_group", group_id).contact_groups[0].contacts == []
    gone = models.ContactGroups(contact_groups=[models.ContactGroup(status="DELETED")])
    assert app.call("update_contact_group", group_id, gone).contact_groups[0].status == "DELETED"
    assert name not in {row.name for row in app.call("get_contact_groups").contact_groups}


def test_history_and_notes(app: App, invoice: Any) -> None:
    note = models.HistoryRecords(history_records=[models.HistoryRecord(details="Called the customer")])
    (made,) = app.call("create_invoice_history", invoice.invoice_id, note).history_records
    assert made.details == "Called the customer"
    found = app.call("get_invoice_history", invoice.invoice_id).history_records
    assert [row.changes for row in found] == ["Note", "Approved", "Created"]
    assert all(row.date_utc is not None for row in found)
    long = models.HistoryRecords(history_records=[models.HistoryRecord(details="x" * 2501)])
    with pytest.raises(exceptions.AccountingBadRequestException, match="2500"):
        app.call("create_contact_history", invoice.contact.contact_id, long)


def test_attachments(app: App, invoice: Any) -> None:
    content, name = bytes(range(256)), "plan [1] für B.png"
    made = app.call("create_invoice_attachment_by_file_name", invoice.invoice_id, name, content, include_online=True)
    (attachment,) = made.attachments
    assert (attachment.file_name, attachment.mime_type, attachment.content_length) == (name, "image/png", 256)
    assert attachment.include_online
    changed = app.call("update_invoice_attachment_by_file_name", invoice.invoice_id, name, b"changed")
    assert changed.attachments[0].attachment_id == attachment.attachment_id
    (listed,) = app.call("get_invoice_attachments", invoice.invoice_id).attachments
    for method, key in (("id", listed.attachment_id), ("file_name", name)):
        path = app.call(f"get_invoice_attachment_by_{method}", invoice.invoice_id, key, "image/png")
        assert Path(path).read_bytes() == b"changed"
    assert app.call("get_invoice", invoice.invoice_id).invoices[0].has_attachments
    with pytest.raises(exceptions.AccountingBadRequestException, match="file name"):
        app.call("create_contact_attachment_by_file_name", invoice.contact.contact_id, "a+b.txt", b"x")


def test_online_invoice_and_pdf(app: App, invoice: Any) -> None:
    (online,) = app.call("get_online_invoice", invoice.invoice_id).online_invoices
    assert online.online_invoice_url.startswith("https://in.xero.com/")
    assert Path(app.call("get_invoice_as_pdf", invoice.invoice_id)).read_bytes().startswith(b"%PDF-")


def test_a_demo_company_cannot_send_email(app: App, invoice: Any) -> None:
    with pytest.raises(exceptions.AccountingBadRequestException, match=r"no email address|daily limit"):
        app.call("email_invoice", invoice.invoice_id, models.RequestEmpty())


def test_an_invoice_is_emailed(tmp_path: Path) -> None:
    with served(tmp_path, IsDemoCompany=False) as host:
        app = App(host)
        wanted = models.Contact(name="Acme", email_address="ap@acme.example")
        (contact,) = app.call("create_contacts", models.Contacts(contacts=[wanted])).contacts
        made = app.invoice(contact)
        app.call("email_invoice", made.invoice_id, models.RequestEmpty())
        assert app.call("get_invoice", made.invoice_id).invoices[0].sent_to_contact
