"""The engine at a size: one invoiced deal, as real runs leave it, copied so many times; then what runs cost.

Every row that a deal's sync left (versions, links, operations, audit, write-back) is copied with new ids, so that the
sizes are those of a real workspace. CPU time is this process's own, the emulators' answers to the few calls included.
Writing back is not timed here: the emulators do not know the copies. ``python -m bench.scale --links 100000``.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, Table, insert, select

from bench.calls import business, run, running
from crossfoot.core.links import Kind, salesforce_id_18
from crossfoot.engine.ledger import load_ledger, to_version
from crossfoot.engine.planner import keep_plan, make_plan
from crossfoot.engine.runs import look, today
from crossfoot.engine.session import Session, open_session
from crossfoot.store import schema
from crossfoot.store.codec import decode_fields, encode
from crossfoot.store.links import load_links
from crossfoot.store.lookups import save_keys
from crossfoot.store.versions import load_versions, next_seq, save_versions

BATCH = 2_000
_COPIED = (schema.version, schema.link, schema.operation, schema.disposition, schema.write_back, schema.audit,
           schema.name_key)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured figure, beside its ceiling where there is one."""

    what: str
    value: float
    unit: str
    at_most: float | None = None

    def __str__(self) -> str:
        bound = f"  (at most {self.at_most:g})" if self.at_most is not None else ""
        over = "  EXCEEDED" if self.at_most is not None and self.value > self.at_most else ""
        return f"{self.what:58} {self.value:10.3f} {self.unit}{bound}{over}"


@dataclass(frozen=True, slots=True)
class _Sample:
    """The ids of one deal and of all that belongs to it, in the order in which ``_ids_of`` renames them."""

    deal: str
    invoice: str
    account: str
    contact: str

    def renamed(self, number: int) -> dict[str, str]:
        """New ids of the same form."""
        return {
            self.deal: salesforce_id_18(f"006BN{number:010}"),
            self.invoice: f"{number:08x}-0000-4000-8000-00000000000a",
            self.account: salesforce_id_18(f"001BN{number:010}"),
            self.contact: f"{number:08x}-0000-4000-8000-00000000000c",
        }


def fill(session: Session, links: int) -> None:
    """Copy a deal that a run invoiced, with everything that it left."""
    with session.database.reading() as connection:
        sample = _sample(connection, session)
        rows = {table: _rows_of(connection, table, sample) for table in _COPIED}
    with session.database.writing("fill") as connection:
        first = {table: _highest(connection, table) for table in (schema.link, schema.audit)}
        for start in range(0, links, BATCH):
            numbers = range(start, min(start + BATCH, links))
            for table, found in rows.items():
                copies = [
                    _copy(table, row, sample, n, first, len(found), at) for n in numbers for at, row in enumerate(found)
                ]
                if copies:
                    connection.execute(insert(table), copies)
            _keys(connection, session, [sample.renamed(n) for n in numbers])


def _sample(connection: Connection, session: Session) -> _Sample:
    stored = next(iter(load_links(connection, session.organisation_id, Kind.INVOICE)))
    (deal,) = load_versions(connection, session.org_id, session.mapping.deal_object, ids=[stored.source_id])
    account = str(decode_fields(deal.body)["AccountId"])
    customer = next(
        each for each in load_links(connection, session.organisation_id, Kind.CONTACT) if each.source_id == account
    )
    return _Sample(stored.source_id, stored.link.xero_id, account, customer.link.xero_id)


def _rows_of(connection: Connection, table: Table, sample: _Sample) -> list[dict[str, Any]]:
    ids = {sample.deal, sample.invoice, sample.account, sample.contact}
    found = []
    for row in connection.execute(select(table)):
        fields = dict(row._mapping)
        if any(value in ids for value in fields.values() if isinstance(value, str)):
            found.append(fields)
    return found


def _highest(connection: Connection, table: Table) -> int:
    column = table.c.id if "id" in table.c else table.c.seq
    return int(connection.execute(select(column).order_by(column.desc()).limit(1)).scalar() or 0)


