"""Three readings of Xero's calculation model over generated documents: the emulator's, the client's, the exact one.

``python -m tests.property.xero_rounding --documents 1000000`` (``make rounding``) is the long run; the suite does the
first 100,000 of the same documents.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

from crossfoot.core import money
from crossfoot.emulators.xero import World, new_world
from crossfoot.emulators.xero.fields import Check
from crossfoot.emulators.xero.kinds import Call
from crossfoot.emulators.xero.lines import SALES, build_line, totals
from tests.property.exact_reference import (
    COMPONENTS,
    INCLUSIVE,
    NO_TAX,
    RATES,
    Document,
    Line,
    any_document,
    exact_amounts,
)
from tests.property.exact_reference import Amounts as Exact

NOW = datetime(2026, 11, 20, tzinfo=UTC)
BLOCK = 10_000
PERCENTS = {name: Decimal(rate.numerator) / Decimal(rate.denominator) for name, rate in RATES.items()}


def rate_body(name: str) -> dict[str, Any]:
    """The body that creates one of the reference's tax rates."""
    parts = [
        {"Name": f"Part {place}", "Rate": Decimal(percent), "IsCompound": compound}
        for place, (percent, compound) in enumerate(COMPONENTS[name])
    ]
    return {"Name": name, "ReportTaxType": "OUTPUT", "TaxComponents": parts}


def line_body(line: Line, tax_types: dict[str, str]) -> dict[str, Any]:
    """A line as a client sends it."""
    body = {
        "Description": "Advice",
        "Quantity": line.quantity,
        "UnitAmount": line.unit_amount,
        "AccountCode": "200",
        "TaxType": tax_types[line.rate],
        "DiscountRate": line.discount_rate,
        "DiscountAmount": line.discount_amount,
    }
    return {name: value for name, value in body.items() if value is not None}


@dataclass(frozen=True)
class EmulatorReading:
    """The functions of the emulator that compute lines and totals, without the requests around them."""

    world: World
    tax_types: dict[str, str]

    @classmethod
    def open(cls, key: str | None = None) -> EmulatorReading:
        world = new_world(signing_key_pem=key)
        organisation = next(iter(world.organisations.values()))
        for place, (name, rate) in enumerate(PERCENTS.items(), 1):
            code = f"TAX{place:03d}"
            sides = {f"CanApplyTo{side}": True for side in ("Assets", "Equity", "Expenses", "Liabilities", "Revenue")}
            record = {"Name": name, "TaxType": code, "Status": "ACTIVE", "EffectiveRate": rate, **sides}
            organisation.put("TaxRates", code.lower(), record)
        return cls(world, {name: f"TAX{place:03d}" for place, name in enumerate(PERCENTS, 1)})

    def amounts(self, document: Document) -> Exact:
        organisation = next(iter(self.world.organisations.values()))
        call = Call(self.world, organisation, NOW, query={"unitdp": str(document.unit_places)})
        check = Check()
        lines = [
            build_line(call, line_body(line, self.tax_types), None, document.mode, SALES, None, check)
            for line in document.lines
        ]
        assert not check.problems, check.problems
        return answered({"LineItems": lines, **totals(lines, document.mode)})


def answered(record: dict[str, Any]) -> Exact:
    """The amounts of a document as a record or an answer has them."""
    lines = tuple((Fraction(line["LineAmount"]), Fraction(line["TaxAmount"])) for line in record["LineItems"])
    return Exact(lines, *(Fraction(record[name]) for name in ("SubTotal", "TotalTax", "Total")))


def clients_amounts(document: Document) -> Exact:
    """What the client expects. It always asks for four decimals, so prices of two are rounded before it sees them."""
    inclusive = document.mode == INCLUSIVE
    found = []
    for line in document.lines:
        unit = money.round_money(line.unit_amount, document.unit_places)
        amount = money.line_amount(
            line.quantity, unit, discount_rate=line.discount_rate, discount_amount=line.discount_amount
        )
        found.append((amount, Decimal(0) if document.mode == NO_TAX else PERCENTS[line.rate]))
    lines = tuple(
        (Fraction(amount), Fraction(money.line_tax(amount, rate, inclusive=inclusive))) for amount, rate in found
    )
    sums = money.document_totals(found, inclusive=inclusive)
    return Exact(lines, Fraction(sums.ex_tax), Fraction(sums.tax), Fraction(sums.gross))


def disagreements(seeds: Iterable[int], key: str | None = None) -> Iterator[str]:
    """One line of text for each document on which a reading differs from the exact one."""
    emulator = EmulatorReading.open(key)
    for seed in seeds:
        document = any_document(seed)
        exact = exact_amounts(document)
        for name, found in (("emulator", emulator.amounts(document)), ("client", clients_amounts(document))):
            if found != exact:
                yield f"document {seed}, {name}: {found} instead of {exact} for {document}"


def _block(start: int, stop: int, key: str) -> list[str]:
    return list(disagreements(range(start, stop), key))


def main() -> int:
    """Compare, and say what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=1_000_000)
    parser.add_argument("--first", type=int, default=0, help="the first document's number, which is its seed")
    asked = parser.parse_args()
    key, began, stop = new_world().signing_key_pem, time.perf_counter(), asked.first + asked.documents
    starts = range(asked.first, stop, BLOCK)
    with ProcessPoolExecutor() as pool:
        blocks = pool.map(_block, starts, (min(start + BLOCK, stop) for start in starts), [key] * len(starts))
        wrong = [text for block in blocks for text in block]
    sys.stdout.writelines(f"{text}\n" for text in wrong[:20])
    taken = time.perf_counter() - began
    sys.stdout.write(f"{asked.documents:,} documents from seed {asked.first}: {len(wrong)} differ ({taken:.0f} s)\n")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
