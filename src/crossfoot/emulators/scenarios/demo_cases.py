"""The demo's planted cases: what life does to a firm's books, each with records of its own.

``CASES`` is the table that the demo, the documentation and the tests print and use. A case holds its customers, its
deals and what finance already keeps in Xero; the expectation says in words what Crossfoot must make of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal

from crossfoot.emulators.scenarios.demo_book import Contact, Customer, Deal, HandInvoice, Line, abn, spaced
from crossfoot.emulators.scenarios.demo_names import NO_CODE_PRODUCT, RETIRED_REGION


@dataclass(frozen=True, slots=True)
class ValidationRule:
    """A rule of the Salesforce org that refuses some saves."""

    object: str
    name: str
    condition: str
    message: str


@dataclass(frozen=True, slots=True)
class Case:
    """One planted case."""

    number: int
    title: str
    expectation: str
    customers: tuple[Customer, ...] = ()
    deals: tuple[Deal, ...] = ()
    rules: tuple[ValidationRule, ...] = ()
    ledger_only: tuple[Contact, ...] = ()

    @property
    def account_names(self) -> tuple[str, ...]:
        """The Salesforce accounts planted for the case."""
        return tuple(customer.name for customer in self.customers)

    @property
    def deal_names(self) -> tuple[str, ...]:
        """The Salesforce opportunities planted for the case."""
        return tuple(deal.name for deal in self.deals)

    @property
    def money(self) -> str:
        """The deals' amounts ex tax, per currency, never added across currencies."""
        sums: dict[str, Decimal] = {}
        for deal in self.deals:
            sums[deal.currency] = sums.get(deal.currency, Decimal(0)) + deal.total
        return ", ".join(f"{currency} {total:,.2f}" for currency, total in sorted(sums.items()))


def _day(month: int, day: int) -> date:
    return date(2026, month, day)


def _utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def _ledger(name: str, number: str, spelling: str = "", archived: bool = False) -> Customer:
    """A customer whom the ledger already knows by the same ABN."""
    return Customer(name, abn=number, contact=Contact(spelling or name, spaced(number), archived))


_FERRIES = _ledger("Harbourline Ferries", abn(100_200_301))
_MARINE = _ledger("Coastwise Marine Surveys", abn(100_200_302))
_MERIDIAN_1 = Customer("Meridian Partners", key="meridian_1", number="MER-01", abn=abn(100_200_303))
_MERIDIAN_2 = Customer("Meridian Partners", key="meridian_2", abn=abn(100_200_304))
_BLUE_GUM_1 = Customer("Blue Gum Fitouts", key="blue_gum_1", number="BGF-01", abn=abn(100_200_305))
_BLUE_GUM_2 = Customer("Blue Gum Fitouts", key="blue_gum_2", number="BGF-02", abn=abn(100_200_305))
_KIRRAWEE = _ledger("Kirrawee Engineering Pty Ltd", abn(100_200_306), spelling="Kirawee Eng. P/L")
_SALTBUSH = Customer(
    "Saltbush Creative", number="SBC-01", abn=abn(100_200_307), contact=Contact("Saltbush Creative Studio")
)
_OLD_MINT = _ledger("Old Mint Restorations", abn(100_200_308), archived=True)
_TUMBARUMBA = Customer("Tumbarumba Timber", number="TUM-01", abn="51 824 753 557")
_WOLLEMI = Customer("Wollemi Laboratories", number="WOL-01", abn=abn(100_200_309))
_DERWENT = Customer("Derwent Cold Stores", number="DCS-01", abn=abn(100_200_310))
_TAMAR = Customer("Tamar Valley Wines", number="TVW-01", abn=abn(100_200_311))
_QUAYSIDE = Customer("Quayside Catering", number="QUA-01", abn=abn(100_200_312))
_LAMPLIGHTER = Customer("Lamplighter Studios", number="LAM-01", abn=abn(100_200_313))
_AORAKI = Customer("Aoraki Outdoors", number="AOR-01", country="New Zealand")
_THAMES = Customer("Thames Bridge Capital", number="TBC-01", country="United Kingdom")
_PACIFIC = Customer("Pacific Crest Analytics", number="PCA-01", country="")
_BAKERS = Customer("Cent and Sons Bakers", number="CSB-01", abn=abn(100_200_314))
_SURF = Customer("Nobbys Surf School", number="NSS-01", abn=abn(100_200_315))
_CLINIC = Customer("Westside Legal Clinic", number="WLC-01", abn=abn(100_200_316))
_CRANES = Customer("Towering Cranes", number="TCR-01", abn=abn(100_200_317))
_PLUMBING = Customer("Backflow Plumbing", number="BFP-01", abn=abn(100_200_318))
_GROCERS = Customer("Basket Lane Grocers", number="BLG-01", abn=abn(100_200_319))
_FULL = _ledger("Evergreen Cinemas", abn(100_200_320))
_PARTS = Customer("Two Rivers Brewing", number="TRB-01", abn=abn(100_200_321))
_OVER = Customer("Overland Caravans", number="OVC-01", abn=abn(100_200_322))
_BOUNCED = Customer("Rubber Road Tyres", number="RRT-01", abn=abn(100_200_323))
_CHANGED = Customer("Shifting Sands Landscapes", number="SSL-01", abn=abn(100_200_324))
_VOIDED = Customer("Voltaic Charging", number="VOL-01", abn=abn(100_200_325))
_EDITED = Customer("Copperplate Stationers", number="CPS-01", abn=abn(100_200_326))
_DELIVERY = Customer("Handover Facilities", number="HOF-01", abn=abn(100_200_327))

