"""What the pages of the user interface would show, as REST tells it: list views, layouts, tabs, colours (SF 2.4).

Nobody has designed anything in this org: an object has the list view of all its records and the platform's own compact
layout, and there are no actions, approval processes, workflow rules or flows that run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from crossfoot.emulators.salesforce.describe import plural_of
from crossfoot.emulators.salesforce.errors import ApiError
from crossfoot.emulators.salesforce.exchange import Ask, Reply
from crossfoot.emulators.salesforce.ids import to_18
from crossfoot.emulators.salesforce.schema import Field, SObject, label_of
from crossfoot.emulators.salesforce.soql.evaluate import reader
from crossfoot.emulators.salesforce.soql.run import visible_fields
from crossfoot.emulators.salesforce.values import render

LIST_ROWS = 25
LIST_ROWS_MAX = 2_000
_COLOUR = "5867E8"
_HIDDEN_COLUMNS = ("Id", "CreatedDate", "LastModifiedDate", "SystemModstamp")
_NO_SUCH = "The requested resource does not exist"


def always(payload: Any) -> Callable[..., Reply]:
    """A resource of which an org may have nothing, and this one never has anything."""
    return lambda *_: Reply(200, payload)


def processes(ask: Ask) -> Reply:
    return Reply(200, {kind: f"{ask.base}/process/{kind}" for kind in ("rules", "approvals")})


def actions(ask: Ask) -> Reply:
    return Reply(200, {kind: f"{ask.base}/actions/{kind}" for kind in ("standard", "custom")})


def tabs(ask: Ask) -> Reply:
    return Reply(200, [_tab(ask, each) for each in _shown(ask)])


def theme(ask: Ask) -> Reply:
    items = [{"colors": [_colour()], "icons": [], "name": each.name} for each in _shown(ask)]
    return Reply(200, {"themeItems": items})


def _shown(ask: Ask) -> Iterator[SObject]:
    return (each for each in ask.seen.schema.objects.values() if each.has_pages)


def _colour() -> dict[str, str]:
    return {"color": _COLOUR, "context": "primary", "theme": "theme4"}


def _tab(ask: Ask, sobject: SObject) -> dict[str, Any]:
    return {
        "colors": [_colour()],
        "custom": sobject.custom,
        "iconUrl": "",
        "icons": [],
        "label": plural_of(sobject),
        "miniIconUrl": "",
        "name": sobject.name if sobject.custom else f"standard-{sobject.name}",
        "sobjectName": sobject.name,
        "url": f"{ask.world.public_url}/{sobject.key_prefix}/o",
    }


def compact_layouts(ask: Ask, name: str) -> Reply:
    """The platform's own compact layout, which every object has until somebody makes another."""
    sobject = _paged(ask, name)
    layout: dict[str, Any] = {"actions": [], "fieldItems": [], "id": None, "imageItems": [], "label": "System Default"}
    return Reply(
        200,
        {
            "compactLayouts": [layout | {"name": "SYSTEM", "objectType": sobject.name}],
            "defaultCompactLayoutId": None,
            "recordTypeCompactLayoutMappings": [],
            "urls": {"primary": f"{ask.base}/sobjects/{sobject.name}/describe/compactLayouts/primary"},
        },
    )


def of_object(payload: Any) -> Callable[[Ask, str], Reply]:
    """Something that an object may have, and this org's never have."""

    def answer(ask: Ask, name: str) -> Reply:
        _paged(ask, name)
        return Reply(200, payload)

    return answer


def no_layouts(*_: Any) -> Reply:
    raise ApiError("NOT_FOUND", _NO_SUCH, status=404)


def list_views(ask: Ask, name: str) -> Reply:
    sobject = _paged(ask, name)
    views = [_view(ask, sobject)]
    return Reply(
        200,
        {
            "done": True,
            "listviews": views,
            "nextRecordsUrl": None,
            "size": len(views),
            "sobjectType": sobject.name,
        },
    )


def list_view(ask: Ask, name: str, view_id: str) -> Reply:
    return Reply(200, _view(ask, _viewed(ask, name, view_id)))


