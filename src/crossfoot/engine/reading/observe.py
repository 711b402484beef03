"""Observe: read what changed on both sides and store it, each page with the watermark that covers it.

A sweep reads up to now, but the watermark never passes the server's own clock at the start of the sweep less a lag:
what lies beyond is read again next time and falls out as unchanged. The start is where a sweep takes its read sequence,
not its first answer: what another reader stored in between stays, although the sweep saw something newer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from crossfoot.core.errors import NeedsPerson, Rejected, RetryLater
from crossfoot.core.pacing import Lane
from crossfoot.core.records import RecordRef, Side, content_hash
from crossfoot.engine.reading.describes import require_shapes
from crossfoot.engine.reading.drift import check_reading
from crossfoot.engine.reading.ledger import (
    BILL,
    CONTACT,
    CREDIT,
    CREDIT_NOTE,
    INVOICE,
    ITEM,
    LedgerRecord,
    refresh_reference,
    to_version,
)
from crossfoot.engine.reading.position import find_position, keep_agreed, move_position
from crossfoot.engine.session import Session
from crossfoot.http import HttpRequest
from crossfoot.mapping.compiled import Reading
from crossfoot.salesforce import requests as sf
from crossfoot.salesforce import soql
from crossfoot.store.codec import encode
from crossfoot.store.lookups import Keys
from crossfoot.store.versions import (
    ReadCounts,
    Version,
    load_watermark,
    move_watermark,
    next_seq,
    save_versions,
)
from crossfoot.xero import requests as xero
from crossfoot.xero.documents import Page, decode_page
from crossfoot.xero.requests import OrganisationRequest, Tenant

SALESFORCE_LAG = timedelta(minutes=5)
XERO_LAG = timedelta(minutes=2)
PAGES_MAX = 100_000
ROWS_PER_QUERY = 2000
_CURSOR_DIED = "INVALID_QUERY_LOCATOR"
_SAVED_BY = "LastModifiedBy"  # who saved a record is shown beside a conflict; it is no change of its content
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
ENTERED = ("entered", "yes")
"""By what the rows that people entered are found, where Crossfoot writes rows of the same object."""


@dataclass(slots=True)
class Observed:
    """Bucket counts by resource: every record read is changed or unchanged, and the buckets add up."""

    counts: dict[str, ReadCounts] = field(default_factory=dict)

    def add(self, resource: str, counts: ReadCounts) -> None:
        """Add a page."""
        before = self.counts.get(resource, ReadCounts(0, 0, 0))
        total = ReadCounts(
            before.read + counts.read, before.changed + counts.changed, before.unchanged + counts.unchanged
        )
        if total.read != total.changed + total.unchanged:
            raise AssertionError(f"{resource}: {total} does not add up")
        self.counts[resource] = total

    @property
    def changed(self) -> int:
        """Records that are not as they were."""
        return sum(counts.changed for counts in self.counts.values())


def observe(session: Session) -> Observed:
    """Sweep both sides."""
    observed = Observed()
    session.progress("Reading Xero", 0, 0)
    refresh_reference(session)
    bills = (BILL,) if "bill" in session.mapping.settings.flows.invoices.records else ()
    for resource in (CONTACT, ITEM, INVOICE, CREDIT, CREDIT_NOTE, *bills):
        observe_xero(session, resource, observed)
    session.progress("Reading Salesforce", 0, 0)
    session.salesforce.freshen()
    unreadable = check_reading(session)
    for reading in session.mapping.readings().values():
        if reading.object not in unreadable:
            sweep_object(session, reading, observed)
    return observed


_PageRequest = Callable[[Tenant, int, datetime | None], OrganisationRequest]
_XERO: Mapping[str, tuple[_PageRequest, Callable[[Page], Sequence[LedgerRecord]]]] = {
    CONTACT: (xero.contacts, lambda page: page.contacts),
    ITEM: (lambda tenant, _page, since: xero.items(tenant, since), lambda page: page.items),
    INVOICE: (xero.invoices, lambda page: page.invoices),
    CREDIT: (xero.overpayments, lambda page: page.credits),
    CREDIT_NOTE: (xero.credit_notes, lambda page: page.credit_notes),
    BILL: (xero.bills, lambda page: page.bills),
}
XERO_RESOURCES = frozenset(_XERO)


def observe_xero(
    session: Session, resource: str, observed: Observed | None = None, *, lane: Lane | None = None
) -> None:
    """Sweep one Xero resource: If-Modified-Since as a header, explicit pages in an order that never changes.

    ``lane`` is given where the sweep is a look-up or a read-back, which may use what other calls must leave.
    """
    home, started = session.organisation_id, session.host.now()
    with session.database.writing(f"sweep {resource}") as connection:
        position = load_watermark(connection, home, resource)
        read_seq = next_seq(connection)
    since = datetime.fromisoformat(position) if position else None
    began: datetime | None = None
    for page in xero_pages(session, resource, since, lane=lane):
        began = began or _began(session, started, page.server_date)
        with session.database.writing(f"{resource} page") as connection:
            counts = save_versions(connection, read_seq, page.versions)
            if page.last and began:
                until = (began - XERO_LAG).replace(microsecond=0)
                move_watermark(connection, home, resource, until.isoformat(), session.host.now())
        if observed:
            observed.add(f"Xero {resource}", counts)
            session.progress("Reading Xero", observed.counts[f"Xero {resource}"].read, 0)


@dataclass(frozen=True, slots=True)
class XeroPage:
    """Records of one page, the server's clock when it was read, and whether there are no more behind it."""

    versions: list[Version]
    server_date: datetime | None
    last: bool


