"""The general ledger: what each document posts, in base currency, and the journals that keep it (XERO 4.18).

A document's lines are its amounts divided by its rate and rounded one by one; what rounding and rates leave goes to the
currency gain account (XERO 5.1). A settlement posts the change of what its documents stand at, so that the control
accounts always equal the open documents. Journals are numbered without gaps and never change: an edit is a reversal
and a new journal.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from hashlib import sha256
from typing import Any
from uuid import UUID

from crossfoot.emulators.xero.formats import ARITHMETIC, ZERO, round_amount
from crossfoot.emulators.xero.organisation import Organisation

Record = dict[str, Any]

POSTED = frozenset({"AUTHORISED", "PAID"})
RESIDUE_ACCOUNT = "REALISEDCURRENCYGAIN"
# 1 where an open document is something to receive (a debit), -1 where it is something to give.
SIGNS: Mapping[str, int] = {
    "ACCREC": 1,
    "ACCPAY": -1,
    "ACCRECCREDIT": -1,
    "ACCPAYCREDIT": 1,
    "RECEIVE-OVERPAYMENT": -1,
    "SPEND-OVERPAYMENT": 1,
    "RECEIVE-PREPAYMENT": -1,
    "SPEND-PREPAYMENT": 1,
}
# The control account that a document stands on; a prepayment stands on the accounts of its lines (unconfirmed).
CONTROL: Mapping[str, str] = {
    "ACCREC": "DEBTORS",
    "ACCPAY": "CREDITORS",
    "ACCRECCREDIT": "DEBTORS",
    "ACCPAYCREDIT": "CREDITORS",
    "RECEIVE-OVERPAYMENT": "DEBTORS",
    "SPEND-OVERPAYMENT": "CREDITORS",
}
BANK_SOURCES: Mapping[str, str] = {
    "RECEIVE": "CASHREC",
    "SPEND": "CASHPAID",
    "RECEIVE-OVERPAYMENT": "AROVERPAYMENT",
    "SPEND-OVERPAYMENT": "APOVERPAYMENT",
    "RECEIVE-PREPAYMENT": "ARPREPAYMENT",
    "SPEND-PREPAYMENT": "APPREPAYMENT",
}


@dataclass(frozen=True, slots=True)
class Leg:
    """One line of a posting; debits are positive. ``tax`` is the tax on the line, which is posted apart."""

    account_id: str
    net: Decimal
    tax: Decimal = ZERO
    tax_type: str | None = None
    description: str | None = None
    tracking: tuple[Record, ...] = ()


@dataclass(frozen=True, slots=True)
class Posting:
    """What one event writes into the ledger."""

    day: date
    source_type: str
    source_id: str
    legs: tuple[Leg, ...]
    reference: str | None = field(default=None, compare=False)


def in_base(amount: Decimal, rate: Decimal) -> Decimal:
    """An amount of a document in the organisation's currency (XERO 5.1)."""
    return round_amount(ARITHMETIC.divide(amount, rate))


def document_posting(organisation: Organisation, record: Record) -> Posting | None:
    """An approved invoice, bill or credit note; drafts, voided and deleted ones post nothing."""
    if record["Status"] not in POSTED:
        return None
    kind = record["Type"]
    control = Leg(_system(organisation, CONTROL[kind]), SIGNS[kind] * in_base(record["Total"], record["CurrencyRate"]))
    lines = [*_line_legs(organisation, record, -SIGNS[kind])]
    if rounding := record.get("RoundingAmount"):
        lines.append(Leg(_system(organisation, "ROUNDING"), -SIGNS[kind] * in_base(rounding, record["CurrencyRate"])))
    legs = _balanced(organisation, (control, *lines, *_goods_legs(record, -SIGNS[kind])))
    source_id = record["InvoiceID"] if "InvoiceID" in record else record["CreditNoteID"]
    return Posting(record["Date"], kind, source_id, legs, record["Reference"]) if legs else None