REFERENCED_DEAL = "Coastwise Marine Surveys - Harbour controls report"

CASES: tuple[Case, ...] = (
    Case(
        1,
        "Won before the start date",
        "Left alone, whether invoiced by hand or not; every plan states their count and sum.",
        (_FERRIES,),
        (
            Deal(
                "Harbourline Ferries - Annual audit 2026",
                _FERRIES.ref,
                _day(8, 12),
                (Line("ASR-AUDIT", "1", "8600.00"),),
                invoice=HandInvoice(Decimal("8600.00"), reference="Audit 2026", paid=True),
            ),
            Deal(
                "Harbourline Ferries - Crew payroll review",
                _FERRIES.ref,
                _day(9, 18),
                (Line("TAX-PAYROLL", "3", "640.00"),),
            ),
        ),
    ),
    Case(
        2,
        "Already invoiced by hand",
        "Waits and shows the number of the invoice that exists; linking mirrors it, a second is never made.",
        (_MARINE,),
        (
            Deal(
                "Coastwise Marine Surveys - Vessel valuation",
                _MARINE.ref,
                _day(10, 14),
                (Line("ADV-VALUE", "1", "9800.00"),),
                invoice=HandInvoice(Decimal("9800.00"), days_after=2, reference="Valuation"),
            ),
            Deal(
                REFERENCED_DEAL,
                _MARINE.ref,
                _day(10, 28),
                (Line("ASR-CTRL", "2", "2640.00"),),
                # The reference is completed with the deal's own number, the total differs by a disbursement.
                invoice=HandInvoice(Decimal("5361.50"), days_after=1, reference="$number"),
            ),
        ),
    ),
    Case(
        3,
        "Same name, different ABN",
        "Two contacts with a readable suffix; one has no account number, so its suffix is its id. "
        "The names in Salesforce stay.",
        (_MERIDIAN_1, _MERIDIAN_2),
        (
            Deal(
                "Meridian Partners (Sydney) - Board papers",
                _MERIDIAN_1.ref,
                _day(10, 20),
                (Line("ADV-BOARD", "2", "3150.00"),),
            ),
            Deal(
                "Meridian Partners (Perth) - Super fund audits",
                _MERIDIAN_2.ref,
                _day(10, 22),
                (Line("ASR-SMSF", "4", "895.00"),),
                region="WA",
            ),
        ),
    ),
    Case(
        4,
        "Same name, same ABN",
        "Neither goes until a person says which account is billed.",
        (_BLUE_GUM_1, _BLUE_GUM_2),
        (
            Deal(
                "Blue Gum Fitouts - Showroom feasibility",
                _BLUE_GUM_1.ref,
                _day(10, 15),
                (Line("ADV-MGR", "3", "1540.00"),),
            ),
            Deal(
                "Blue Gum Fitouts - Warehouse feasibility",
                _BLUE_GUM_2.ref,
                _day(10, 16),
                (Line("ADV-MGR", "5", "1540.00"),),
            ),
        ),
    ),
    Case(
        5,
        "Other spelling",
        "The same ABN links and shows its evidence; a similar name alone waits.",
        (_KIRRAWEE, _SALTBUSH),
        (
            Deal(
                "Kirrawee Engineering - R&D claim",
                _KIRRAWEE.ref,
                _day(10, 21),
                (Line("TAX-R&D", "1", "7300.00"),),
            ),
            Deal(
                "Saltbush Creative - Ledger set-up",
                _SALTBUSH.ref,
                _day(10, 23),
                (Line("TEC-CLOUD", "1", "1495.00"),),
                region="SA",
            ),
        ),
    ),
    Case(
        6,
        "Archived contact",
        "Waits, and clears itself once the contact is un-archived in Xero.",
        (_OLD_MINT,),
        (
            Deal(
                "Old Mint Restorations - Grant acquittal",
                _OLD_MINT.ref,
                _day(10, 27),
                (Line("ASR-GRANT", "2", "1475.00"),),
                region="VIC",
            ),
        ),
    ),
    Case(
        7,
        "Broken ABN",
        "Invoice and contact go, the tax number stays empty, a warning that does not block says why.",
        (_TUMBARUMBA,),
        (
            Deal(
                "Tumbarumba Timber - Activity statements",
                _TUMBARUMBA.ref,
                _day(10, 29),
                (Line("TAX-BAS", "4", "385.00"),),
            ),
        ),
    ),
    Case(
        8,
        "No account on the deal",
        "Waits for the deal's owner.",
        (),
        (Deal("Walk-in workshop, no account", None, _day(10, 30), (Line("TRN-ONSITE", "1", "2350.00"),)),),
    ),
    Case(
        9,
        "No product code on one of three lines",
        "The whole deal waits; a code entered in Salesforce clears it.",
        (_WOLLEMI,),
        (
            Deal(
                "Wollemi Laboratories - Stocktake with samples",
                _WOLLEMI.ref,
                _day(11, 2),
                (
                    Line("ASR-STOCK", "2", "1120.00"),
                    Line(NO_CODE_PRODUCT.key, "6", "86.00"),
                    Line("ASR-SAMPLE", "240", "12.4375"),
                ),
            ),
        ),
    ),
    Case(
        10,
        "A retired tax rate and an archived tracking option",
        "Both wait, each with the name of what was retired.",
        (_DERWENT, _TAMAR),
        (
            Deal(
                "Derwent Cold Stores - Apprentice course",
                _DERWENT.ref,
                _day(11, 3),
                (Line("TRN-LEGACY", "3", "1180.00"),),
            ),
            Deal(
                "Tamar Valley Wines - Cellar controls",
                _TAMAR.ref,
                _day(11, 4),
                (Line("ASR-CTRL", "1", "2640.00"),),
                region=RETIRED_REGION,
            ),
        ),
    ),
    Case(
        11,
        "Close date behind the lock, and wins near midnight",
        "Dates behind the lock wait and get the first open day offered; a win at 00:30 in Sydney on 1 October counts, "
        "though it was 30 September in UTC; a win near midnight UTC keeps its calendar date.",
        (_QUAYSIDE, _LAMPLIGHTER),
        (
            Deal(
                "Quayside Catering - Function room forecast",
                _QUAYSIDE.ref,
                _day(10, 2),
                (Line("ADV-MODEL", "1", "4125.50"),),
            ),
            Deal(
                "Quayside Catering - Midnight signing",
                _QUAYSIDE.ref,
                _day(10, 1),
                (Line("ADV-RETAIN", "1", "2200.00"),),
                outcome_at=_utc("2026-09-30T14:30:00"),
            ),
            Deal(
                "Lamplighter Studios - Late night forecast",
                _LAMPLIGHTER.ref,
                _day(10, 20),
                (Line("ADV-MODEL", "2", "4125.50"),),
                outcome_at=_utc("2026-10-19T23:59:30"),
                region="VIC",
            ),
        ),
    ),
    Case(
        12,
        "Foreign currency and foreign customers",
        "The NZD deal goes and its rate is stored; the GBP deal waits, as Xero has no GBP; "
        "a foreign customer without a country waits for its tax.",
        (_AORAKI, _THAMES, _PACIFIC),
        (
            Deal(
                "Aoraki Outdoors - Cloud ledger",
                _AORAKI.ref,
                _day(10, 26),
                (Line("TEC-CLOUD", "1", "1629.55"), Line("TEC-SUPPORT", "12", "53.1402")),
                currency="NZD",
                region="New Zealand",
            ),
            Deal(
                "Thames Bridge Capital - Due diligence",
                _THAMES.ref,
                _day(10, 27),
                (Line("ADV-DUE", "1", "6324.00"),),
                currency="GBP",
                region="International",
            ),
            Deal(
                "Pacific Crest Analytics - Dashboards",
                _PACIFIC.ref,
                _day(10, 28),
                (Line("TEC-DASH", "2", "2230.80"),),
                currency="USD",
                region="International",
            ),
        ),
    ),
    Case(
        13,
        "Odd amounts",
        "One cent between the sums: goes, and the tie-out names the cent. No products: one flagged line. "
        "Amount 0: listed, no invoice. A credit line: a negative price. Below 0: waits. "
        "A discount on the whole deal: spread and shown per line.",
        (_BAKERS, _SURF, _CLINIC, _CRANES, _PLUMBING, _GROCERS),
        (
            Deal(
                "Cent and Sons Bakers - Flour costing",
                _BAKERS.ref,
                _day(11, 5),
                # Entered as a total of 10,000.00 for 1,200 at 12.5 % off. Salesforce keeps the total and derives the
                # price: 10,000 / (1,200 x 0.875) = 9.5238 at four decimals. Xero multiplies: 1,200 x 9.5238 x 0.875
                # = 9,999.99.
                (Line("ASR-SAMPLE", "1200", discount="12.5", total="10000.00"),),
            ),
            Deal("Nobbys Surf School - Season forecast", _SURF.ref, _day(11, 6), amount="3200.00"),
            Deal("Westside Legal Clinic - Pro bono audit", _CLINIC.ref, _day(11, 6), amount="0.00"),
            Deal(
                "Towering Cranes - Migration with credit",
                _CRANES.ref,
                _day(11, 9),
                (Line("TEC-MIGRATE", "1", "6250.00"), Line("TEC-CLOUD", "1", "-495.00")),
            ),
            Deal(
                "Backflow Plumbing - Returned licences",
                _PLUMBING.ref,
                _day(11, 9),
                (Line("TEC-LICENCE", "10", "31.9975"), Line("TEC-MIGRATE", "1", "-1250.00")),
            ),
            Deal(
                "Basket Lane Grocers - Year-end package",
                _GROCERS.ref,
                _day(11, 10),
                (
                    Line("TAX-RETURN", "1", "1650.00"),
                    Line("ASR-REVIEW", "1", "4300.00"),
                    Line("TAX-BAS", "4", "385.00"),
                ),
                extra={"Whole_Deal_Discount__c": Decimal("500.00")},
            ),
        ),
    ),
    Case(
        14,
        "Payments",
        "Full, in two parts, too much, bounced: Salesforce shows paid, part-paid, paid with credit, unpaid again.",
        (_FULL, _PARTS, _OVER, _BOUNCED),
        (
            Deal(
                "Evergreen Cinemas - Half-year review",
                _FULL.ref,
                _day(10, 13),
                (Line("ASR-REVIEW", "1", "4300.00"),),
            ),
            Deal(
                "Two Rivers Brewing - Excise model",
                _PARTS.ref,
                _day(10, 14),
                (Line("ADV-MODEL", "1", "4125.50"), Line("ADV-ANALYST", "16", "187.3456")),
            ),
            Deal(
                "Overland Caravans - Stock system review",
                _OVER.ref,
                _day(10, 15),
                (Line("TEC-SECURE", "1", "2890.00"),),
            ),
            Deal(
                "Rubber Road Tyres - Payroll clean-up",
                _BOUNCED.ref,
                _day(10, 16),
                (Line("PPL-PAYROLL", "52", "18.2500"),),
            ),
        ),
    ),
    Case(
        15,
        "Changes after approval",
        "Amount changed in Salesforce: named, waits, the invoice stays. Invoice voided in Xero: Salesforce says so and "
        "no second one is made. Draft edited by finance: the edit is kept and named.",
        (_CHANGED, _VOIDED, _EDITED),
        (
            Deal(
                "Shifting Sands Landscapes - Depot valuation",
                _CHANGED.ref,
                _day(10, 19),
                (Line("ADV-VALUE", "1", "9800.00"),),
            ),
            Deal(
                "Voltaic Charging - Grant acquittals",
                _VOIDED.ref,
                _day(10, 20),
                (Line("ASR-GRANT", "3", "1475.00"),),
            ),
            Deal(
                "Copperplate Stationers - Policy pack",
                _EDITED.ref,
                _day(10, 21),
                (Line("PPL-POLICY", "1", "1875.00"), Line("PPL-COACH", "4", "410.00")),
            ),
        ),
    ),
    Case(
        16,
        "A validation rule refuses the write-back",
        "Exactly one invoice; the write-back waits alone, with the rule's own text.",
        (_DELIVERY,),
        (
            Deal(
                "Handover Facilities - Controls report",
                _DELIVERY.ref,
                _day(11, 11),
                (Line("ASR-CTRL", "1", "2640.00"), Line("ASR-INTERNAL", "4", "1690.00")),
                extra={"NextStep": "Handed to delivery"},
            ),
        ),
        rules=(
            ValidationRule(
                "Opportunity",
                "Delivery_Locks_The_Deal",
                "NextStep = 'Handed to delivery' AND Xero_Status__c != null",
                "This deal has been handed to delivery and is locked. Ask the delivery desk to change it.",
            ),
        ),
    ),
    Case(
        17,
        "An invoice born in Xero",
        "Named as in Xero only and shown in Salesforce as a record; no deal is made for it.",
        ledger_only=(Contact("Hobart Antarctic Museum", spaced(abn(100_200_328))),),
    ),
)


def case(number: int) -> Case:
    """The planted case of that number."""
    return next(planted for planted in CASES if planted.number == number)


def planted_customers() -> Iterator[Customer]:
    """Every planted customer, in the order of the cases."""
    for planted in CASES:
        yield from planted.customers


def planted_deals() -> Iterator[Deal]:
    """Every planted deal, in the order of the cases."""
    for planted in CASES:
        yield from planted.deals


def cases_table() -> str:
    """The planted cases as a Markdown table."""
    rows = ["| # | Case | Deals | Ex tax | What must happen |", "|---|---|---|---|---|"]
    for planted in CASES:
        deals = "<br>".join(planted.deal_names) or "none"
        rows.append(f"| {planted.number} | {planted.title} | {deals} | {planted.money} | {planted.expectation} |")
    return "\n".join(rows) + "\n"