def observe_documents_of(session: Session, contact_id: str) -> list[str]:
    """Read every document of one customer anew. Returns the ids of the invoices."""
    invoices: list[str] = []
    for resource in (INVOICE, CREDIT, CREDIT_NOTE):
        with session.database.writing(f"documents of a contact: {resource}") as connection:
            read_seq = next_seq(connection)
        for page in xero_pages(session, resource, None, contact_id=contact_id):
            with session.database.writing(f"{resource} page") as connection:
                save_versions(connection, read_seq, page.versions)
            invoices += [version.ref.id for version in page.versions] if resource == INVOICE else []
    return invoices


def xero_pages(
    session: Session, resource: str, since: datetime | None, *, lane: Lane | None = None, contact_id: str = ""
) -> Iterator[XeroPage]:
    """What changed of one Xero resource since an instant, or all of it, page by page; or all of one contact's."""
    request, records = _XERO[resource]
    for number in range(1, PAGES_MAX):
        asked = request(session.tenant, number, since)
        asked = xero.of_contact(asked, contact_id) if contact_id else asked
        answer = session.xero.read(asked if lane is None else replace(asked, lane=lane))
        page = decode_page(answer.body)
        versions = [to_version(session.organisation_id, record) for record in records(page)]
        yield XeroPage(versions, answer.date, not page.more)
        if not page.more:
            return


