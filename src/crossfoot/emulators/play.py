"""Plays a scenario: carries its records into both worlds through the vendors' ordinary write paths.

Every write is a person's request in the vendor's own web pages (``POST /control/person``), made at the scenario's
instant, so a scenario can hold only what the vendor's rules allow. Salesforce records go in collections of up to 200
(SF 2.7), Xero records in batches of up to 50 with summarizeErrors=false (XERO 3.4), each answer checked row by row.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from crossfoot.emulators.collection import collection_paused
from crossfoot.emulators.emulator import Handle, World
from crossfoot.emulators.scenario import SIDES, Scenario, ScenarioError, Step, references
from crossfoot.emulators.wire import Request

_API = "/services/data/v66.0"
_encode = msgspec.json.Encoder(decimal_format="number").encode


@dataclass(frozen=True, slots=True)
class XeroKind:
    """How one kind of Xero record is written: its plural, its id, how many to a call, how it is updated."""

    plural: str
    id_field: str
    batch: int = 1
    create: str = "PUT"
    update_path_has_id: bool = True


XERO_KINDS = {
    kind.plural: kind
    for kind in (
        XeroKind("Organisation", "OrganisationID", create="POST", update_path_has_id=False),
        XeroKind("Accounts", "AccountID"),
        XeroKind("TaxRates", "TaxType", update_path_has_id=False),
        XeroKind("TrackingCategories", "TrackingCategoryID"),
        XeroKind("Currencies", "Code"),
        XeroKind("Contacts", "ContactID", batch=50),
        XeroKind("ContactGroups", "ContactGroupID"),
        XeroKind("Items", "ItemID", batch=50),
        XeroKind("Invoices", "InvoiceID", batch=50),
        XeroKind("Payments", "PaymentID", batch=50),
        XeroKind("BankTransactions", "BankTransactionID", batch=50),
        XeroKind("BankTransfers", "BankTransferID", batch=50),
        XeroKind("BatchPayments", "BatchPaymentID"),
        XeroKind("Budgets", "BudgetID"),
        XeroKind("Employees", "EmployeeID", batch=50),
        XeroKind("ExpenseClaims", "ExpenseClaimID"),
        XeroKind("LinkedTransactions", "LinkedTransactionID"),
        XeroKind("ManualJournals", "ManualJournalID", batch=50),
        XeroKind("PaymentServices", "PaymentServiceID"),
        XeroKind("PurchaseOrders", "PurchaseOrderID", batch=50),
        XeroKind("Quotes", "QuoteID", batch=50),
        XeroKind("Receipts", "ReceiptID"),
        XeroKind("RepeatingInvoices", "RepeatingInvoiceID", batch=50),
    )
}
salesforce_batch = 200
_ANSWER_KEYS = {"Organisation": "Organisations"}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one record: its id, or the vendor's complaint and the fields it names."""

    id: str = ""
    complaint: str = ""
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Person:
    """Someone at work in one emulated system, at an instant."""

    world: World
    handle: Handle
    now: datetime

    def ask(self, method: str, path: str, body: Any = None, query: str = "") -> tuple[int, Any]:
        """Make one request; answers status and parsed body (text where it is not JSON)."""
        wish = {"method": method, "path": path, "query": query, "body": body}
        request = Request("POST", "/control/person", "", {"content-type": "application/json"}, _encode(wish))
        response, _events = self.handle(self.world, request, self.now)
        try:
            return response.status, json.loads(response.body or b"null", parse_float=Decimal)
        except ValueError:
            return response.status, response.body.decode(errors="replace")


