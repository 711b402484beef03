"""Records over SOAP: what REST has too is done by REST; merging and undeleting are SOAP's alone (SF 2.5, 2.9)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any
from urllib.parse import quote

from crossfoot.emulators.salesforce import leads, permissions, records
from crossfoot.emulators.salesforce.errors import ApiError, field_error
from crossfoot.emulators.salesforce.ids import to_18
from crossfoot.emulators.salesforce.metadata.xml import Element
from crossfoot.emulators.salesforce.schema import SObject
from crossfoot.emulators.salesforce.soap.call import Call, outcome
from crossfoot.emulators.salesforce.soap.envelope import SoapFault, element, elements
from crossfoot.emulators.salesforce.transaction import Transaction

UPSERT_VERSION_MIN = 46
IDS_MAX = 200
_INSTANT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000)\+0000\Z")  # as REST writes it
_CHILD_ROWS = frozenset({"records", "totalSize", "done"})


def create(call: Call) -> str:
    return _saved(call, "POST", "composite/sobjects")


def update(call: Call) -> str:
    return _saved(call, "PATCH", "composite/sobjects")


def upsert(call: Call) -> str:
    """Records of one type, by a field that identifies them."""
    kinds = {_kind(each) for each in _sobjects(call)}
    if len(kinds) != 1:
        raise SoapFault("INVALID_TYPE", "upsert takes records of one type", kind="InvalidSObjectFault")
    return _saved(call, "PATCH", f"composite/sobjects/{kinds.pop()}/{quote(call.text('externalIDFieldName'), safe='')}")


def _saved(call: Call, method: str, path: str) -> str:
    batch = [_record(each) for each in _sobjects(call)]
    body = {"allOrNone": _atomic(call), "records": batch}
    return _outcomes(call.ask(method, path, body, version_min=UPSERT_VERSION_MIN))


def _atomic(call: Call) -> bool:
    return call.envelope.option("AllOrNoneHeader", "allOrNone") == "true"


def _outcomes(made: Iterable[Mapping[str, Any]]) -> str:
    return element("result", [outcome(each) for each in made])


def _sobjects(call: Call) -> list[Element]:
    return call.envelope.operation.all("sObjects")


def _kind(record: Element) -> str:
    """The type of a record: an element of its own in the partner API, the XML type in the enterprise API."""
    return record.get("type") or record.attributes.get("type", "").rpartition(":")[2]


def _record(record: Element) -> dict[str, Any]:
    """A record as REST takes it. Nil is no value: what shall be cleared stands in ``fieldsToNull``."""
    made: dict[str, Any] = {"attributes": {"type": _kind(record)}}
    for each in record.children:
        if each.tag == "fieldsToNull":
            made[each.text] = None
        elif each.children:
            made[each.tag] = _record(each)
        elif each.tag != "type" and each.attributes.get("nil") != "true":
            made[each.tag] = each.text
    return made if made["attributes"]["type"] else {name: each for name, each in made.items() if name != "attributes"}


def delete(call: Call) -> str:
    """Records by ``ids``; clients descended from beatbox say ``id``, which is taken too (unconfirmed)."""
    atomic, asked = str(_atomic(call)).lower(), _ids(call) or _ids(call, "id")
    return _outcomes(call.ask("DELETE", "composite/sobjects", ids=",".join(asked), allOrNone=atomic))


def _ids(call: Call, name: str = "ids") -> list[str]:
    found = call.envelope.operation.texts(name)
    if len(found) > IDS_MAX:
        raise SoapFault("EXCEEDED_ID_LIMIT", f"record limit reached. cannot submit more than {IDS_MAX} records")
    return found


def undelete(call: Call) -> str:
    """Take records out of the recycle bin, each with what went with it."""
    return _each_id(call, records.undelete)


def empty_recycle_bin(call: Call) -> str:
    """Take deleted records out of the bin for good."""

    def erase(tx: Transaction, sobject: SObject, record_id: str) -> None:
        row = tx.world.row(sobject.name, record_id)
        if row is None or not row["IsDeleted"]:
            raise ApiError("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", fields=[])
        records.erase(tx, sobject, record_id)

    return _each_id(call, erase)


def _each_id(call: Call, act: Callable[[Transaction, SObject, str], None]) -> str:
    ids = _ids(call)

    def each_in_turn(tx: Transaction) -> list[dict[str, Any]]:
        return [_attempt(tx, each, act) for each in ids]

    return _outcomes(call.act(each_in_turn))


def _attempt(tx: Transaction, given: str, act: Callable[[Transaction, SObject, str], None]) -> dict[str, Any]:
    mark = tx.mark()
    try:
        record_id = records.id_of_item(given)
        act(tx, _deletable(tx, record_id), record_id)
    except ApiError as error:
        tx.rollback(mark)
        return {"id": given or None, "success": False, "errors": [error.as_item()]}
    return {"id": record_id, "success": True, "errors": []}


def _deletable(tx: Transaction, record_id: str) -> SObject:
    """The object of an id, if the caller may delete its records."""
    sobject = tx.world.schema.by_prefix.get(record_id[:3])
    if sobject is None or permissions.seen(tx.world, tx.caller).schema.object(sobject.name) is None:
        raise field_error("MALFORMED_ID", f"malformed id {record_id}")
    permissions.require_write(tx.world, tx.caller, sobject, "deletable")
    return sobject


def merge(call: Call) -> str:
    """One or two records into another, which may take values along; ids of what was moved are told (SF 7 item 7)."""
    results = []
    for request in call.envelope.operation.all("request"):
        try:
            results.append(call.act(partial(_merged, request=request)))
        except ApiError as error:
            results.append({"errors": [error.as_item()], "id": None, "success": False})
    return element("result", results)


def _merged(tx: Transaction, request: Element) -> dict[str, Any]:
    master = _record(request.one("masterRecord") or Element(""))
    winner = records.id_of_item(master.pop("Id", None))
    losers = [records.id_of_item(each) for each in request.texts("recordToMergeIds")]
    sobject = _deletable(tx, winner)
    permissions.require_write(tx.world, tx.caller, sobject, "updateable")
    moved = [
        child_id
        for child, reference in tx.world.schema.children(sobject.name)
        for loser in losers
        for child_id in tx.world.index.find(child.name, reference.name, loser)
        if tx.world.live(child.name, child_id) is not None
    ]
    records.merge(tx, sobject, winner, losers)
    kept = {name: value for name, value in master.items() if name != "attributes"}
    if kept:
        records.update(tx, sobject, winner, kept)
    told = {"errors": [], "id": winner, "mergedRecordIds": losers, "success": True}
    return told | {"updatedRelatedIds": list(dict.fromkeys(moved))}


def convert_lead(call: Call) -> str:
    """Leads become accounts, contacts and deals; an account may be given, the deal left out (SF 6.4)."""
    results = []
    for wish in call.envelope.operation.all("leadConverts"):
        deal = None if wish.is_true("doNotCreateOpportunity") else wish.get("opportunityName")
        lead, account = to_18(wish.get("leadId")) or "", to_18(wish.get("accountId"))
        try:
            made = call.act(partial(leads.convert, lead_id=lead, account_id=account, deal_name=deal))
        except ApiError as error:
            made, errors = {"success": False, "leadId": lead}, [error.as_item()]
        else:
            errors = []
        told = {f"{name}Id": made.get(f"Converted{name.title()}Id") for name in ("account", "contact", "opportunity")}
        results.append({**told, "errors": errors, "leadId": made["leadId"], "success": made["success"]})
    return element("result", results)


def query(call: Call) -> str:
    return _page(call, "result", call.ask("GET", "query", q=call.text("queryString")))


def query_all(call: Call) -> str:
    return _page(call, "result", call.ask("GET", "queryAll", q=call.text("queryString")))


def query_more(call: Call) -> str:
    return _page(call, "result", call.ask("GET", f"query/{quote(call.text('queryLocator'))}"))


def search(call: Call) -> str:
    """SOSL, each record that was found in an element of its own (SF 2.6)."""
    found = call.ask("GET", "search", q=call.text("searchString"))["searchRecords"]
    shown = "".join(f"<searchRecords>{_shown(call, 'record', each)}</searchRecords>" for each in found)
    return f"<result>{element('queryId', '')}{shown}</result>"


def retrieve(call: Call) -> str:
    names = [each.strip() for each in call.text("fieldList").split(",")]
    found = call.ask(
        "POST", f"composite/sobjects/{call.text('sObjectType')}", {"ids": _ids(call), "fields": names}, version_min=42
    )
    return "".join('<result xsi:nil="true"/>' if each is None else _shown(call, "result", each) for each in found)


def _page(call: Call, tag: str, page: Mapping[str, Any]) -> str:
    """A QueryResult; the locator is the last part of the address that REST gives."""
    following = page.get("nextRecordsUrl")
    told = {"done": page["done"], "queryLocator": following.rpartition("/")[2] if following else None}
    shown = "".join(_shown(call, "records", each) for each in page["records"])
    return f'<{tag} xsi:type="QueryResult">{elements(told)}{shown}{elements({"size": page["totalSize"]})}</{tag}>'


def _shown(call: Call, tag: str, record: Mapping[str, Any]) -> str:
    """A record. In the partner API type and id come first, the id once more where it was selected."""
    kind = record.get("attributes", {}).get("type", "")
    fields = {name: value for name, value in record.items() if name != "attributes"}
    if call.api == "c":
        inner = "".join(_field(call, name, value) for name, value in fields.items() if value is not None)
        return f'<{tag} xsi:type="sf:{kind}">{inner}</{tag}>'
    first = element("sf:type", kind) + element("sf:Id", fields.get("Id"))
    inner = "".join(_field(call, name, value) for name, value in fields.items())
    return f'<{tag} xsi:type="sf:sObject">{first}{inner}</{tag}>'


def _field(call: Call, name: str, value: Any) -> str:
    if isinstance(value, Mapping):
        if value.keys() >= _CHILD_ROWS:
            return _page(call, f"sf:{name}", value)
        if "attributes" in value:
            return _shown(call, f"sf:{name}", value)
    if isinstance(value, str):
        return element(f"sf:{name}", _INSTANT.sub(r"\1Z", value))
    return element(f"sf:{name}", value)
