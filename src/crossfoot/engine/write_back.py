"""Write back: number, status, balances and payments into Salesforce, by update or by upsert on a unique key.

What should stand there is kept first, then sent; repeating it changes nothing. A row that Salesforce refuses waits
alone with the rule's own text, and neither holds nor repeats the invoice.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, select

from crossfoot.core.books import LedgerCredit, LedgerInvoice
from crossfoot.core.errors import OutcomeUnknown, Rejected
from crossfoot.core.findings import Finding
from crossfoot.core.links import Kind
from crossfoot.core.money import EXACT, total
from crossfoot.core.records import RecordRef, Side, content_hash
from crossfoot.engine.ledger import CREDIT, INVOICE, load_ledger
from crossfoot.engine.remote import NotApplied
from crossfoot.engine.session import Session
from crossfoot.http import HttpRequest
from crossfoot.salesforce import requests as sf
from crossfoot.store import operations as ops
from crossfoot.store import workspace as store
from crossfoot.store.audit import append_audit
from crossfoot.store.codec import decode_fields, instant
from crossfoot.store.links import StoredLink, links_to_write_back, load_links, mark_written
from crossfoot.store.queue import deal_facts, replace_findings
from crossfoot.store.schema import write_back as write_back_table
from crossfoot.store.versions import load_versions
from crossfoot.store.workspace import WriteBack

KEY_FIELD = "Xero_Key__c"
SENDS_MAX = 4
REFUSED_AGAIN_AFTER = timedelta(days=1)
LANDS_WITHIN = timedelta(minutes=10)  # Salesforce ends a request after that (SF 2.1)
_BUSY = frozenset({"UNABLE_TO_LOCK_ROW", "SERVER_UNAVAILABLE", "TOO_MANY_APEX_REQUESTS"})


def write_back(session: Session, as_of: date) -> tuple[int, int]:
    """Carry changes of linked records into Salesforce. Returns rows written and rows refused."""
    with session.database.writing("write-back wanted") as connection:
        _want_all(connection, session, as_of)
    now = session.host.now()
    with session.database.reading() as connection:
        pending = list(store.pending_write_backs(connection, session.organisation_id, now, now - REFUSED_AGAIN_AFTER))
    written = refused = 0
    for batch in _batches(pending):
        good, bad = _send(session, batch)
        written, refused = written + good, refused + bad
        session.progress("Writing to Salesforce", written + refused, len(pending))
    return written, refused


def _want_all(connection: Connection, session: Session, as_of: date) -> None:
    organisation_id = session.organisation_id
    changed = list(links_to_write_back(connection, organisation_id, Kind.INVOICE))
    invoices = load_ledger(connection, organisation_id, INVOICE, LedgerInvoice)
    open_credits = list(load_ledger(connection, organisation_id, CREDIT, LedgerCredit).values())
    for stored, seq in changed:
        _want_invoice(connection, session, stored, invoices[stored.link.xero_id], open_credits)
        mark_written(connection, stored.id, seq)
    if customers := {credit.contact_id for credit in open_credits}:  # a credit changes how a paid invoice reads
        for stored in list(load_links(connection, organisation_id, Kind.INVOICE)):
            invoice = invoices.get(stored.link.xero_id)
            if invoice and invoice.contact_id in customers:
                _want_invoice(connection, session, stored, invoice, open_credits)
    _want_balances(connection, session, invoices.values(), open_credits, as_of)
    for stored, seq in list(links_to_write_back(connection, organisation_id, Kind.CONTACT)):
        mark_written(connection, stored.id, seq)


def payment_status(invoice: LedgerInvoice, open_credits: Iterable[LedgerCredit]) -> str:
    """Where payment stands, in words for sales people."""
    match invoice.status:
        case "VOIDED":
            return "Voided"
        case "DELETED":
            return "Deleted"
        case "DRAFT" | "SUBMITTED":
            return "Not approved yet"
        case "PAID":
            open_credit = any(
                credit.contact_id == invoice.contact_id
                and credit.currency == invoice.currency
                and credit.remaining > 0
                and any(payment.dated == credit.dated for payment in invoice.payments)
                for credit in open_credits
            )
            return "Paid with credit" if open_credit else "Paid"
        case _:
            return "Partly paid" if invoice.amount_paid or invoice.amount_credited else "Unpaid"


def _values(session: Session, invoice: LedgerInvoice, open_credits: Iterable[LedgerCredit]) -> dict[str, Any]:
    short_code = session.organisation.short_code if session.organisation else ""
    return {
        "InvoiceID": invoice.invoice_id,
        "Number": invoice.number,
        "Link": (
            f"https://go.xero.com/organisationlogin/default.aspx?shortcode={short_code}"
            f"&redirecturl=/AccountsReceivable/View.aspx?InvoiceID={invoice.invoice_id}"
        ),
        "Status": invoice.status.capitalize(),
        "PaymentStatus": payment_status(invoice, open_credits),
        "SubTotal": invoice.sub_total,
        "TotalTax": invoice.total_tax,
        "Total": invoice.total,
        "AmountDue": invoice.amount_due,
        "AmountPaid": invoice.amount_paid,
        "AmountCredited": invoice.amount_credited,
        "PaidDate": invoice.fully_paid_on,
        "Date": invoice.dated,
        "DueDate": invoice.due,
        "Reference": invoice.reference,
    }


def _want_invoice(
    connection: Connection,
    session: Session,
    stored: StoredLink,
    invoice: LedgerInvoice,
    open_credits: Sequence[LedgerCredit],
) -> None:
    flow = session.mapping.settings.flows.invoices
    values = _values(session, invoice, open_credits)
    deal = {field: values[name] for field, name in flow.write_back.items()}
    account_id, multi_currency = _deal_facts(connection, session, stored.source_id)
    _want(connection, session, session.mapping.deal_object, stored.source_id, deal, stored.source_id, wave=1)
    key = f"{session.organisation_id}:{invoice.invoice_id}"
    if invoice_object := flow.records.get("invoice"):
        row = {
            "Name": invoice.number or "Draft",
            "Account__c": account_id,
            "Opportunity__c": stored.source_id,
            "Invoice_Id__c": invoice.invoice_id,
            "Invoice_Number__c": invoice.number,
            "Reference__c": invoice.reference or None,
            "Status__c": values["Status"],
            "Payment_Status__c": values["PaymentStatus"],
            "Date__c": invoice.dated,
            "Due_Date__c": invoice.due,
            "Paid_Date__c": invoice.fully_paid_on,
            "Subtotal__c": invoice.sub_total,
            "Tax__c": invoice.total_tax,
            "Total__c": invoice.total,
            "Amount_Due__c": invoice.amount_due,
            "Amount_Paid__c": invoice.amount_paid,
            "Amount_Credited__c": invoice.amount_credited,
            "Url__c": values["Link"],
        }
        if multi_currency:
            row["CurrencyIsoCode"] = invoice.currency
        _want(connection, session, invoice_object, key, row, stored.source_id, wave=0)
    if payment_object := flow.records.get("payment"):
        _want_payments(connection, session, payment_object, key, stored, invoice, multi_currency=multi_currency)


def _deal_facts(connection: Connection, session: Session, deal_id: str) -> tuple[str | None, bool]:
    """The deal's account, and whether the org has more than one currency."""
    for version in load_versions(connection, session.org_id, session.mapping.deal_object, ids=[deal_id]):
        fields = decode_fields(version.body)
        return fields.get(f"{session.mapping.account_object}Id"), "CurrencyIsoCode" in fields
    return None, False


