"""Credit notes and their allocations as Xero is sent them and answers them (XERO 4.4)."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import msgspec

from crossfoot.core.pacing import Lane
from crossfoot.core.reissue import CreditLine, IntendedCredit
from crossfoot.xero.documents import ZERO_ID
from crossfoot.xero.elements import batch_body, encode
from crossfoot.xero.errors import messages_in
from crossfoot.xero.requests import API, PAGE_SIZE, OrganisationRequest, Tenant, write


def note_by_number(tenant: Tenant, number: str) -> OrganisationRequest:
    """The customer's credit note of exactly this number, with what it is allocated to."""
    quoted = number.replace("\\", "\\\\").replace('"', '\\"')
    params = {
        "where": f'Type=="ACCRECCREDIT" AND CreditNoteNumber=="{quoted}"',
        "page": "1",
        "pageSize": str(PAGE_SIZE),
        "unitdp": "4",
    }
    headers = {"Accept": "application/json"}
    return OrganisationRequest("GET", f"{API}/CreditNotes", params, headers, lane=Lane.RECOVERY, tenant=tenant)


def note_element(credit: IntendedCredit) -> dict[str, Any]:
    """The element that makes an approved credit note."""
    element: dict[str, Any] = {
        "Type": "ACCRECCREDIT",
        "Contact": {"ContactID": credit.contact_id},
        "CreditNoteNumber": credit.number,
        "Reference": credit.invoice_number,
        "Date": credit.dated.isoformat(),
        "CurrencyCode": credit.currency,
        "LineAmountTypes": credit.line_amounts,
        "Status": "AUTHORISED",
        "LineItems": [_line_element(line) for line in credit.lines],
    }
    if credit.currency_rate and credit.currency_rate != 1:
        element["CurrencyRate"] = credit.currency_rate
    return element


def _line_element(line: CreditLine) -> dict[str, Any]:
    element: dict[str, Any] = {
        "Description": line.description,
        "Quantity": line.quantity,
        "UnitAmount": line.unit_amount,
        "AccountCode": line.account_code,
        "TaxType": line.tax_type,
    }
    if line.item_code:
        element["ItemCode"] = line.item_code
    if line.tracking:
        element["Tracking"] = [{"Name": name, "Option": option} for name, option in line.tracking]
    return element


def make_note(tenant: Tenant, element: dict[str, Any]) -> OrganisationRequest:
    """PUT creates, and refuses a number that is taken."""
    request = write(tenant, "CreditNotes", "PUT", batch_body("CreditNote", [encode(element)]))
    return replace(request, params={**request.params, "unitdp": "4"}, lane=Lane.PROMPT)


def allocation_element(invoice_id: str, amount: Decimal, dated: str) -> dict[str, Any]:
    """The element that puts credit against an invoice. Its date is sent, though Xero may derive it."""
    return {"Amount": amount, "Date": dated, "Invoice": {"InvoiceID": invoice_id}}


def allocate_note(tenant: Tenant, note_id: str, element: dict[str, Any]) -> OrganisationRequest:
    """One allocation of one credit note."""
    body = batch_body("Allocation", [encode(element)])
    return replace(write(tenant, f"CreditNotes/{note_id}/Allocations", "PUT", body), lane=Lane.PROMPT)


def decode_problem(kind: str, id_member: str, body: bytes) -> str:
    """Xero's words where the one element that was sent was not taken. HTTP 200 alone proves nothing (XERO 3.4)."""
    envelope = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal).decode(body)
    rows = envelope.get(f"{kind}s") or [{}]
    errors = tuple(dict.fromkeys(messages_in(rows[0])))
    if errors:
        return "; ".join(errors)
    if rows[0].get("HasValidationErrors") or rows[0].get("StatusAttributeString") == "ERROR":
        return "Xero marked it as failed without saying why."
    if id_member and str(rows[0].get(id_member) or ZERO_ID) == ZERO_ID:
        return "Xero answered without an id: it was not made."
    return ""
