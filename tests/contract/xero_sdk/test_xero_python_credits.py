"""The official Python SDK on what settles invoices without a payment, and on the ledger beneath (XERO 4.4, 4.7, 4.18).

Deleting an allocation reads back as the SDK's model, which demands an amount that Xero's published example leaves out.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from .integration import DAY, App, draft, exceptions, line, models, payment


def received(kind: str, contact: Any, amount: str) -> Any:
    """Money that a customer paid on no invoice."""
    return models.BankTransaction(
        type=kind,
        contact=models.Contact(contact_id=contact.contact_id),
        bank_account=models.Account(code="090"),
        date=DAY,
        line_amount_types=models.LineAmountTypes.NOTAX,
        line_items=[line(amount)],
    )


def credited(app: App, contact: Any) -> tuple[str, str]:
    note = models.CreditNote(
        type="ACCRECCREDIT",
        status="AUTHORISED",
        contact=models.Contact(contact_id=contact.contact_id),
        date=DAY,
        line_amount_types=models.LineAmountTypes.NOTAX,
        line_items=[line("50.00")],
    )
    (made,) = app.call("create_credit_notes", models.CreditNotes(credit_notes=[note])).credit_notes
    return "credit_note", made.credit_note_id


def prepaid(app: App, contact: Any) -> tuple[str, str]:
    sent = models.BankTransactions(bank_transactions=[received("RECEIVE-PREPAYMENT", contact, "50.00")])
    app.call("create_bank_transactions", sent)
    (made,) = app.call("get_prepayments", where=owned_by(contact), page=1).prepayments
    return "prepayment", made.prepayment_id


def overpaid(app: App, contact: Any) -> tuple[str, str]:
    sent = models.BankTransactions(bank_transactions=[received("RECEIVE-OVERPAYMENT", contact, "50.00")])
    app.call("create_bank_transactions", sent)
    (made,) = app.call("get_overpayments", where=owned_by(contact), page=1).overpayments
    return "overpayment", made.overpayment_id


def owned_by(contact: Any) -> str:
    return f'Contact.ContactID==Guid("{contact.contact_id}")'


def share_of(invoice: Any, amount: str) -> Any:
    target = models.Invoice(invoice_id=invoice.invoice_id)
    return models.Allocations(allocations=[models.Allocation(invoice=target, amount=Decimal(amount), date=DAY)])


@pytest.mark.parametrize("credit", [credited, prepaid, overpaid])
def test_a_credit_is_allocated_to_an_invoice_and_taken_back(app: App, credit: Any) -> None:
    invoice = app.invoice(app.contact())
    kind, credit_id = credit(app, invoice.contact)
    create = "create_credit_note_allocation" if kind == "credit_note" else f"create_{kind}_allocations"

    def left() -> tuple[Decimal, Decimal]:
        (document,) = getattr(app.call(f"get_{kind}", credit_id), f"{kind}s")
        due: Decimal = app.call("get_invoice", invoice.invoice_id).invoices[0].amount_due
        return document.remaining_credit, due

    (given,) = app.call(create, credit_id, share_of(invoice, "20.00")).allocations
    assert left() == (Decimal("30.00"), Decimal("90.00"))
    assert app.call(f"delete_{kind}_allocations", credit_id, given.allocation_id).is_deleted
    assert left() == (Decimal("50.00"), Decimal("110.00"))


def test_no_more_is_allocated_than_the_credit_holds(app: App) -> None:
    invoice = app.invoice(app.contact())
    _, note_id = credited(app, invoice.contact)
    with pytest.raises(exceptions.AccountingBadRequestException, match="exceeds"):
        app.call("create_credit_note_allocation", note_id, share_of(invoice, "50.01"))


def test_journals_balance_and_are_numbered_without_gaps(app: App) -> None:
    app.call("create_payment", payment(app.invoice(app.contact()), "110.00"))
    app.call("create_invoices", models.Invoices(invoices=[draft(app.contact())]))  # a draft posts nothing
    journals: list[Any] = []
    while batch := app.call("get_journals", offset=journals[-1].journal_number if journals else 0).journals:
        journals += batch
    assert {"ACCREC", "ACCRECPAYMENT"} <= {journal.source_type for journal in journals}
    assert [journal.journal_number for journal in journals] == list(range(1, len(journals) + 1))
    assert all(sum(row.net_amount for row in journal.journal_lines) == 0 for journal in journals)


@pytest.mark.parametrize(
    ("method", "title"),
    [
        ("get_report_trial_balance", "Trial Balance"),
        ("get_report_profit_and_loss", "Profit and Loss"),
        ("get_report_balance_sheet", "Balance Sheet"),
    ],
)
def test_reports_read_as_rows_and_cells(app: App, method: str, title: str) -> None:
    app.invoice(app.contact())
    (report,) = app.call(method).reports
    assert report.report_name == title
    assert report.rows[0].row_type.value == "Header"
    assert any(row.rows for row in report.rows)


def test_aged_receivables_of_one_customer_name_what_is_due(app: App) -> None:
    invoice = app.invoice(app.contact())
    (report,) = app.call("get_report_aged_receivables_by_contact", invoice.contact.contact_id).reports
    cells = [cell.value for section in report.rows for row in section.rows or [] for cell in row.cells]
    assert "110.00" in cells
