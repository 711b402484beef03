"""What counts as drift of the org's schema, and what it touches."""

from __future__ import annotations

from typing import Any

import pytest

from crossfoot.engine.reading.drift import Baseline, Use, find_read_drift, find_write_drift
from crossfoot.salesforce.shapes import FieldShape, ObjectShape, decode_shapes, shape_of

USE = Use("invoices", "Opportunity", "PO_Number__c")
TEXT = FieldShape("string", createable=True, updateable=True)
PICKLIST = FieldShape("picklist", createable=True, updateable=True, choices=("Draft", "Paid"))
BASELINE = Baseline("configuration", {"Opportunity.PO_Number__c": "string"})


def deal(**fields: FieldShape) -> ObjectShape:
    return ObjectShape({"Id": FieldShape("id"), **fields}, {})


@pytest.mark.parametrize(
    ("shape", "code"),
    [
        (deal(PO_Number__c=TEXT), None),
        (deal(PO_Number__c=FieldShape("textarea")), None),
        (deal(PO_Number__c=FieldShape("double")), "field_type_changed"),
        (deal(), "field_missing"),
        (None, "object_missing"),
    ],
    ids=["as it was", "another kind of text", "text became a number", "gone", "object gone"],
)
def test_what_is_read(shape: ObjectShape | None, code: str | None) -> None:
    found = find_read_drift([USE], {"Opportunity": shape}, BASELINE)
    assert [drift.code for drift in found] == ([code] if code else [])
    assert all(drift.flow == "invoices" and "Opportunity" in drift.cause for drift in found)


def test_a_path_is_read_through_its_relation() -> None:
    shape = deal(OwnerId=FieldShape("reference", relation="Owner"))
    assert find_read_drift([Use("invoices", "Opportunity", "Owner.Name")], {"Opportunity": shape}, BASELINE) == []


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        (TEXT, "any", None),
        (PICKLIST, "Paid", None),
        (PICKLIST, None, None),
        (PICKLIST, "Voided", "choice_missing"),
        (FieldShape("string"), "any", "field_not_writable"),
        (None, "any", "field_not_writable"),
    ],
)
def test_what_is_written(field: FieldShape | None, value: Any, code: str | None) -> None:
    shape = deal(**({"Status__c": field} if field else {}))
    found = find_write_drift("Opportunity", shape, [{"Status__c": value}], ())
    assert [drift.code for drift in found] == ([code] if code else [])


@pytest.mark.parametrize(
    ("row", "before", "held"),
    [
        ({"Status__c": "Paid"}, (), True),
        ({"Status__c": "Paid", "Region__c": None}, (), True),
        ({"Status__c": "Paid", "Region__c": "North"}, (), False),
        ({"Status__c": "Paid"}, ("Region__c",), False),
    ],
    ids=["not filled", "empty", "filled", "was so before"],
)
def test_a_field_that_is_required_now(row: dict[str, Any], before: tuple[str, ...], held: bool) -> None:
    required = FieldShape("string", createable=True, updateable=True, required=True)
    found = find_write_drift("Opportunity", deal(Status__c=TEXT, Region__c=required), [row], before)
    assert [drift.code for drift in found] == (["field_required"] if held else [])


def test_a_parent_named_by_its_relation_fills_the_reference() -> None:
    parent = FieldShape("reference", createable=True, required=True, relation="Xero_Invoice__r")
    shape = deal(Xero_Invoice__c=parent)
    assert find_write_drift("Xero_Payment__c", shape, [{"Xero_Invoice__r": {"Xero_Key__c": "k"}}], ()) == []


def test_describes_tell_what_is_new_what_is_unchanged_and_what_is_not_shown() -> None:
    body = (
        b'{"compositeResponse":[{"referenceId":"Account","httpStatusCode":304,"body":null,"httpHeaders":{}},'
        b'{"referenceId":"Lead","httpStatusCode":404,"body":[],"httpHeaders":{}},'
        b'{"referenceId":"Case","httpStatusCode":200,"httpHeaders":{"Last-Modified":"then"},"body":'
        b'{"fields":[{"name":"Id","type":"id"}],"childRelationships":[]}}]}'
    )
    found = dict(decode_shapes(body))
    assert found["Account"].unchanged
    assert (found["Lead"].shape, found["Lead"].unchanged) == (None, False)
    assert (found["Case"].shape, found["Case"].modified) == (deal(), "then")


def test_only_a_restricted_picklist_has_choices() -> None:
    values = [{"value": "A", "active": True}, {"value": "B", "active": False}]
    item = {"name": "X", "type": "picklist", "picklistValues": values}
    shape = shape_of({"fields": [{**item, "restrictedPicklist": True}], "childRelationships": []})
    assert shape.fields["X"].choices == ("A",)
    shape = shape_of({"fields": [item], "childRelationships": []})
    assert shape.fields["X"].choices == ()
