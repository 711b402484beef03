"""A source record with its lines, read as a deal and the invoice that it calls for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from zoneinfo import ZoneInfo

from crossfoot.core.documents import Deal, IntendedInvoice, IntendedLine, LineAmounts, source_mark
from crossfoot.core.findings import Finding
from crossfoot.core.links import record_url
from crossfoot.core.money import AMOUNT_MAX, EXACT, LINE_AMOUNT_MAX, ZERO, round_money, split
from crossfoot.core.records import RecordRef, Side, content_hash
from crossfoot.mapping.expressions import Expression, ExpressionError, Lookup, Value
from crossfoot.mapping.rules import Rules
from crossfoot.mapping.transforms import TransformError
from crossfoot.mapping.values import Fields, as_text, day, value_at

DESCRIPTION_LENGTH_MAX = 4000
REFERENCE_LENGTH_MAX = 255
YEAR_MIN, YEAR_MAX = 1700, 4000
"""The years in which Salesforce's own dates lie. A text may read as a later one, from which no due date counts."""


@dataclass(frozen=True, slots=True)
class Related:
    """Stored records that expressions may reach from a deal: accounts and products by id."""

    accounts: Mapping[str, Fields] = field(default_factory=dict)
    products: Mapping[str, Fields] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Header:
    """A deal's own fields by their rules. What cannot be read as what is asked for is told in ``findings``."""

    ref: RecordRef
    rules: Rules
    lookup: Lookup
    zone: ZoneInfo
    findings: list[Finding]

    def ask(self, of: Callable[[Lookup], Value], otherwise: Value) -> Value:
        try:
            return of(self.lookup)
        except ExpressionError as error:
            self.findings.append(Finding("unreadable", self.ref, str(error)))
            return otherwise

    def value(self, name: str) -> Value:
        rule = self.rules.get(name)
        if rule is None:
            return None
        try:
            found = rule.value(self.lookup)
        except (ExpressionError, TransformError) as error:
            self.findings.append(Finding("unreadable", self.ref, f"{name}: {error}"))
            return None
        if isinstance(found, Decimal) and found.copy_abs() >= AMOUNT_MAX:
            self.findings.append(Finding("unreadable", self.ref, f"{name}: {found:f} is too large for an amount"))
            return None
        return found

    def number(self, name: str) -> Decimal:
        """Zero where it is blank."""
        found = self.value(name)
        if not isinstance(found, Decimal):
            self._refuse(name, found, "number")
            return ZERO
        return found

    def day(self, name: str) -> date | None:
        """The calendar day, of an instant the one where the books are kept."""
        found = self.value(name)
        day_of = day(found, self.zone)
        if day_of is None or not YEAR_MIN <= day_of.year <= YEAR_MAX:
            self._refuse(name, found, "day")
            return None
        return day_of

    def _refuse(self, name: str, found: Value, wanted: str) -> None:
        if found not in {None, ""}:
            self.findings.append(Finding("unreadable", self.ref, f"{name}: `{found}` is no {wanted}"))