def _want_payments(
    connection: Connection,
    session: Session,
    payment_object: str,
    invoice_key: str,
    stored: StoredLink,
    invoice: LedgerInvoice,
    *,
    multi_currency: bool,
) -> None:
    standing = set()
    relation = session.mapping.settings.flows.invoices.records.get("invoice", "").removesuffix("__c") + "__r"
    for payment in invoice.payments:
        key = f"{session.organisation_id}:{payment.payment_id}"
        standing.add(key)
        row: dict[str, Any] = {
            "Name": f"{invoice.number} {payment.dated}",
            relation: {KEY_FIELD: invoice_key},
            "Payment_Id__c": payment.payment_id,
            "Amount__c": payment.amount,
            "Date__c": payment.dated,
            "Reference__c": payment.reference or None,
            "Status__c": "Authorised",
        }
        if multi_currency:
            row["CurrencyIsoCode"] = invoice.currency
        _want(connection, session, payment_object, key, row, stored.source_id, wave=2)
    gone = _known_keys(connection, session, payment_object, stored.source_id) - standing
    for key in gone:  # taken back in Xero: the row stays and says so
        _want(connection, session, payment_object, key, {"Status__c": "Deleted"}, stored.source_id, wave=2)


def _known_keys(connection: Connection, session: Session, kind: str, source_id: str) -> set[str]:
    table = write_back_table
    query = select(table.c.key).where(
        table.c.organisation_id == session.organisation_id, table.c.object == kind, table.c.source_id == source_id
    )
    return set(connection.execute(query).scalars())


