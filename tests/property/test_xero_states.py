"""Every state and every action: what Xero allows, what it refuses and how, and that a refusal changes nothing.

The tables are read across: a cell is the status that a record has after the action, or why the action is refused
(``REFUSALS``); ``-`` is where the action has no object (XERO 4.1, 4.3 - 4.10).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import msgspec
import pytest

from crossfoot.emulators.wire import Response
from tests.contract.xero_emulator.conftest import Client, line
from tests.property.xero_client import books_of, open_client

Record = dict[str, Any]
Action = Callable[[Client, Record], Response]
Make = Callable[[Client], Record]

INVOICES = """
                    DRAFT       SUBMITTED   AUTHORISED  PART-PAID   CREDITED    PAID        VOIDED      DELETED
edit-due-date       DRAFT       SUBMITTED   AUTHORISED  AUTHORISED  AUTHORISED  PAID        closed      closed
edit-date           DRAFT       SUBMITTED   AUTHORISED  settled     settled     settled     closed      closed
edit-price          DRAFT       SUBMITTED   AUTHORISED  settled     settled     settled     closed      closed
edit-words          DRAFT       SUBMITTED   AUTHORISED  AUTHORISED  AUTHORISED  PAID        closed      closed
add-line            DRAFT       SUBMITTED   AUTHORISED  settled     settled     settled     closed      closed
redraft             DRAFT       DRAFT       closed      closed      closed      closed      closed      closed
submit              SUBMITTED   SUBMITTED   closed      closed      closed      closed      closed      closed
approve             AUTHORISED  AUTHORISED  AUTHORISED  AUTHORISED  AUTHORISED  closed      closed      closed
mark-paid           closed      closed      closed      closed      closed      PAID        closed      closed
void                closed      closed      VOIDED      has-money   has-money   has-money   closed      closed
delete              DELETED     DELETED     closed      closed      closed      closed      closed      closed
pay-part            unapproved  unapproved  AUTHORISED  AUTHORISED  AUTHORISED  unapproved  unapproved  unapproved
pay-all             unapproved  unapproved  PAID        PAID        PAID        unapproved  unapproved  unapproved
overpay             unapproved  unapproved  too-much    too-much    too-much    unapproved  unapproved  unapproved
allocate-part       not-open    not-open    AUTHORISED  AUTHORISED  AUTHORISED  not-open    not-open    not-open
allocate-too-much   not-open    not-open    exceeds     exceeds     exceeds     not-open    not-open    not-open
remove-payment      -           -           -           AUTHORISED  -           AUTHORISED  -           -
"""
CREDIT_NOTES = """
                    DRAFT       SUBMITTED   AUTHORISED  PART-USED   REFUNDED    PAID        VOIDED      DELETED
edit-date           DRAFT       SUBMITTED   AUTHORISED  settled     settled     settled     closed      closed
edit-price          DRAFT       SUBMITTED   AUTHORISED  settled     settled     settled     closed      closed
edit-words          DRAFT       SUBMITTED   AUTHORISED  AUTHORISED  AUTHORISED  PAID        closed      closed
redraft             DRAFT       DRAFT       closed      closed      closed      closed      closed      closed
submit              SUBMITTED   SUBMITTED   closed      closed      closed      closed      closed      closed
approve             AUTHORISED  AUTHORISED  AUTHORISED  AUTHORISED  AUTHORISED  closed      closed      closed
void                closed      closed      VOIDED      has-money   has-money   has-money   closed      closed
delete              DELETED     DELETED     closed      closed      closed      closed      closed      closed
use-part            not-open    not-open    AUTHORISED  AUTHORISED  AUTHORISED  not-open    not-open    not-open
use-all             not-open    not-open    PAID        PAID        PAID        not-open    not-open    not-open
use-too-much        not-open    not-open    exceeds     exceeds     exceeds     not-open    not-open    not-open
refund-part         unapproved  unapproved  AUTHORISED  AUTHORISED  AUTHORISED  unapproved  unapproved  unapproved
refund-all          unapproved  unapproved  PAID        PAID        PAID        unapproved  unapproved  unapproved
refund-too-much     unapproved  unapproved  too-much    too-much    too-much    unapproved  unapproved  unapproved
take-back           -           -           -           AUTHORISED  -           AUTHORISED  -           -
"""
CREDITS_OF_THE_BANK = """
                    AUTHORISED  PART-USED   REFUNDED    PAID
