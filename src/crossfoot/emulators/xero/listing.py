"""GET of a list, for every kind: modified-since, query lists, where, order, pages (XERO 3.7, 3.8)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from crossfoot.emulators.xero import volume
from crossfoot.emulators.xero.errors import bad_query
from crossfoot.emulators.xero.fields import Field, Fields
from crossfoot.emulators.xero.formats import fold, parse_modified_since
from crossfoot.emulators.xero.kinds import PAGE, SUMMARY, Call, Kind, Record, folded_set, is_hidden
from crossfoot.emulators.xero.where import FLAG, GUID, NUMBER, OBJECT, TEXT, TIME, Term, compile_order, compile_where

PAGE_SIZE_DEFAULT = 100
PAGE_SIZE_MAX = 1000
NUMBER_MAX = 10**9  # far above any page; longer texts are not numbers to .NET either
# The types of the filter language by the kinds of members
TYPES = {"text": TEXT, "choice": TEXT, "number": NUMBER, "flag": FLAG, "day": TIME, "guid": GUID}


def read_list(call: Call, kind: Kind) -> Record:
    """The rows that a list request asks for, with ``pagination`` when it is paged."""
    if kind.read:
        return {kind.plural: kind.read(call)}
    rows = _candidates(call, kind)
    rows = [record for record in rows if kind.visible(call, record) and not is_hidden(call, kind, record)]
    guard = volume.Guard(call, kind, len(rows))
    for keep in _filters(call, kind, guard):
        rows = [record for record in rows if keep(record)]
    if order := call.query.get("order"):
        rows = compile_order(order, guard.orders(_lookup(call, kind)))(rows)
    if not (kind.paged and (kind.always_paged or _is_paged(call))):
        guard.check_answer(len(rows))
        return {kind.plural: [kind.view(call, record, SUMMARY) for record in rows]}
    page = max(1, _number(call.query.get("page"), 1))
    size = min(PAGE_SIZE_MAX, max(1, _number(call.query.get("pagesize"), PAGE_SIZE_DEFAULT)))
    shape = SUMMARY if call.asks("summaryOnly") else PAGE
    return {
        "pagination": {
            "page": page,
            "pageSize": size,
            "pageCount": -(-len(rows) // size),
            "itemCount": len(rows),
        },
        kind.plural: [kind.view(call, record, shape) for record in rows[(page - 1) * size : page * size]],
    }


def _is_paged(call: Call) -> bool:
    """Paging is by request, and forced by ``Statuses`` and ``summaryOnly`` (XERO 3.8)."""
    return any(name in call.query for name in ("page", "pagesize", "statuses")) or call.asks("summaryOnly")


def _number(text: str | None, default: int) -> int:
    """An integer of a query; what is none counts as not sent."""
    digits = (text or "").removeprefix("-")
    if not (digits.isascii() and digits.isdecimal() and len(digits) < len(str(NUMBER_MAX))):
        return default
    return int(text or "")


def _candidates(call: Call, kind: Kind) -> list[Record]:
    """The rows to look at: those that a query list names, else those from the modified-since instant on."""
    sent = call.headers.get("if-modified-since")
    since = parse_modified_since(sent) if sent and kind.modified_since else None
    named = _named(call, kind)
    if named is None:
        return call.organisation.by_stamp(kind.plural, since) if kind.modified_since else _unstamped(call, kind)
    rows = [record for record in named if since is None or record["UpdatedDateUTC"] >= since]
    return sorted(rows, key=lambda record: (record["UpdatedDateUTC"], kind.key(record)))


def _named(call: Call, kind: Kind) -> list[Record] | None:
    """The rows of the first query list that ids or an index answer; None when the whole table has to be looked at."""
    organisation = call.organisation
    for name in kind.lists:
        values = call.listed(name)
        if values is None:
            continue
        wanted = folded_set(values)
        if name == "IDs":
            return [record for value in wanted if (record := organisation.get(kind.plural, value)) is not None]
        if index := kind.indexed.get(name):
            return [record for value in wanted for record in organisation.find(kind.plural, index, value)]
    return None


def _unstamped(call: Call, kind: Kind) -> list[Record]:
    return list(call.organisation.all(kind.plural))


def _filters(call: Call, kind: Kind, guard: volume.Guard) -> list[Callable[[Record], bool]]:
    filters: list[Callable[[Record], bool]] = []
    for name, make in kind.lists.items():
        values = call.listed(name)
        if values is not None and name.lower() != "ids":
            filters.append(_bound(make(call, values), call))
    if kind.searched and (term := call.query.get("searchterm")):
        wanted = fold(term)
        filters.append(lambda record: any(wanted in fold(record.get(name) or "") for name in kind.searched))
    if kind.paged and call.asks("createdByMyApp"):
        filters.append(lambda record: call.app is not None and record.get("_app") == call.app)
    if where := call.query.get("where"):
        filters.append(compile_where(where, guard.filters(_lookup(call, kind))))
    return filters


def _bound(keep: Callable[[Call, Record], bool], call: Call) -> Callable[[Record], bool]:
    return lambda record: keep(call, record)


def _lookup(call: Call, kind: Kind) -> Callable[[tuple[str, ...], int], Term]:
    """How ``where`` and ``order`` read members: names in any case; joined members as they are now."""

    def lookup(path: tuple[str, ...], index: int) -> Term:
        name, declared = _declared(kind.fields, path[0], kind.singular, index)
        if len(path) == 1:
            derive = kind.derived.get(name)
            absent = False if declared.kind == "flag" else None  # a flag that is not stored is not set
            read = (lambda record: derive(call, record)) if derive else (lambda record: record.get(name, absent))
            return Term(read, TYPES.get(declared.kind, OBJECT))
        if declared.kind != "object" or len(path) > 2:
            raise _unknown(path[1], path[0], index)
        inner, found = _declared(declared.members, path[1], path[0], index)
        type_name = TYPES.get(found.kind, OBJECT)
        join = kind.joins.get(name)
        if join is None:
            return Term(lambda record: (record.get(name) or {}).get(inner), type_name)
        other, id_member = join

        def joined(record: Any) -> Any:
            reference = (record.get(name) or {}).get(id_member)
            target = call.organisation.get(other, reference) if reference else None
            return (target or {}).get(inner)

        return Term(joined, type_name)

    return lookup


def _declared(fields: Fields, sent: str, owner: str, index: int) -> tuple[str, Field]:
    for name, declared in fields.items():
        if name.lower() == sent.lower():
            return name, declared
    raise _unknown(sent, owner, index)


def _unknown(sent: str, owner: str, index: int) -> Exception:
    return bad_query(f"No property or field '{sent}' exists in type '{owner}' (at index {index})")