@collection_paused()
def play(scenario: Scenario, sides: Mapping[str, tuple[World, Handle]], default_at: datetime) -> dict[str, str]:
    """Carry the whole scenario out, Xero first; answers the id behind each ``$name``.

    Raises ScenarioError at the first record that a vendor refuses.
    """
    names: dict[str, str] = {}
    for side in SIDES:
        world, handle = sides[side]
        for at, batch in _batches(scenario.history(side, default_at)):
            if side == "salesforce" and "standard" not in names and _mentions(batch, "standard"):
                names["standard"] = _standard_price_book(scenario, Person(world, handle, at))
            bodies = [_resolve(step.fields, names, scenario, step) for step in batch]
            ids = [_target(step, names, scenario) for step in batch]
            write = _write_xero if side == "xero" else _write_salesforce
            for step, outcome in zip(batch, write(Person(world, handle, at), batch, bodies, ids), strict=True):
                if outcome.complaint:
                    where = f", field {', '.join(outcome.fields)}" if outcome.fields else ""
                    raise ScenarioError(f"{scenario.source}: {step.place}{where}: {outcome.complaint}")
                if step.name is not None:
                    names[step.name] = outcome.id
    return names


def _batches(history: list[tuple[datetime, Step]]) -> Iterator[tuple[datetime, list[Step]]]:
    """Cut a history into runs of one object, verb and instant in which no record refers to another of the run."""
    batch: list[Step] = []
    made: set[str] = set()
    batch_at: datetime | None = None
    for at, step in history:
        fits = (
            bool(batch)
            and at == batch_at
            and (step.object, step.updates is None) == (batch[0].object, batch[0].updates is None)
            and len(batch) < _batch_max(step)
            and not made & {*references(step.fields), step.updates}
        )
        if not fits:
            if batch and batch_at is not None:
                yield batch_at, batch
            batch, made, batch_at = [], set(), at
        batch.append(step)
        made.add(step.name or "")
    if batch and batch_at is not None:
        yield batch_at, batch


def _batch_max(step: Step) -> int:
    if step.side == "salesforce":
        return 1 if step.object == "ValidationRule" else salesforce_batch
    kind = XERO_KINDS.get(step.object)
    return 1 if kind is None or step.updates is not None else kind.batch


def _mentions(batch: list[Step], name: str) -> bool:
    return any(name in references(step.fields) for step in batch)


def _resolve(value: Any, names: Mapping[str, str], scenario: Scenario, step: Step, field: str = "") -> Any:
    if isinstance(value, dict):
        return {key: _resolve(item, names, scenario, step, field or str(key)) for key, item in value.items()}
    if isinstance(value, list):
        return [_resolve(item, names, scenario, step, field) for item in value]
    for name in references(value):
        if name not in names:
            raise ScenarioError(_not_yet(scenario, step, name, f", field {field}"))
        return names[name]
    return value


def _target(step: Step, names: Mapping[str, str], scenario: Scenario) -> str:
    if step.updates is None:
        return ""
    if step.updates not in names:
        raise ScenarioError(_not_yet(scenario, step, step.updates, ", $update"))
    return names[step.updates]


def _not_yet(scenario: Scenario, step: Step, name: str, where: str) -> str:
    known = any(other.name == name for other in scenario.steps)
    cause = "is made only later; Xero comes first, then each side in the order of $at" if known else "is not defined"
    return f"{scenario.source}: {step.place}{where}: ${name} {cause}."


def _standard_price_book(scenario: Scenario, admin: Person) -> str:
    query = "q=SELECT+Id+FROM+Pricebook2+WHERE+IsStandard=true"
    status, answer = admin.ask("GET", f"{_API}/query", query=query)
    if status != 200 or not answer["records"]:
        raise ScenarioError(f"{scenario.source}: salesforce: $standard: the org has no standard price book.")
    return str(answer["records"][0]["Id"])


def _write_salesforce(admin: Person, steps: list[Step], bodies: list[Any], ids: list[str]) -> list[Outcome]:
    kind = steps[0].object
    if kind == "ValidationRule":
        status, answer = admin.ask("POST", f"{_API}/tooling/sobjects/ValidationRule", bodies[0])
        return [_salesforce_outcome(answer if status == 201 else {"errors": answer})]
    if steps[0].updates is None:
        method, records = "POST", [{"attributes": {"type": kind}, **body} for body in bodies]
    else:
        method = "PATCH"
        records = [{"attributes": {"type": kind}, "id": id_, **body} for id_, body in zip(ids, bodies, strict=True)]
    status, answer = admin.ask(method, f"{_API}/composite/sobjects", {"allOrNone": False, "records": records})
    rows = answer if status == 200 else [{"errors": answer}] * len(steps)
    return [_salesforce_outcome(row) for row in rows]


