"""The component types that the emulator covers, in the order in which a deployment takes them (SF 8.3, 8.4)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from crossfoot.emulators.salesforce.metadata import checks, objects, reports
from crossfoot.emulators.salesforce.metadata.draft import Component, Draft
from crossfoot.emulators.salesforce.metadata.permission_sets import check_permission_set

Act = Callable[[Draft, Component], None]


@dataclass(frozen=True, slots=True)
class ComponentType:
    """One type: where its files are, and what is asked of it.

    ``apply`` checks a component and changes the draft's schema where the type has to do with it. ``content`` types
    have their XML beside the file itself, under ``-meta.xml``; a bundle is a folder of files. A type without a folder
    lives inside the file of its object. ``inside`` names the type of the folders that a type's components are in: a
    folder's file lies beside its directory, and manifests name it as a component of the type that it holds (SF 8.3).
    ``prefix`` begins the ids of its components.
    """

    name: str
    folder: str
    suffix: str
    apply: Act
    delete: Act | None = None
    content: bool = False
    bundle: bool = False
    inside: str = ""
    prefix: str = "0Mc"


TYPES: tuple[ComponentType, ...] = (
    ComponentType("GlobalValueSet", "globalValueSets", "globalValueSet", checks.check_values, prefix="0Nt"),
    ComponentType("CustomPermission", "customPermissions", "customPermission", checks.needs("label"), prefix="0CP"),
    ComponentType("CustomObject", "objects", "object", objects.apply_object, objects.delete_object, prefix="01I"),
    ComponentType("CustomField", "", "", objects.apply_field, objects.delete_field, prefix="00N"),
    ComponentType("RecordType", "", "", objects.check_child("active", "label"), prefix="012"),
    ComponentType("ValidationRule", "", "", objects.check_validation_rule, prefix="03d"),
    ComponentType("CompactLayout", "", "", objects.check_child("fields", "label"), prefix="0AH"),
    ComponentType("ListView", "", "", objects.check_list_view, prefix="00B"),
    ComponentType("ApexClass", "classes", "cls", checks.check_content, content=True, prefix="01p"),
    ComponentType("StaticResource", "staticresources", "resource", checks.check_resource, content=True, prefix="081"),
    ComponentType("LightningComponentBundle", "lwc", "", checks.check_bundle, bundle=True, prefix="0Rb"),
    ComponentType("Layout", "layouts", "layout", checks.check_layout, prefix="00h"),
    ComponentType("FlexiPage", "flexipages", "flexipage", checks.check_page, prefix="0M0"),
    ComponentType("CustomTab", "tabs", "tab", checks.check_tab, prefix="01r"),
    ComponentType("Flow", "flows", "flow", checks.check_flow, prefix="301"),
    ComponentType("ReportType", "reportTypes", "reportType", checks.check_report_type, prefix="070"),
    ComponentType("ReportFolder", "reports", "", checks.needs("name"), prefix="00l"),
    ComponentType("Report", "reports", "report", reports.check_report, inside="ReportFolder", prefix="00O"),
    ComponentType("CustomApplication", "applications", "app", checks.needs("label"), prefix="02u"),
    ComponentType("PermissionSet", "permissionsets", "permissionset", check_permission_set, prefix="0PS"),
)
BY_NAME: Mapping[str, ComponentType] = {each.name: each for each in TYPES}
HOLDS: Mapping[str, str] = {each.inside: each.name for each in TYPES if each.inside}
BY_FOLDER: Mapping[str, ComponentType] = {each.folder: each for each in TYPES if each.folder and each.name not in HOLDS}
ORDER: Mapping[str, int] = {each.name: number for number, each in enumerate(TYPES)}


def member_of(kind: str, name: str) -> tuple[str, str]:
    """The type and name of a manifest's member. Under a type that is kept in folders, a name without a slash is a
    folder; so is one that ends in a slash, as the vendor's own command line writes it."""
    known = BY_NAME[kind]
    if not known.inside or "/" in name.rstrip("/"):
        return kind, name
    return known.inside, name.rstrip("/")
