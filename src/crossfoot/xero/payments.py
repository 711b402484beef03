"""Payments as Xero is sent them and answers them (XERO 4.5)."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec

from crossfoot.core.money import ZERO
from crossfoot.core.pacing import Lane
from crossfoot.core.settlement import IntendedPayment
from crossfoot.xero.documents import ZERO_ID
from crossfoot.xero.errors import messages_in
from crossfoot.xero.requests import API, PAGE_SIZE, OrganisationRequest, Tenant

KIND = "Payment"


def payment_element(payment: IntendedPayment) -> dict[str, Any]:
    """The element that makes a payment on one invoice."""
    return {
        "Invoice": {"InvoiceID": payment.invoice_id},
        "Account": {"Code": payment.account},
        "Date": payment.dated.isoformat(),
        "Amount": payment.amount,
        "Reference": payment.reference,
    }


class PaymentOutcome(msgspec.Struct, frozen=True):
    """Outcome of one payment of a batch: its id where Xero made it, else Xero's words."""

    payment_id: str
    status: str
    amount: Decimal
    errors: tuple[str, ...] = ()


def payment_by_id(tenant: Tenant, payment_id: str) -> OrganisationRequest:
    """One payment, a deleted one too."""
    headers = {"Accept": "application/json"}
    return OrganisationRequest("GET", f"{API}/Payments/{payment_id}", {}, headers, lane=Lane.RECOVERY, tenant=tenant)


INVOICES_PER_CALL = 30


class ListedPayment(msgspec.Struct, frozen=True):
    """A payment of a list: on which invoice, and under which reference."""

    payment_id: str
    invoice_id: str
    reference: str


def payments_of(tenant: Tenant, invoice_ids: Sequence[str], page: int) -> OrganisationRequest:
    """A page of payments of some invoices, deleted ones too, which the invoices themselves list no more (XERO 4.5)."""
    where = " OR ".join(f'Invoice.InvoiceID==guid("{invoice_id}")' for invoice_id in invoice_ids)
    params = {"where": where, "order": "PaymentID", "page": str(page), "pageSize": str(PAGE_SIZE)}
    headers = {"Accept": "application/json"}
    return OrganisationRequest("GET", f"{API}/Payments", params, headers, lane=Lane.RECOVERY, tenant=tenant)


def decode_listed(body: bytes) -> list[ListedPayment]:
    """The payments of a page."""
    return [
        ListedPayment(str(row["PaymentID"]), str(row["Invoice"]["InvoiceID"]), str(row.get("Reference") or ""))
        for row in msgspec.json.decode(body)["Payments"]
    ]


def decode_payments(body: bytes) -> list[PaymentOutcome]:
    """Payments in the order in which they were sent. HTTP 200 alone proves nothing (XERO 3.4)."""
    envelope = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal).decode(body)
    return [_outcome(row) for row in envelope.get("Payments") or []]


def _outcome(row: dict[str, Any]) -> PaymentOutcome:
    errors = tuple(dict.fromkeys(messages_in(row)))
    payment_id = str(row.get("PaymentID") or "").replace(ZERO_ID, "")
    failed = row.get("HasValidationErrors") or row.get("StatusAttributeString") == "ERROR"
    if not errors and failed:
        errors = ("Xero marked the payment as failed without saying why.",)
    if not errors and not payment_id:
        errors = ("Xero answered without an id: the payment was not made.",)
    return PaymentOutcome(payment_id, str(row.get("Status") or ""), Decimal(row.get("Amount") or ZERO), errors)