def _salesforce_outcome(row: Any) -> Outcome:
    errors = row.get("errors")
    if not errors:
        return Outcome(id=row["id"])
    error = errors[0] if isinstance(errors, list) and isinstance(errors[0], dict) else {"message": str(errors)}
    code = error.get("statusCode") or error.get("errorCode")
    message = str(error.get("message"))
    return Outcome(complaint=f"{code}: {message}" if code else message, fields=tuple(error.get("fields") or ()))


def _write_xero(person: Person, steps: list[Step], bodies: list[Any], ids: list[str]) -> list[Outcome]:
    kind = XERO_KINDS.get(steps[0].object)
    if kind is None:
        return [Outcome(complaint=f"unknown kind of record. Known: {', '.join(XERO_KINDS)}")] * len(steps)
    query = "summarizeErrors=false&unitdp=4"
    if kind.plural == "TrackingCategories" and steps[0].updates is None:
        return [_write_tracking(person, bodies[0])]
    if steps[0].updates is not None:
        path = f"/{kind.plural}/{ids[0]}" if kind.update_path_has_id else f"/{kind.plural}"
        status, answer = person.ask("POST", path, {**bodies[0], kind.id_field: ids[0]}, query)
    elif kind.batch == 1:
        status, answer = person.ask(kind.create, f"/{kind.plural}", bodies[0], query)
    else:
        status, answer = person.ask(kind.create, f"/{kind.plural}", {kind.plural: bodies}, query)
    return _xero_outcomes(status, answer, kind.plural, kind.id_field, len(steps))


def _write_tracking(person: Person, body: Mapping[str, Any]) -> Outcome:
    """A category, then its options; one with a Status is made and then given it, as Xero's pages do."""
    status, answer = person.ask("PUT", "/TrackingCategories", {"Name": body.get("Name")})
    [category] = _xero_outcomes(status, answer, "TrackingCategories", "TrackingCategoryID", 1)
    if category.complaint:
        return category
    path = f"/TrackingCategories/{category.id}/Options"
    for option in body.get("Options") or ():
        status, answer = person.ask("PUT", path, {"Name": option.get("Name")})
        [made] = _xero_outcomes(status, answer, "Options", "TrackingOptionID", 1)
        if not made.complaint and "Status" in option:
            status, answer = person.ask("POST", f"{path}/{made.id}", {"Status": option["Status"]})
            [made] = _xero_outcomes(status, answer, "Options", "TrackingOptionID", 1)
        if made.complaint:
            return Outcome(complaint=f"option {option.get('Name')!r}: {made.complaint}", fields=("Options",))
    return category


def _xero_outcomes(status: int, answer: Any, plural: str, id_field: str, count: int) -> list[Outcome]:
    elements = answer.get(_ANSWER_KEYS.get(plural, plural)) if isinstance(answer, dict) else None
    if status == 200 and isinstance(elements, list) and len(elements) == count:
        return [_xero_outcome(element, id_field) for element in elements]
    complaint = "; ".join(_messages(answer))
    if not complaint and isinstance(answer, dict):
        complaint = str(answer.get("Message") or answer.get("Detail") or "")
    return [Outcome(complaint=complaint or f"Xero answered {status}: {answer}")] * count


def _xero_outcome(element: Mapping[str, Any], id_field: str) -> Outcome:
    if element.get("StatusAttributeString") in {"OK", "WARNING"}:
        return Outcome(id=str(element[id_field]))
    messages = list(_messages(element))
    if messages or element.get("StatusAttributeString") == "ERROR":
        return Outcome(complaint="; ".join(messages) or "refused without a message")
    return Outcome(id=str(element.get(id_field, "")))


def _messages(value: Any) -> Iterator[str]:
    """Every validation message in an answer, at any depth (XERO 3.4, 3.5)."""
    if isinstance(value, dict):
        for key, item in value.items():
            if key == "ValidationErrors":
                yield from (str(error.get("Message") or error.get("Description")) for error in item)
            else:
                yield from _messages(item)
    elif isinstance(value, list):
        for item in value:
            yield from _messages(item)
