"""Schema drift: what an administrator changed in the org that a mapping lives by, found before a run uses it.

Only the flows and write-backs that it touches pause, each with its reason in the review queue; others go on. A pause
ends by itself once the org is as before, or once crossfoot.yaml is changed, which makes what the org has the norm.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from crossfoot.core.decided import Bucket, DealDecision
from crossfoot.core.findings import Finding
from crossfoot.core.links import Kind
from crossfoot.core.money import Money
from crossfoot.core.records import RecordRef, Side
from crossfoot.engine.reading.describes import shapes
from crossfoot.engine.session import Session
from crossfoot.mapping.compiled import CURRENCY, FlowMapping
from crossfoot.mapping.rules import Rules
from crossfoot.salesforce.shapes import FieldShape, ObjectShape
from crossfoot.store.codec import decode, encode
from crossfoot.store.queue import open_about, replace_findings
from crossfoot.store.versions import load_reference, save_reference

CUSTOMERS, PRODUCTS, INVOICES = "customers", "products", "invoices"
PEOPLE, PAYMENTS, REQUESTS = "people", "payments", "requests"
# A paused flow holds those that build on what it reads.
HOLDS: Mapping[str, tuple[str, ...]] = {
    CUSTOMERS: (CUSTOMERS,),
    PRODUCTS: (PRODUCTS, INVOICES),
    INVOICES: (INVOICES,),
    PEOPLE: (PEOPLE,),
    PAYMENTS: (PAYMENTS,),
    REQUESTS: (REQUESTS,),
}
READ_CODES = frozenset({"object_missing", "field_missing", "field_type_changed"})
CHOICE_MISSING = "choice_missing"
WRITE_CODES = frozenset({"object_not_writable", "field_not_writable", "field_required", CHOICE_MISSING})
# Types whose values read alike: a change within a row changes nothing for a mapping.
_ALIKE = (
    {"string", "picklist", "combobox", "textarea", "phone", "url", "email", "encryptedstring", "id", "reference"},
    {"double", "currency", "percent", "int", "long"},
)
_BASELINE = "baseline"
Shapes = Mapping[str, ObjectShape | None]


@dataclass(frozen=True, slots=True)
class Use:
    """A flow reads a field; ``field`` may be a path over relations."""

    flow: str
    object: str
    field: str


@dataclass(frozen=True, slots=True)
class Drift:
    """What changed, where, and what it means for ``flow`` (or for writing to ``object``)."""

    code: str
    object: str
    field: str
    cause: str
    flow: str = ""

    @property
    def key(self) -> str:
        """The record id under which the review queue keeps it."""
        return f"{self.object}.{self.field}" if self.field else self.object

    @property
    def finding(self) -> Finding:
        """The entry of the review queue."""
        follows = f"flow `{self.flow}` is paused" if self.flow else f"writing to {self.object} is paused"
        if self.code == CHOICE_MISSING:
            follows = "rows that say so wait"
        return Finding(self.code, RecordRef(Side.SALESFORCE, self.object, self.key), f"{self.cause}; {follows}")


class Baseline(msgspec.Struct, frozen=True):
    """What the fields were like when this configuration first met them."""

    configuration: str
    types: dict[str, str] = {}
    required: dict[str, tuple[str, ...]] = {}
    several_currencies: bool | None = None


def field_uses(mapping: FlowMapping, lines_object: str) -> Iterator[Use]:
    """Every field that a flow reads. What an invoice takes from its account or product is the invoices' use."""
    for flow, kind, rules in (
        (CUSTOMERS, mapping.account_object, mapping.customer),
        (PRODUCTS, mapping.product_object, mapping.product),
    ):
        yield from (Use(flow, kind, path) for path in sorted(_paths(rules)))
    own = {mapping.account_object: _paths(mapping.customer), mapping.product_object: _paths(mapping.product)}
    others = {mapping.payment_object: PAYMENTS, mapping.request_object: REQUESTS}
    if mapping.people:
        others[mapping.people.object] = PEOPLE
    for reading in mapping.readings().values():
        fields = set(reading.fields) - own.get(reading.object, set()) - {"CreatedDate"}
        flow = others.get(reading.object, INVOICES)
        yield from (Use(flow, reading.object, path) for path in sorted(fields))
        if lines_object and reading.lines:
            yield from (Use(INVOICES, lines_object, path) for path in reading.line_fields)


def _paths(rules: Rules) -> set[str]:
    return {".".join(path) for rule in rules.values() for path in rule.expression.paths}