def list_view_describe(ask: Ask, name: str, view_id: str) -> Reply:
    sobject = _viewed(ask, name, view_id)
    columns = _columns(ask, sobject)
    names, first = ", ".join(each.name for each in columns), columns[0].name
    ascending = {"fieldNameOrPath": first, "nullsPosition": "first", "sortDirection": "ascending"}
    return Reply(
        200,
        {
            "columns": [_column(each) for each in columns],
            "id": _view_id(sobject),
            "orderBy": [ascending],
            "query": f"SELECT {names} FROM {sobject.name} ORDER BY {first} ASC NULLS FIRST",  # noqa: S608 - shown, never run
            "relatedEntityId": None,
            "scope": "everything",
            "scopeEntity": None,
            "sobjectType": sobject.name,
            "whereCondition": {"conditions": [], "conjunction": "and"},
        },
    )


def list_view_results(ask: Ask, name: str, view_id: str) -> Reply:
    """The rows of a list view: 25 from the first on, unless ``limit`` and ``offset`` say otherwise."""
    sobject = _viewed(ask, name, view_id)
    limit, offset = _number(ask, "limit", LIST_ROWS, 1), _number(ask, "offset", 0, 0)
    columns = _columns(ask, sobject)
    read = [(each.name, reader(ask.world, each)) for each in columns]
    rows = [each for each in ask.seen.rows.get(sobject.name, {}).values() if not each["IsDeleted"]]
    rows.sort(key=lambda row: (str(read[0][1](row) or ""), row["Id"]))
    records = [
        {"columns": [{"fieldNameOrPath": path, "value": _text(of(row))} for path, of in read]}
        for row in rows[offset : offset + limit]
    ]
    view = _view(ask, sobject)
    return Reply(
        200,
        {
            "columns": [_column(each) for each in columns],
            "developerName": view["developerName"],
            "done": True,
            "id": view["id"],
            "label": view["label"],
            "records": records,
            "size": len(records),
        },
    )


def _number(ask: Ask, name: str, default: int, least: int) -> int:
    text = ask.params.get(name, str(default))
    if not text.isdecimal() or not least <= int(text) <= LIST_ROWS_MAX:
        raise ApiError("INVALID_QUERY_FILTER_OPERATOR", f"{name} is a number from {least} to {LIST_ROWS_MAX}")
    return int(text)


def _text(value: Any) -> str | None:
    """Cells are text, whatever the field is."""
    shown = render(value)
    return str(shown).lower() if isinstance(shown, bool) else None if shown is None else str(shown)


def _columns(ask: Ask, sobject: SObject) -> list[Field]:
    fields = {each.name: each for each in visible_fields(ask.world, sobject)}
    named = next((each for each in fields.values() if each.name in {"Name", "Title", "Subject"}), None)
    hidden = [fields[name] for name in _HIDDEN_COLUMNS if name in fields]
    return [named, *hidden] if named else hidden


def _column(field: Field) -> dict[str, Any]:
    return {
        "ascendingLabel": "Z-A",
        "descendingLabel": "A-Z",
        "fieldNameOrPath": field.name,
        "hidden": field.name in _HIDDEN_COLUMNS,
        "label": field.label or label_of(field.name),
        "selectListItem": field.name,
        "sortDirection": None,
        "sortIndex": None,
        "sortable": field.filterable,
        "type": field.type,
    }


def _view_id(sobject: SObject) -> str:
    return str(to_18(f"00B{sobject.key_prefix:0>12}"))


def _view(ask: Ask, sobject: SObject) -> dict[str, Any]:
    view_id, plural = _view_id(sobject), plural_of(sobject)
    url = f"{ask.base}/sobjects/{sobject.name}/listviews/{view_id}"
    return {
        "describeUrl": f"{url}/describe",
        "developerName": f"All{plural.replace(' ', '')}",
        "id": view_id,
        "label": f"All {plural}",
        "resultsUrl": f"{url}/results",
        "soqlCompatible": True,
        "url": url,
    }


def _viewed(ask: Ask, name: str, view_id: str) -> SObject:
    sobject = _paged(ask, name)
    if to_18(view_id) != _view_id(sobject):
        raise ApiError("NOT_FOUND", _NO_SUCH, status=404)
    return sobject


def _paged(ask: Ask, name: str) -> SObject:
    """The object of that name, if it has pages of its own."""
    sobject = ask.object(name)
    if not sobject.has_pages:
        raise ApiError("NOT_FOUND", _NO_SUCH, status=404)
    return sobject
