"""A small firm, its books and its deals: what the tests of the core speak of.

Every builder gives something that goes through; a test changes the one thing that it is about.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from crossfoot.core.books import (
    Account,
    Books,
    LedgerContact,
    LedgerInvoice,
    LedgerItem,
    LedgerLine,
    Organisation,
    TaxRate,
    TrackingCategory,
)
from crossfoot.core.decided import Context, Mirror
from crossfoot.core.documents import Deal, IntendedContact, IntendedInvoice, IntendedLine
from crossfoot.core.links import Identity, Kind, Link, salesforce_id_18
from crossfoot.core.matching import ContactDecision
from crossfoot.core.policy import Coding, Policy
from crossfoot.core.records import RecordRef, Side

ORG_ID = salesforce_id_18("00D5g000004abcd")
ORGANISATION_ID = "0b4dd2ca-6d2e-4e5f-9a3a-5d8f3b8a1c11"
INSTANCE = "https://harbourpoint.my.salesforce.com"
START = dt.date(2026, 11, 1)
TODAY = dt.date(2026, 11, 20)
MORNING = dt.datetime(2026, 11, 20, 1, 30, tzinfo=dt.UTC)


def deal_id(number: int = 1) -> str:
    return salesforce_id_18(f"0065g00000AAA{number:02d}")


def account_id(number: int = 1) -> str:
    return salesforce_id_18(f"0015g00000BBB{number:02d}")


def money(text: str | int) -> Decimal:
    return Decimal(text)


def salesforce(kind: str, record_id: str) -> RecordRef:
    return RecordRef(Side.SALESFORCE, kind, record_id)


ORGANISATION = Organisation(
    organisation_id=ORGANISATION_ID,
    name="Harbour Point Advisory",
    country="AU",
    base_currency="AUD",
    timezone="Australia/Sydney",
    is_demo=True,
)


def books(**changed: Any) -> Books:
    """An Australian ledger: sales on 200, GST 10 %, one tracking category, AUD and NZD."""
    everything: dict[str, Any] = {
        "accounts": [
            Account("200", "Sales", "REVENUE", "REVENUE", "ACTIVE"),
            Account("205", "Old sales", "REVENUE", "REVENUE", "ARCHIVED"),
            Account("610", "Accounts receivable", "CURRENT", "ASSET", "ACTIVE", system_account="DEBTORS"),
            Account("090", "Bank", "BANK", "ASSET", "ACTIVE"),
        ],
        "tax_rates": [
            TaxRate("OUTPUT", "GST on Income", "ACTIVE", money(10), frozenset({"REVENUE"})),
            TaxRate("EXEMPTEXPORT", "GST Free Exports", "ACTIVE", money(0), frozenset({"REVENUE"})),
            TaxRate("OLD", "Old GST", "DELETED", money(8), frozenset({"REVENUE"})),
            TaxRate("INPUT", "GST on Expenses", "ACTIVE", money(10), frozenset({"EXPENSE"})),
        ],
        "tracking": [
            TrackingCategory("Region", "ACTIVE", frozenset({"East", "West"}), frozenset({"Overseas"})),
            TrackingCategory("Team", "ARCHIVED", frozenset({"Blue"})),
        ],
        "currencies": ["AUD", "NZD"],
        "items": [LedgerItem("item-1", "ADVICE", "Advice", MORNING), LedgerItem("item-2", "TRAVEL", "Travel", MORNING)],
    }
    organisation = changed.pop("organisation", ORGANISATION)
    return Books.of(organisation, **{**everything, **changed})


def line(**changed: Any) -> IntendedLine:
    """One hour of advice at 100.00."""
    usual = IntendedLine("Advice", money(1), money("100.00"), item_code="ADVICE")
    return replace(usual, **changed)


def invoice(number: int = 1, lines: Sequence[IntendedLine] = (), **changed: Any) -> IntendedInvoice:
    """What deal ``number`` calls for: the lines, dated 10 November."""
    lines = tuple(lines) or (line(),)
    usual = IntendedInvoice(
        source=salesforce("Opportunity", deal_id(number)),
        account=salesforce("Account", account_id()),
        dated=dt.date(2026, 11, 10),
        currency="AUD",
        reference=f"D-{number:04d}",
        url=f"{INSTANCE}/{deal_id(number)}",
        lines=lines,
        own_number=f"D-{number:04d}",
    )
    return replace(usual, **changed)


def deal(number: int = 1, **changed: Any) -> Deal:
    """A deal won on 9 November, closed on the 10th, of 100.00 AUD."""
    usual = Deal(
        ref=salesforce("Opportunity", deal_id(number)),
        name=f"Deal {number}",
        owner="Priya Natarajan",
        won=True,
        deleted=False,
        close_date=dt.date(2026, 11, 10),
        won_on=dt.date(2026, 11, 9),
        currency="AUD",
        amount=money("100.00"),
        mapped_hash="as first read",
        invoice=invoice(number),
    )
    return replace(usual, **changed)


def account(number: int = 1, **changed: Any) -> IntendedContact:
    """A home customer."""
    usual = IntendedContact(
        source=salesforce("Account", account_id(number)),
        name=f"Customer {number}",
        created=dt.datetime(2024, 1, number, tzinfo=dt.UTC),
        country="AU",
    )
    return replace(usual, **changed)


def contact(number: int = 1, **changed: Any) -> LedgerContact:
    """An active Xero contact."""
    usual = LedgerContact(f"contact-{number}", f"Customer {number}", "ACTIVE", MORNING)
    return replace(usual, **changed)


def ledger_invoice(number: int = 1, **changed: Any) -> LedgerInvoice:
    """A hand-made draft of 100.00 to contact 1, dated 10 November."""
    usual = LedgerInvoice(
        invoice_id=f"invoice-{number}",
        number=f"INV-{number:04d}",
        status="DRAFT",
        contact_id="contact-1",
        contact_name="Customer 1",
        dated=dt.date(2026, 11, 10),
        due=dt.date(2026, 11, 24),
        currency="AUD",
        sub_total=money("100.00"),
        total_tax=money("10.00"),
        total=money("110.00"),
        amount_due=money("110.00"),
        amount_paid=money(0),
        amount_credited=money(0),
        updated=MORNING,
        lines=(LedgerLine("line-1", "Advice", money(1), money(100), money("100.00"), money("10.00"), "ADVICE", "200"),),
    )
    return replace(usual, **changed)


def as_sent(number: int = 1, *, contact_id: str = "contact-1", **changed: Any) -> LedgerInvoice:
    """Deal ``number``'s invoice as Xero holds it when nobody has touched it."""
    sent = invoice(number)
    lines = tuple(
        LedgerLine(
            line_item_id=f"line-{position}",
            description=each.description,
            quantity=each.quantity,
            unit_amount=each.unit_amount,
            line_amount=each.amount,
            tax_amount=money("10.00"),
            item_code=each.item_code,
            account_code="200",
            tax_type="OUTPUT",
        )
        for position, each in enumerate(sent.lines, start=1)
    )
    usual = replace(
        ledger_invoice(number),
        number=f"SF-D-{number:04d}",
        contact_id=contact_id,
        reference=sent.reference,
        url=sent.url,
        lines=lines,
    )
    return replace(usual, **changed)