@dataclass(frozen=True, slots=True)
class DealLens:
    """How records of the source object are read: ``lines`` names the relation to its lines."""

    object: str
    account_object: str
    product_object: str
    lines: str
    line_amounts: LineAmounts
    when: Expression
    won_at: Expression
    invoice: Rules
    line: Rules
    tracking: Rules

    def read(
        self, record_id: str, fields: Fields, related: Related, *, zone: ZoneInfo, instance_url: str, deleted: bool
    ) -> Deal:
        """What a source record means: whether it is won, when, and the invoice it calls for."""
        ref = RecordRef(Side.SALESFORCE, self.object, record_id)
        header = _Header(ref, self.invoice, self._header_lookup(fields, related), zone, [])
        findings = header.findings
        won = bool(header.ask(self.when.holds, True))  # it may be one that counts: it waits
        won_at = header.ask(self.won_at.evaluate, None)
        read_so_far = len(findings)
        amount = header.number("Amount")
        amount_known = len(findings) == read_so_far
        deal = Deal(
            ref=ref,
            name=as_text(header.value("Name")),
            owner=as_text(header.value("Owner")),
            won=won,
            deleted=deleted,
            close_date=header.day("Date"),
            won_on=day(won_at, zone),
            currency=as_text(header.value("Currency")),
            amount=round_money(amount),
            amount_known=amount_known,
            mapped_hash=source_mark(content_hash(fields), self._from_account(header.lookup)),
        )
        if not won or deleted:
            return deal
        invoice = self._invoice(deal, header, fields, related, instance_url)
        return replace(deal, invoice=invoice, findings=tuple(findings))

    def _from_account(self, lookup: Callable[[tuple[str, ...]], Value]) -> dict[str, Value]:
        """What the document takes from its account, but for whom it goes to: that is settled when it is made."""
        rules = [rule.expression for name, rule in self.invoice.items() if name != "Contact"]
        paths = {path for each in rules for path in each.paths if len(path) == 2 and path[0] == self.account_object}
        return {".".join(path): lookup(path) for path in sorted(paths)}

    def _header_lookup(self, fields: Fields, related: Related) -> Callable[[tuple[str, ...]], Value]:
        account_key = f"{self.account_object}Id"

        def look(path: tuple[str, ...]) -> Value:
            if len(path) == 2 and path[0] == self.account_object:
                return value_at(related.accounts.get(fields.get(account_key) or "", {}), path[1:])
            return value_at(fields, path)

        return look

    def _invoice(
        self, deal: Deal, header: _Header, fields: Fields, related: Related, instance_url: str
    ) -> IntendedInvoice | None:
        findings = header.findings
        account_id = as_text(header.value("Contact"))
        due = header.day("DueDate")
        rows = fields.get(self.lines) or []
        lines = [line for row in rows if (line := self._line(deal.ref, row, fields, related, findings)) is not None]
        without_products = not rows
        if without_products and deal.amount:
            lines = [IntendedLine(deal.name or deal.ref.id, Decimal(1), deal.amount, tracking=())]
        discount = header.number("Discount")
        if discount and lines and not without_products:
            lines = _spread_discount(lines, round_money(discount))
        if deal.close_date is None or not deal.currency or not lines:
            if not findings and (lines or deal.close_date is None):  # without lines it is worth nothing
                missing = "close date" if deal.close_date is None else "currency"
                findings.append(Finding("unreadable", deal.ref, f"the deal has no {missing}"))
            return None
        accounts = RecordRef(Side.SALESFORCE, self.account_object, account_id) if account_id else None
        return IntendedInvoice(
            source=deal.ref,
            account=accounts,
            dated=deal.close_date,
            due=due,
            currency=deal.currency,
            reference=as_text(header.value("Reference"))[:REFERENCE_LENGTH_MAX],
            url=record_url(instance_url, deal.ref.id),
            lines=tuple(lines),
            line_amounts=self.line_amounts,
            own_number=as_text(header.value("Number")),
            without_products=without_products,
        )

    def _line(
        self, ref: RecordRef, row: Fields, header: Fields, related: Related, findings: list[Finding]
    ) -> IntendedLine | None:
        look_header = self._header_lookup(header, related)
        product = related.products.get(row.get(f"{self.product_object}Id") or "", {})

        def look(path: tuple[str, ...]) -> Value:
            if path[0] == self.object and len(path) > 1:
                return look_header(path[1:])
            if len(path) == 2 and path[0] == self.product_object:
                return value_at(product, path[1:])
            return value_at(row, path)

        try:
            values = {name: rule.value(look) for name, rule in self.line.items()}
            tracking = {name: as_text(rule.value(look)) for name, rule in self.tracking.items()}
        except (ExpressionError, TransformError) as error:
            findings.append(Finding("unreadable", ref, f"a line: {error}"))
            return None
        quantity, price = values.get("Quantity"), values.get("UnitAmount")
        if not isinstance(quantity, Decimal) or not isinstance(price, Decimal):
            findings.append(Finding("unreadable", ref, "a line has no quantity or no price"))
            return None
        if quantity < 0 <= price:  # Xero refuses negative quantities: the sign goes to the price
            quantity, price = -quantity, -price
        rate = values.get("DiscountRate") or None
        if rate is not None and not isinstance(rate, Decimal):
            findings.append(Finding("unreadable", ref, f"a line: DiscountRate: `{rate}` is no number"))
            return None
        product_id = as_text(values.get("Product"))
        line = IntendedLine(
            description=as_text(values.get("Description"))[:DESCRIPTION_LENGTH_MAX],
            quantity=round_money(quantity, 4),
            unit_amount=round_money(price, 4),
            item_code=as_text(values.get("ItemCode")),
            account_code=as_text(values.get("AccountCode")),
            tax_type=as_text(values.get("TaxType")),
            discount_rate=rate,
            tracking=tuple((name, option) for name, option in tracking.items() if option),
            product=RecordRef(Side.SALESFORCE, self.product_object, product_id) if product_id else None,
            row_id=as_text(row.get("Id")),
        )
        if line.amount.copy_abs() > LINE_AMOUNT_MAX:
            cause = f"a line comes to {line.amount}, Xero takes at most {LINE_AMOUNT_MAX}"
            findings.append(Finding("unreadable", ref, cause))
            return None
        return line


def _spread_discount(lines: list[IntendedLine], discount: Decimal) -> list[IntendedLine]:
    """A discount on the whole deal, shared over the lines by largest remainder and shown on each."""
    amounts = [max(line.amount, ZERO) for line in lines]
    if not any(amounts):
        return lines
    shares = split(discount, amounts)
    spread = []
    for line, share in zip(lines, shares, strict=True):
        gross = round_money(EXACT.multiply(line.quantity, line.unit_amount))
        own = EXACT.subtract(gross, line.amount)
        spread.append(replace(line, discount_rate=None, discount_amount=EXACT.add(own, share) or None))
    return spread
