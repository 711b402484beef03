"""The accounting API: routes, the pipeline of one request, and the envelope of its answer (XERO 3, 11)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from urllib.parse import parse_qsl, unquote

from crossfoot.emulators.wire import Event, Request, Response
from crossfoot.emulators.xero import (
    attachments,
    bank,
    contact_groups,
    contacts,
    credit_documents,
    delivery,
    gate,
    identity,
    invoices,
    journals,
    movements,
    nested,
    papers,
    payments,
    plans,
    reference,
    reports,
    scopes,
    sundry,
)
from crossfoot.emulators.xero.bodies import Asked, Payload, read_body
from crossfoot.emulators.xero.errors import (
    ApiError,
    forbidden,
    json_response,
    not_allowed,
    not_covered,
    not_found,
)
from crossfoot.emulators.xero.formats import ZERO_ID, envelope_date, to_wire
from crossfoot.emulators.xero.kinds import SINGLE, Call, Kind, Record, find_record, is_hidden
from crossfoot.emulators.xero.listing import read_list
from crossfoot.emulators.xero.organisation import Organisation
from crossfoot.emulators.xero.world import LOG_ENTRIES_MAX, World
from crossfoot.emulators.xero.writing import read_elements, write
from crossfoot.emulators.xero.xml_format import answer_in_xml, wants_xml

BASE = ["api.xro", "2.0"]
KINDS: Mapping[str, Kind] = {
    kind.plural.lower(): kind
    for kind in (
        reference.ACCOUNTS,
        reference.TAX_RATES,
        reference.TRACKING_CATEGORIES,
        reference.CURRENCIES,
        reference.BRANDING_THEMES,
        reference.USERS,
        reference.ITEMS,
        contacts.CONTACTS,
        contact_groups.CONTACT_GROUPS,
        invoices.INVOICES,
        payments.PAYMENTS,
        bank.BANK_TRANSACTIONS,
        *credit_documents.CREDITS.values(),
        journals.JOURNALS,
        *papers.KINDS,
        *movements.KINDS,
        *sundry.KINDS,
    )
}
SHOWN_IDS = {kind.plural: kind.id_field for kind in KINDS.values()} | {"Allocations": "AllocationID"}
DELETABLE = frozenset({"Accounts", "Items", "LinkedTransactions", "TrackingCategories"})
DELETED_SILENTLY = frozenset({"Items", "LinkedTransactions"})  # answered with 204 (XERO 3.11)
ORGANISATION = ("organisation", "organisations")


def split_path(path: str) -> list[str]:
    """The segments after the API's base, decoded one by one; the base may be left out."""
    parts = [unquote(part) for part in path.split("/") if part]
    return parts[2:] if [part.lower() for part in parts[:2]] == BASE else parts


def is_accounting(path: str) -> bool:
    """Whether a path names the accounting API; connections stand beside it (XERO 1.6)."""
    return [part.lower() for part in path.split("/") if part][:2] == BASE


def parse_query(query: str) -> dict[str, str]:
    """Query members by lower-case name; some clients write ``page_size`` (XERO 3.8)."""
    return {name.lower().replace("_", ""): value for name, value in parse_qsl(query, keep_blank_values=True)}


def answer(world: World, request: Request, now: datetime) -> tuple[Response, list[Event]]:
    """One request of an app, through the gate, logged and counted."""
    call = _Pending()
    path = split_path(request.path)
    try:
        response = _admitted(world, request, now, path, call)
    except ApiError as error:
        response = error.response
    if call.tenant and wants_xml(request.headers.get("accept", "")):
        response = answer_in_xml(response, _singular(path))
    if call.tenant:
        response = Response(
            response.status, (*response.headers, *gate.rate_headers(world, call.tenant, now)), response.body
        )
    _record(world, request, response, now, path, call)
    return response, call.events


class _Pending:
    """What is known of a request while it is being answered."""

    def __init__(self) -> None:
        self.tenant: str | None = None
        self.illegal: list[str] = []
        self.events: list[Event] = []


def _admitted(world: World, request: Request, now: datetime, path: list[str], pending: _Pending) -> Response:
    token = gate.check_bearer(world, request, now)
    if path and path[0].lower() == "connections" and not is_accounting(request.path):
        return identity.connections(world, request, token["grant"], path)
    tenant = gate.check_tenant(world, request, token["grant"])
    pending.tenant = tenant
    for families, write_too in _scopes(path, write=request.method != "GET"):
        gate.check_scope(world, token["grant"], families, write=write_too)
    gate.count_call(world, request, tenant, now)
    replay = gate.Replay(world, request, token["jti"], tenant, now)
    if (kept := replay.find()) is not None:
        return kept
    call = Call(
        world=world,
        organisation=world.organisations[tenant],
        now=now,
        query=parse_query(request.query),
        headers=request.headers,
        app=world.app["client_id"],
        adviser=_is_adviser(world.organisations[tenant], token["grant"]),
    )
    response = respond(call, request.method, path, request.body)
    pending.illegal, pending.events = call.illegal, call.events
    replay.keep(response)
    return response


def _is_adviser(organisation: Organisation, grant: Record) -> bool:
    user = organisation.get("Users", grant["user"]) if grant["user"] else None
    return user is not None and user["OrganisationRole"] == "FINANCIALADVISER"


def _families(path: list[str]) -> tuple[str, ...]:
    name = path[0].lower() if path else ""
    if name in ORGANISATION:
        return reference.SETTINGS
    if name == "reports":
        return (reports.find_report(path).family,)
    if name in scopes.OTHER_APIS:
        return scopes.OTHER_APIS[name]
    if name not in KINDS:
        raise not_found()
    return KINDS[name].families