def link(number: int = 1, *, born: str = "crossfoot", base_hash: str = "", xero_id: str = "") -> Link:
    identity = Identity(ORG_ID, ORGANISATION_ID, Kind.INVOICE, deal_id(number))
    return Link(identity, xero_id or f"invoice-{number}", f"SF-D-{number:04d}", born, base_hash)


CODING = Coding(account="200", no_products_account="200", tax="OUTPUT", tax_by_country={"NZ": "EXEMPTEXPORT"})
POLICY = Policy(start_date=START, coding=CODING, number_prefix="SF-")


def context(
    *,
    ledger: Books | None = None,
    policy: Policy = POLICY,
    invoices: Sequence[LedgerInvoice] = (),
    contacts: Mapping[str, ContactDecision] | None = None,
    accounts: Sequence[IntendedContact] = (),
    links: Sequence[Link] = (),
    **changed: Any,
) -> Context:
    """Everything that planning decides from: one customer, known in Xero as contact-1, and no invoices yet."""
    known = accounts or [account()]
    usual = Context(
        org_id=ORG_ID,
        policy=policy,
        books=ledger or books(),
        as_of=TODAY,
        contacts={account_id(): ContactDecision(contact_id="contact-1", evidence="linked")}
        if contacts is None
        else contacts,
        accounts={each.source.id: each for each in known},
        mirror=Mirror({each.invoice_id: each for each in invoices}, linked=frozenset(each.xero_id for each in links)),
        links={each.identity.source_key: each for each in links},
        link_source_hash={each.identity.source_key: "as first read" for each in links},
        epochs={},
    )
    return replace(usual, **changed)