def find_read_drift(uses: Iterable[Use], seen: Shapes, baseline: Baseline) -> list[Drift]:
    """What no longer can be read, or no longer means what it meant."""
    found = []
    for use in uses:
        shape = seen.get(use.object)
        if shape is None:
            cause = f"{use.object} is no longer there, or hidden from the integration user"
            found.append(Drift("object_missing", use.object, "", cause, use.flow))
            continue
        field = shape.field_of(use.field)
        if field is None:
            cause = f"{use.object}.{use.field} is no longer there, or hidden from the integration user"
            found.append(Drift("field_missing", use.object, use.field, cause, use.flow))
            continue
        before = baseline.types.get(f"{use.object}.{use.field}", field.type)
        if not _reads_alike(before, field.type):
            cause = f"{use.object}.{use.field} was {before} and now is {field.type}"
            found.append(Drift("field_type_changed", use.object, use.field, cause, use.flow))
    return list(dict.fromkeys(found))


def _reads_alike(before: str, now: str) -> bool:
    return before == now or any(before in row and now in row for row in _ALIKE)


def find_currency_drift(mapping: FlowMapping, seen: Shapes, baseline: Baseline) -> list[Drift]:
    """That the org has several currencies now: what crossfoot.yaml says of a deal's was true while there was one."""
    kind = mapping.deal_object
    if mapping.has_currencies or baseline.several_currencies is not False or not _has_currencies(seen.get(kind)):
        return []
    cause = (
        f"Salesforce has several currencies now, and crossfoot.yaml does not read {kind}.{CURRENCY}: "
        f"write `Currency: {CURRENCY}` under flows.invoices.fields"
    )
    return [Drift("field_type_changed", kind, CURRENCY, cause, INVOICES)]


def _has_currencies(shape: ObjectShape | None) -> bool:
    return shape is not None and shape.field_of(CURRENCY) is not None


def find_write_drift(
    kind: str, shape: ObjectShape | None, rows: Sequence[Mapping[str, Any]], required_before: Iterable[str]
) -> list[Drift]:
    """Why rows of ``kind`` would be refused: found before they are sent. A choice that is missing concerns only the
    rows that make it, all else every row."""
    if shape is None:
        cause = f"{kind} is no longer there, or hidden from the integration user"
        return [Drift("object_not_writable", kind, "", cause)]
    found = []
    for name in sorted({name for row in rows for name in row}):
        field = shape.field_of(name)
        if field is None or not field.writable:
            cause = f"{kind}.{name} cannot be {'written' if field else 'seen'} by the integration user any more"
            found.append(Drift("field_not_writable", kind, name, cause))
        elif missing := _missing_choices(field, (row.get(name) for row in rows)):
            found.append(Drift(CHOICE_MISSING, kind, name, f"{kind}.{name} does not take {', '.join(missing)}"))
    for name in sorted(_required(shape) - set(required_before)):
        if any(row.get(name) is None and row.get(shape.fields[name].relation) is None for row in rows):
            found.append(Drift("field_required", kind, name, f"{kind}.{name} is required now, and is not filled"))
    return found


def _missing_choices(field: FieldShape, values: Iterable[Any]) -> list[str]:
    return sorted({str(value) for value in values if field.choices and value and value not in field.choices})


def _required(shape: ObjectShape) -> set[str]:
    return {name for name, field in shape.fields.items() if field.required}


def check_reading(session: Session) -> set[str]:
    """Look at the org's schema before a run reads, and set ``session.paused``: flow -> why.

    Returns the objects that cannot be read for now: their watermarks stay, so that nothing is missed once they can.
    """
    mapping = session.mapping
    readings = mapping.readings()
    deal = readings[mapping.deal_object]
    known = shapes(session, [*readings, *_lines_object(session, deal.lines)], fresh=True)
    lines = _lines_object(session, deal.lines)
    seen = known if set(lines) <= known.keys() else {**known, **shapes(session, lines)}
    uses = list(field_uses(mapping, next(iter(lines), "")))
    parent = seen.get(mapping.deal_object)
    baseline = _extend(_baseline(session), uses, seen)
    if baseline.several_currencies is None and parent is not None:
        baseline = msgspec.structs.replace(baseline, several_currencies=_has_currencies(parent))
    drifts = find_read_drift(uses, seen, baseline)
    if deal.lines and parent is not None and deal.lines not in parent.children:
        cause = f"{mapping.deal_object} no longer shows its {deal.lines}"
        drifts.append(Drift("field_missing", mapping.deal_object, deal.lines, cause, INVOICES))
    _save_baseline(session, baseline)
    unreadable = {mapping.deal_object if drift.object in lines else drift.object for drift in drifts}
    drifts += find_currency_drift(mapping, seen, baseline)
    session.paused = {held: drift.cause for drift in reversed(drifts) for held in HOLDS[drift.flow]}
    tell(session, drifts, READ_CODES)
    return unreadable