def _copy(
    table: Table, row: dict[str, Any], sample: _Sample, number: int, first: dict[Table, int], of: int, at: int
) -> dict[str, Any]:
    names = sample.renamed(number)
    copy = {key: _renamed(value, names) for key, value in row.items()}
    if table in first:
        copy["id" if "id" in table.c else "seq"] = first[table] + number * of + at + 1
    elif "id" in copy:
        copy["id"] = f"bench{number:015}{at}"
    if table is schema.operation:
        copy["number"] = f"BN-{number:07}"
    if table is schema.name_key:
        copy["name"] = f"customer {number}"
    if table is schema.write_back:
        copy["key"] = f"{copy['key']}" if copy["key"] != row["key"] else f"{row['key']}{number}"
    return copy


def _renamed(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, bytes):
        return _renamed(value.decode(), names).encode()
    if isinstance(value, str):
        for old, new in names.items():
            value = value.replace(old, new)
    return value


def _keys(connection: Connection, session: Session, renamed: Iterable[dict[str, str]]) -> None:
    """The keys under which the copies are found."""
    from crossfoot.core.books import LedgerContact, LedgerInvoice  # noqa: PLC0415
    from crossfoot.engine.observe import _references  # noqa: PLC0415

    home, org_id, mapping = session.organisation_id, session.org_id, session.mapping
    ids = [list(each.values()) for each in renamed]
    for kind, into, position in (("Invoice", LedgerInvoice, 1), ("Contact", LedgerContact, 3)):
        records = load_ledger(connection, home, kind, into, ids=[each[position] for each in ids])
        save_keys(connection, home, kind, {key: to_version(home, record).keys for key, record in records.items()})  # type: ignore[arg-type]
    reading = mapping.readings()[mapping.deal_object]
    deals = load_versions(connection, org_id, mapping.deal_object, ids=[each[0] for each in ids])
    keys = {version.ref.id: _references(reading, decode_fields(version.body)) for version in deals}
    save_keys(connection, org_id, mapping.deal_object, keys)


def touch_deals(session: Session, count: int) -> int:
    """So many deals change in Salesforce, in a field that the invoice carries."""
    changed = []
    with session.database.writing("deals changed") as connection:
        for version in _some(load_versions(connection, session.org_id, session.mapping.deal_object), count):
            fields = {**decode_fields(version.body), "PO_Number__c": f"PO of {version.ref.id}"}
            changed.append(replace(version, body=encode(fields), hash=f"changed {version.hash}"))
        save_versions(connection, next_seq(connection), changed)
    return len(changed)


def _some(versions: Iterable[Any], count: int) -> Iterator[Any]:
    for number, version in enumerate(versions):
        if number == count:
            return
        yield version


def measure(links: int, changed: int = 1_000) -> list[Figure]:
    """Fill a workspace, then time an idle run and the planning of changes."""
    figures = []
    with running(business(2)) as (workspace, _):
        run(workspace)
        run(workspace)
        session = open_session(workspace)
        session.salesforce.access()
        fill(session, links)
        session.close()
        size = sum(f.stat().st_size for f in workspace.state.glob("crossfoot.db*"))
        figures.append(Figure(f"database at {links:,} links", size / 1e9, "GB", 3.0 if links >= 1_000_000 else None))
        session = open_session(workspace)
        look(session)
        session.close()
        session = open_session(workspace)
        began = time.process_time()
        look(session)
        figures.append(Figure("looking with nothing to do: CPU", time.process_time() - began, "s", 2.0))
        calls = session.xero.calls + session.salesforce.calls
        figures.append(Figure("looking with nothing to do: calls", calls, "calls"))
        count = touch_deals(session, changed)
        began = time.process_time()
        planned = make_plan(session, today(session))
        keep_plan(session, planned)
        spent = time.process_time() - began
        what = f"planning {len(planned.decisions):,} changed deals: CPU each"
        figures.append(Figure(what, spent * 1e3 / count, "ms", 1.0))
        session.close()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return [*figures, Figure("peak memory of all of this, emulators included", peak, "MiB")]


def main() -> int:
    """Measure and report."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--links", type=int, default=100_000)
    figures = measure(asked.parse_args().links)
    sys.stdout.write("".join(f"{figure}\n" for figure in figures))
    return int(any(figure.at_most is not None and figure.value > figure.at_most for figure in figures))


if __name__ == "__main__":
    sys.exit(main())
