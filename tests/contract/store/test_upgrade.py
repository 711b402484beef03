"""A database of an older schema opens, and holds what it held: on both kinds, in the words of schema 0001."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, create_engine, make_url, text

from crossfoot.core.links import Kind
from crossfoot.engine.reading.observe import ENTERED
from crossfoot.store import database as module
from crossfoot.store.audit import GENESIS, append_audit, audit_hash, broken_audit_entry, read_audit
from crossfoot.store.database import Database, open_database, open_server
from crossfoot.store.links import LinkedKind, compared_to, find_link, links_to_agree
from crossfoot.store.lookups import find_candidates
from crossfoot.store.operations import load_operations
from crossfoot.store.packed import compress
from crossfoot.store.versions import load_versions
from crossfoot.store.write_backs import pending_write_backs, rows_below

HERE = "ef134f2a-180b-405d-a91a-b32d2976f51d"
INVOICE = "6e381ea7-6a4a-47c3-839c-81e9aa589eec"
NOW = datetime(2026, 11, 20, 1, 30, tzinfo=UTC)
AT = "2026-11-19T01:30:00.000000+00:00"
_VALUES = {
    "version": f"('{HERE}', 'Invoice', '{INVOICE}', 'xero', '{AT}', '{'a1' * 32}', :body, FALSE, 7, 9)",
    "link": f"(1, '00DA', '{HERE}', 'Invoice', '006A', '', 1, '006A', '{INVOICE}', 'SF-1', 'crossfoot', 'made', "
    f"'live', '{'b2' * 32}', '', '', 9, '{{}}', '', '[]', '{{}}', 0, '{AT}')",
    "operation": f"('{'c3' * 16}', '{HERE}', 'run', '00DA', 'Invoice', '006A', '', 1, '006A', '', 'create', :state, "
    f":body, 'hash', '', 'SF-1', '{INVOICE}', 'AUD', 1000, 1100, 1100, FALSE, '', 0, 'won', '', '{AT}', '{AT}')",
    "write_back": f"('{HERE}', 'Line__c', '{HERE}:line', :body, '{'d4' * 32}', :written, '', NULL, NULL, '006A', 3)",
}


def _old_hash(seq: int, body: str, previous: str) -> str:
    head = [HERE, str(seq), AT, "Priya", "link", "006A"]
    return hashlib.sha256("\n".join([*head, body, previous]).encode()).hexdigest()


def _make_old(engine: Engine) -> list[str]:
    """A database of schema 0001 with a row of each kind; returns the hashes of its audit log."""
    config = Config()
    config.set_main_option("script_location", str(Path(module.__file__).parent / "migrations"))
    hashes, previous = [], GENESIS
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        line = json.dumps({"Xero_Invoice__r": {"Xero_Key__c": f"{HERE}:invoice"}}).encode()
        connection.execute(text(f"INSERT INTO version VALUES {_VALUES['version']}"), {"body": b'{"number":"SF-1"}'})
        connection.execute(text(f"INSERT INTO link VALUES {_VALUES['link']}"))
        connection.execute(
            text(f"INSERT INTO operation VALUES {_VALUES['operation']}"), {"body": b"{}", "state": "applied"}
        )
        connection.execute(
            text(f"INSERT INTO write_back VALUES {_VALUES['write_back']}"), {"body": line, "written": ""}
        )
        for seq in (1, 2):
            body = json.dumps({"reason": f"words {seq}"})
            hashes.append(_old_hash(seq, body, previous))
            row = {"home": HERE, "seq": seq, "at": AT, "body": body, "previous": previous, "hash": hashes[-1]}
            values = "(:home, :seq, :at, 'Priya', 'link', '006A', :body, :previous, :hash)"
            connection.execute(text(f"INSERT INTO audit VALUES {values}"), row)
            previous = hashes[-1]
        connection.commit()
    return hashes


@pytest.fixture(params=["sqlite", "postgresql"])
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Engine, Callable[[], Database]]]:
    """An empty place, and how Crossfoot opens it."""
    if request.param == "sqlite":
        path = tmp_path / "crossfoot.db"
        engine = create_engine(f"sqlite:///{path}")
        yield engine, lambda: open_database(path)
        engine.dispose()
        return
    server = make_url(request.getfixturevalue("server"))
    owner = create_engine(server.set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    with owner.connect() as connection:
        connection.execute(text("DROP DATABASE IF EXISTS older"))
        connection.execute(text("CREATE DATABASE older"))
    owner.dispose()
    place = server.set(database="older")
    engine = create_engine(place.set(drivername="postgresql+psycopg"))
    yield engine, lambda: open_server(place.render_as_string(hide_password=False))
    engine.dispose()


def test_a_database_of_the_first_schema_holds_what_it_held(old: tuple[Engine, Callable[[], Database]]) -> None:
    engine, opening = old
    hashes = _make_old(engine)
    engine.dispose()
    database = opening()
    with database.writing() as connection:
        (version,) = load_versions(connection, HERE, "Invoice", ids=[INVOICE])
        assert (version.ref.id, version.body) == (INVOICE, b'{"number":"SF-1"}')
        assert version.hash == ""  # it is read anew: more is kept to find it by
        stored = find_link(connection, HERE, Kind.INVOICE, "006A")
        assert stored is not None
        assert (stored.link.xero_id, stored.link.base_hash) == (INVOICE, "b2" * 32)
        (operation,) = load_operations(connection, HERE, source_id="006A")
        assert (operation.id, operation.body, operation.state) == ("c3" * 16, b"{}", "applied")
        (row,) = pending_write_backs(connection, HERE, NOW, NOW)
        assert (row.key, row.wanted_hash) == (f"{HERE}:line", "d4" * 16)
        assert [key for key, _, _ in rows_below(connection, HERE, "Line__c", [f"{HERE}:invoice"])] == [row.key]
        assert [entry.body for entry in read_audit(connection, HERE)] == [{"reason": "words 1"}, {"reason": "words 2"}]
        append_audit(connection, HERE, NOW, actor="Priya", action="link")
        assert [audit_hash(connection, HERE, seq) for seq in (1, 2)] == hashes
        assert broken_audit_entry(connection, HERE) is None
    database.engine.dispose()


ORG, DEAL, PAYMENT = "00D5g000004abcdEAA", "006svG000000001ABA", "a0CsvG000000001AAA"
_UUID = b"\x01" + bytes.fromhex(HERE.replace("-", ""))


def _packed_then(digest: str) -> bytes:
    """A digest as schemas 0002 and 0003 kept it: with a mark and its length."""
    return b"\x02" + bytes([len(digest) // 2]) + bytes.fromhex(digest)


def _make_packed(engine: Engine) -> None:
    """A database of schema 0003, with ids and digests as they were packed then."""
    config = Config()
    config.set_main_option("script_location", str(Path(module.__file__).parent / "migrations"))
    at = (datetime.fromisoformat(AT) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0003")

        def put(table: str, **values: object) -> None:
            names = ", ".join(f":{name}" for name in values)
            columns = ", ".join(values)
            connection.execute(text(f"INSERT INTO {table} ({columns}) VALUES ({names})"), values)

        for number in range(2_500):
            put(
                "version", home=ORG.encode(), kind="Opportunity", record_id=b"%d" % number, side="salesforce",
                stamp="2026-11-22T08:19:32.000+0000", hash=_packed_then("a1" * 32), body=b"", deleted=False,
                read_seq=7, changed_seq=9,
            )  # fmt: skip
        put(
            "version", home=ORG.encode(), kind="Opportunity", record_id=DEAL.encode(), side="salesforce",
            stamp="2026-11-22T08:19:32.000+0000", hash=_packed_then("a1" * 32), body=compress(b'{"Name":"Deal"}'),
            deleted=False, read_seq=7, changed_seq=9,
        )  # fmt: skip
        put(
            "version", home=ORG.encode(), kind="Xero_Payment__c", record_id=PAYMENT.encode(), side="salesforce",
            stamp="2026-11-22T08:19:32.000+0000", hash=_packed_then("a1" * 32), body=b"", deleted=False,
            read_seq=7, changed_seq=9,
        )  # fmt: skip
        text_of_key = f"{ORG}\x1fOpportunity\x1fnumber\x1fD-1"
        key = hashlib.blake2b(text_of_key.encode(), digest_size=8).digest()
        put("lookup", key=int.from_bytes(key, signed=True), record_id=DEAL.encode())
        put(
            "link", id=1, org_id=ORG.encode(), organisation_id=_UUID, kind="Contact", source_key=DEAL.encode(), part="",
            epoch=1, source_id=DEAL.encode(), xero_id=_UUID, number="", born="crossfoot",
            evidence="no such customer in Xero", state="live", base_hash=b"", source_hash=b"", sent_hash=b"",
            base='{"Name": "Café"}', created_at=at,
        )  # fmt: skip
        put(
            "write_back", organisation_id=_UUID, object="Xero_Invoice_Line__c", key=_UUID + b":line",
            fields=compress(b"{}"), wanted_hash=_packed_then("d4" * 16), written_hash=b"", refused_hash=b"",
            source_id=DEAL.encode(), wave=3, parent=_UUID + b":" + _UUID,
        )  # fmt: skip
        previous = GENESIS
        for seq in (1, 2):
            said = json.dumps({"reason": f"words {seq}"}).encode()
            digest = hashlib.sha256(said).hexdigest()
            head = [HERE, str(seq), AT, "Priya", "create Invoice", DEAL, digest, previous]
            previous = hashlib.sha256("\n".join(head).encode()).hexdigest()
            put(
                "audit", organisation_id=_UUID, seq=seq, at=at, actor="Priya", action="create Invoice",
                record_id=DEAL.encode(), digest=_packed_then(digest), hash=_packed_then(previous),
            )  # fmt: skip
            put("audit_body", organisation_id=_UUID, seq=seq, body=compress(said))
        connection.commit()


def test_what_was_packed_before_is_found_in_its_new_form(old: tuple[Engine, Callable[[], Database]]) -> None:
    engine, opening = old
    _make_packed(engine)
    engine.dispose()
    database = opening()
    with database.writing() as connection:
        (version,) = load_versions(connection, ORG, "Opportunity", ids=[DEAL])
        assert (version.home, version.ref.id, version.hash) == (ORG, DEAL, "a1" * 32)
        assert (version.stamp, version.body) == ("2026-11-22T08:19:32.000+0000", b'{"Name":"Deal"}')
        assert len(list(load_versions(connection, ORG, "Opportunity"))) == 2_501
        assert find_candidates(connection, ORG, "Opportunity", "number", ["D-1"]) == {DEAL}
        assert find_candidates(connection, ORG, "Xero_Payment__c", ENTERED[0], ENTERED[1:]) == {PAYMENT}
        assert not find_candidates(connection, ORG, "Opportunity", ENTERED[0], ENTERED[1:])
        stored = find_link(connection, HERE, Kind.CONTACT, DEAL)
        assert stored is not None
        assert (stored.link.identity.org_id, stored.link.xero_id, stored.base) == (ORG, HERE, {"Name": "Café"})
        assert stored.link.evidence == "no such customer in Xero"
        linked = LinkedKind(ORG, "Opportunity", HERE, Kind.CONTACT)
        assert (compared_to(connection, linked), links_to_agree(connection, linked)) == (0, [stored])
        (row,) = pending_write_backs(connection, HERE, NOW, NOW)
        assert (row.object, row.key, row.parent) == ("Xero_Invoice_Line__c", f"{HERE}:line", f"{HERE}:{HERE}")
        assert [entry.action for entry in read_audit(connection, HERE, DEAL)] == ["create Invoice"] * 2
        append_audit(connection, HERE, NOW, actor="Priya", action="link")
        assert broken_audit_entry(connection, HERE) is None
    database.engine.dispose()


def test_a_file_gives_the_room_back_that_its_migration_took(tmp_path: Path) -> None:
    path = tmp_path / "crossfoot.db"
    engine = create_engine(f"sqlite:///{path}")
    _make_packed(engine)
    engine.dispose()
    open_database(path).engine.dispose()
    with closing(sqlite3.connect(path)) as opened:
        assert opened.execute("PRAGMA freelist_count").fetchone() == (0,)


def test_the_copy_made_before_is_of_the_first_schema(tmp_path: Path) -> None:
    path = tmp_path / "crossfoot.db"
    engine = create_engine(f"sqlite:///{path}")
    _make_old(engine)
    engine.dispose()
    open_database(path).engine.dispose()
    with closing(sqlite3.connect(path.with_suffix(f".before-{module.HEAD}.db"))) as copy:
        assert copy.execute("SELECT version_num FROM alembic_version").fetchone() == ("0001",)
        assert copy.execute("SELECT xero_id FROM link").fetchone() == (INVOICE,)