def _lines_object(session: Session, relation: str) -> list[str]:
    """The object that a deal's lines are, as far as the deal's shape is known."""
    parent = shapes(session, [session.mapping.deal_object])[session.mapping.deal_object] if relation else None
    child = parent.children.get(relation) if parent else None
    return [child[0]] if child else []


def hold_paused(paused: Mapping[str, str], decisions: Sequence[DealDecision]) -> list[DealDecision]:
    """Keep back documents of a paused flow, and those that need a customer while customers are paused."""
    return [_held(paused, decision) for decision in decisions] if paused else list(decisions)


def _held(paused: Mapping[str, str], decision: DealDecision) -> DealDecision:
    operation = decision.operation
    if operation is None:
        return decision
    kinds = {Kind.CONTACT: CUSTOMERS, Kind.ITEM: PRODUCTS}
    flows = [INVOICES, *(kinds[identity.kind] for identity in operation.needs if identity.kind in kinds)]
    cause = next((paused[flow] for flow in flows if flow in paused), None)
    if cause is None:
        return decision
    deal = decision.deal
    money = Money(deal.currency, deal.amount)
    finding = Finding("flow_paused", deal.ref, cause, money=money, owner_name=deal.owner)
    return replace(decision, bucket=Bucket.WAITING, findings=(*decision.findings, finding), operation=None)


@dataclass(frozen=True, slots=True)
class Unwritable:
    """What cannot be written to Salesforce for now: all rows of some ``objects``, and rows that make a choice which a
    picklist does not have, by object and field."""

    objects: frozenset[str]
    picklists: Mapping[str, Mapping[str, FieldShape]]

    def holds(self, kind: str, row: Mapping[str, Any]) -> bool:
        """Whether a row of an object has to wait."""
        lacking = self.picklists.get(kind, {})
        return kind in self.objects or any(_missing_choices(field, [row.get(name)]) for name, field in lacking.items())


def unwritable(session: Session, pending: Mapping[str, Sequence[Mapping[str, Any]]]) -> Unwritable:
    """What of ``pending`` (object -> rows) cannot be written for now; the queue is told why."""
    seen = shapes(session, pending)
    baseline = _baseline(session)
    required = {name: tuple(sorted(_required(shape))) for name, shape in seen.items() if shape is not None}
    baseline = msgspec.structs.replace(baseline, required={**required, **baseline.required})
    _save_baseline(session, baseline)
    drifts = [
        drift
        for name, rows in pending.items()
        for drift in find_write_drift(name, seen[name], rows, baseline.required.get(name, ()))
    ]
    tell(session, drifts, WRITE_CODES)
    picklists: dict[str, dict[str, FieldShape]] = defaultdict(dict)
    for drift in drifts:
        shape = seen[drift.object]
        if drift.code == CHOICE_MISSING and shape is not None and (field := shape.field_of(drift.field)):
            picklists[drift.object][drift.field] = field
    return Unwritable(frozenset(drift.object for drift in drifts if drift.code != CHOICE_MISSING), picklists)


def tell(session: Session, drifts: Sequence[Drift], codes: frozenset[str]) -> None:
    """Make the open drift entries of ``codes`` equal what was found: what healed is closed."""
    with session.database.writing("drift") as connection:
        entries = open_about(connection, session.organisation_id, codes)
        standing = {entry.record.id: entry.record_name for entry in entries}
        names = {**standing, **{drift.key: drift.key for drift in drifts}}
        findings = [drift.finding for drift in drifts]
        replace_findings(connection, session.organisation_id, names, findings, session.host.now(), codes=codes)


def _baseline(session: Session) -> Baseline:
    with session.database.reading() as connection:
        known = load_reference(connection, session.org_id, _BASELINE)
    kept = decode(known[1], Baseline) if known else None
    fits = kept is not None and kept.configuration == session.mapping.hash
    return kept if kept is not None and fits else Baseline(session.mapping.hash)


def _extend(baseline: Baseline, uses: Iterable[Use], seen: Shapes) -> Baseline:
    """What is met for the first time becomes the norm."""
    types = dict(baseline.types)
    for use in uses:
        shape = seen.get(use.object)
        field = shape.field_of(use.field) if shape else None
        if field is not None:
            types.setdefault(f"{use.object}.{use.field}", field.type)
    return msgspec.structs.replace(baseline, types=types)


def _save_baseline(session: Session, baseline: Baseline) -> None:
    with session.database.writing("baseline") as connection:
        save_reference(connection, session.org_id, _BASELINE, encode(baseline), session.host.now())