def _scopes(path: list[str], *, write: bool) -> list[tuple[tuple[str, ...], bool]]:
    """The families that must be open, and whether to write; attachments need a scope of their own too (XERO 1.8)."""
    if len(path) > 2 and path[2].lower() == "attachments":
        return [(_families(path), False), (attachments.FAMILIES, write)]
    return [(_families(path), write)]


def _singular(path: list[str]) -> str:
    kind = KINDS.get(path[0].lower()) if path else None
    return kind.singular if kind else "Element"


def respond(call: Call, method: str, path: list[str], body: bytes) -> Response:
    """Do what the request says and wrap the result; refusals are answers too."""
    dropped = method != "GET" and (call.world.strikes("silent_200") or call.world.strikes("zero_id"))
    try:
        payload = (_pretend if dropped else _dispatch)(call, method, path, body)
    except ApiError as error:
        call.events.clear()
        return error.response
    if payload is None:
        return Response(204)
    if isinstance(payload, Response):
        return payload
    envelope = {
        "Id": call.world.new_id(),
        "Status": "OK",
        "ProviderName": call.world.app["name"],
        "DateTimeUTC": envelope_date(call.now),
    }
    return json_response({**envelope, **to_wire(payload)})


def _pretend(call: Call, method: str, path: list[str], body: bytes) -> Payload:
    """A fault: the answer stands and nothing of it is kept. Under ``zero_id`` what seemed created shows the zero id."""
    organisation = call.organisation
    organisation.begin()
    try:
        payload = _dispatch(call, method, path, body)
        organisation.roll_back()
    finally:
        organisation.end()
    call.events.clear()
    answered = payload if isinstance(payload, dict) and call.world.strikes("zero_id") else {}
    for plural in answered.keys() & SHOWN_IDS.keys():
        id_field = SHOWN_IDS[plural]
        for row in answered[plural]:
            if organisation.get(plural, str(row[id_field])) is None:
                row[id_field] = ZERO_ID
    return payload


def _dispatch(call: Call, method: str, path: list[str], body: bytes) -> Payload:
    name, *rest = path
    if name.lower() in scopes.OTHER_APIS:
        raise forbidden(call.world.new_id())
    if name.lower() in ORGANISATION:
        return _organisation(call, method, rest)
    if name.lower() == "reports":
        if method != "GET":
            raise not_allowed()
        return {"Reports": reports.read(call, path)}
    kind = KINDS.get(name.lower())
    if kind is None:
        raise not_found()
    if kind.people_only and method != "GET" and not call.is_person and len(rest) < 2:
        raise not_covered(kind.plural)
    if rest and not kind.by_id and not call.is_person:
        raise not_found()
    if not rest:
        if method == "GET":
            return read_list(call, kind)
        return {kind.plural: _write(call, kind, method, body, None)}
    record = find_record(call, kind, rest[0])
    if record is None or (method == "GET" and is_hidden(call, kind, record)):
        raise not_found()
    if len(rest) > 1:
        return nested.answer(call, kind, record, rest[1], Asked(method, tuple(rest[2:]), body))
    return _single(call, kind, record, method, body)


def _single(call: Call, kind: Kind, record: Record, method: str, body: bytes) -> Payload:
    """One record by its id or number: read, printed, deleted or changed."""
    if method == "GET" and delivery.prints(call, kind):
        return delivery.pdf(call, kind, record, Asked(method, (), body))
    if method == "GET":
        return {kind.plural: [kind.view(call, record, SINGLE)]}
    if method == "DELETE" and kind.plural in DELETABLE:
        deleted = reference.delete(call, kind, record)
        return None if kind.plural in DELETED_SILENTLY else {kind.plural: [deleted]}
    if method != "POST":
        raise not_allowed()
    return {kind.plural: _write(call, kind, method, body, kind.key(record))}


def _write(call: Call, kind: Kind, method: str, body: bytes, path_id: str | None) -> list[Record]:
    if method not in kind.verbs or method == "GET" or (method == "POST" and kind.put_only and path_id is None):
        raise not_allowed()
    return write(call, kind, method, read_elements(kind, read_body(call, kind.singular, body)), path_id)


def _organisation(call: Call, method: str, rest: list[str]) -> Record:
    info = call.organisation.info
    if method == "GET" and not rest:
        return {"Organisations": [info]}
    if method == "GET" and [part.lower() for part in rest] == ["actions"]:
        return {"Actions": plans.actions(call.organisation, adviser=call.adviser)}
    raise not_allowed() if not rest else not_found()


def _record(
    world: World, request: Request, response: Response, now: datetime, path: list[str], pending: _Pending
) -> None:
    """Log and count one request; attempts that a careful integration never makes are marked."""
    illegal = "; ".join(dict.fromkeys(pending.illegal)) or None
    entry = {
        "at": now,
        "method": request.method,
        "path": request.path,
        "query": request.query,
        "status": response.status,
        "app": world.app["client_id"],
        "tenant": pending.tenant,
        "illegal": illegal,
    }
    world.log.append(entry)
    del world.log[:-LOG_ENTRIES_MAX]
    counts = world.state["counts"]
    counts["calls"] += 1
    counts["bytes_in"] += len(request.body)
    counts["bytes_out"] += len(response.body)
    counts["illegal"] += illegal is not None
    by = f"{request.method} {path[0] if path else ''}"
    counts["by"][by] = counts["by"].get(by, 0) + 1
