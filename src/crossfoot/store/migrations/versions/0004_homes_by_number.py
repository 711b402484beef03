"""Homes by number, ids and names in fewer bytes, what audit entries say together"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from alembic import op

from crossfoot.store.audit_guard import AUDIT_TRIGGERS, BODY_TRIGGERS
from crossfoot.store.packed import BodyText, Home, Packed, compress, pack, unpack

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
ID, HOME = Packed(), Home()
ROWS_AT_ONCE = 1_000

revision = "0004"
down_revision = "0003"

_Row = dict[str, Any]
_HOMES: Mapping[str, tuple[str, ...]] = {
    "audit": ("organisation_id",),
    "audit_body": ("organisation_id",),
    "disposition": ("organisation_id",),
    "link": ("org_id", "organisation_id"),
    "lookup": (),
    "name_key": ("home",),
    "operation": ("org_id", "organisation_id"),
    "touched": ("organisation_id",),
    "version": ("home",),
    "write_back": ("organisation_id",),
}
_PACKED: Mapping[str, tuple[str, ...]] = {
    "audit": ("record_id", "digest", "hash"),
    "disposition": ("record_id", "account_id"),
    "link": ("source_key", "source_id", "xero_id", "base_hash", "source_hash", "sent_hash"),
    "lookup": ("record_id",),
    "name_key": ("record_id",),
    "operation": (
        "id", "run_id", "source_key", "source_id", "source_hash", "payload_hash", "pre_image", "xero_id", "call_id",
    ),
    "touched": ("record_id",),
    "version": ("record_id", "hash"),
    "write_back": ("wanted_hash", "written_hash", "refused_hash", "source_id"),
}  # fmt: skip
_TEXTS: Mapping[str, tuple[str, ...]] = {
    "audit": ("actor", "action"),
    "link": ("kind", "born", "evidence"),
    "name_key": ("kind",),
    "operation": ("kind", "action", "reason"),
    "version": ("kind", "side", "stamp"),
    "write_back": ("object",),
}
_NEW_INDEXES = (
    ("version_deleted", "version", ["home", "kind"], "deleted"),
    ("version_answered", "version", ["home", "kind"], "read_seq = 0"),
    ("operation_refused", "operation", ["organisation_id", "resolved_at"], "state = 'refused'"),
)
_BY_KEY = frozenset(_HOMES) - {"link", "operation"}


def upgrade() -> None:
    """Each table is laid aside, emptied, given its new form and filled again."""
    bind = op.get_bind()
    if bind.dialect.name == "sqlite":
        for trigger in ("audit_kept", "audit_whole", "audit_once", "audit_body_kept", "audit_body_once"):
            op.execute(f"DROP TRIGGER {trigger}")
    numbered = op.create_table(
        "home",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("code", WHOLE, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("code"),
    )
    codes: dict[str, int] = {}
    for home in bind.execute(sa.text("SELECT home FROM connection ORDER BY connected_at, home")).scalars():
        _code(codes, home)
    for name in _HOMES:
        op.execute(f"CREATE TABLE laid_aside AS SELECT * FROM {name}")  # noqa: S608 - a name from above
        op.execute(f"DELETE FROM {name}")  # noqa: S608
        _give_new_form(name)
        found = bind.execute(sa.text("SELECT * FROM laid_aside").execution_options(yield_per=ROWS_AT_ONCE))
        for rows in found.mappings().partitions(ROWS_AT_ONCE):
            renewed = [_renewed(name, dict(row), codes) for row in rows]
            bind.execute(sa.insert(sa.table(name, *map(sa.column, renewed[0]))), renewed)
        op.execute("DROP TABLE laid_aside")
    for name, table, columns, where in _NEW_INDEXES:
        op.create_index(name, table, columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))
    for home, code in codes.items():
        bind.execute(sa.insert(numbered).values(id=home, code=code))
    if bind.dialect.name == "sqlite":
        for statement in (*AUDIT_TRIGGERS, *BODY_TRIGGERS):
            op.execute(statement)


def _give_new_form(name: str) -> None:
    if name == "operation":
        op.drop_index("operation_by_run", name)
    by_key = {"sqlite_with_rowid": False} if name in _BY_KEY else {}
    with op.batch_alter_table(name, table_kwargs=by_key) as batch:
        for column in _HOMES[name]:
            batch.alter_column(column, type_=HOME, existing_type=ID, postgresql_using="0")
        for column in _TEXTS.get(name, ()):
            using = f"convert_to({column}, 'UTF8')"
            batch.alter_column(column, type_=ID, existing_type=TEXT, postgresql_using=using)
        if name == "link":
            batch.alter_column("base", existing_type=TEXT, server_default=None)
            batch.alter_column("base", type_=BodyText(), existing_type=TEXT, postgresql_using="''")
        if name == "audit_body":
            batch.add_column(sa.Column("first", WHOLE, nullable=False))


def _renewed(name: str, row: _Row, codes: dict[str, int]) -> _Row:
    """A row in its new form; what is compressed, counted or plain is as it was."""
    if name == "write_back":
        home = unpack(row["organisation_id"])
        row |= {column: row[column] and pack(_within(home, unpack(row[column]))) for column in ("key", "parent")}
    for column in _HOMES[name]:
        row[column] = _code(codes, unpack(row[column]))
    for column in _PACKED.get(name, ()):
        row[column] = None if row[column] is None else pack(unpack(row[column]))
    for column in _TEXTS.get(name, ()):
        row[column] = pack(row[column])
    if name == "audit_body":
        row["first"] = row["seq"]
    if name == "link":
        row["base"] = compress(row["base"].encode())
    if name == "lookup":
        row["key"] >>= 16
    if name == "operation" and row["state"] == "verified":
        row |= dict.fromkeys(("payload_hash", "source_hash", "pre_image"), b"")
    return row


def _within(home: str, key: str) -> str:
    return key.removeprefix(home) if key.startswith(f"{home}:") else key


def _code(codes: dict[str, int], home: str) -> int:
    return codes.setdefault(home, len(codes) + 1)