def bank_posting(organisation: Organisation, record: Record) -> Posting | None:
    """Money received or spent: the bank against the lines."""
    if record["Status"] != "AUTHORISED":
        return None
    sign = 1 if record["Type"].startswith("RECEIVE") else -1
    bank = Leg(record["BankAccount"]["AccountID"], sign * in_base(record["Total"], record["CurrencyRate"]))
    lines = _line_legs(organisation, record, -sign)
    legs = _balanced(organisation, (bank, *lines, *_goods_legs(record, -sign)))
    source = BANK_SOURCES[record["Type"]]
    return Posting(record["Date"], source, record["BankTransactionID"], legs, record.get("Reference"))


def journal_posting(organisation: Organisation, record: Record) -> Posting | None:
    """A manual journal posts its lines as they are, once it is posted (XERO 4.17)."""
    if record["Status"] != "POSTED":
        return None
    lines = {**record, "LineItems": record["JournalLines"], "CurrencyRate": Decimal(1)}
    legs = _balanced(organisation, tuple(_line_legs(organisation, lines, 1)))
    return Posting(record["Date"], "MANJOURNAL", record["ManualJournalID"], legs, record["Narration"])


def transfer_posting(_organisation: Organisation, record: Record) -> Posting | None:
    """Money moved from one bank account to another (XERO 4.8)."""
    if record["Status"] != "AUTHORISED":
        return None
    amount = in_base(record["Amount"], record["CurrencyRate"])
    legs = (
        Leg(record["FromBankAccount"]["AccountID"], -amount, tracking=tuple(record["FromTracking"])),
        Leg(record["ToBankAccount"]["AccountID"], amount, tracking=tuple(record["ToTracking"])),
    )
    return Posting(record["Date"], "TRANSFER", record["BankTransferID"], legs, record["Reference"])


def standing(organisation: Organisation, record: Record) -> tuple[Leg, ...]:
    """What the ledger holds for the open part of a document."""
    left = record["RemainingCredit"] if "RemainingCredit" in record else record["AmountDue"]
    if record["Status"] not in POSTED or not left:
        return ()
    kind = record["Type"]
    if kind not in CONTROL:
        return tuple(_line_legs(organisation, record, SIGNS[kind], ARITHMETIC.divide(left, record["Total"])))
    return (Leg(_system(organisation, CONTROL[kind]), SIGNS[kind] * in_base(left, record["CurrencyRate"])),)


def settlement_posting(
    organisation: Organisation,
    day: date,
    source_type: str,
    source_id: str,
    changes: Iterable[tuple[Record, Record]],
    money: Leg | None = None,
) -> Posting | None:
    """A payment, a refund or an allocation: the money, and each document's change from before to after. None where
    nothing moves, as when a credit note meets an invoice of the same rate."""
    legs = [money] if money else []
    for before, after in changes:
        legs += _negated(standing(organisation, before))
        legs += standing(organisation, after)
    balanced = _balanced(organisation, _merged(legs))
    return Posting(day, source_type, source_id, balanced) if balanced else None


def post(organisation: Organisation, now: datetime, posting: Posting | None) -> None:
    """Write a posting as the next journal."""
    if posting is None:
        return
    assert sum((leg.net for leg in posting.legs), ZERO) == 0, posting
    number = len(organisation.tables.get("Journals", {})) + 1
    journal_id = _id_of(organisation, f"{number}")
    journal = {
        "JournalID": journal_id,
        "JournalDate": posting.day,
        "JournalNumber": number,
        "CreatedDateUTC": now,
        "Reference": posting.reference,
        "SourceID": posting.source_id,
        "SourceType": posting.source_type,
        "JournalLines": [_journal_line(leg) for leg in posting.legs],
    }
    organisation.put("Journals", journal_id, journal)


def _journal_line(leg: Leg) -> Record:
    """A line as the journal keeps it: most legs have little to tell, and there are several to every document."""
    told = {
        "Description": leg.description,
        "TaxAmount": leg.tax,
        "TaxType": leg.tax_type,
        "TrackingCategories": list(leg.tracking),
    }
    return {"AccountID": leg.account_id, "NetAmount": leg.net} | {name: value for name, value in told.items() if value}


