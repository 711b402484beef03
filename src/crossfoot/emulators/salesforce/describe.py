"""What describe tells about objects and fields, generated from their declarations (SF 2.4)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from crossfoot.emulators.salesforce.permissions import permissionable
from crossfoot.emulators.salesforce.schema import NUMBER_TYPES, TEXT_TYPES, Field, SObject, label_of
from crossfoot.emulators.salesforce.soql.run import visible_fields
from crossfoot.emulators.salesforce.world import ACCESS_OBJECTS, Row, World

MASTER_RECORD_TYPE = "012000000000000AAA"
_SOAP_TYPES = {
    "id": "tns:ID",
    "reference": "tns:ID",
    "boolean": "xsd:boolean",
    "int": "xsd:int",
    "date": "xsd:date",
    "datetime": "xsd:dateTime",
    "address": "urn:address",
    "base64": "xsd:base64Binary",
}


def describe_global(world: World, base: str) -> dict[str, Any]:
    objects = [
        _summary(each, base) for each in world.schema.objects.values() if not each.tooling and _exists(world, each)
    ]
    return {"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": sorted(objects, key=lambda each: str(each["name"]))}


def describe(world: World, sobject: SObject, base: str) -> dict[str, Any]:
    """The full description: the summary, every field, and the relationships in which it is the parent."""
    summary = _summary(sobject, base)
    return {
        **summary,
        "actionOverrides": [],
        "childRelationships": [_child(child, field) for child, field in world.schema.children(sobject.name)],
        "compactLayoutable": True,
        "defaultImplementation": None,
        "extendedBy": None,
        "extendsInterfaces": None,
        "fields": [_field(world, sobject, each) for each in visible_fields(world, sobject)],
        "implementedBy": None,
        "implementsInterfaces": None,
        "listviewable": None,
        "lookupLayoutable": None,
        "namedLayoutInfos": [],
        "networkScopeFieldName": None,
        "recordTypeInfos": _record_types(world, sobject, base),
        "searchLayoutable": True,
        "sobjectDescribeOption": "FULL",
        "supportedScopes": [{"label": f"All {plural_of(sobject)}", "name": "everything"}],
        "urls": summary["urls"] | _pages(world, sobject),
    }


def _pages(world: World, sobject: SObject) -> dict[str, str]:
    """Addresses that a person opens, which only the full description tells (SF 2.4)."""
    host = world.public_url
    if not sobject.has_pages:
        return {}
    return {
        "uiDetailTemplate": f"{host}/{{ID}}",
        "uiEditTemplate": f"{host}/{{ID}}/e",
        "uiNewRecord": f"{host}/{sobject.key_prefix}/e",
    }


def described_at(world: World) -> datetime:
    """When what describe tells may last have changed: by a deployment, or by a change of grants (SF 2.4)."""
    moments = [
        each["SystemModstamp"]
        for name in (*ACCESS_OBJECTS, "Organization", "RecordType")
        for each in world.rows.get(name, {}).values()
    ]
    moments += [each["deleted"] for each in world.deletions if each["object"] in ACCESS_OBJECTS]
    moments += [each["end"] for each in world.deployments.values() if each["status"].startswith("Succeeded")]
    latest: datetime = max(moments)
    return latest


def _exists(world: World, sobject: SObject) -> bool:
    return sobject.name != "CurrencyType" or world.multi_currency


def plural_of(sobject: SObject) -> str:
    return sobject.plural or f"{sobject.label or label_of(sobject.name)}s"


def _summary(sobject: SObject, base: str) -> dict[str, Any]:
    row = f"{base}/sobjects/{sobject.name}"
    urls = {"sobject": row, "describe": f"{row}/describe", "rowTemplate": f"{row}/{{ID}}"}
    return {
        "activateable": False,
        "associateEntityType": None,
        "associateParentEntity": None,
        "createable": sobject.createable,
        "custom": sobject.custom,
        "customSetting": False,
        "deepCloneable": False,
        "deletable": sobject.deletable,
        "deprecatedAndHidden": False,
        "feedEnabled": False,
        "hasSubtypes": False,
        "isInterface": False,
        "isSubtype": False,
        "keyPrefix": sobject.key_prefix,
        "label": sobject.label or label_of(sobject.name),
        "labelPlural": plural_of(sobject),
        "layoutable": sobject.has_pages,
        "mergeable": sobject.mergeable,
        "mruEnabled": True,
        "name": sobject.name,
        "queryable": True,
        "replicateable": sobject.deletable,
        "retrieveable": True,
        "searchable": True,
        "triggerable": sobject.deletable,
        "undeletable": sobject.deletable and sobject.recycled,
        "updateable": sobject.updateable,
        "urls": urls | _lists(sobject, row),
    }


def _lists(sobject: SObject, row: str) -> dict[str, str]:
    """Addresses of what pages show of an object that has any (SF 2.4)."""
    layouts = {name: f"{row}/describe/{name}" for name in ("layouts", "compactLayouts", "approvalLayouts")}
    others = {name: f"{row}/{name}" for name in ("listviews", "quickActions")}
    return layouts | others if sobject.has_pages else {}


def _record_types(world: World, sobject: SObject, base: str) -> list[dict[str, Any]]:
    """The object's record types, and the master that every object has."""
    rows = (row for row in world.rows.get("RecordType", {}).values() if not row["IsDeleted"])
    own = [row for row in rows if str(row["SobjectType"]).lower() == sobject.name.lower()]
    made = [_record_type(sobject, base, row["Id"], row["DeveloperName"], row["Name"], row) for row in own]
    return [*made, _record_type(sobject, base, MASTER_RECORD_TYPE, "Master", "Master", {"IsActive": True})]


