"""Ids and digests packed, bodies compressed, what audit entries say beside their chain"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from alembic import op

from crossfoot.store.audit_guard import AUDIT_TRIGGERS, BODY_TRIGGERS
from crossfoot.store.packed import Body, Instant, Packed

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
ID, BODY, INSTANT = Packed(), Body(), Instant()
ROWS_AT_ONCE = 1_000

revision = "0002"
down_revision = "0001"

_Row = dict[str, Any]
_PACKED: Mapping[str, tuple[str, ...]] = {
    "audit": ("organisation_id", "record_id", "hash"),
    "disposition": ("organisation_id", "record_id", "account_id"),
    "link": (
        "org_id", "organisation_id", "source_key", "source_id", "xero_id", "base_hash", "source_hash", "sent_hash",
    ),
    "lookup": ("record_id",),
    "name_key": ("home", "record_id"),
    "operation": (
        "id", "organisation_id", "run_id", "org_id", "source_key", "source_id", "source_hash", "payload_hash",
        "pre_image", "xero_id", "call_id",
    ),
    "touched": ("organisation_id", "record_id"),
    "version": ("home", "record_id", "hash"),
    "write_back": ("organisation_id", "key", "wanted_hash", "written_hash", "refused_hash", "source_id"),
}  # fmt: skip
_INSTANTS: Mapping[str, tuple[str, ...]] = {
    "audit": ("at",),
    "link": ("created_at",),
    "operation": ("reserved_at", "resolved_at"),
}
_BODIES = {"operation": "body", "version": "body", "write_back": "fields"}
_BY_KEY = frozenset({"audit", "disposition", "lookup", "name_key", "touched", "version", "write_back"})
_DROPPED = {"audit": ("body", "previous_hash"), "link": ("written_seq",)}
_ADDED = {"audit": "digest", "write_back": "parent"}
_INDEXES: Mapping[str, Mapping[str, str]] = {
    "audit": {"audit_by_record": "record_id"},
    "disposition": {"disposition_by_account": "account_id", "disposition_by_plan": "planned_seq"},
    "operation": {"operation_by_source": "source_id", "operation_by_time": "reserved_at"},
    "touched": {"touched_by_seq": "seq"},
    "write_back": {
        "write_back_to_send": "organisation_id wave object key",
        "write_back_below": "parent",
        "write_back_refused": "source_id",
    },
}
_WHERE = {
    "write_back_to_send": "(wanted_hash <> written_hash OR unsure_until IS NOT NULL)",
    "write_back_below": "parent IS NOT NULL",
    "write_back_refused": "refused_at IS NOT NULL",
}
_DROPPED_INDEXES = {
    "audit": ("audit_by_record",),
    "disposition": ("disposition_by_account",),
    "operation": ("operation_by_state", "operation_by_source", "operation_by_time"),
    "touched": ("touched_by_seq",),
    "write_back": ("write_back_pending",),
}


def upgrade() -> None:
    """Each table is laid aside, emptied, given its new form and filled again."""
    bind = op.get_bind()
    if bind.dialect.name == "sqlite":
        for trigger in ("audit_kept", "audit_whole", "audit_once"):
            op.execute(f"DROP TRIGGER {trigger}")
    bodies = op.create_table(
        "audit_body",
        sa.Column("organisation_id", ID, nullable=False),
        sa.Column("seq", WHOLE, nullable=False),
        sa.Column("body", BODY, nullable=False),
        sa.PrimaryKeyConstraint("organisation_id", "seq"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "shown",
        sa.Column("organisation_id", TEXT, nullable=False),
        sa.Column("seq", WHOLE, nullable=False),
        sa.Column("planned_seq", WHOLE, nullable=False),
        sa.Column("grounds", TEXT, nullable=False),
        sa.Column("as_of", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("organisation_id"),
    )
    for name in _PACKED:
        op.execute(f"CREATE TABLE laid_aside AS SELECT * FROM {name}")  # noqa: S608 - a name from above
        op.execute(f"DELETE FROM {name}")  # noqa: S608
        _give_new_form(name)
        found = bind.execute(sa.text("SELECT * FROM laid_aside").execution_options(yield_per=ROWS_AT_ONCE))
        for rows in found.mappings().partitions(ROWS_AT_ONCE):
            _fill(bind, name, [dict(row) for row in rows], bodies)
        op.execute("DROP TABLE laid_aside")
    if bind.dialect.name == "sqlite":
        for statement in (*AUDIT_TRIGGERS, *BODY_TRIGGERS):
            op.execute(statement)


def _give_new_form(name: str) -> None:
    for index in _DROPPED_INDEXES.get(name, ()):
        op.drop_index(index, name)
    by_key = {"sqlite_with_rowid": False} if name in _BY_KEY else {}
    with op.batch_alter_table(name, table_kwargs=by_key) as batch:
        for column in _PACKED[name]:
            using = f"convert_to({column}, 'UTF8')"
            batch.alter_column(column, type_=ID, existing_type=TEXT, postgresql_using=using)
        for column in _INSTANTS.get(name, ()):
            batch.alter_column(column, type_=INSTANT, existing_type=TEXT, postgresql_using="0")
        for column in _DROPPED.get(name, ()):
            batch.drop_column(column)
        if name in _ADDED:
            batch.add_column(sa.Column(_ADDED[name], ID, nullable=name == "write_back"))
    for index, columns in _INDEXES.get(name, {}).items():
        where = sa.text(_WHERE[index]) if index in _WHERE else None
        op.create_index(index, name, columns.split(), sqlite_where=where, postgresql_where=where)


def _fill(bind: sa.Connection, name: str, rows: list[_Row], bodies: sa.Table) -> None:
    """Put rows back. Entries of the audit log keep their hashes: these cover the words, which stay for good."""
    if name == "audit":
        bind.execute(
            sa.insert(bodies),
            [{"organisation_id": r["organisation_id"], "seq": r["seq"], "body": r["body"].encode()} for r in rows],
        )
    for row in rows:
        for column in _DROPPED.get(name, ()):
            del row[column]
        if name in _ADDED:
            row[_ADDED[name]] = ""
        if name == "operation" and row["state"] == "verified":
            row["body"] = b""
        if name == "write_back":
            row["parent"] = _invoice_of(row["fields"])
            row |= {digest: row[digest][:32] for digest in ("wanted_hash", "written_hash", "refused_hash")}
            if row["written_hash"] == row["wanted_hash"] and row["unsure_until"] is None and row["wave"]:
                row["fields"] = b""
    kinds: dict[str, Any] = dict.fromkeys((*_PACKED[name], _ADDED.get(name, "")), ID)
    kinds |= dict.fromkeys(_INSTANTS.get(name, ()), INSTANT) | {_BODIES.get(name, ""): BODY}
    into = sa.table(name, *(sa.column(column, kinds.get(column, sa.types.NullType())) for column in rows[0]))
    bind.execute(sa.insert(into), rows)


def _invoice_of(fields: bytes) -> str | None:
    """The key of the invoice that a line or a payment points at."""
    found = (value for name, value in json.loads(fields).items() if name.endswith("Invoice__r"))
    return next((key for value in found for key in value.values()), None)
