"""How a document reaches the customer: online link, e-mail, PDF (XERO 4.3)."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from string import ascii_letters, digits

from crossfoot.emulators.wire import Response
from crossfoot.emulators.xero import history, invoices
from crossfoot.emulators.xero.bodies import Asked
from crossfoot.emulators.xero.errors import not_allowed, not_found, validation_error
from crossfoot.emulators.xero.kinds import Call, Kind, Record, store
from crossfoot.emulators.xero.pdf import one_page

PDF_TYPE = "application/pdf"
# Kind -> its title on paper and the member that holds its number
PRINTED: Mapping[str, tuple[str, str]] = {
    "Invoices": ("Invoice", "InvoiceNumber"),
    "CreditNotes": ("Credit note", "CreditNoteNumber"),
    "PurchaseOrders": ("Purchase order", "PurchaseOrderNumber"),
    "Quotes": ("Quote", "QuoteNumber"),
}
MAILABLE = frozenset({"SUBMITTED", "AUTHORISED", "PAID"})
ONLINE = MAILABLE | {"VOIDED"}
EMAILS_PER_DAY, EMAILS_PER_DAY_OF_TRIAL = 1000, 20  # a demo company may send none (XERO 2)
NOT_SALES = "Only sales invoices (ACCREC) have an online invoice and can be emailed."
NOT_APPROVED = "Invoice not of valid status to be sent to the contact"
NO_ADDRESS = "The contact has no email address"
OVER_QUOTA = "The daily limit of emails that can be sent for this organisation has been reached"
_SIGNS = ascii_letters + digits


def _refusal(invoice: Record, *problems: str) -> Exception:
    errors = [{"Message": message} for message in problems]
    return validation_error([{"InvoiceID": invoice["InvoiceID"], "HasErrors": True, "ValidationErrors": errors}])


def online_invoice(_call: Call, _kind: Kind, invoice: Record, asked: Asked) -> Record:
    """GET /Invoices/{id}/OnlineInvoice: the customer's link; a draft has none (as an error: unconfirmed)."""
    if asked.method != "GET" or asked.rest:
        raise not_allowed()
    if invoice["Type"] != "ACCREC":
        raise _refusal(invoice, NOT_SALES)
    if invoice["Status"] not in ONLINE:
        raise _refusal(invoice, NOT_APPROVED)
    drawn = sha256(invoice["InvoiceID"].encode()).digest() + sha256(invoice["InvoiceID"][::-1].encode()).digest()
    code = "".join(_SIGNS[byte % len(_SIGNS)] for byte in drawn[:40])
    return {"OnlineInvoices": [{"OnlineInvoiceUrl": f"https://in.xero.com/{code}"}]}


def email(call: Call, _kind: Kind, invoice: Record, asked: Asked) -> None:
    """POST /Invoices/{id}/Email: sent with the organisation's own words to the contact's address, and marked so."""
    if asked.method != "POST" or asked.rest:
        raise not_allowed()
    contact = call.organisation.get("Contacts", invoice["Contact"]["ContactID"]) or {}
    checks = (
        (invoice["Type"] != "ACCREC", NOT_SALES),
        (invoice["Status"] not in MAILABLE, NOT_APPROVED),
        (not contact.get("EmailAddress"), NO_ADDRESS),
        (_sent_today(call) >= _quota(call), OVER_QUOTA),
    )
    if problems := [message for failed, message in checks if failed]:
        raise _refusal(invoice, *problems)
    call.organisation.state["emails"] = {"day": call.today, "sent": _sent_today(call) + 1}
    details = f"This invoice has been sent to {contact['EmailAddress']}"
    told = history.with_row(invoice, (call.now, "Invoice sent", history.SYSTEM_USER, details))
    store(call, invoices.INVOICES, {**told, "SentToContact": True})


def _quota(call: Call) -> int:
    info = call.organisation.info
    if info["IsDemoCompany"]:
        return 0
    return EMAILS_PER_DAY_OF_TRIAL if info["Class"] == "TRIAL" else EMAILS_PER_DAY


def _sent_today(call: Call) -> int:
    """The day's count; the day is the organisation's own (unconfirmed)."""
    count = call.organisation.state.get("emails", {})
    return int(count["sent"]) if count.get("day") == call.today else 0


def prints(call: Call, kind: Kind) -> bool:
    """Whether a GET of one record wants it as a PDF."""
    return kind.plural in PRINTED and PDF_TYPE in call.headers.get("accept", "").lower()


def pdf(call: Call, kind: Kind, record: Record, asked: Asked) -> Response:
    """GET /{id}/pdf, or GET /{id} with ``Accept: application/pdf`` (XERO 3.1)."""
    if asked.method != "GET":
        raise not_allowed()
    if asked.rest:
        raise not_found()
    title, number = PRINTED[kind.plural]
    contact = call.organisation.get("Contacts", (record.get("Contact") or {}).get("ContactID") or "") or {}
    lines = (
        str(call.organisation.info["Name"]),
        f"{title} {record.get(number) or ''}",
        str(contact.get("Name", "")),
        f"Date {record['Date']:%d %b %Y}" if record.get("Date") else "",
        *(f"{line.get('Description') or ''}  {line.get('LineAmount', '')}" for line in record.get("LineItems", ())),
        f"Total {record.get('CurrencyCode', '')} {record.get('Total', '')}",
    )
    return Response(200, (("Content-Type", PDF_TYPE),), one_page(lines))