edit                no-verb     no-verb     no-verb     no-verb
edit-at-bank        bank-made   bank-made   bank-made   bank-made
delete-at-bank      bank-made   bank-made   bank-made   bank-made
use-part            AUTHORISED  AUTHORISED  AUTHORISED  not-open
use-all             PAID        PAID        PAID        not-open
use-too-much        exceeds     exceeds     exceeds     not-open
refund-part         AUTHORISED  AUTHORISED  AUTHORISED  unapproved
refund-all          PAID        PAID        PAID        unapproved
refund-too-much     too-much    too-much    too-much    unapproved
take-back           -           AUTHORISED  -           AUTHORISED
"""
PAYMENTS = """
                    AUTHORISED  RECONCILED  DELETED
edit-amount         no-update   no-update   no-update
edit-reference      no-update   no-update   no-update
delete              DELETED     reconciled  gone
"""
BANK_TRANSACTIONS = """
                    AUTHORISED  DELETED
edit-reference      AUTHORISED  bank-closed
edit-price          AUTHORISED  bank-closed
change-type         AUTHORISED  bank-closed
make-prepayment     bank-made   bank-closed
delete              DELETED     bank-closed
restore             AUTHORISED  bank-closed
"""
CONTACTS = """
                    ACTIVE      ARCHIVED
rename              ACTIVE      archived
archive             ARCHIVED    archived
restore             ACTIVE      archived
invoice             ACTIVE      unarchive
credit              ACTIVE      unarchive
spend               ACTIVE      unarchive
"""
ACCOUNTS = """
                    ACTIVE      USED        SYSTEM      ARCHIVED
rename              ACTIVE      ACTIVE      ACTIVE      ARCHIVED
archive             ARCHIVED    ARCHIVED    system      ARCHIVED
archive-and-rename  mixed       mixed       mixed       mixed
delete              DELETED     in-use      in-use      DELETED
invoice             ACTIVE      ACTIVE      not-valid   old-account
"""
ITEMS = """
                    NEW         USED
