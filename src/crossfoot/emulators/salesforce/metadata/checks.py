"""The rules of the components that are kept as they are: tabs, layouts, flows, bundles and the like (SF 8.4)."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import unquote

from crossfoot.emulators.salesforce.metadata.draft import Component, Draft, Refusal
from crossfoot.emulators.salesforce.metadata.xml import Element
from crossfoot.emulators.salesforce.schema import SObject

Check = Callable[[Draft, Component], None]
FLOW_ACTIVE = frozenset({"Active", "Draft", "Obsolete", "InvalidDraft"})
BUNDLE_NAME = re.compile(r"[a-z][A-Za-z0-9]*(?:_[A-Za-z0-9]+)*")


def needs(*tags: str) -> Check:
    """A component that only has to carry these elements."""

    def check(_draft: Draft, component: Component) -> None:
        for tag in tags:
            if component.root.one(tag) is None:
                raise Refusal(f"Required field is missing: {tag}", component.root)

    return check


def check_tab(draft: Draft, component: Component) -> None:
    if component.root.is_true("customObject"):
        needs("motif")(draft, component)
        _object(draft, component.name, component.root)
    elif not any(component.root.one(tag) for tag in ("flexiPage", "lwcComponent", "page", "url")):
        raise Refusal("Specify either an object, a page, a component or a url for the tab", component.root)


def check_layout(draft: Draft, component: Component) -> None:
    """Every field exists, and the universally required ones are there (SF 8.4)."""
    name = unquote(component.name)
    object_name, dash, _ = name.partition("-")
    sobject = _object(draft, object_name, component.root)
    if not dash:
        raise Refusal(f"the layout's name has to begin with its object: {name}", component.root)
    placed = set()
    for each in component.root.descendants():
        field = each.one("field") if each.tag == "layoutItems" else None
        if field is None:
            continue
        if sobject.field(field.text) is None and field.text.endswith("__c"):
            raise Refusal(f"In field: field - no CustomField named {sobject.name}.{field.text} found", field)
        if field.text.lower() in placed:
            raise Refusal(f"The layout contains the field {field.text} twice", field)
        placed.add(field.text.lower())
    for needed in sobject.fields:
        if needed.required and needed.custom and needed.name.lower() not in placed:
            raise Refusal(f"Layout must contain an item for required layout field: {needed.name}", component.root)


def check_flow(draft: Draft, component: Component) -> None:
    needs("label", "processType", "start", "status")(draft, component)
    root = component.root
    if root.get("status") not in FLOW_ACTIVE:
        raise Refusal(
            f"'{root.get('status')}' is not a valid value for the enum 'FlowVersionStatus'", root.one("status")
        )
    names = {each.get("name").lower() for each in root.children if each.get("name")}
    for each in root.descendants():
        if each.tag == "targetReference" and each.text.lower() not in names:
            raise Refusal(f"targetReference: no element named {each.text}", each)
    start = root.one("start")
    if start is not None and start.get("object"):
        sobject = _object(draft, start.get("object"), start)
        for each in start.all("filters"):
            if sobject.field(each.get("field")) is None:
                raise Refusal(f"field integrity exception: unknown field {sobject.name}.{each.get('field')}", each)


def check_bundle(_draft: Draft, component: Component) -> None:
    """A Lightning web component: a script, or a template, of the bundle's own name; and no tests (SF 8.4)."""
    if BUNDLE_NAME.fullmatch(component.name) is None:
        raise Refusal(f"Invalid bundle name: {component.name}", component.root)
    needs("apiVersion")(_draft, component)
    if f"{component.name}.js" not in component.files:
        raise Refusal(f"LWC1702: Missing required file {component.name}/{component.name}.js", component.root)
    for each in component.files:
        if "__tests__" in each.split("/"):
            raise Refusal(f"LWC1704: Unexpected file in bundle: {component.name}/{each}", component.root)


def check_content(_draft: Draft, component: Component) -> None:
    if not component.files:
        raise Refusal(f"the content file of {component.name} is missing", component.root)


def check_resource(draft: Draft, component: Component) -> None:
    check_content(draft, component)
    needs("cacheControl", "contentType")(draft, component)


def check_report_type(draft: Draft, component: Component) -> None:
    needs("baseObject", "category", "deployed", "label")(draft, component)
    base = _object(draft, component.root.get("baseObject"), component.root)
    for section in component.root.all("sections"):
        for column in section.all("columns"):
            if (
                column.get("table") == base.name
                and column.get("field").endswith("__c")
                and not base.field(column.get("field"))
            ):
                raise Refusal(f"columns: no CustomField named {base.name}.{column.get('field')} found", column)


def check_page(draft: Draft, component: Component) -> None:
    needs("masterLabel", "template", "type")(draft, component)
    if component.root.get("sobjectType"):
        _object(draft, component.root.get("sobjectType"), component.root)


def check_values(_draft: Draft, component: Component) -> None:
    needs("masterLabel", "sorted")(_draft, component)
    if not component.root.all("customValue"):
        raise Refusal("Must specify at least one customValue for the GlobalValueSet", component.root)


def _object(draft: Draft, name: str, at: Element) -> SObject:
    found = draft.schema.object(name)
    if found is None:
        raise Refusal(f"In field: object - no CustomObject named {name} found", at)
    return found