def journal_lines(organisation: Organisation, journal: Record) -> list[Record]:
    """The lines of a journal with every member, and ids that follow from its number."""
    blank: Record = {"Description": None, "TaxAmount": ZERO, "TaxType": None, "TrackingCategories": []}
    number = journal["JournalNumber"]
    return [
        {"JournalLineID": _id_of(organisation, f"{number}.{place}"), **blank, **line}
        for place, line in enumerate(journal["JournalLines"])
    ]


def repost(organisation: Organisation, now: datetime, before: Posting | None, after: Posting | None) -> None:
    """Bring the ledger from what a record posted before to what it posts now."""
    if before == after:
        return
    if before is not None:
        post(organisation, now, replace(before, legs=tuple(_negated(before.legs))))
    post(organisation, now, after)


def _system(organisation: Organisation, name: str) -> str:
    account = organisation.find_one("Accounts", "SystemAccount", name)
    assert account is not None, name
    return str(account["AccountID"])


def _line_legs(organisation: Organisation, record: Record, sign: int, share: Decimal = Decimal(1)) -> Iterator[Leg]:
    """A leg for each line, net of tax, and one of tax for each tax type."""
    rate, taxes = record["CurrencyRate"], dict[str | None, Decimal]()
    for line in record["LineItems"]:
        tax = line["TaxAmount"]
        net = line["LineAmount"] - (tax if record["LineAmountTypes"] == "Inclusive" else ZERO)
        taxes[line.get("TaxType")] = taxes.get(line.get("TaxType"), ZERO) + tax
        if net or tax:
            yield Leg(
                account_id=line["AccountID"],
                net=sign * in_base(net * share, rate),
                tax=sign * in_base(tax * share, rate),
                tax_type=line.get("TaxType"),
                description=line.get("Description"),
                tracking=tuple(line.get("Tracking") or ()),
            )
    for tax_type, tax in taxes.items():
        if tax:
            yield Leg(_system(organisation, "GST"), sign * in_base(tax * share, rate), tax_type=tax_type)


def _goods_legs(record: Record, sign: int) -> Iterator[Leg]:
    """Goods that leave or come back at cost move from inventory to the cost of sales, or back (XERO 4.9)."""
    for line in record["LineItems"]:
        goods = line.get("_stock")
        if goods and goods["cost"]:
            yield Leg(goods["sold"], -sign * goods["cost"])
            yield Leg(goods["asset"], sign * goods["cost"])


def _negated(legs: Iterable[Leg]) -> Iterator[Leg]:
    return (replace(leg, net=-leg.net, tax=-leg.tax) for leg in legs)


def _merged(legs: Iterable[Leg]) -> tuple[Leg, ...]:
    """One leg for each account and tax type; those that come to nothing are left out."""
    merged: dict[tuple[str, str | None], Leg] = {}
    for leg in legs:
        key = (leg.account_id, leg.tax_type)
        known = merged.get(key)
        merged[key] = replace(known, net=known.net + leg.net, tax=known.tax + leg.tax) if known else leg
    return tuple(leg for leg in merged.values() if leg.net or leg.tax)


def _balanced(organisation: Organisation, legs: tuple[Leg, ...]) -> tuple[Leg, ...]:
    residue = sum((leg.net for leg in legs), ZERO)
    kept = tuple(leg for leg in legs if leg.net or leg.tax)
    return (*kept, Leg(_system(organisation, RESIDUE_ACCOUNT), -residue)) if residue else kept


def _id_of(organisation: Organisation, name: str) -> str:
    """Ids of journals follow from their numbers, so that the ledger takes nothing from the world's stream of ids."""
    return str(UUID(bytes=sha256(f"{organisation.tenant_id}:{name}".encode()).digest()[:16], version=4))
