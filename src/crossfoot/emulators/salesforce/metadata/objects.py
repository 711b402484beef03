"""Custom objects, and what lives inside an object's file: fields, record types, rules, lists and layouts (SF 8.4)."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator

from crossfoot.emulators.salesforce.expressions import ExpressionError, compile_expression
from crossfoot.emulators.salesforce.metadata.draft import Component, Draft, Refusal
from crossfoot.emulators.salesforce.metadata.fields import check_api_name, field_of
from crossfoot.emulators.salesforce.metadata.xml import Element, inner_xml
from crossfoot.emulators.salesforce.schema import Field, SObject, text
from crossfoot.emulators.salesforce.standard import CURRENCY, OWNER, SYSTEM_FIELDS

# Element of an object's file -> the component type that it is.
CHILD_TYPES = {
    "fields": "CustomField",
    "listViews": "ListView",
    "recordTypes": "RecordType",
    "validationRules": "ValidationRule",
    "compactLayouts": "CompactLayout",
}
UNCOVERED_CHILDREN = frozenset({"businessProcesses", "fieldSets", "indexes", "sharingReasons", "webLinks"})
OBJECT_ELEMENTS = frozenset(
    {
        *CHILD_TYPES,
        *UNCOVERED_CHILDREN,
        "actionOverrides",
        "allowInChatterGroups",
        "compactLayoutAssignment",
        "deploymentStatus",
        "description",
        "enableActivities",
        "enableBulkApi",
        "enableChangeDataCapture",
        "enableEnhancedLookup",
        "enableFeeds",
        "enableHistory",
        "enableLicensing",
        "enableReports",
        "enableSearch",
        "enableSharing",
        "enableStreamingApi",
        "externalSharingModel",
        "fullName",
        "gender",
        "household",
        "label",
        "nameField",
        "pluralLabel",
        "recordTypeTrackHistory",
        "recordTypeTrackFeedHistory",
        "searchLayouts",
        "sharingModel",
        "startsWith",
        "visibility",
    }
)
SHARING_MODELS = frozenset({"ControlledByParent", "Private", "Read", "ReadWrite"})
OBJECT_NAME_CHARS_MAX = 40


class Missing(Refusal):
    """What is to be deleted is not there: a warning, not a failure."""


def split_object(component: Component) -> Iterator[Component]:
    """An object's file as the object itself, where the file declares one, and its children."""
    root = component.root
    own = dataclasses.replace(root, children=[each for each in root.children if each.tag not in CHILD_TYPES])
    if own.children or component.name.endswith("__c"):
        yield dataclasses.replace(component, root=own)
    for each in root.children:
        if each.tag in CHILD_TYPES:
            name = f"{component.name}.{each.get('fullName')}"
            yield dataclasses.replace(component, type=CHILD_TYPES[each.tag], name=name, root=each)


def apply_object(draft: Draft, component: Component) -> None:
    """Declare a custom object; of a standard one only its settings are taken, and stored."""
    root, name = component.root, component.name
    for each in root.children:
        if each.tag not in OBJECT_ELEMENTS:
            raise Refusal(f"Element {{{each.namespace}}}{each.tag} invalid at this location in type CustomObject", each)
        if each.tag in UNCOVERED_CHILDREN:
            raise Refusal(f"The emulator does not cover {each.tag}", each)
    known = draft.schema.object(name)
    if known is not None and not known.custom:
        return
    if not name.endswith("__c"):
        raise Refusal(f"The emulator has no standard object named {name}", root)
    check_api_name(name, "object", root)
    for tag in ("label", "pluralLabel", "nameField", "deploymentStatus", "sharingModel"):
        if root.one(tag) is None and not (tag in {"deploymentStatus", "sharingModel"} and known):
            raise Refusal(f"Must specify a non-empty {tag} for the CustomObject", root)
    if root.get("sharingModel") not in SHARING_MODELS:
        raise Refusal(f"'{root.get('sharingModel')}' is not a valid value for the enum 'SharingModel'", root)
    flags = {root.get(tag, "false") for tag in ("enableBulkApi", "enableSharing", "enableStreamingApi")}
    if len(flags) > 1:
        raise Refusal("enableBulkApi, enableSharing and enableStreamingApi have to have the same value", root)
    draft.declare(_declared(draft, known, name, root))


def _declared(draft: Draft, known: SObject | None, name: str, root: Element) -> SObject:
    owner = () if root.get("sharingModel") == "ControlledByParent" else (OWNER,)
    return SObject(
        name,
        known.key_prefix if known else draft.key_prefix(),
        (*SYSTEM_FIELDS, _name_field(root), CURRENCY, *owner),
        label=root.get("label"),
        plural=root.get("pluralLabel"),
        change_events=known.change_events if known else True,  # of every custom object (SF 5.5)
    )


def _name_field(root: Element) -> Field:
    element = root.one("nameField") or root
    if not element.get("label"):
        raise Refusal("Must specify a non-empty label for the nameField", element)
    kind = element.get("type")
    if kind == "Text":
        return text("Name", 80, label=element.get("label"))
    if kind == "AutoNumber" and element.get("displayFormat"):
        numbered = element.get("displayFormat")
        return text("Name", 80, label=element.get("label"), autonumber=numbered, createable=False, updateable=False)
    raise Refusal("nameField has to be of type Text, or AutoNumber with a displayFormat", element)


