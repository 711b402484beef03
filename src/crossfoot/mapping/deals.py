"""A source record with its lines, read as a deal and the invoice that it calls for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from crossfoot.core.documents import Deal, IntendedInvoice, IntendedLine, LineAmounts, source_mark
from crossfoot.core.findings import Finding
from crossfoot.core.links import record_url
from crossfoot.core.money import EXACT, ZERO, round_money, split, total
from crossfoot.core.records import RecordRef, Side, content_hash
from crossfoot.mapping.expressions import Expression, ExpressionError, Lookup, Value
from crossfoot.mapping.rules import Rules
from crossfoot.mapping.transforms import TransformError
from crossfoot.mapping.values import AMOUNT_MAX, Fields, as_text, day, value_at

DESCRIPTION_LENGTH_MAX = 4000
REFERENCE_LENGTH_MAX = 255


@dataclass(frozen=True, slots=True)
class Related:
    """Stored records that expressions may reach from a deal: accounts and products by id."""

    accounts: Mapping[str, Fields] = field(default_factory=dict)
    products: Mapping[str, Fields] = field(default_factory=dict)


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
        lookup = self._header_lookup(fields, related)
        findings: list[Finding] = []

        def value(name: str) -> Value:
            rule = self.invoice.get(name)
            if rule is None:
                return None
            try:
                return rule.value(lookup)
            except (ExpressionError, TransformError) as error:
                findings.append(Finding("unreadable", ref, f"{name}: {error}"))
                return None

        def worked_out(ask: Callable[[Lookup], Value], otherwise: Value) -> Value:
            try:
                return ask(lookup)
            except ExpressionError as error:
                findings.append(Finding("unreadable", ref, str(error)))
                return otherwise

        won = bool(worked_out(self.when.holds, True))  # it may be one that counts: it waits
        won_at = worked_out(self.won_at.evaluate, None)
        read_so_far = len(findings)
        amount = _number("Amount", value("Amount"), ref, findings)
        amount_known = len(findings) == read_so_far
        close = value("Date")
        currency = as_text(value("Currency"))
        deal = Deal(
            ref=ref,
            name=as_text(value("Name")),
            owner=as_text(value("Owner")),
            won=won,
            deleted=deleted,
            close_date=close if isinstance(close, date) and not isinstance(close, datetime) else None,
            won_on=day(won_at, zone),
            currency=currency,
            amount=ZERO if amount is None else round_money(amount),
            amount_known=amount_known,
            mapped_hash=source_mark(content_hash(fields), self._from_account(lookup)),
        )
        if not won or deleted:
            return deal
        due = _day("DueDate", value("DueDate"), ref, findings, zone)
        invoice = self._invoice(deal, fields, related, value, due, findings, instance_url)
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
        self,
        deal: Deal,
        fields: Fields,
        related: Related,
        value: Callable[[str], Value],
        due: date | None,
        findings: list[Finding],
        instance_url: str,
    ) -> IntendedInvoice | None:
        account_id = as_text(value("Contact"))
        rows = fields.get(self.lines) or []
        lines = [line for row in rows if (line := self._line(deal.ref, row, fields, related, findings)) is not None]
        without_products = not rows
        if without_products and deal.amount:
            lines = [IntendedLine(deal.name or deal.ref.id, Decimal(1), deal.amount, tracking=())]
        discount = _number("Discount", value("Discount"), deal.ref, findings)
        if discount and lines and not without_products:
            lines = _spread_discount(lines, round_money(discount))
        _number("the sum of the lines", total(line.amount for line in lines), deal.ref, findings)
        if deal.close_date is None or not deal.currency or not lines:
            if not findings:
                missing = "a close date" if deal.close_date is None else "a currency" if not deal.currency else "lines"
                findings.append(Finding("unreadable", deal.ref, f"the deal has no {missing}"))
            return None
        accounts = RecordRef(Side.SALESFORCE, self.account_object, account_id) if account_id else None
        return IntendedInvoice(
            source=deal.ref,
            account=accounts,
            dated=deal.close_date,
            due=due,
            currency=deal.currency,
            reference=as_text(value("Reference"))[:REFERENCE_LENGTH_MAX],
            url=record_url(instance_url, deal.ref.id),
            lines=tuple(lines),
            source_amount=deal.amount,
            line_amounts=self.line_amounts,
            own_number=as_text(value("Number")),
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
        told = len(findings)
        rate = _number("a line: DiscountRate", values.get("DiscountRate"), ref, findings)
        if len(findings) > told:
            return None
        product_id = as_text(values.get("Product"))
        line = IntendedLine(
            description=as_text(values.get("Description"))[:DESCRIPTION_LENGTH_MAX],
            quantity=round_money(quantity, 4),
            unit_amount=round_money(price, 4),
            item_code=as_text(values.get("ItemCode")),
            account_code=as_text(values.get("AccountCode")),
            tax_type=as_text(values.get("TaxType")),
            discount_rate=rate or None,
            tracking=tuple((name, option) for name, option in tracking.items() if option),
            product=RecordRef(Side.SALESFORCE, self.product_object, product_id) if product_id else None,
            row_id=as_text(row.get("Id")),
        )
        return line if _number("a line's amount", line.amount, ref, findings) is not None else None


def _number(name: str, found: Value, ref: RecordRef, findings: list[Finding]) -> Decimal | None:
    """A number, or None where there is none. What is there and is none is told: it is not left out unsaid."""
    if isinstance(found, Decimal) and abs(found) <= AMOUNT_MAX:
        return found
    if found not in (None, ""):
        wrong = "is too large" if isinstance(found, Decimal) else "is no number"
        findings.append(Finding("unreadable", ref, f"{name}: {as_text(found)!r} {wrong}"))
    return None


def _day(name: str, found: Value, ref: RecordRef, findings: list[Finding], zone: ZoneInfo) -> date | None:
    """A day, of an instant the one where the books are kept; the same of what is none."""
    told = day(found, zone)
    if told is None and found not in (None, ""):
        findings.append(Finding("unreadable", ref, f"{name}: {as_text(found)!r} is no day"))
    return told


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
