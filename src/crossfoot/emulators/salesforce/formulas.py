"""Fields that the platform computes at each read: they follow their sources without any stamp moving (SF 7 item 5)."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Callable, Iterable, Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from crossfoot.emulators.salesforce.expressions import Evaluate, Moment, as_field, compile_expression
from crossfoot.emulators.salesforce.values import canonical, round_half_up

if TYPE_CHECKING:
    from crossfoot.emulators.salesforce.schema import Field
    from crossfoot.emulators.salesforce.world import Row, World

Formula = Callable[["World", "Row"], Any]


def _person_name(_: World, row: Row) -> str:
    return " ".join(row[part] for part in ("FirstName", "LastName") if row.get(part))


def _address(world: World, prefix: str) -> Callable[[Row], dict[str, Any] | None]:
    names: tuple[str, ...] = ("street", "city", "state", "postalCode", "country")
    names += ("latitude", "longitude", "geocodeAccuracy")
    if world.settings.get("state_country_picklists"):
        names += ("stateCode", "countryCode")

    def compound(row: Row) -> dict[str, Any] | None:
        parts = {part: row.get(prefix + part[0].upper() + part[1:]) for part in names}
        return parts if any(parts.values()) else None

    return compound


def _stage(flag: str) -> Formula:
    def read(world: World, row: Row) -> bool:
        stage = world.stage(row.get("StageName"))
        return bool(stage and stage.get(flag))

    return read


def _parent_value(reference: str, parent: str, field: str) -> Formula:
    def read(world: World, row: Row) -> Any:
        found = world.row(parent, row.get(reference))
        return found.get(field) if found else None

    return read


def computed(world: World, field: Field) -> Callable[[Row], Any]:
    """How a field that is not stored is read."""
    if field.summary is not None:
        return _summary(world, field.summary)
    if field.expression is not None:
        return _expression(world, field)
    if field.type == "address":
        return _address(world, field.name.removesuffix("Address"))
    formula = FORMULAS[str(field.formula)]
    return lambda row: formula(world, row)


def _expression(world: World, field: Field) -> Callable[[Row], Any]:
    """A formula sees every field, also those that its reader does not: it is compiled against the whole schema."""
    object_name, text = field.expression or ("", "")
    key = f"expression {object_name}.{field.name}"
    if key not in world.compiled:
        world.compiled[key] = compile_expression(world.whole, world.whole.objects[object_name.lower()], text)
    evaluate: Evaluate = world.compiled[key]
    moment = Moment(world, reader)

    def read(row: Row) -> Any:
        try:
            return as_field(field, evaluate(moment, row))
        except (ArithmeticError, TypeError, ValueError):
            return None  # the platform shows #Error!, and nothing over the API

    return read


def reader(world: World, field: Field) -> Callable[[Row], Any]:
    """How one field of a row is read: stored, or computed at each read."""
    if field.formula is not None:
        return computed(world, field)
    name = field.name
    if field.type == "boolean":
        return lambda row: row.get(name, False)
    return lambda row: row.get(name)


def _summary(world: World, summary: Mapping[str, Any]) -> Callable[[Row], Any]:
    """A roll-up of the live child rows of a master (SF 8.4). Amounts are summed as they are, in whatever currency."""
    child, reference, name = summary["child"], summary["reference"], summary["field"]
    reduce = _SUMMARIES[summary["operation"]]

    def read(row: Row) -> Any:
        found = (world.live(child, each) for each in world.index.find(child, reference, row["Id"]))
        return reduce([each.get(name) for each in found if each is not None])

    return read


def _present(values: Iterable[Any]) -> list[Any]:
    return [each for each in values if each is not None]


_SUMMARIES: Mapping[str, Callable[[list[Any]], Any]] = {
    "count": lambda values: canonical(Decimal(len(values))),
    "sum": lambda values: canonical(sum(_present(values), Decimal(0))),
    "min": lambda values: min(_present(values), default=None),
    "max": lambda values: max(_present(values), default=None),
}


def _expected_revenue(_: World, row: Row) -> Decimal | None:
    amount, probability = row.get("Amount"), row.get("Probability")
    return None if amount is None else canonical(round_half_up(amount * (probability or Decimal(0)) / 100, 2))


def _has_lines(world: World, row: Row) -> bool:
    return bool(world.index.find("OpportunityLineItem", "OpportunityId", row.get("Id")))


def _forecast_category(_: World, row: Row) -> str | None:
    """The category's API name: "Best Case" is BestCase; Commit is called Forecast."""
    shown = row.get("ForecastCategoryName")
    return {"Best Case": "BestCase", "Commit": "Forecast"}.get(shown or "", shown)


def _fiscal(world: World, row: Row) -> tuple[int, int] | None:
    """Year and quarter of the close date; a fiscal year is named after the calendar year in which it ends."""
    day: date | None = row.get("CloseDate")
    if day is None:
        return None
    first = int(world.organization.get("FiscalYearStartMonth", 1))
    return day.year + (first > 1 and day.month >= first), (day.month - first) % 12 // 3 + 1


