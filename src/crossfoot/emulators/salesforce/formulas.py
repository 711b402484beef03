"""Fields that the platform computes at each read: they follow their sources without any stamp moving (SF 7 item 5)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
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


def _address(prefix: str) -> Formula:
    def compound(_: World, row: Row) -> dict[str, Any] | None:
        parts = {
            part: row.get(prefix + part[0].upper() + part[1:])
            for part in ("street", "city", "state", "postalCode", "country")
        }
        if not any(parts.values()):
            return None
        return parts | {"latitude": None, "longitude": None, "geocodeAccuracy": None}

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


def _line_subtotal(_: World, row: Row) -> Decimal:
    return canonical(round_half_up(row["Quantity"] * row["UnitPrice"], 2))


def _line_name(world: World, row: Row) -> str:
    deal, product = world.row("Opportunity", row["OpportunityId"]), world.row("Product2", row.get("Product2Id"))
    return " ".join(each["Name"] for each in (deal, product) if each)


FORMULAS: Mapping[str, Formula] = {
    "person_name": _person_name,
    "billing_address": _address("Billing"),
    "shipping_address": _address("Shipping"),
    "mailing_address": _address("Mailing"),
    "stage_is_closed": _stage("IsClosed"),
    "stage_is_won": _stage("IsWon"),
    "expected_revenue": _expected_revenue,
    "has_lines": _has_lines,
    "line_subtotal": _line_subtotal,
    "line_name": _line_name,
    "list_price": _parent_value("PricebookEntryId", "PricebookEntry", "UnitPrice"),
    "product_code": _parent_value("Product2Id", "Product2", "ProductCode"),
    "product_name": _parent_value("Product2Id", "Product2", "Name"),
}
