"""PUT and POST for every kind: match, build, commit element by element or all together, and answer (XERO 3.3, 3.4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from crossfoot.emulators.xero.errors import ApiError, no_data, validation_error
from crossfoot.emulators.xero.fields import Check, read_members
from crossfoot.emulators.xero.formats import ZERO_ID
from crossfoot.emulators.xero.kinds import SINGLE, Call, Kind, Record, store

ELEMENTS_MAX = 500


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one element: its echo, and whether it was refused."""

    echo: Record
    failed: bool


def read_elements(kind: Kind, body: Any) -> list[Any]:
    """The elements of a body: the plural wrapper, or one bare object, names in any case (XERO 3.1)."""
    if isinstance(body, dict):
        for name, value in body.items():
            if name.lower() == kind.plural.lower():
                elements = value if isinstance(value, list) else [value]
                break
        else:
            known = {name.lower() for name in kind.fields}
            elements = [body] if any(name.lower() in known for name in body) else []
    else:
        elements = body if isinstance(body, list) else []
    if not elements or len(elements) > ELEMENTS_MAX or (kind.one_per_call and len(elements) > 1):
        raise no_data(kind.singular)
    return elements


def write(call: Call, kind: Kind, verb: str, elements: list[Any], path_id: str | None = None) -> list[Record]:
    """Write a batch. With ``summarizeErrors=false`` each element stands alone and the answer is 200; otherwise one
    invalid element refuses the whole call with 400 and nothing is kept."""
    organisation = call.organisation
    alone = not call.asks("summarizeErrors", default=True)
    organisation.begin()
    try:
        outcomes = [write_element(call, kind, verb, element, path_id) for element in elements]
        failed = [outcome.echo for outcome in outcomes if outcome.failed]
        if failed and not alone:
            raise validation_error(failed)
    except ApiError:
        organisation.roll_back()
        call.events.clear()
        raise
    finally:
        organisation.end()
    if alone:
        for outcome in outcomes:
            warned = "WARNING" if outcome.echo.get("Warnings") else "OK"
            outcome.echo["StatusAttributeString"] = "ERROR" if outcome.failed else warned
    return [outcome.echo for outcome in outcomes]


def write_element(call: Call, kind: Kind, verb: str, element: Any, path_id: str | None = None) -> Outcome:
    """Write one element inside the call's transaction; a refused one leaves no trace."""
    assert kind.build is not None
    mark, event_mark, check = call.organisation.mark(), len(call.events), Check()
    values = read_members(kind.fields, element, check)
    if path_id is not None:
        values[kind.id_field] = path_id
    read = len(check.problems)
    old = _existing(call, kind, verb, values, check)
    if check.problems and old is not None:
        record = old
    elif len(check.problems) > read:
        record = values  # it names a record that there is not: no more is said of it
    else:
        record = kind.build(call, old, values, check)
    call.illegal.extend(check.illegal)
    if check.problems:
        call.organisation.roll_back(mark)
        del call.events[event_mark:]
        return Outcome(_echo_refused(call, kind, old, values, check), failed=True)
    record = store(call, kind, record, created=old is None)
    if kind.after:
        kind.after(call, old, record)
        record = call.organisation.get(kind.plural, kind.key(record)) or record
    return Outcome(_echo_written(call, kind, record, check), failed=False)


def _existing(call: Call, kind: Kind, verb: str, values: Record, check: Check) -> Record | None:
    """The record that an element means: by id, else (POST only) by the kind's own matching rule."""
    sent_id = values.get(kind.id_field)
    if sent_id and sent_id != ZERO_ID and "PUT" in kind.verbs and kind.id_field.endswith("ID"):
        found = call.organisation.get(kind.plural, sent_id)
        if found is None or verb == "PUT":
            check.refuse(f"An existing {kind.singular} with the specified {kind.id_field} could not be found")
        return found
    return kind.match(call, values, check) if verb == "POST" and kind.match else None


def _echo_refused(call: Call, kind: Kind, old: Record | None, values: Record, check: Check) -> Record:
    """A new element shows what was sent and the zero id, a known one its stored state (XERO 3.4, 3.5)."""
    shown = dict(kind.view(call, old, SINGLE)) if old is not None else {kind.id_field: ZERO_ID, **values}
    if old is None:
        shown[kind.id_field] = ZERO_ID if kind.id_field.endswith("ID") else values.get(kind.id_field)
    shown[kind.errors_flag] = True
    shown["ValidationErrors"] = [{"Message": message} for message in check.problems]
    return shown


def _echo_written(call: Call, kind: Kind, record: Record, check: Check) -> Record:
    shown = dict(kind.view(call, record, SINGLE))
    if check.warnings:
        shown["Warnings"] = [{"Message": message} for message in check.warnings]
    return shown
