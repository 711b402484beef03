"""A ``<fields>`` element as the declaration of a field, with the platform's checks of each type (SF 8.4)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from crossfoot.emulators.salesforce.expressions import ExpressionError, compile_expression
from crossfoot.emulators.salesforce.metadata.draft import Draft, Refusal
from crossfoot.emulators.salesforce.metadata.xml import Element
from crossfoot.emulators.salesforce.schema import Field, SObject

NAME = re.compile(r"[A-Za-z](?:(?!__)[A-Za-z0-9_])*(?<!_)")
NAME_CHARS_MAX = 40
DIGITS_MAX = 18
DELETE_CONSTRAINTS = ("SetNull", "Restrict", "Cascade")
SUMMARY_OPERATIONS = ("count", "sum", "min", "max")
FORMULA_TYPES = frozenset({"Checkbox", "Currency", "Date", "DateTime", "Number", "Percent", "Text"})

Build = Callable[[Draft, SObject, Element], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class FieldType:
    """What one metadata field type is in the API, the elements it has to have, and the rest of its declaration."""

    api: str
    required: tuple[str, ...] = ()
    build: Build | None = None
    keyed: bool = False  # may be unique or an external id


def field_of(draft: Draft, sobject: SObject, element: Element) -> Field:
    """The field that the element declares on an object of the draft; a Refusal says what is wrong with it."""
    name, kind = element.get("fullName"), element.get("type")
    _check_name(name, sobject, element)
    if not element.get("label"):
        raise Refusal("Must specify a non-empty label for the CustomField", element)
    known = FIELD_TYPES.get(kind)
    if known is None:
        shown = (
            f"The emulator does not cover fields of type '{kind}'" if kind else "Must specify 'type' for a CustomField"
        )
        raise Refusal(shown, element)
    formula = element.get("formula")
    if formula and kind not in FORMULA_TYPES:
        raise Refusal(f"Can not specify 'formula' for a CustomField of type {kind}", element)
    for each in known.required if not formula else ():
        if not element.get(each):
            raise Refusal(f"Must specify '{each}' for a CustomField of type {kind}", element)
    values: dict[str, Any] = {"name": name, "type": known.api, "label": element.get("label")}
    values["help"] = element.get("inlineHelpText") or None
    if known.build is not None:
        values |= known.build(draft, sobject, element)
    values |= _keys(element, kind, known) | _required(element, kind, formula)
    if formula:
        values |= _formula(draft, sobject, element)
    made = Field(**values)
    _check_change(sobject.field(name), made, element)
    return made


def _formula(draft: Draft, sobject: SObject, element: Element) -> dict[str, Any]:
    text = element.get("formula")
    try:
        compile_expression(draft.schema, sobject, text)
    except ExpressionError as error:
        raise Refusal(str(error), element.one("formula")) from error
    return {
        "expression": (sobject.name, text),
        "formula": "expression",
        "createable": False,
        "updateable": False,
        "default": None,
        "filterable": True,
    }


def check_api_name(name: str, what: str, element: Element) -> None:
    """``^[A-Za-z][A-Za-z0-9_]*__c$``, at most 40 characters, no two underscores inside (SF 8.6)."""
    stem = name.removesuffix("__c")
    if not name.endswith("__c") or len(stem) > NAME_CHARS_MAX or NAME.fullmatch(stem) is None:
        raise Refusal(
            f"The {what} name '{name}' has to begin with a letter, hold only letters, digits and single underscores, "
            f"not end with an underscore, be at most {NAME_CHARS_MAX} characters long, and end with __c",
            element,
        )


def _check_name(name: str, sobject: SObject, element: Element) -> None:
    if not name:
        raise Refusal("Must specify a fullName for the CustomField", element)
    known = sobject.field(name)
    if known is not None and not known.custom:
        raise Refusal(f"The emulator does not cover changes of the standard field {sobject.name}.{name}", element)
    check_api_name(name, "field", element)


def _check_change(before: Field | None, after: Field, element: Element) -> None:
    if before is not None and before.type != after.type:
        raise Refusal(f"Cannot change the type of {after.name} from {before.type} to {after.type}", element)
    if before is not None and (before.formula is None) != (after.formula is None):
        raise Refusal(f"Cannot change {after.name} between a stored and a computed field", element)


def _whole(element: Element, tag: str, least: int, most: int) -> int:
    text = element.get(tag)
    if not text.isdecimal() or len(text) > len(str(most)) or not least <= int(text) <= most:
        raise Refusal(f"'{tag}' has to be a whole number between {least} and {most}: {text or 'none'}", element)
    return int(text)


def _keys(element: Element, kind: str, known: FieldType) -> dict[str, Any]:
    given = {tag: element.is_true(tag) for tag in ("unique", "externalId", "caseSensitive")}
    for tag, value in given.items():
        if value and (not known.keyed or element.get("formula")):
            raise Refusal(f"Can not specify '{tag}' for a CustomField of type {kind}", element)
    return {"unique": given["unique"], "external_id": given["externalId"], "case_sensitive": given["caseSensitive"]}


def _required(element: Element, kind: str, formula: str) -> dict[str, Any]:
    if kind == "MasterDetail":
        return {"required": True}
    required = element.is_true("required")
    if required and (formula or kind in {"Checkbox", "AutoNumber", "Summary"}):
        raise Refusal(f"Can not specify 'required' for a CustomField of type {kind}", element)
    if required and kind == "Lookup" and element.get("deleteConstraint", "SetNull") == "SetNull":
        raise Refusal("must specify either cascade delete or restrict delete for required lookup foreign key", element)
    return {"required": required}


def _text(_draft: Draft, _sobject: SObject, element: Element) -> dict[str, Any]:
    return {"length": 1300 if element.get("formula") else _whole(element, "length", 1, 255)}


def _long_text(_draft: Draft, _sobject: SObject, element: Element) -> dict[str, Any]:
    _whole(element, "visibleLines", 2, 50)
    return {"length": _whole(element, "length", 256, 131_072), "filterable": False}


def _fixed_length(length: int) -> Build:
    return lambda _draft, _sobject, _element: {"length": length}


def _number(_draft: Draft, _sobject: SObject, element: Element) -> dict[str, Any]:
    formula = bool(element.get("formula"))
    scale = _whole(element, "scale", 0, 17) if element.get("scale") or not formula else 2
    precision = DIGITS_MAX if formula and not element.get("precision") else _whole(element, "precision", 1, DIGITS_MAX)
    if scale > precision:
        raise Refusal("'scale' cannot be greater than 'precision'", element)
    return {"precision": precision, "scale": scale}


def _checkbox(_draft: Draft, _sobject: SObject, element: Element) -> dict[str, Any]:
    return {"default": element.is_true("defaultValue")}


def _autonumber(_draft: Draft, _sobject: SObject, element: Element) -> dict[str, Any]:
    """``startingNumber`` is taken by the platform at creation; numbers here begin at 1."""
    display = element.get("displayFormat")
    if re.fullmatch(r"[^{}]*\{0+\}[^{}]*", display) is None:
        raise Refusal(f"'displayFormat' needs one number such as {{0000}}: {display}", element)
    return {"autonumber": display, "length": 30, "createable": False, "updateable": False}


def _picklist(draft: Draft, _sobject: SObject, element: Element) -> dict[str, Any]:
    values = element.one("valueSet")
    if values is None:
        raise Refusal("Must specify either valueSet or a global value set for a CustomField of type Picklist", element)
    restricted, length = values.is_true("restricted"), 4099 if element.get("type") == "MultiselectPicklist" else 255
    definition = values.one("valueSetDefinition")
    if values.get("valueSetName"):
        definition = draft.element("GlobalValueSet", values.get("valueSetName"))
        if definition is None:
            name = values.get("valueSetName")
            raise Refusal(f"In field: valueSetName - no GlobalValueSet named {name} found", values)
        restricted = True
    if definition is None:
        raise Refusal("valueSet needs a valueSetDefinition or a valueSetName", values)
    listed = definition.all("value") or definition.all("customValue")
    names = [each.get("fullName") for each in listed]
    if not all(names) or len({each.lower() for each in names}) != len(names):
        raise Refusal("each picklist value needs a fullName of its own", definition)
    default = next((each.get("fullName") for each in listed if each.is_true("default")), None)
    active = tuple(each.get("fullName") for each in listed if each.get("isActive", "true") == "true")
    return {"picklist": active, "restricted": restricted, "default": default, "length": length}


def _relationship(draft: Draft, sobject: SObject, element: Element) -> dict[str, Any]:
    """A lookup or master-detail: its parent, and a child relationship name that no other child of it has."""
    target = draft.schema.object(element.get("referenceTo"))
    if target is None:
        shown = f"referenceTo value of '{element.get('referenceTo')}' does not resolve to a valid sObject type"
        raise Refusal(shown, element)
    name, master = element.get("fullName"), element.get("type") == "MasterDetail"
    relationship = element.get("relationshipName")
    if relationship and NAME.fullmatch(relationship) is None:
        raise Refusal(f"relationshipName '{relationship}' is not a valid name", element)
    children = f"{relationship}__r" if relationship else None
    taken = draft.schema.child(target.name, children) if children else None
    if taken is not None and (taken[0].name, taken[1].name.lower()) != (sobject.name, name.lower()):
        raise Refusal(f"There is already a Child Relationship named {relationship} on {target.name}.", element)
    constraint = "Cascade" if master else element.get("deleteConstraint", "SetNull")
    if constraint not in DELETE_CONSTRAINTS:
        raise Refusal(f"'{constraint}' is not a valid value for the enum 'DeleteConstraint'", element)
    return {
        "reference_to": (target.name,),
        "relationship": name.removesuffix("__c") + "__r",
        "children": children,
        "on_delete": constraint,
        "length": 18,
        "updateable": not master or element.is_true("reparentableMasterDetail"),
    }


def _summary(draft: Draft, sobject: SObject, element: Element) -> dict[str, Any]:
    """A roll-up of the rows that name this object as their master (SF 8.4)."""
    child_name, _, reference_name = element.get("summaryForeignKey").partition(".")
    child = draft.schema.object(child_name)
    reference = child.field(reference_name) if child else None
    if child is None or reference is None or sobject.name not in reference.reference_to:
        raise Refusal(f"summaryForeignKey: no such relationship: {element.get('summaryForeignKey')}", element)
    if reference.on_delete != "Cascade" or not reference.required:
        raise Refusal("summaryForeignKey has to be a master-detail relationship", element)
    operation = element.get("summaryOperation")
    if operation not in SUMMARY_OPERATIONS:
        raise Refusal(f"'{operation}' is not a valid value for the enum 'SummaryOperations'", element)
    if element.all("summaryFilterItems"):
        raise Refusal("The emulator does not cover summaryFilterItems", element)
    summed = child.field(element.get("summarizedField").rpartition(".")[2])
    if operation != "count" and (summed is None or not (summed.precision or summed.type in {"date", "datetime"})):
        raise Refusal(f"summarizedField: no such number or date: {element.get('summarizedField')}", element)
    counted = operation == "count" or summed is None
    made = {"child": child.name, "reference": reference.name, "operation": operation}
    return {
        "summary": made | {"field": None if counted or summed is None else summed.name},
        "type": "double" if counted or summed is None else summed.type,
        "precision": DIGITS_MAX,
        "scale": 0 if counted or summed is None else summed.scale,
        "formula": "summary",
        "createable": False,
        "updateable": False,
    }


FIELD_TYPES: Mapping[str, FieldType] = {
    "AutoNumber": FieldType("string", ("displayFormat",), _autonumber, keyed=True),
    "Checkbox": FieldType("boolean", ("defaultValue",), _checkbox),
    "Currency": FieldType("currency", ("precision", "scale"), _number),
    "Date": FieldType("date"),
    "DateTime": FieldType("datetime"),
    "Email": FieldType("email", build=_fixed_length(80), keyed=True),
    "Html": FieldType("textarea", ("length", "visibleLines"), _long_text),
    "LongTextArea": FieldType("textarea", ("length", "visibleLines"), _long_text),
    "Lookup": FieldType("reference", ("referenceTo",), _relationship),
    "MasterDetail": FieldType("reference", ("referenceTo", "relationshipName"), _relationship),
    "MultiselectPicklist": FieldType("multipicklist", ("visibleLines",), _picklist),
    "Number": FieldType("double", ("precision", "scale"), _number, keyed=True),
    "Percent": FieldType("percent", ("precision", "scale"), _number),
    "Phone": FieldType("phone", build=_fixed_length(40)),
    "Picklist": FieldType("picklist", (), _picklist),
    "Summary": FieldType("double", ("summaryForeignKey", "summaryOperation"), _summary),
    "Text": FieldType("string", ("length",), _text, keyed=True),
    "TextArea": FieldType("textarea", build=_fixed_length(255)),
    "Url": FieldType("url", build=_fixed_length(255)),
}