def _record_type(
    sobject: SObject, base: str, record_type_id: str, developer_name: str, name: str, row: Row
) -> dict[str, Any]:
    master = record_type_id == MASTER_RECORD_TYPE
    return {
        "active": bool(row.get("IsActive")),
        "available": bool(row.get("IsActive")),
        "defaultRecordTypeMapping": master,
        "developerName": developer_name,
        "master": master,
        "name": name,
        "recordTypeId": record_type_id,
        "urls": {"layout": f"{base}/sobjects/{sobject.name}/describe/layouts/{record_type_id}"},
    }


def _child(child: SObject, field: Field) -> dict[str, Any]:
    return {
        "cascadeDelete": field.on_delete == "Cascade",
        "childSObject": child.name,
        "deprecatedAndHidden": False,
        "field": field.name,
        "junctionIdListNames": [],
        "junctionReferenceTo": [],
        "relationshipName": field.children,
        "restrictedDelete": field.on_delete == "Restrict",
    }


def _field(world: World, sobject: SObject, field: Field) -> dict[str, Any]:
    text = field.type in TEXT_TYPES
    number = field.type in NUMBER_TYPES
    return {
        **_FIELD_CONSTANTS,
        "aggregatable": field.type not in {"boolean", "address"} and field.filterable,
        "autoNumber": field.autonumber is not None,
        "byteLength": field.length * 3 if text else 18 if field.length else 0,
        "calculated": field.formula is not None and field.custom,
        "calculatedFormula": field.expression[1] if field.expression else None,
        "cascadeDelete": field.on_delete == "Cascade" and field.type == "reference",
        "caseSensitive": field.case_sensitive,
        "createable": field.createable,
        "custom": field.custom,
        "defaultValue": field.default if field.type == "boolean" else None,
        "defaultedOnCreate": _defaulted(field),
        "digits": field.precision if field.type == "int" else 0,
        "externalId": field.external_id,
        "filterable": field.filterable,
        "groupable": field.filterable and not number and field.type not in {"datetime", "address"},
        "idLookup": field.id_lookup or field.external_id,
        "inlineHelpText": field.help,
        "label": field.label or label_of(field.name),
        "length": field.length,
        "name": field.name,
        "nameField": field.name == "Name",
        "nillable": not (field.required or _defaulted(field) or field.type in {"id", "boolean"}),
        "permissionable": permissionable(sobject, field),
        "picklistValues": [_picklist_value(each) for each in picklist_values(world, field)],
        "precision": field.precision if number else 0,
        "referenceTo": list(field.reference_to),
        "relationshipName": field.relationship,
        "restrictedDelete": field.on_delete == "Restrict" and field.type == "reference",
        "restrictedPicklist": field.restricted or field.name == "CurrencyIsoCode",
        "scale": field.scale,
        "soapType": "xsd:double" if number else _SOAP_TYPES.get(field.type, "xsd:string"),
        "sortable": field.filterable and field.type != "multipicklist",
        "type": field.type,
        "unique": field.unique,
        "updateable": field.updateable,
    }


_FIELD_CONSTANTS: dict[str, Any] = {
    "aiPredictionField": False,
    "compoundFieldName": None,
    "controllerName": None,
    "defaultValueFormula": None,
    "dependentPicklist": False,
    "deprecatedAndHidden": False,
    "displayLocationInDecimal": False,
    "encrypted": False,
    "extraTypeInfo": None,
    "filteredLookupInfo": None,
    "formulaTreatNullNumberAsZero": False,
    "highScaleNumber": False,
    "htmlFormatted": False,
    "mask": None,
    "maskType": None,
    "namePointing": False,
    "polymorphicForeignKey": False,
    "queryByDistance": False,
    "referenceTargetField": None,
    "relationshipOrder": None,
    "searchPrefilterable": False,
    "writeRequiresMasterRead": False,
}
_DEFAULTED_FIELDS = frozenset(
    {
        "OwnerId",
        "CurrencyIsoCode",
        "CreatedDate",
        "CreatedById",
        "LastModifiedDate",
        "LastModifiedById",
        "SystemModstamp",
    }
)


def _defaulted(field: Field) -> bool:
    return field.type in {"id", "boolean"} or field.name in _DEFAULTED_FIELDS or field.autonumber is not None


def picklist_values(world: World, field: Field) -> tuple[str, ...]:
    if field.name == "CurrencyIsoCode":
        return tuple(each["IsoCode"] for each in world.rows.get("CurrencyType", {}).values() if each.get("IsActive"))
    return field.picklist


def _picklist_value(value: str) -> dict[str, Any]:
    return {"active": True, "defaultValue": False, "label": value, "validFor": None, "value": value}