def _want_balances(
    connection: Connection,
    session: Session,
    invoices: Iterable[LedgerInvoice],
    open_credits: Iterable[LedgerCredit],
    as_of: date,
) -> None:
    """What each linked customer owes; amounts of several currencies are never added, then the field is empty."""
    mapping = session.mapping.settings.flows.customers.write_back
    if not mapping:
        return
    owed: dict[str, dict[str, list[Decimal]]] = defaultdict(lambda: defaultdict(list))
    overdue: dict[str, list[Decimal]] = defaultdict(list)
    for invoice in invoices:
        if invoice.status != "AUTHORISED" or not invoice.amount_due:
            continue
        owed[invoice.contact_id][invoice.currency].append(invoice.amount_due)
        if invoice.due and invoice.due < as_of:
            overdue[invoice.contact_id].append(invoice.amount_due)
    for credit in open_credits:
        if credit.remaining and credit.status == "AUTHORISED":
            owed[credit.contact_id][credit.currency].append(-credit.remaining)
    for stored in list(load_links(connection, session.organisation_id, Kind.CONTACT)):
        contact_id = stored.link.xero_id
        currencies = owed.get(contact_id, {})
        single = len(currencies) <= 1
        values: dict[str, Any] = {
            "ContactID": contact_id,
            "Outstanding": total(next(iter(currencies.values()), [])) if single else None,
            "Overdue": total(overdue.get(contact_id, [])) if single else None,
        }
        fields = {field: values[name] for field, name in mapping.items()}
        _want(connection, session, session.mapping.account_object, stored.source_id, fields, stored.source_id, wave=1)


def _want(
    connection: Connection,
    session: Session,
    kind: str,
    key: str,
    fields: Mapping[str, Any],
    source_id: str,
    *,
    wave: int,
) -> None:
    plain = {
        name: value.isoformat()
        if isinstance(value, date)
        else EXACT.plus(value)
        if isinstance(value, Decimal)
        else value
        for name, value in fields.items()
    }
    item = WriteBack(kind, key, plain, content_hash(plain), source_id, wave)
    store.want_write_back(connection, session.organisation_id, item)


def _is_upsert(session: Session, item: WriteBack) -> bool:
    return item.object in session.mapping.settings.flows.invoices.records.values()


def _batches(pending: Sequence[WriteBack]) -> Iterable[list[WriteBack]]:
    """Parents before children; up to 200 rows a call. Updates of several objects share a call, sorted by object."""
    by_wave: dict[tuple[int, str], list[WriteBack]] = defaultdict(list)
    for item in pending:
        by_wave[(item.wave, item.object if item.wave != 1 else "")].append(item)
    for key in sorted(by_wave):
        rows = sorted(by_wave[key], key=lambda item: (item.object, item.key))
        for start in range(0, len(rows), sf.COLLECTION_SIZE):
            yield rows[start : start + sf.COLLECTION_SIZE]