def apply_field(draft: Draft, component: Component) -> None:
    sobject = owner_of(draft, component)
    draft.declare_field(sobject, field_of(draft, sobject, component.root))


def owner_of(draft: Draft, component: Component) -> SObject:
    """The object that a child belongs to, by the first part of its full name."""
    name = component.name.partition(".")[0]
    found = draft.schema.object(name)
    if found is None:
        raise Refusal(f"Entity Enumeration Or ID: no CustomObject named {name} found", component.root)
    return found


def check_child(*required: str) -> Callable[[Draft, Component], None]:
    """A child that needs these elements and whose columns or fields have to exist."""

    def check(draft: Draft, component: Component) -> None:
        sobject = owner_of(draft, component)
        for tag in required:
            if component.root.one(tag) is None:
                raise Refusal(f"Required field is missing: {tag}", component.root)
        for each in component.root.children:
            if each.tag == "fields" and sobject.field(each.text) is None:
                raise Refusal(f"In field: fields - no CustomField named {sobject.name}.{each.text} found", each)

    return check


def check_list_view(draft: Draft, component: Component) -> None:
    """Columns are field names of custom fields, or the platform's own upper-case names."""
    check_child("filterScope", "label")(draft, component)
    sobject = owner_of(draft, component)
    for each in component.root.all("columns"):
        if each.text.endswith("__c") and sobject.field(each.text) is None:
            raise Refusal(f"Could not resolve list view column: {each.text}", each)


def check_validation_rule(draft: Draft, component: Component) -> None:
    """A rule has a condition and a message. An active one has to be a formula that the emulator knows."""
    check_child("active", "errorConditionFormula", "errorMessage")(draft, component)
    if not component.root.is_true("active"):
        return
    formula = component.root.one("errorConditionFormula")
    try:
        compile_expression(draft.schema, owner_of(draft, component), formula.text if formula else "", saving=True)
    except ExpressionError as error:
        raise Refusal(str(error), formula) from error


def delete_field(draft: Draft, component: Component) -> None:
    sobject = owner_of(draft, component)
    name = component.name.partition(".")[2]
    field = sobject.field(name)
    if field is None or not field.custom:
        raise Missing(f"No CustomField named: {component.name} found")
    _check_unused(draft, component.name, name)
    draft.drop_field(sobject, name)
    prune(draft, sobject, {f"{sobject.name}.{name}".lower()}, {name.lower()})


def delete_object(draft: Draft, component: Component) -> None:
    sobject = draft.schema.object(component.name)
    if sobject is None or not sobject.custom:
        raise Missing(f"No CustomObject named: {component.name} found")
    for child, field in draft.schema.children(sobject.name):
        if child.name != sobject.name:
            raise Refusal(f"This custom object is referenced elsewhere: by the field {child.name}.{field.name}")
    draft.drop_object(sobject)
    prune(
        draft,
        sobject,
        {sobject.name.lower(), *(f"{sobject.name}.{each.name}".lower() for each in sobject.fields)},
        set(),
    )
    for kind in (*CHILD_TYPES.values(), "CustomTab", "Layout"):
        for name in [each for each in draft.components.get(kind, {}) if re.split(r"[-.]", each)[0] == sobject.name]:
            draft.remove(kind, name)


def _check_unused(draft: Draft, full_name: str, name: str) -> None:
    """A field that a formula, a rule, a flow or a roll-up reads stays; layouts and grants only lose it."""
    owner = full_name.partition(".")[0].lower()
    by_name = {"Flow", "FlexiPage", "Report", "ReportType"}
    for kind, user, xml in draft.texts():
        own = kind in {"CustomField", "ValidationRule"} and user.partition(".")[0].lower() == owner
        sought = name if own or kind in by_name else full_name
        if kind in by_name | {"CustomField", "ValidationRule"} and sought in xml and user.lower() != full_name.lower():
            raise Refusal(f"This custom field is referenced elsewhere: by the {kind} {user}")


def prune(draft: Draft, sobject: SObject, full_names: set[str], names: set[str]) -> None:
    """Take what is deleted out of grants, and out of the object's own layouts and lists."""
    for kind, user, _ in list(draft.texts()):
        own = kind in {"CompactLayout", "Layout", "ListView"} and re.split(r"[-.]", user)[0] == sobject.name
        gone = names if own else full_names if kind == "PermissionSet" else set()
        root = draft.element(kind, user) if gone else None
        if root is not None:
            kept = _without(root, gone)
            draft.components[kind][user] = draft.components[kind][user] | {"xml": inner_xml(kept)}


def _without(element: Element, gone: set[str]) -> Element:
    kept = []
    for each in element.children:
        named = each.text if each.tag in {"columns", "fields"} else each.get("field") or each.get("object")
        if named.lower() not in gone:
            kept.append(_without(each, gone))
    return dataclasses.replace(element, children=kept)