def sweep_object(session: Session, reading: Reading, observed: Observed) -> None:
    """Sweep one object, deleted rows included, by keyset on (SystemModstamp, Id)."""
    home, started = session.org_id, session.host.now()
    with session.database.writing(f"sweep {reading.object}") as connection:
        position = find_position(connection, session, reading)
        read_seq = next_seq(connection)
    start = datetime.fromisoformat(position.since) if position.since else _BEGINNING
    where, lane = soql.since(start), Lane.SWEEP if position.since else Lane.BACKFILL
    began: datetime | None = None
    seen: set[str] = set()
    for _ in range(PAGES_MAX):
        window = _query(session, reading, where, lane=lane)
        rows, last = window.rows, window.last
        began = began or _began(session, started, window.server_date)
        seen.update(row["Id"] for row in rows)
        versions = [_row_version(home, reading, row) for row in rows]
        with session.database.writing(f"{reading.object} page") as connection:
            if position.again:
                keep_agreed(connection, session, versions)
            counts = save_versions(connection, read_seq, versions)
            if last and began and not reading.lines:
                move_position(connection, session, reading, position, began - SALESFORCE_LAG)
        observed.add(f"Salesforce {reading.object}", counts)
        session.progress("Reading Salesforce", observed.counts[f"Salesforce {reading.object}"].read, 0)
        if last:
            break
        where = soql.after(_stamp(rows[-1]), rows[-1]["Id"])
    if reading.lines:
        _observe_changed_lines(session, reading, start, seen, read_seq, observed)
        if began:
            with session.database.writing(f"{reading.object} watermark") as connection:
                move_position(connection, session, reading, position, began - SALESFORCE_LAG)


def _began(session: Session, started: datetime, server_date: datetime | None) -> datetime | None:
    """The server's clock when a sweep took its read sequence, from that of its first answer."""
    return server_date and server_date - max(session.host.now() - started, timedelta(0))


def _observe_changed_lines(
    session: Session, reading: Reading, start: datetime, seen: set[str], read_seq: int, observed: Observed
) -> None:
    """A line's change need not move its deal's stamp: sweep the lines' keys, and read the deals they belong to."""
    if start == _BEGINNING:
        return
    children = require_shapes(session, [reading.object])[reading.object].children
    if reading.lines not in children:
        raise NeedsPerson(f"{reading.object} has no child relationship {reading.lines!r}; correct `lines.from`.")
    child, parent_field = children[reading.lines]
    parents: set[str] = set()
    where = soql.since(start)
    for _ in range(PAGES_MAX):
        query = soql.select(
            ["Id", parent_field, "SystemModstamp"],
            child,
            where=where,
            order=["SystemModstamp", "Id"],
            limit=ROWS_PER_QUERY,
        )
        window = _all_pages(session, sf.query(query, deleted=True))
        rows = window.rows
        parents.update(row[parent_field] for row in rows)
        if window.last:
            break
        where = soql.after(_stamp(rows[-1]), rows[-1]["Id"])
    missing = sorted(parents - seen)
    for first in range(0, len(missing), soql.IDS_PER_QUERY):
        chunk = missing[first : first + soql.IDS_PER_QUERY]
        versions = row_versions(session, reading, chunk)
        with session.database.writing("deals of changed lines") as connection:
            observed.add(f"Salesforce {reading.object}", save_versions(connection, read_seq, versions))


def row_versions(session: Session, reading: Reading, ids: Sequence[str]) -> list[Version]:
    """Rows by id as they stand in Salesforce now, deleted ones too; at most as many ids as fit one query."""
    rows = list(read_rows(session, reading, soql.one_of("Id", ids)))
    return [_row_version(session.org_id, reading, row) for row in rows]


def read_rows(session: Session, reading: Reading, where: str) -> Iterator[Mapping[str, Any]]:
    """Rows of an object by a condition, straight from Salesforce, a page at a time: the tie-out's own path."""
    condition = where
    for _ in range(PAGES_MAX):
        window = _query(session, reading, condition)
        yield from window.rows
        if window.last:
            return
        after = soql.after(_stamp(window.rows[-1]), window.rows[-1]["Id"])
        condition = f"({where}) AND ({after})" if where else after


@dataclass(frozen=True, slots=True)
class _Window:
    """Rows in keyset order, the server's clock when the read began, and whether there are no more behind them."""

    rows: list[dict[str, Any]]
    server_date: datetime | None
    last: bool


