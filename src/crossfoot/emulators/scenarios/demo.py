"""The demo business: an Australian professional-services firm, as messy as life and the same on every machine.

Some 150 accounts, 60 products and 400 opportunities in Salesforce; in Xero the ledger that finance has kept by hand,
with contacts, invoices and payments. The planted cases of ``demo_cases`` are part of it; all other wins since the
start date are plain and go through.
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal

from crossfoot.emulators.scenarios import demo_names
from crossfoot.emulators.scenarios.demo_book import (
    CURRENCY_PRICES,
    Book,
    Contact,
    Customer,
    Deal,
    HandInvoice,
    Line,
    Record,
    abn,
    at,
    instant,
    price_ref,
    slug,
    spaced,
)
from crossfoot.emulators.scenarios.demo_cases import CASES, planted_customers, planted_deals

SEED = 20261120
CLOCK = datetime(2026, 11, 20, 1, 30, tzinfo=UTC)
START_DATE = date(2026, 10, 1)
PERIOD_LOCK_DATE = date(2026, 10, 5)

_OPENING = date(2026, 1, 5)
_LINKED_CUSTOMERS = 42
_PLAIN_WINS = {"AUD": 78, "NZD": 9, "USD": 7}
_WINS_BEFORE_START = 110
_LOST = 70
_OPPORTUNITIES = 400
_OPEN_STAGES = ("Prospecting", "Qualification", "Needs Analysis", "Proposal/Price Quote", "Negotiation/Review")
_DISCOUNTS = ("", "", "", "", "5", "7.5", "10", "12.5")


def build(seed: int = SEED) -> Record:
    """The demo as a scenario document. The same seed gives the same document on every machine."""
    chance = random.Random(seed)  # noqa: S311 - a demo wants repeatable numbers, not secret ones
    book = Book()
    _add_xero_settings(book)
    _add_products(book)
    customers = [*planted_customers(), *_plain_customers()]
    _add_customers(book, customers, chance)
    for contact in (*demo_names.LEDGER_ONLY, *(contact for case in CASES for contact in case.ledger_only)):
        book.add_contact(contact, f"contact_{slug(contact.name)}", at(_OPENING, "01:00"))
    _add_deals(book, [*planted_deals(), *_plain_deals(customers, chance)], customers)
    _add_ledger_only_invoices(book)
    for rule in (rule for case in CASES for rule in case.rules):
        record = {"EntityDefinition": rule.object, "ValidationName": rule.name, "Active": True}
        record |= {"ErrorConditionFormula": rule.condition, "ErrorMessage": rule.message}
        book.add("salesforce", "ValidationRule", CLOCK, record)
    book.add("xero", "Organisation", CLOCK, {"PeriodLockDate": PERIOD_LOCK_DATE.isoformat()})
    return book.document(clock=instant(CLOCK), start_date=START_DATE.isoformat(), seed=seed)


def _add_xero_settings(book: Book) -> None:
    opening = at(_OPENING, "00:00")
    for code, name in demo_names.FAMILY_ACCOUNTS.values():
        book.add("xero", "Accounts", opening, {"Code": code, "Name": name, "Type": "REVENUE", "TaxType": "OUTPUT"})
    rate: Record = {"Name": "GST on apprentice courses", "ReportTaxType": "OUTPUT"}
    rate["TaxComponents"] = [{"Name": "GST", "Rate": Decimal(10)}]
    book.add("xero", "TaxRates", opening, rate, name="old_rate")
    book.add("xero", "TaxRates", CLOCK, {"Name": rate["Name"], "Status": "DELETED"}, update="old_rate")
    regions: list[Record] = [{"Name": region} for region in demo_names.REGIONS]
    regions.append({"Name": demo_names.RETIRED_REGION, "Status": "ARCHIVED"})
    practices: list[Record] = [{"Name": family} for family in demo_names.FAMILY_ACCOUNTS]
    book.add("xero", "TrackingCategories", opening, {"Name": "Region", "Options": regions})
    book.add("xero", "TrackingCategories", opening, {"Name": "Practice", "Options": practices})


def _add_products(book: Book) -> None:
    opening = at(_OPENING, "00:00")
    entries = at(_OPENING, "00:10")
    for number, product in enumerate(demo_names.products()):
        ref = f"product_{slug(product.key)}"
        coded = product.code not in demo_names.CODED_IN_XERO
        record: Record = {"Name": product.name, "Family": product.family, "IsActive": True}
        if product.code:
            record["ProductCode"] = product.code
        if coded:
            record |= {"Xero_Account_Code__c": product.account, "Xero_Tax_Type__c": product.tax_type}
        book.add("salesforce", "Product2", opening, record, name=ref)
        for currency, rate in CURRENCY_PRICES.items():
            price = (Decimal(product.price) * rate).quantize(Decimal("0.0001"), ROUND_HALF_UP)
            entry: Record = {"Pricebook2Id": "$standard", "Product2Id": f"${ref}", "CurrencyIsoCode": currency}
            entry |= {"UnitPrice": price, "IsActive": True}
            book.add("salesforce", "PricebookEntry", entries, entry, name=price_ref(product.key, currency))
        if not coded or (number % 3 == 0 and product.code and not product.tax_type.startswith("$")):
            sales = {"UnitPrice": Decimal(product.price), "AccountCode": product.account, "TaxType": product.tax_type}
            item: Record = {"Code": product.code, "Name": product.name, "SalesDetails": sales}
            book.add("xero", "Items", opening, item | {"Description": product.name})


def _plain_customers() -> Iterator[Customer]:
    """Everyone but the planted ones; finance already keeps a contact for the first of them, by the same ABN."""
    for number, name in enumerate(demo_names.names(demo_names.CUSTOMERS)):
        own = abn(300_400_500 + 7 * number)
        contact = Contact(name, spaced(own) if number % 2 else own) if number < _LINKED_CUSTOMERS else None
        yield Customer(name, number=f"C-{1001 + number}", abn=own, contact=contact)
    for number, name in enumerate(demo_names.names(demo_names.NEW_ZEALAND_CUSTOMERS)):
        yield Customer(name, number=f"N-{2001 + number}", country="New Zealand")
    for number, name in enumerate(demo_names.names(demo_names.UNITED_STATES_CUSTOMERS)):
        yield Customer(name, number=f"U-{3001 + number}", country="United States")


def _add_customers(book: Book, customers: list[Customer], chance: random.Random) -> None:
    for number, customer in enumerate(customers):
        state = chance.choice(list(demo_names.CITIES))
        city, postcode = demo_names.CITIES[state]
        street = f"{chance.randrange(1, 400)} {chance.choice(demo_names.STREETS)}"
        record: Record = {
            "Name": customer.name,
            "Phone": f"+61 2 55{chance.randrange(10, 99)} {chance.randrange(1000, 9999)}",
            "BillingStreet": f"Level {chance.randrange(2, 30)}\n{street}" if number % 3 == 0 else street,
        }
        if customer.country == "Australia":
            record |= {"BillingCity": city, "BillingState": state, "BillingPostalCode": postcode}
        for field, value in (
            ("BillingCountry", customer.country),
            ("AccountNumber", customer.number),
            ("ABN__c", spaced(customer.abn) if number % 4 == 1 and customer.abn.isdigit() else customer.abn),
        ):
            if value:
                record[field] = value
        opened = at(_OPENING + timedelta(days=number // 25), f"{1 + number % 5:02d}:00")
        book.add("salesforce", "Account", opened, record, name=customer.ref)
        if customer.contact is not None:
            contact = dataclasses.replace(customer.contact, address=street)
            book.add_contact(contact, _contact_ref(customer.ref), at(_OPENING, "01:00"))


def _contact_ref(account_ref: str) -> str:
    return f"contact_{account_ref.removeprefix('account_')}"


def _plain_deals(customers: list[Customer], chance: random.Random) -> Iterator[Deal]:
    """The unremarkable deals: wins since the start, wins before it, lost ones and open ones."""
    plain = customers[len(list(planted_customers())) :]
    home = [customer for customer in plain if customer.country == "Australia"]
    abroad = {
        "NZD": [customer for customer in plain if customer.country == "New Zealand"],
        "USD": [customer for customer in plain if customer.country == "United States"],
    }
    titles = _Titles()
    for currency, count in _PLAIN_WINS.items():
        for _ in range(count):
            customer = chance.choice(abroad.get(currency, home))
            closes = date(2026, 10, 6) + timedelta(days=chance.randrange(0, 45))
            yield _deal(titles, customer, closes, currency, chance)
    linked = home[:_LINKED_CUSTOMERS]
    for number in range(_WINS_BEFORE_START):
        closes = date(2026, 2, 9) + timedelta(days=chance.randrange(0, 224))
        deal = _deal(titles, chance.choice(linked), closes, "AUD", chance)
        if number % 7:
            paid = closes < date(2026, 8, 15)
            made = HandInvoice(deal.total, chance.randrange(0, 6), f"PO {chance.randrange(1000, 9999)}", paid)
            deal = dataclasses.replace(deal, invoice=made)
        yield deal
    for _ in range(_LOST):
        closes = date(2026, 3, 2) + timedelta(days=chance.randrange(0, 250))
        yield _deal(titles, chance.choice(home), closes, "AUD", chance, outcome="Closed Lost")
    made_so_far = sum(_PLAIN_WINS.values()) + _WINS_BEFORE_START + _LOST + len(list(planted_deals()))
    for _ in range(_OPPORTUNITIES - made_so_far):
        closes = date(2026, 11, 23) + timedelta(days=chance.randrange(0, 150))
        stage = chance.choice(_OPEN_STAGES)
        deal = _deal(titles, chance.choice(home), closes, "AUD", chance, outcome=stage)
        yield dataclasses.replace(deal, opened=date(2026, 9, 1) + timedelta(days=chance.randrange(0, 75)))


class _Titles:
    """Gives each deal of a customer a title of its own."""

    def __init__(self) -> None:
        self._used: set[str] = set()

    def next(self, customer: Customer, closes: date, chance: random.Random) -> str:
        title = f"{customer.name} - {chance.choice(demo_names.WORK)} {closes:%b %Y}"
        candidates = (title, *(f"{title} ({number})" for number in range(2, 100)))
        unused = next(candidate for candidate in candidates if candidate not in self._used)
        self._used.add(unused)
        return unused


def _deal(
    titles: _Titles, customer: Customer, closes: date, currency: str, chance: random.Random, outcome: str = "Closed Won"
) -> Deal:
    region = {"NZD": "New Zealand", "USD": "International"}.get(currency) or chance.choice(list(demo_names.CITIES))
    closed_late = outcome == "Closed Won" and chance.random() < 0.2 and closes <= date(2026, 11, 17)
    moved = at(closes + timedelta(days=2 if closed_late and closes != date(2026, 9, 30) else 0), "01:10")
    po_number = {"PO_Number__c": f"PO-{chance.randrange(10_000, 99_999)}"} if chance.random() < 0.3 else {}
    return Deal(
        titles.next(customer, closes, chance),
        customer.ref,
        closes,
        _lines(currency, chance),
        outcome=outcome,
        outcome_at=moved if outcome.startswith("Closed") else None,
        opened=closes - timedelta(days=chance.randrange(14, 32)),
        currency=currency,
        region=region,
        extra=po_number,
    )


def _lines(currency: str, chance: random.Random) -> tuple[Line, ...]:
    catalogue = [product for product in demo_names.products() if product.code and not product.tax_type.startswith("$")]
    lines = []
    for product in chance.sample(catalogue, chance.randrange(1, 6)):
        price = (Decimal(product.price) * CURRENCY_PRICES[currency]).quantize(Decimal("0.0001"), ROUND_HALF_UP)
        lines.append(
            Line(product.key, _quantity(Decimal(product.price), chance), str(price), chance.choice(_DISCOUNTS))
        )
    return tuple(lines)


def _quantity(price: Decimal, chance: random.Random) -> str:
    """Plausible for the price: thousands of kilometres, tens of hours, one valuation; half days occur."""
    if price < 1:
        return str(chance.randrange(200, 4000))
    if price < 100:
        return str(chance.randrange(5, 120))
    if price < 2500:
        return str(Decimal(chance.randrange(1, 17)) / 2)
    return str(chance.randrange(1, 3))


def _add_deals(book: Book, deals: list[Deal], customers: Iterable[Customer]) -> None:
    """Enter the deals in the order of their creation, so that a deal's number in Salesforce is known here."""
    contacts = {customer.ref for customer in customers if customer.contact is not None}
    for number, deal in enumerate(sorted(deals, key=lambda deal: deal.opened_at), start=1):
        book.add_deal(deal)
        invoice = deal.invoice
        if invoice is None or deal.customer not in contacts:
            continue
        if invoice.reference == "$number":
            invoice = dataclasses.replace(invoice, reference=f"D-{number:05d}")
        book.add_invoice(dataclasses.replace(deal, invoice=invoice), _contact_ref(deal.customer))


def _add_ledger_only_invoices(book: Book) -> None:
    """Case 17: sales invoices that began in Xero, for customers without any deal."""
    for contact in (contact for case in CASES for contact in case.ledger_only):
        day = date(2026, 10, 22)
        sale = Deal(
            f"{contact.name} - Exhibition fee", None, day, invoice=HandInvoice(Decimal("1800.00"), 0, "Exhibit")
        )
        book.add_invoice(sale, f"contact_{slug(contact.name)}")