rename              KEPT        KEPT
delete              GONE        GONE
invoice             KEPT        KEPT
twin                twin        twin
"""

NOT_VALID = "not of valid status for modification"
REFUSALS = {
    "closed": NOT_VALID,
    "settled": "This document cannot be edited as it has a payment or credit note allocated to it.",
    "has-money": "because it has payments or credit notes allocated to it.",
    "unapproved": "Payments can only be made against Authorised documents",
    "too-much": "Payment amount exceeds the amount outstanding on this document",
    "not-open": "Allocations can only be made between Authorised documents",
    "exceeds": "The amount applied exceeds the amount outstanding on one of the documents",
    "no-update": "Only Status accepted for updates.",
    "reconciled": "A reconciled payment cannot be deleted",
    "gone": "Payment has already been deleted",
    "no-verb": "The requested method is not available for this resource",
    "bank-made": "The Type field is not valid for an update. This must be either 'SPEND', 'RECEIVE'.",
    "bank-closed": NOT_VALID,
    "archived": "Archived contacts cannot currently be edited via the API.",
    "unarchive": "The contact must be un-archived before creating new invoices or credit notes.",
    "system": "System accounts cannot be archived or deleted",
    "mixed": "Cannot update account details and STATUS on the same request",
    "in-use": "is in use or belongs to the system and cannot be deleted.",
    "not-valid": "is not a valid code for this document.",
    "old-account": "has been archived, or has been deleted. Each line item must reference a valid account.",
    "twin": "already exists",
}


def about(kind: str) -> Record:
    """Account and tax of a line on the side of a type."""
    sales = kind.startswith(("ACCREC", "RECEIVE"))
    return {"AccountCode": "200", "TaxType": "OUTPUT"} if sales else {"AccountCode": "429", "TaxType": "INPUT"}


def document(xero: Client, path: str, kind: str, price: int = 100, **members: Any) -> Record:
    sent = {**xero.draft({"UnitAmount": price, **about(kind)}), "Type": kind, "Status": "AUTHORISED", **members}
    return xero.one("PUT", path, sent)


def money(xero: Client, kind: str, price: int = 100, **members: Any) -> Record:
    """A bank transaction of 110 with tax."""
    lines = [line({"UnitAmount": price, **about(kind)})]
    sent = {"Type": kind, "BankAccount": {"Code": "090"}, "LineAmountTypes": "Exclusive", **members}
    return xero.one("PUT", "/BankTransactions", {**xero.draft(), **sent, "LineItems": lines})


def edit(member: str, value: Any, plural: str) -> Action:
    def act(xero: Client, record: Record) -> Response:
        sent = value(record) if callable(value) else value
        return xero.send("POST", f"/{plural}/{record[f'{plural[:-1]}ID']}", {member: sent})

    return act


def post(plural: str, **members: Any) -> Action:
    return lambda xero, _record: xero.send("POST", f"/{plural}", members)


def same_lines(**members: Any) -> Callable[[Record], list[Record]]:
    def lines(record: Record) -> list[Record]:
        kept = ("LineItemID", "Description", "Quantity", "UnitAmount", "AccountCode", "TaxType")
        return [{**{name: row[name] for name in kept}, **members} for row in record["LineItems"]]

    return lines


def longer(record: Record) -> list[Record]:
    return [*same_lines()(record), line({"UnitAmount": 5, **about(record["Type"])})]


def statuses(plural: str) -> dict[str, Action]:
    words = {"redraft": "DRAFT", "submit": "SUBMITTED", "approve": "AUTHORISED", "mark-paid": "PAID"}
    return {
        name: edit("Status", status, plural)
        for name, status in {**words, "void": "VOIDED", "delete": "DELETED"}.items()
    }


def pay(target: str, amount: Callable[[Record], Any]) -> Action:
    def act(xero: Client, record: Record) -> Response:
        sent = {target: {f"{target}ID": record[f"{target}ID"]}, "Account": {"Code": "090"}, "Amount": amount(record)}
        return xero.send("PUT", "/Payments", sent)

    return act


def left(record: Record) -> Any:
    """What is open, or was: actions on closed records try a plausible amount."""
    return record.get("AmountDue", record.get("RemainingCredit")) or 110


def allocate_to(amount: Callable[[Record], Any]) -> Action:
    """A credit note of the same side, put against this invoice."""

    def act(xero: Client, record: Record) -> Response:
        note = next(row for row in xero.rows("GET", "/CreditNotes", page=1) if row["Type"] == f"{record['Type']}CREDIT")
        sent = {"Amount": amount(record), "Invoice": {"InvoiceID": record["InvoiceID"]}}
        return xero.send("PUT", f"/CreditNotes/{note['CreditNoteID']}/Allocations", sent)

    return act


def use(plural: str, amount: Callable[[Record], Any]) -> Action:
    """This credit, put against the invoice of its side that is always there."""

    def act(xero: Client, record: Record) -> Response:
        side = "ACCREC" if record["Type"].startswith(("ACCREC", "RECEIVE")) else "ACCPAY"
        invoice = next(row for row in xero.rows("GET", "/Invoices", page=1) if row["Type"] == side)
        sent = {"Amount": amount(record), "Invoice": {"InvoiceID": invoice["InvoiceID"]}}
        return xero.send("PUT", f"/{plural}/{record[f'{plural[:-1]}ID']}/Allocations", sent)

    return act


def take_back(plural: str) -> Action:
    def act(xero: Client, record: Record) -> Response:
        place = f"/{plural}/{record[f'{plural[:-1]}ID']}"
        (row,) = xero.one("GET", place)["Allocations"]
        return xero.send("DELETE", f"{place}/Allocations/{row['AllocationID']}")

    return act


def remove_payment(xero: Client, record: Record) -> Response:
    (row,) = xero.one("GET", f"/Invoices/{record['InvoiceID']}")["Payments"]
    return xero.send("POST", f"/Payments/{row['PaymentID']}", {"Status": "DELETED"})


def at_bank(member: str, value: Any) -> Action:
    def act(xero: Client, record: Record) -> Response:
        made = xero.rows("GET", "/BankTransactions", page=1)[0]
        return xero.send("POST", f"/BankTransactions/{made['BankTransactionID']}", {member: value})

    return act


def credit_actions(plural: str) -> dict[str, Action]:
    singular = plural[:-1]
    return {
        "use-part": use(plural, lambda _: 10),
        "use-all": use(plural, left),
        "use-too-much": use(plural, lambda record: left(record) + 1),
        "refund-part": pay(singular, lambda _: 10),
        "refund-all": pay(singular, left),
        "refund-too-much": pay(singular, lambda record: left(record) + 1),
        "take-back": take_back(plural),
    }


def line_edits(plural: str) -> dict[str, Action]:
    return {
        "edit-date": edit("Date", "2026-11-19", plural),
        "edit-price": edit("LineItems", same_lines(UnitAmount=99), plural),
        "edit-words": edit("LineItems", same_lines(Description="Other words"), plural),
    }


def in_line(**members: Any) -> Action:
    """An approved invoice with a line about this record."""

    def act(xero: Client, record: Record) -> Response:
        told = {name: record[value] for name, value in members.items()}
        return xero.send("PUT", "/Invoices", {**xero.draft({"UnitAmount": 5, **told}), "Status": "AUTHORISED"})

    return act


def for_contact(path: str, kind: str, **members: Any) -> Action:
    def act(xero: Client, record: Record) -> Response:
        sent = {**xero.draft({"UnitAmount": 5, **about(kind)}, Contact={"ContactID": record["ContactID"]}), **members}
        return xero.send("PUT", path, {**sent, "Type": kind, "Status": "AUTHORISED"})

    return act


def account_edit(**members: Any) -> Action:
    return lambda xero, record: xero.send("POST", f"/Accounts/{record['AccountID']}", members)


ACTIONS: dict[str, dict[str, Action]] = {
    "Invoices": {
        "edit-due-date": edit("DueDate", "2026-12-24", "Invoices"),
        **line_edits("Invoices"),
        "add-line": edit("LineItems", longer, "Invoices"),
        **statuses("Invoices"),
        "pay-part": pay("Invoice", lambda _: 10),
        "pay-all": pay("Invoice", left),
        "overpay": pay("Invoice", lambda record: left(record) + 1),
        "allocate-part": allocate_to(lambda _: 10),
        "allocate-too-much": allocate_to(lambda record: left(record) + 1),
        "remove-payment": remove_payment,
    },
    "CreditNotes": {**line_edits("CreditNotes"), **statuses("CreditNotes"), **credit_actions("CreditNotes")},
    **{
        plural: {
            "edit": post(plural, Reference="x"),
            "edit-at-bank": at_bank("Reference", "x"),
            "delete-at-bank": at_bank("Status", "DELETED"),
            **credit_actions(plural),
        }
        for plural in ("Prepayments", "Overpayments")
    },
    "Payments": {
        "edit-amount": edit("Amount", 5, "Payments"),
        "edit-reference": edit("Reference", "x", "Payments"),
        "delete": edit("Status", "DELETED", "Payments"),
    },
    "BankTransactions": {
        "edit-reference": edit("Reference", "x", "BankTransactions"),
        "edit-price": edit("LineItems", same_lines(UnitAmount=99), "BankTransactions"),
        "change-type": edit("Type", lambda record: record["Type"], "BankTransactions"),
        "make-prepayment": edit("Type", lambda record: f"{record['Type']}-PREPAYMENT", "BankTransactions"),
        "delete": edit("Status", "DELETED", "BankTransactions"),
        "restore": edit("Status", "AUTHORISED", "BankTransactions"),
    },
    "Contacts": {
        "rename": edit("Name", "Another Name", "Contacts"),
        "archive": edit("ContactStatus", "ARCHIVED", "Contacts"),
        "restore": edit("ContactStatus", "ACTIVE", "Contacts"),
        "invoice": for_contact("/Invoices", "ACCREC"),
        "credit": for_contact("/CreditNotes", "ACCRECCREDIT"),
        "spend": for_contact("/BankTransactions", "SPEND", BankAccount={"Code": "090"}),
    },
    "Accounts": {
        "rename": account_edit(Name="Another Name"),
        "archive": account_edit(Status="ARCHIVED"),
        "archive-and-rename": account_edit(Status="ARCHIVED", Name="Another Name"),
        "delete": lambda xero, record: xero.send("DELETE", f"/Accounts/{record['AccountID']}"),
        "invoice": in_line(AccountCode="Code"),
    },
    "Items": {
        "rename": edit("Name", "Another Name", "Items"),
        "delete": lambda xero, record: xero.send("DELETE", f"/Items/{record['ItemID']}"),
        "invoice": in_line(ItemCode="Code"),
        "twin": lambda xero, record: xero.send("PUT", "/Items", {"Code": record["Code"], "Name": "Twin"}),
    },
}


def of_status(path: str, kind: str, status: str) -> Make:
    """A document brought to a status by the way that leads there."""

    def make(xero: Client) -> Record:
        first = {"VOIDED": "AUTHORISED", "DELETED": "DRAFT"}.get(status, status)
        made = document(xero, path, kind, Status=first)
        if first != status:
            xero.one("POST", f"{path}/{made[f'{path[1:-1]}ID']}", {"Status": status})
        return made

    return make


def after(make: Make, *acts: Action) -> Make:
    def make_and_act(xero: Client) -> Record:
        made = make(xero)
        for act in acts:
            answer = act(xero, made)
            assert answer.status == 200, answer.body
        return made

    return make_and_act


def credit_states(plural: str, make: Make) -> dict[str, Make]:
    acts = ACTIONS[plural]
    return {
        "AUTHORISED": make,
        "PART-USED": after(make, acts["use-part"]),
        "REFUNDED": after(make, acts["refund-part"]),
        "PAID": after(make, acts["use-all"]),
    }


def of_bank(kind: str) -> Make:
    """The prepayment or overpayment that a bank transaction makes."""
    name = "Prepayment" if "PREPAYMENT" in kind else "Overpayment"
    return lambda xero: xero.one("GET", f"/{name}s/{money(xero, kind)[f'{name}ID']}")


def payment(**members: Any) -> Make:
    return lambda xero: xero.pay(document(xero, "/Invoices", "ACCREC"), 10, **members)


def account(code: str) -> Make:
    return lambda xero: xero.one("GET", "/Accounts", where=f'Code=="{code}"')


def item(xero: Client) -> Record:
    details = {"UnitPrice": 5, "AccountCode": "200", "TaxType": "OUTPUT"}
    return xero.one("PUT", "/Items", {"Code": "ADV", "Name": "Advice", "SalesDetails": details})


def states() -> dict[str, tuple[str, str, dict[str, Make]]]:
    """Name of the sheet -> (plural, table, how to make each state)."""
    found: dict[str, tuple[str, str, dict[str, Make]]] = {}
    all_statuses = ("DRAFT", "SUBMITTED", "AUTHORISED", "VOIDED", "DELETED")
    for kind in ("ACCREC", "ACCPAY"):
        acts, open_one = ACTIONS["Invoices"], of_status("/Invoices", kind, "AUTHORISED")
        paid = {
            "PART-PAID": after(open_one, acts["pay-part"]),
            "CREDITED": after(open_one, acts["allocate-part"]),
            "PAID": after(open_one, acts["pay-all"]),
        }
        found[kind] = "Invoices", INVOICES, {name: of_status("/Invoices", kind, name) for name in all_statuses} | paid
        note = f"{kind}CREDIT"
        made = {name: of_status("/CreditNotes", note, name) for name in all_statuses}
        found[note] = "CreditNotes", CREDIT_NOTES, made | credit_states("CreditNotes", made["AUTHORISED"])
    for plural in ("Prepayments", "Overpayments"):
        for side in ("RECEIVE", "SPEND"):
            kind = f"{side}-{plural[:-1].upper()}"
            found[kind] = plural, CREDITS_OF_THE_BANK, credit_states(plural, of_bank(kind))
    found["payment"] = (
        "Payments",
        PAYMENTS,
        {
            "AUTHORISED": payment(),
            "RECONCILED": payment(IsReconciled=True),
            "DELETED": after(payment(), ACTIONS["Payments"]["delete"]),
        },
    )
    for kind in ("RECEIVE", "SPEND"):
        live: Make = lambda xero, kind=kind: money(xero, kind)  # type: ignore[misc]  # noqa: E731
        dead = after(live, ACTIONS["BankTransactions"]["delete"])
        found[kind] = "BankTransactions", BANK_TRANSACTIONS, {"AUTHORISED": live, "DELETED": dead}
    customer: Make = lambda xero: xero.contact("Zenith")  # noqa: E731
    people = {"ACTIVE": customer, "ARCHIVED": after(customer, ACTIONS["Contacts"]["archive"])}
    found["contact"] = "Contacts", CONTACTS, people
    chart = {
        "ACTIVE": account("204"),
        "USED": after(account("204"), ACTIONS["Accounts"]["invoice"]),
        "SYSTEM": account("610"),
        "ARCHIVED": after(account("204"), ACTIONS["Accounts"]["archive"]),
    }
    found["account"] = "Accounts", ACCOUNTS, chart
    found["item"] = "Items", ITEMS, {"NEW": item, "USED": after(item, ACTIONS["Items"]["invoice"])}
    return found


SHEETS = states()


@cache
def prepared(sheet: str, state: str) -> tuple[Client, dict[str, Any], Record]:
    """A world with a record in this state, and open documents of either side to settle it with."""
    plural, _, makers = SHEETS[sheet]
    xero = open_client()
    for kind in ("ACCREC", "ACCPAY"):
        document(xero, "/Invoices", kind, 1000)
        document(xero, "/CreditNotes", f"{kind}CREDIT", 1000)
        xero.wait(seconds=1)
    made = makers[state](xero)
    shown = xero.rows("GET", f"/{plural}/{made[f'{plural[:-1]}ID']}")[0]
    return xero, xero.world.dump(), shown


def cells() -> Iterator[Any]:
    for sheet, (_, table, makers) in SHEETS.items():
        header, *rows = (row.split() for row in table.strip().splitlines())
        assert set(header) == set(makers), sheet
        for action, *outcomes in rows:
            for state, outcome in zip(header, outcomes, strict=True):
                if outcome == "-":
                    continue
                yield pytest.param(sheet, state, action, outcome, id=f"{sheet} {state} {action}")


@pytest.mark.parametrize(("sheet", "state", "action", "outcome"), list(cells()))
def test_a_state_allows_or_refuses_an_action(sheet: str, state: str, action: str, outcome: str) -> None:
    plural = SHEETS[sheet][0]
    xero, dump, record = prepared(sheet, state)
    xero.world.load(dump)
    before = books_of(xero)
    answer = ACTIONS[plural][action](xero, record)
    if outcome in REFUSALS:
        assert answer.status in {400, 405}, answer.body
        assert REFUSALS[outcome].encode() in answer.body
        assert books_of(xero) == before
        return
    assert answer.status in {200, 204}, answer.body
    place = f"/{plural}/{record[f'{plural[:-1]}ID']}"
    found = xero.send("GET", place)
    if found.status == 404:
        assert outcome in {"GONE", "DELETED"}
    else:
        shown = msgspec.json.decode(found.body)[plural][0]
        assert shown.get("Status", shown.get("ContactStatus", "KEPT")) == outcome


def test_the_tables_name_every_action() -> None:
    for sheet, (plural, table, _) in SHEETS.items():
        named = {row.split()[0] for row in table.strip().splitlines()[1:]}
        missing = ACTIONS[plural].keys() - named - ({"mark-paid"} if plural == "CreditNotes" else set())
        assert not missing, (sheet, missing)
