"""Objects and fields that the org was founded with, as the metadata that would have deployed them (SF 8.4)."""

from __future__ import annotations

from crossfoot.emulators.salesforce.metadata.xml import Element, leaf
from crossfoot.emulators.salesforce.schema import Field, SObject, label_of

_TYPES = {
    "boolean": "Checkbox",
    "currency": "Currency",
    "date": "Date",
    "datetime": "DateTime",
    "double": "Number",
    "email": "Email",
    "multipicklist": "MultiselectPicklist",
    "percent": "Percent",
    "phone": "Phone",
    "picklist": "Picklist",
    "reference": "Lookup",
    "string": "Text",
    "url": "Url",
}


def object_element(sobject: SObject) -> Element:
    """A custom object's own settings; a standard one has none of the org's."""
    if not sobject.custom:
        return Element("CustomObject")
    label = sobject.label or label_of(sobject.name)
    name_field = Element("nameField", children=[leaf("label", "Name"), leaf("type", "Text")])
    parts = [leaf("deploymentStatus", "Deployed"), leaf("label", label), name_field]
    parts += [leaf("pluralLabel", sobject.plural or f"{label}s"), leaf("sharingModel", "ReadWrite")]
    return Element("CustomObject", children=parts)


def field_element(field: Field) -> Element:
    kind = (
        "AutoNumber"
        if field.autonumber
        else "LongTextArea"
        if field.length > 255
        else _TYPES.get(field.type, "TextArea")
    )
    parts = [leaf("fullName", field.name), leaf("label", field.label or label_of(field.name)), leaf("type", kind)]
    if field.autonumber:
        parts.append(leaf("displayFormat", field.autonumber))
    elif kind in {"Text", "LongTextArea"}:
        parts.append(leaf("length", field.length))
    if kind in {"Currency", "Number", "Percent"}:
        parts += [leaf("precision", field.precision), leaf("scale", field.scale)]
    if kind == "Checkbox":
        parts.append(leaf("defaultValue", bool(field.default)))
    if kind == "Lookup":
        parts += [leaf("deleteConstraint", field.on_delete), leaf("referenceTo", field.reference_to[0])]
        parts += [leaf("relationshipName", field.children.removesuffix("__r"))] if field.children else []
    if field.type in {"picklist", "multipicklist"}:
        parts.append(_values(field))
    flags = (("unique", field.unique), ("externalId", field.external_id), ("required", field.required))
    return Element("CustomField", children=parts + [leaf(tag, True) for tag, value in flags if value])


def _values(field: Field) -> Element:
    listed = [
        Element("value", children=[leaf("fullName", each), leaf("default", each == field.default), leaf("label", each)])
        for each in field.picklist
    ]
    definition = Element("valueSetDefinition", children=[leaf("sorted", False), *listed])
    return Element("valueSet", children=[leaf("restricted", field.restricted), definition])