def _fiscal_part(position: int) -> Formula:
    def read(world: World, row: Row) -> int | None:
        period = _fiscal(world, row)
        return None if period is None else period[position]

    return read


def _fiscal_period(world: World, row: Row) -> str | None:
    period = _fiscal(world, row)
    return None if period is None else f"{period[0]} {period[1]}"


def _status_code(world: World, row: Row) -> str | None:
    return world.status_code(row["Id"][:3], row.get("Status"))


def children_of(world: World, child: str, reference: str, row: Row) -> list[Row]:
    """The live rows of an object that refer to this one."""
    found = (world.live(child, each) for each in world.index.find(child, reference, row["Id"]))
    return [each for each in found if each is not None]


def _total(world: World, child: str, reference: str, row: Row, name: str = "TotalPrice") -> Decimal:
    return sum((each.get(name) or Decimal(0) for each in children_of(world, child, reference, row)), Decimal(0))


def _quote_lines(world: World, row: Row) -> list[Row]:
    return children_of(world, "QuoteLineItem", "QuoteId", row)


def _quote_subtotal(world: World, row: Row) -> Decimal:
    return canonical(sum((_line_subtotal(world, each) for each in _quote_lines(world, row)), Decimal(0)))


def _quote_total(world: World, row: Row) -> Decimal:
    return canonical(_total(world, "QuoteLineItem", "QuoteId", row))


def _quote_discount(world: World, row: Row) -> Decimal:
    subtotal = _quote_subtotal(world, row)
    share = 1 - _quote_total(world, row) / subtotal if subtotal else Decimal(0)
    return canonical(round_half_up(share * 100, 2))


def _quote_grand_total(world: World, row: Row) -> Decimal:
    extras = (row.get(name) or Decimal(0) for name in ("Tax", "ShippingHandling"))
    return canonical(_quote_total(world, row) + sum(extras, Decimal(0)))


def _quote_is_syncing(world: World, row: Row) -> bool:
    deal = world.row("Opportunity", row.get("OpportunityId"))
    return deal is not None and deal.get("SyncedQuoteId") == row["Id"]


def _available_quantity(world: World, row: Row) -> Decimal:
    """What reduction orders have left of an order's line (SF 6.9)."""
    taken = _total(world, "OrderItem", "OriginalOrderItemId", row, "Quantity")
    return canonical((row.get("Quantity") or Decimal(0)) + taken)


def _contract_end(_: World, row: Row) -> date | None:
    start, term = row.get("StartDate"), row.get("ContractTerm")
    if start is None or term is None:
        return None
    years, month = divmod(start.month - 1 + term, 12)
    if not date.min.year < start.year + years <= date.max.year:
        return None  # beyond the years that there are
    last = monthrange(start.year + years, month + 1)[1]
    return date(start.year + years, month + 1, min(start.day, last)) - timedelta(days=1)


def _next_start_date(world: World, row: Row) -> date | None:
    """When the next dated rate of the currency begins (SF 6.12)."""
    rates = (each for each in world.rows.get("DatedConversionRate", {}).values() if each["IsoCode"] == row["IsoCode"])
    return min((each["StartDate"] for each in rates if each["StartDate"] > row["StartDate"]), default=None)


def _line_subtotal(_: World, row: Row) -> Decimal:
    return canonical(round_half_up((row.get("Quantity") or Decimal(0)) * (row.get("UnitPrice") or Decimal(0)), 2))


def _line_name(world: World, row: Row) -> str:
    deal, product = world.row("Opportunity", row["OpportunityId"]), world.row("Product2", row.get("Product2Id"))
    return " ".join(each["Name"] for each in (deal, product) if each)


FORMULAS: Mapping[str, Formula] = {
    "person_name": _person_name,
    "stage_is_closed": _stage("IsClosed"),
    "stage_is_won": _stage("IsWon"),
    "expected_revenue": _expected_revenue,
    "has_lines": _has_lines,
    "line_subtotal": _line_subtotal,
    "line_name": _line_name,
    "available_quantity": _available_quantity,
    "contract_end": _contract_end,
    "fiscal_period": _fiscal_period,
    "fiscal_quarter": _fiscal_part(1),
    "fiscal_year": _fiscal_part(0),
    "forecast_category": _forecast_category,
    "line_count": lambda world, row: len(_quote_lines(world, row)),
    "next_start_date": _next_start_date,
    "order_total": lambda world, row: canonical(_total(world, "OrderItem", "OrderId", row)),
    "quote_account": _parent_value("OpportunityId", "Opportunity", "AccountId"),
    "quote_discount": _quote_discount,
    "quote_grand_total": _quote_grand_total,
    "quote_is_syncing": _quote_is_syncing,
    "quote_subtotal": _quote_subtotal,
    "quote_total": _quote_total,
    "status_code": _status_code,
    "task_is_closed": lambda _, row: row.get("Status") == "Completed",
    "list_price": _parent_value("PricebookEntryId", "PricebookEntry", "UnitPrice"),
    "product_code": _parent_value("Product2Id", "Product2", "ProductCode"),
    "product_name": _parent_value("Product2Id", "Product2", "Name"),
}
