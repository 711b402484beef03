"""The engine at a size: one invoiced deal, as real runs leave it, copied so many times; then what runs cost.

A link is a row of the table ``link``. A deal has two: its invoice's, and that of a customer of its own. Every row that
its sync left (versions, links, operations, audit, write-back) is copied with new ids and digests, in the order in which
a run over many deals writes them, so that the sizes are those of a real workspace. CPU time is this process's own, the
emulators' answers to the few calls included. Of writing back, working out the rows is timed and sending them is not:
the emulators do not know the copies.
``python -m bench.scale --links 100000``.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import resource
import sys
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Table, func, insert, select

from bench.calls import business, run, running
from crossfoot.core.books import LedgerContact, LedgerInvoice
from crossfoot.core.links import Kind, salesforce_id_18
from crossfoot.core.tieout import TieOut, WonDeal, strangers, tie_pairs
from crossfoot.engine.planning.planner import keep_plan, make_plan
from crossfoot.engine.reading.ledger import CONTACT, INVOICE, load_books, load_ledger, to_version
from crossfoot.engine.reading.observe import keys_of
from crossfoot.engine.runs import look, today
from crossfoot.engine.session import Session, open_session
from crossfoot.engine.showing.moved import keep_keys
from crossfoot.engine.showing.wanting import Wanting
from crossfoot.engine.trail import pack_trail
from crossfoot.store import schema
from crossfoot.store.codec import decode, decode_fields, encode
from crossfoot.store.links import linked_pairs, load_links
from crossfoot.store.lookups import save_keys
from crossfoot.store.scratch import key_table, scratch
from crossfoot.store.versions import load_versions, next_seq, save_versions, standing_keys

BATCH = 500  # deals of one run
_COPIED = (schema.version, schema.link, schema.operation, schema.disposition, schema.write_back, schema.audit,
           schema.audit_body, schema.name_key)  # fmt: skip
_OWN = {schema.link: "id", schema.audit: "seq", schema.audit_body: "seq"}  # numbered by the database's own counting
LINKS_OF_A_DEAL = 2  # its invoice, and its customer
_SALESFORCE_ID = re.compile(r"\b[0-9A-Za-z]{15}[A-Z0-5]{3}\b")
_DIGITS = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32,64}")
_NAMED = re.compile(rf"{_DIGITS.pattern}|{_SALESFORCE_ID.pattern}|\b(?:Customer number|customer|Deal) \d+|\bD-\d+")


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
    """One deal as a run left it: its rows, and every id, digest, number and name in them that is its own."""

    deal: str
    invoice: str
    account: str
    contact: str
    rows: Mapping[Table, Sequence[dict[str, Any]]]
    own: frozenset[str]

    def renamed(self, number: int) -> dict[str, str]:
        """New ones of the same form: what is random stays so, since a database cannot make it smaller."""
        return {old: _another(old, number) for old in self.own}


def _another(old: str, number: int) -> str:
    if _SALESFORCE_ID.fullmatch(old):
        return salesforce_id_18(f"{old[:3]}{old[12:15]}{number:09}")
    if _DIGITS.fullmatch(old):
        digest = hashlib.sha256(f"{old}{number}".encode()).hexdigest()
        return str(uuid.UUID(digest[:32])) if "-" in old else digest[: len(old)]
    return re.sub(r"\d+$", f"{number:07}", old)


def fill(session: Session, links: int) -> None:
    """Copy a deal that a run invoiced, with everything that it left, until there are so many more links."""
    with session.database.reading() as connection:
        sample = _sample(connection, session)
    for start in range(0, links // LINKS_OF_A_DEAL, BATCH):
        numbers = range(start, min(start + BATCH, links // LINKS_OF_A_DEAL))
        with session.database.writing("fill") as connection:
            _add(connection, session, sample, [sample.renamed(number) for number in numbers])
        pack_trail(session)


def _add(connection: Connection, session: Session, sample: _Sample, names: Sequence[Mapping[str, str]]) -> None:
    for table, found in sample.rows.items():
        copies = [{key: _renamed(value, each) for key, value in row.items()} for row in found for each in names]
        if table in _OWN:
            counted = _OWN[table]
            newest = connection.execute(
                select(table.c[counted]).order_by(table.c[counted].desc()).limit(1)
            ).scalar_one()
            for place, copy in enumerate(copies, newest + 1):
                copy[counted] = place
                if "first" in copy:
                    copy["first"] = place
        connection.execute(insert(table), copies)
    _keys(connection, session, sample, names)


def _sample(connection: Connection, session: Session) -> _Sample:
    stored = next(iter(load_links(connection, session.organisation_id, Kind.INVOICE)))
    (deal,) = load_versions(connection, session.org_id, session.mapping.deal_object, ids=[stored.source_id])
    account = str(decode_fields(deal.body)["AccountId"])
    customer = next(
        each for each in load_links(connection, session.organisation_id, Kind.CONTACT) if each.source_id == account
    )
    ids = {stored.source_id, stored.link.xero_id, account, customer.link.xero_id}
    rows, rest = {}, ""
    for table in _COPIED:
        every = [dict(row) for row in connection.execute(select(table)).mappings()]
        rows[table] = [row for row in every if ids & set(map(str, row.values()))]
        if table is schema.audit_body:
            entries = {row["seq"] for row in rows[schema.audit]}
            rows[table] = [row for row in every if row["seq"] in entries]
        rest += "".join(map(_text, (row for row in every if row not in rows[table])))
    own = {found.group() for table in rows.values() for row in table for found in _NAMED.finditer(_text(row))}
    return _Sample(
        stored.source_id, stored.link.xero_id, account, customer.link.xero_id, rows,
        frozenset(each for each in own if each not in rest),
    )  # fmt: skip


def _text(row: Mapping[str, Any]) -> str:
    return "\n".join(value.decode() if isinstance(value, bytes) else str(value) for value in row.values())


def _renamed(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, bytes):
        return _renamed(value.decode(), names).encode()
    if isinstance(value, str):
        return _NAMED.sub(lambda found: names.get(found.group(), found.group()), value)
    return value


def _keys(connection: Connection, session: Session, sample: _Sample, names: Sequence[Mapping[str, str]]) -> None:
    """The keys under which the copies are found."""
    home, org_id, mapping = session.organisation_id, session.org_id, session.mapping
    invoices = load_ledger(connection, home, INVOICE, LedgerInvoice, ids=[each[sample.invoice] for each in names])
    contacts = load_ledger(connection, home, CONTACT, LedgerContact, ids=[each[sample.contact] for each in names])
    records: list[LedgerInvoice | LedgerContact] = [*invoices.values(), *contacts.values()]
    for kind in (INVOICE, CONTACT):
        versions = [version for version in (to_version(home, each) for each in records) if version.ref.kind == kind]
        save_keys(connection, home, kind, {version.ref.id: version.keys for version in versions})
    keep_keys(connection, home, INVOICE, invoices, load_books(connection, home))
    reading = mapping.readings()[mapping.deal_object]
    deals = load_versions(connection, org_id, mapping.deal_object, ids=[each[sample.deal] for each in names])
    keys = {version.ref.id: keys_of(reading, decode_fields(version.body)) for version in deals}
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


def compare(session: Session) -> None:
    """What a key sweep and a tie-out hold while they compare, both sides being what is stored."""
    home, org_id, kind = session.organisation_id, session.org_id, session.mapping.deal_object
    with key_table() as keys, session.database.reading() as connection:
        keys.add_ours(standing_keys(connection, org_id, kind))
        keys.add_theirs(standing_keys(connection, org_id, kind))
        assert [*keys.missed(), *keys.gone()] == []
    with scratch() as table, session.database.reading() as connection:
        pairs = list(islice(linked_pairs(connection, home, Kind.INVOICE), 1))
        (sample,) = load_ledger(connection, home, INVOICE, LedgerInvoice, ids=[pairs[0][1]]).values()
        deals = (
            (key, "2026-11", "AUD", encode(WonDeal(key, "Deal", "2026-11", "AUD", sample.sub_total)))
            for key, _ in standing_keys(connection, org_id, kind)
        )
        table.add_deals(deals)
        papers = (
            (key, "", encode(replace(sample, invoice_id=key))) for key, _ in standing_keys(connection, home, INVOICE)
        )
        table.add_papers(papers)
        table.add_links(linked_pairs(connection, home, Kind.INVOICE))
        read = ((decode(deal, WonDeal), [decode(each, LedgerInvoice) for each in found], linked)
                for deal, found, linked in table.in_order())  # fmt: skip
        rows = tie_pairs(read, waiting={}, named={})
        left = strangers((decode(each, LedgerInvoice) for each in table.unclaimed()), sample.dated)
        assert not TieOut(rows, left).unexplained


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(links: int, changed: int = 1_000) -> list[Figure]:
    """Fill a workspace, then time an idle run, and the planning and showing of changes."""
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
        figures.append(Figure("database for each link", size / links / 1e3, "kB", 3.0))
        session = open_session(workspace)
        look(session)
        session.close()
        session = open_session(workspace)
        began = time.process_time()
        look(session)
        figures.append(Figure("looking with nothing to do: CPU", time.process_time() - began, "s", 2.0))
        calls, watched = session.xero.calls + session.salesforce.calls, _watched(session)
        figures.append(Figure(f"looking with nothing to do: calls, {watched} resources", calls, "calls", watched + 4))
        figures += _work_out(session, touch_deals(session, changed))
        before = _peak_mib()
        compare(session)
        session.close()
    figures.append(Figure("peak memory of planning and showing, emulators included", before, "MiB"))
    return [*figures, Figure("peak memory with sweep and tie-out compared", _peak_mib(), "MiB", 512)]


def _watched(session: Session) -> int:
    """How many resources a run reads: each has a watermark."""
    homes = (session.organisation_id, session.org_id)
    query = select(func.count()).select_from(schema.watermark).where(schema.watermark.c.home.in_(homes))
    with session.database.reading() as connection:
        return int(connection.execute(query).scalar_one())


def _work_out(session: Session, changed: int) -> list[Figure]:
    """CPU of planning what changed, and of working out what Salesforce should say of it."""
    began = time.process_time()
    planned = make_plan(session, today(session))
    keep_plan(session, planned)
    kept = time.process_time()
    with session.database.writing("wanted") as connection:
        Wanting(session, connection, today(session)).want_all()
    shown = time.process_time()
    return [
        Figure(
            f"planning {len(planned.decisions):,} changed deals: CPU each", (kept - began) * 1e3 / changed, "ms", 1.0
        ),
        Figure("working out what Salesforce shows of them: CPU each", (shown - kept) * 1e3 / changed, "ms"),
    ]


def main() -> int:
    """Measure and report."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument(
        "--links", type=int, default=100_000, help="rows of the table link: two for each deal, so half as many deals"
    )
    figures = measure(asked.parse_args().links)
    sys.stdout.write("".join(f"{figure}\n" for figure in figures))
    return int(any(figure.at_most is not None and figure.value > figure.at_most for figure in figures))


if __name__ == "__main__":
    sys.exit(main())
