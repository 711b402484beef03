"""sObject trees: records with their children, created together or not at all (SF 2.7)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from crossfoot.emulators.salesforce import records
from crossfoot.emulators.salesforce.errors import ApiError, field_error
from crossfoot.emulators.salesforce.exchange import Ask, Reply
from crossfoot.emulators.salesforce.schema import Field, SObject

RECORDS_MAX = 200
TYPES_MAX = 5
DEPTH_MAX = 5


@dataclass(frozen=True, slots=True)
class Node:
    """One record of a tree as it was sent: its object, and the node to which its ``reference`` field refers."""

    name: str
    sobject: SObject
    record: Mapping[str, Any]
    parent: Node | None = None
    reference: Field | None = None

    @property
    def fields(self) -> dict[str, Any]:
        """The record without its children."""
        return {key: value for key, value in self.record.items() if not _is_children(value)}


def create_tree(ask: Ask, name: str) -> Reply:
    """201 with an id for every record, or 400 with the errors and nothing created. Parents come before children."""
    try:
        nodes = _nodes(ask, ask.object(name))
    except _TreeError as error:
        return _refused({error.name: error.refusal})
    start = ask.tx.mark()
    ids: dict[str, str] = {}
    errors: dict[str, ApiError] = {}
    for node in nodes:
        if node.parent is not None and node.parent.name not in ids:
            continue
        link = {} if node.parent is None or node.reference is None else {node.reference.name: ids[node.parent.name]}
        before = ask.tx.mark()
        try:
            ids[node.name] = records.insert(ask.tx, node.sobject, {**node.fields, **link})
        except ApiError as error:
            ask.tx.rollback(before)
            ask.complain(error)
            errors[node.name] = error
    if errors:
        ask.tx.rollback(start)
        return _refused(errors)
    return Reply(201, {"hasErrors": False, "results": [{"referenceId": key, "id": each} for key, each in ids.items()]})


class _TreeError(Exception):
    """A tree that cannot be read; ``name`` is the reference id of the record at fault."""

    def __init__(self, name: str, code: str, message: str) -> None:
        super().__init__(message)
        self.name = name
        self.refusal = field_error(code, message)


def _refused(errors: Mapping[str, ApiError]) -> Reply:
    results = [{"referenceId": name, "errors": [error.as_item()]} for name, error in errors.items()]
    return Reply(400, {"hasErrors": True, "results": results})


def _nodes(ask: Ask, sobject: SObject) -> list[Node]:
    """The records level by level, within the bounds of one tree."""
    level = [_node(each, sobject) for each in _records(ask.fields(), "")]
    found: list[Node] = []
    names: set[str] = set()
    depth = 0
    while level:
        depth += 1
        found += level
        if len(found) > RECORDS_MAX or depth > DEPTH_MAX or len({each.sobject.name for each in found}) > TYPES_MAX:
            message = f"a tree holds at most {RECORDS_MAX} records of {TYPES_MAX} types, {DEPTH_MAX} levels deep"
            raise _TreeError(level[0].name, "LIMIT_EXCEEDED", message)
        for node in level:
            if node.name in names:
                raise _TreeError(node.name, "INVALID_INPUT", "Duplicate ReferenceId provided in the request.")
            names.add(node.name)
        level = [child for node in level for child in _children(ask, node)]
    return found


def _records(body: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    batch = body.get("records")
    if not isinstance(batch, list) or not batch or not all(isinstance(each, dict) for each in batch):
        raise _TreeError(name, "INVALID_INPUT", "records: an array of sObjects is required")
    return batch


def _node(
    record: Mapping[str, Any], sobject: SObject, parent: Node | None = None, reference: Field | None = None
) -> Node:
    attributes = record.get("attributes")
    given = attributes if isinstance(attributes, dict) else {}
    name = str(given.get("referenceId") or "")
    if not name:
        raise _TreeError("", "INVALID_INPUT", "Include a reference ID for each record in the request.")
    if str(given.get("type") or "").lower() != sobject.name.lower():
        raise _TreeError(name, "INVALID_INPUT", f"attributes.type has to be {sobject.name}")
    return Node(name, sobject, record, parent, reference)


def _is_children(value: object) -> bool:
    return isinstance(value, dict) and "records" in value


def _children(ask: Ask, node: Node) -> Iterable[Node]:
    for relationship, value in node.record.items():
        if not _is_children(value):
            continue
        found = ask.seen.schema.child(node.sobject.name, relationship)
        if found is None:
            message = f"{node.sobject.name} has no child relationship {relationship}"
            raise _TreeError(node.name, "INVALID_FIELD", message)
        for each in _records(value, node.name):
            yield _node(each, found[0], node, found[1])
