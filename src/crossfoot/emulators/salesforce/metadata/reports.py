"""Reports: each in a folder, on a report type whose columns it shows; and what is not deleted while used (SF 8.4)."""

from __future__ import annotations

from collections.abc import Iterator

from crossfoot.emulators.salesforce.metadata.draft import Component, Draft, Refusal
from crossfoot.emulators.salesforce.metadata.xml import Element

FORMATS = frozenset({"Matrix", "MultiBlock", "Summary", "Tabular"})
_NEEDED = ("format", "name", "reportType")


def check_report(draft: Draft, component: Component) -> None:
    """Its folder exists, and every column that it names is one of its report type, where that is the org's own."""
    root = component.root
    for tag in _NEEDED:
        if root.one(tag) is None:
            raise Refusal(f"Required field is missing: {tag}", root)
    if root.get("format") not in FORMATS:
        raise Refusal(f"'{root.get('format')}' is not a valid value for the enum 'ReportFormat'", root.one("format"))
    folder, slash, _ = component.name.rpartition("/")
    if not slash or draft.find("ReportFolder", folder) is None:
        raise Refusal(f"Cannot find folder:{folder}", root)
    name = root.get("reportType")
    if not name.endswith("__c"):
        return
    known = draft.element("ReportType", name.removesuffix("__c"))
    if known is None:
        raise Refusal(f"reportType: no ReportType named {name} found", root.one("reportType"))
    columns = [each for part in known.all("sections") for each in part.all("columns")]
    shown = {f"{each.get('table')}${each.get('field')}" for each in columns}
    for tag, element in _columns(root):
        if element.text not in shown:
            raise Refusal(f"{tag}-Invalid value specified: {element.text}", element)


def _columns(root: Element) -> Iterator[tuple[str, Element]]:
    """Every place in which a report names a column."""
    places = (("columns", "field"), ("groupingsDown", "field"), ("groupingsAcross", "field"))
    for tag, member in places:
        yield from ((member, found) for each in root.all(tag) if (found := each.one(member)) is not None)
    for each in root.descendants():
        found = each.one("column") if each.tag == "criteriaItems" else None
        found = each.one("dateColumn") if each.tag == "timeFrameFilter" else found
        if found is not None:
            yield found.tag, found


def check_unneeded(draft: Draft, component: Component) -> None:
    """A folder that is not empty, a report type with a report, and a bundle that stands on a page stay."""
    for kind, user, xml in draft.texts():
        needs = {
            "ReportFolder": kind == "Report" and user.lower().startswith(f"{component.name.lower()}/"),
            "ReportType": kind == "Report" and f"<reportType>{component.name}__c</reportType>" in xml,
            "LightningComponentBundle": kind == "FlexiPage" and _places(xml, component.name),
        }
        if needs.get(component.type):
            raise Refusal(f"This {component.type} is referenced elsewhere: by the {kind} {user}")


def _places(xml: str, bundle: str) -> bool:
    return any(f"<componentName>{name}</componentName>" in xml for name in (bundle, f"c:{bundle}"))