def _request(session: Session, batch: Sequence[WriteBack]) -> HttpRequest:
    if _is_upsert(session, batch[0]):
        return sf.upsert_records(batch[0].object, KEY_FIELD, [(item.key, item.fields) for item in batch])
    return sf.update_records([(item.object, item.key, item.fields) for item in batch])


def _send(session: Session, batch: Sequence[WriteBack]) -> tuple[int, int]:
    """Send one collection; the same rows may be sent again, since they end in the same state."""
    written = refused = 0
    work, lost = list(batch), False
    for _ in range(SENDS_MAX):
        try:
            outcomes = _call(session, work)
        except OutcomeUnknown:
            lost = True  # it may still land, after what is sent next: these rows are written once more later
            continue
        except NotApplied:
            continue
        except Rejected as error:
            outcomes = [sf.RowOutcome("", success=False, code=error.code, message=str(error))] * len(work)
        again: list[WriteBack] = []
        with session.database.writing("write-back outcome") as connection:
            for item, outcome in zip(work, outcomes, strict=True):
                if not outcome.success and outcome.code in _BUSY:
                    again.append(item)
                    continue
                _settle(connection, session, item, outcome, lost=lost)
                written += outcome.success
                refused += not outcome.success
        if not again:
            break
        work = again
        session.host.sleep(1 + session.host.jitter())
    return written, refused


def _unsure_until(session: Session, item: WriteBack, *, lost: bool) -> str | None:
    """Until when an earlier call for this row may still land: after that it is written once more."""
    now = session.host.now()
    if lost:
        return instant(now + LANDS_WITHIN)
    return item.unsure_until if item.unsure_until and item.unsure_until > instant(now) else None


def _call(session: Session, batch: Sequence[WriteBack]) -> list[sf.RowOutcome]:
    request = _request(session, batch)
    access = session.salesforce.access()
    call_id = session.host.new_id()
    with session.database.writing("write-back call") as connection:
        stored = ops.StoredCall(
            call_id, session.org_id, session.run_id, request.method, request.path, b"", "", access.generation
        )
        ops.commit_call(connection, stored, [], session.host.now())
        for item in batch:
            store.write_back_leaves(connection, session.organisation_id, item, session.host.now() + LANDS_WITHIN)
    state = "unknown"
    try:
        answer = session.salesforce.write(call_id, request, access)
        state = "answered"
        return sf.decode_outcomes(answer.body)
    except (NotApplied, Rejected):
        state = "answered"
        raise
    finally:
        with session.database.writing("write-back call ended") as connection:
            ops.end_call(connection, call_id, session.host.now(), state=state)


def _settle(connection: Connection, session: Session, item: WriteBack, outcome: sf.RowOutcome, *, lost: bool) -> None:
    now = session.host.now()
    name, money = deal_facts(connection, session.organisation_id, item.source_id)
    if outcome.success:
        until = _unsure_until(session, item, lost=lost)
        store.write_back_written(connection, session.organisation_id, item, until)
        findings: list[Finding] = []
    else:
        store.write_back_refused(connection, session.organisation_id, item, now)
        cause = f"{item.object}: {outcome.message}"
        kind = (
            session.mapping.account_object
            if item.object == session.mapping.account_object
            else session.mapping.deal_object
        )
        ref = RecordRef(Side.SALESFORCE, kind, item.source_id)
        findings = [Finding("write_back_refused", ref, cause, money=money, vendor_text=outcome.message)]
    append_audit(
        connection,
        session.organisation_id,
        now,
        actor=session.actor,
        action=f"write back {item.object}" + ("" if outcome.success else " refused"),
        record_id=item.source_id,
        key=item.key,
        after=item.wanted_hash,
        run=session.run_id,
        refusal=outcome.message,
    )
    if findings or item.object in {session.mapping.deal_object, session.mapping.account_object}:
        replace_findings(
            connection, session.organisation_id, {item.source_id: name}, findings, now, codes={"write_back_refused"}
        )