def _query(session: Session, reading: Reading, where: str, *, lane: Lane = Lane.SWEEP) -> _Window:
    fields = dict.fromkeys(["Id", "IsDeleted", "SystemModstamp", *reading.fields])
    children = []
    if reading.lines:
        line_fields = dict.fromkeys(["Id", "IsDeleted", *reading.line_fields])
        children.append(soql.select(list(line_fields), reading.lines, order=["Id"]))
    query = soql.select(
        list(fields),
        reading.object,
        where=where,
        order=["SystemModstamp", "Id"],
        limit=ROWS_PER_QUERY,
        children=children,
    )
    try:
        window = _all_pages(session, replace(sf.query(query, deleted=True), lane=lane))
    except Rejected as error:
        if error.code in {"INVALID_FIELD", "INVALID_TYPE", "MALFORMED_QUERY"}:
            raise NeedsPerson(
                f"Salesforce cannot be read as crossfoot.yaml says ({reading.object}): {error}. "
                "A field is missing, renamed, or hidden from the integration user."
            ) from error
        raise
    return _with_children(session, window, reading.lines) if reading.lines else window


def _all_pages(session: Session, request: HttpRequest) -> _Window:
    """Every page of a keyset query. Where its cursor dies, what came before it: the keyset continues behind that.

    A cursor ends with its session, and when the user opens many others (SF 2.6).
    """
    answer = session.salesforce.read(request)
    server_date = answer.date
    page = sf.decode_query(answer.body)
    rows = page.rows
    while page.next_path:
        try:
            page = sf.decode_query(session.salesforce.read(sf.next_page(page.next_path)).body)
        except Rejected as error:
            if error.code != _CURSOR_DIED:
                raise
            return _Window(rows, server_date, last=False)
        rows.extend(page.rows)
    return _Window(rows, server_date, len(rows) < ROWS_PER_QUERY)


def _with_children(session: Session, window: _Window, relation: str) -> _Window:
    """Rows with all of their child rows; those from the first one on whose children's cursor died are read again."""
    for place, row in enumerate(window.rows):
        try:
            row[relation] = _child_rows(session, row.get(relation))
        except Rejected as error:
            if error.code != _CURSOR_DIED:
                raise
            if place == 0:
                raise RetryLater("Salesforce ended a query before it was read. Run again later.", after_s=60) from error
            return _Window(window.rows[:place], window.server_date, last=False)
    return window


def _child_rows(session: Session, nested: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    if not nested:
        return []
    rows = list(nested["records"])
    path = "" if nested.get("done", True) else nested.get("nextRecordsUrl", "")
    while path:
        page = sf.decode_query(session.salesforce.read(sf.next_page(path)).body)
        rows.extend(page.rows)
        path = page.next_path
    return [row for row in rows if not row.get("IsDeleted")]


def _row_version(home: str, reading: Reading, row: Mapping[str, Any]) -> Version:
    fields = _without_attributes(
        {key: value for key, value in row.items() if key not in {"SystemModstamp", "IsDeleted"}}
    )
    ref = RecordRef(Side.SALESFORCE, reading.object, row["Id"])
    return Version(
        ref,
        home,
        row["SystemModstamp"],
        content_hash({name: value for name, value in fields.items() if name != _SAVED_BY}),
        encode(fields),
        bool(row["IsDeleted"]),
        keys=keys_of(reading, fields),
    )


def keys_of(reading: Reading, fields: Mapping[str, Any]) -> Keys:
    """The ids that a record or one of its lines names, by which it is found when what they stand for changes; and
    whether people entered it."""
    rows = [fields, *(fields.get(reading.lines) or ())] if reading.lines else [fields]
    named = {value for row in rows for name, value in row.items() if name.endswith("Id") and name != "Id" and value}
    refers = tuple(("refers", str(value)) for value in sorted(named))
    return (*refers, ENTERED) if reading.key and not fields.get(reading.key) else refers


def _without_attributes(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {
            key: _without_attributes(inner) for key, inner in value.items() if key not in {"attributes", "IsDeleted"}
        }
    if isinstance(value, list):
        return [_without_attributes(inner) for inner in value]
    return value


def _stamp(row: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(row["SystemModstamp"])
