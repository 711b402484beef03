"""The tables. Everything is keyed by the org or organisation it belongs to, from the first table.

``home`` is the vendor's id of where a record lives (org id or organisation id). Document amounts are INTEGER
ten-thousandths, so that SQL sums them exactly; instants are ISO text in UTC.
"""

from __future__ import annotations

from decimal import Decimal

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.types import TypeEngine

from crossfoot.core.money import EXACT

metadata = MetaData()
# The same order of text on both databases (instants and ids are compared in SQL), and room for any amount in units.
TEXT: TypeEngine[str] = Text().with_variant(Text(collation="C"), "postgresql")
WHOLE: TypeEngine[int] = BigInteger().with_variant(Integer(), "sqlite")
UNITS = Decimal(10_000)


def to_units(amount: Decimal) -> int:
    """A document amount as the database holds it; more than four decimals would be lost and are refused."""
    units = EXACT.multiply(amount, UNITS)
    if units != units.to_integral_value():
        raise ValueError(f"{amount} has more than four decimals")
    return int(units)


def from_units(units: int) -> Decimal:
    """A document amount from the database."""
    return EXACT.divide(Decimal(units), UNITS)


connection = Table(
    "connection",
    metadata,
    Column("side", TEXT, primary_key=True),
    Column("home", TEXT, primary_key=True),
    Column("name", TEXT, nullable=False),
    Column("alias", TEXT, nullable=False),
    Column("grant_id", TEXT, nullable=False),
    Column("settings", TEXT, nullable=False),
    Column("pinned", TEXT, nullable=False),
    Column("live_since", TEXT),
    Column("connected_at", TEXT, nullable=False),
)

grant = Table(
    "grant_",
    metadata,
    Column("id", TEXT, primary_key=True),
    Column("side", TEXT, nullable=False),
    Column("kind", TEXT, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("generation", WHOLE, nullable=False),
    Column("access_expires_at", TEXT),
    Column("updated_at", TEXT, nullable=False),
)

version = Table(
    "version",
    metadata,
    Column("home", TEXT, primary_key=True),
    Column("kind", TEXT, primary_key=True),
    Column("record_id", TEXT, primary_key=True),
    Column("side", TEXT, nullable=False),
    Column("stamp", TEXT, nullable=False),
    Column("hash", TEXT, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("deleted", Boolean, nullable=False),
    Column("read_seq", WHOLE, nullable=False),
    Column("changed_seq", WHOLE, nullable=False),
    Index("version_by_change", "home", "kind", "changed_seq"),
)

# Where a value may be found, by a hash of (home, kind, name, value): candidates only, since rows are never taken away.
lookup = Table(
    "lookup",
    metadata,
    Column("key", WHOLE, primary_key=True, autoincrement=False),
    Column("record_id", TEXT, primary_key=True),
    sqlite_with_rowid=False,
)

name_key = Table(
    "name_key",
    metadata,
    Column("home", TEXT, primary_key=True),
    Column("kind", TEXT, primary_key=True),
    Column("record_id", TEXT, primary_key=True),
    Column("name", TEXT, nullable=False),
    sqlite_with_rowid=False,
)

watermark = Table(
    "watermark",
    metadata,
    Column("home", TEXT, primary_key=True),
    Column("resource", TEXT, primary_key=True),
    Column("position", TEXT, nullable=False),
    Column("read_at", TEXT, nullable=False),
)

reference = Table(
    "reference",
    metadata,
    Column("home", TEXT, primary_key=True),
    Column("name", TEXT, primary_key=True),
    Column("read_at", TEXT, nullable=False),
    Column("body", LargeBinary, nullable=False),
)

link = Table(
    "link",
    metadata,
    Column("id", WHOLE, primary_key=True),
    Column("org_id", TEXT, nullable=False),
    Column("organisation_id", TEXT, nullable=False),
    Column("kind", TEXT, nullable=False),
    Column("source_key", TEXT, nullable=False),
    Column("part", TEXT, nullable=False),
    Column("epoch", WHOLE, nullable=False),
    Column("source_id", TEXT, nullable=False),
    Column("xero_id", TEXT, nullable=False),
    Column("number", TEXT, nullable=False),
    Column("born", TEXT, nullable=False),
    Column("evidence", TEXT, nullable=False),
    Column("state", TEXT, nullable=False),
    Column("base_hash", TEXT, nullable=False),
    Column("source_hash", TEXT, nullable=False),
    Column("sent_hash", TEXT, nullable=False),
    Column("written_seq", WHOLE, nullable=False),
    Column("base", TEXT, nullable=False, server_default="{}"),
    Column("suffix", TEXT, nullable=False, server_default=""),
    Column("told", TEXT, nullable=False, server_default="[]"),
    Column("conflicts", TEXT, nullable=False, server_default="{}"),
    Column("merged_seq", WHOLE, nullable=False, server_default="0"),
    Column("created_at", TEXT, nullable=False),
    UniqueConstraint("organisation_id", "kind", "source_key", "part", "epoch", "org_id"),
)
_LIVE = text("state = 'live'")
Index(
    "link_live_by_identity",
    link.c.organisation_id,
    link.c.kind,
    link.c.source_key,
    link.c.part,
    link.c.org_id,
    unique=True,
    sqlite_where=_LIVE,
    postgresql_where=_LIVE,
)
Index(
    "link_live_by_xero_id",
    link.c.organisation_id,
    link.c.xero_id,
    unique=True,
    sqlite_where=_LIVE,
    postgresql_where=_LIVE,
)

operation = Table(
    "operation",
    metadata,
    Column("id", TEXT, primary_key=True),
    Column("organisation_id", TEXT, nullable=False),
    Column("run_id", TEXT, nullable=False),
    Column("org_id", TEXT, nullable=False),
    Column("kind", TEXT, nullable=False),
    Column("source_key", TEXT, nullable=False),
    Column("part", TEXT, nullable=False),
    Column("epoch", WHOLE, nullable=False),
    Column("source_id", TEXT, nullable=False),
    Column("source_hash", TEXT, nullable=False),
    Column("action", TEXT, nullable=False),
    Column("state", TEXT, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("payload_hash", TEXT, nullable=False),
    Column("pre_image", TEXT, nullable=False),
    Column("number", TEXT, nullable=False),
    Column("xero_id", TEXT, nullable=False),
    Column("currency", TEXT, nullable=False),
    Column("ex_tax", WHOLE, nullable=False),
    Column("gross", WHOLE, nullable=False),
    Column("base_gross", WHOLE, nullable=False),
    Column("reviewed", Boolean, nullable=False),
    Column("call_id", TEXT, nullable=False),
    Column("position", WHOLE, nullable=False),
    Column("reason", TEXT, nullable=False),
    Column("refusal", TEXT, nullable=False),
    Column("reserved_at", TEXT, nullable=False),
    Column("resolved_at", TEXT),
    Index("operation_by_state", "organisation_id", "state"),
    Index("operation_by_run", "run_id"),
    Index("operation_by_source", "organisation_id", "source_id"),
    Index("operation_by_time", "organisation_id", "reserved_at"),
)
_STANDING = text("state NOT IN ('refused', 'abandoned', 'verified')")
Index(
    "operation_standing",
    operation.c.org_id,
    operation.c.organisation_id,
    operation.c.kind,
    operation.c.source_key,
    operation.c.part,
    unique=True,
    sqlite_where=_STANDING,
    postgresql_where=_STANDING,
)

call = Table(
    "call",
    metadata,
    Column("id", TEXT, primary_key=True),
    Column("home", TEXT, nullable=False),
    Column("run_id", TEXT, nullable=False),
    Column("method", TEXT, nullable=False),
    Column("path", TEXT, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("idempotency_key", TEXT, nullable=False),
    Column("token_generation", WHOLE, nullable=False),
    Column("state", TEXT, nullable=False),
    Column("status", WHOLE, nullable=False),
    Column("request_id", TEXT, nullable=False),
    Column("first_sent_at", TEXT, nullable=False),
    Column("ended_at", TEXT),
    Index("call_by_state", "home", "state"),
)

queue = Table(
    "queue",
    metadata,
    Column("id", WHOLE, primary_key=True),
    Column("organisation_id", TEXT, nullable=False),
    Column("side", TEXT, nullable=False),
    Column("kind", TEXT, nullable=False),
    Column("record_id", TEXT, nullable=False),
    Column("record_name", TEXT, nullable=False),
    Column("code", TEXT, nullable=False),
    Column("weight", TEXT, nullable=False),
    Column("cause", TEXT, nullable=False),
    Column("fix", TEXT, nullable=False),
    Column("owner", TEXT, nullable=False),
    Column("owner_name", TEXT, nullable=False),
    Column("currency", TEXT, nullable=False),
    Column("amount", WHOLE, nullable=False),
    Column("related", TEXT, nullable=False),
    Column("vendor_text", TEXT, nullable=False),
    Column("state", TEXT, nullable=False),
    Column("opened_at", TEXT, nullable=False),
    Column("closed_at", TEXT),
    Column("ignored_reason", TEXT, nullable=False),
    Column("ignored_until", TEXT),
    Index("queue_by_record", "organisation_id", "record_id"),
)
_OPEN = text("state = 'open'")
Index(
    "queue_open",
    queue.c.organisation_id,
    queue.c.record_id,
    queue.c.code,
    unique=True,
    sqlite_where=_OPEN,
    postgresql_where=_OPEN,
)

decision = Table(
    "decision",
    metadata,
    Column("organisation_id", TEXT, primary_key=True),
    Column("kind", TEXT, primary_key=True),
    Column("source_id", TEXT, primary_key=True),
    Column("target_id", TEXT, primary_key=True),
    Column("actor", TEXT, nullable=False),
    Column("at", TEXT, nullable=False),
)

disposition = Table(
    "disposition",
    metadata,
    Column("organisation_id", TEXT, primary_key=True),
    Column("record_id", TEXT, primary_key=True),
    Column("bucket", TEXT, nullable=False),
    Column("name", TEXT, nullable=False),
    Column("currency", TEXT, nullable=False),
    Column("amount", WHOLE, nullable=False),
    Column("planned_seq", WHOLE, nullable=False),
    Column("owner", TEXT, nullable=False),
    Column("account_id", TEXT, nullable=False),
    Column("moves_in", Boolean, nullable=False),
    Column("leans", Boolean, nullable=False),
    Column("unsettled", Boolean, nullable=False),
    Index("disposition_by_account", "organisation_id", "account_id"),
)
Index(
    "disposition_unsettled",
    disposition.c.organisation_id,
    sqlite_where=text("unsettled"),
    postgresql_where=text("unsettled"),
)
Index(
    "disposition_leaning",
    disposition.c.organisation_id,
    sqlite_where=text("leans"),
    postgresql_where=text("leans"),
)

planned = Table(
    "planned",
    metadata,
    Column("organisation_id", TEXT, primary_key=True),
    Column("seq", WHOLE, nullable=False),
    Column("grounds", TEXT, nullable=False),
    Column("books", TEXT, nullable=False),
)

touched = Table(
    "touched",
    metadata,
    Column("organisation_id", TEXT, primary_key=True),
    Column("record_id", TEXT, primary_key=True),
    Column("seq", WHOLE, nullable=False),
    Index("touched_by_seq", "organisation_id", "seq"),
)

write_back = Table(
    "write_back",
    metadata,
    Column("organisation_id", TEXT, primary_key=True),
    Column("object", TEXT, primary_key=True),
    Column("key", TEXT, primary_key=True),
    Column("fields", LargeBinary, nullable=False),
    Column("wanted_hash", TEXT, nullable=False),
    Column("written_hash", TEXT, nullable=False),
    Column("refused_hash", TEXT, nullable=False),
    Column("refused_at", TEXT),
    Column("unsure_until", TEXT),
    Column("source_id", TEXT, nullable=False),
    Column("wave", WHOLE, nullable=False),
    Index("write_back_pending", "organisation_id", "wanted_hash", "written_hash"),
)

plan = Table(
    "plan",
    metadata,
    Column("id", TEXT, primary_key=True),
    Column("organisation_id", TEXT, nullable=False),
    Column("created_at", TEXT, nullable=False),
    Column("state", TEXT, nullable=False),
    Column("body", LargeBinary, nullable=False),
)

run = Table(
    "run",
    metadata,
    Column("id", TEXT, primary_key=True),
    Column("organisation_id", TEXT, nullable=False),
    Column("command", TEXT, nullable=False),
    Column("started_at", TEXT, nullable=False),
    Column("ended_at", TEXT),
    Column("outcome", TEXT, nullable=False),
    Column("live", Boolean, nullable=False),
    Column("created", WHOLE, nullable=False),
    Column("counts", TEXT, nullable=False),
)

series = Table(
    "number_series",
    metadata,
    Column("organisation_id", TEXT, primary_key=True),
    Column("prefix", TEXT, primary_key=True),
    Column("last", WHOLE, nullable=False),
)

counter = Table(
    "counter",
    metadata,
    Column("name", TEXT, primary_key=True),
    Column("value", WHOLE, nullable=False),
)

quota = Table(
    "quota",
    metadata,
    Column("home", TEXT, primary_key=True),
    Column("day_remaining", WHOLE),
    Column("day_most", WHOLE, nullable=False),
    Column("minute_remaining", WHOLE),
    Column("minute_began", TEXT),
    Column("app_remaining", WHOLE),
    Column("app_began", TEXT),
    Column("resume_at", TEXT),
    Column("parked_until", TEXT),
    Column("read_at", TEXT),
)

received = Table(
    "received",
    metadata,
    Column("home", TEXT, primary_key=True),
    Column("month", TEXT, primary_key=True),
    Column("received_bytes", WHOLE, nullable=False),
)

lease = Table(
    "lease",
    metadata,
    Column("name", TEXT, primary_key=True),
    Column("fence", WHOLE, nullable=False),
    Column("holder", TEXT, nullable=False),
    Column("until", TEXT, nullable=False),
)

override = Table(
    "override",
    metadata,
    Column("id", WHOLE, primary_key=True),
    Column("organisation_id", TEXT, nullable=False),
    Column("source_id", TEXT, nullable=False),
    Column("field", TEXT, nullable=False),
    Column("value", TEXT, nullable=False),
    Column("was", TEXT, nullable=False),
    Column("reason", TEXT, nullable=False),
    Column("actor", TEXT, nullable=False),
    Column("at", TEXT, nullable=False),
    Column("approver", TEXT, nullable=False),
    Column("approved_at", TEXT),
    Column("state", TEXT, nullable=False),
)
_NOT_DROPPED = text("state <> 'dropped'")
Index(
    "override_standing",
    override.c.organisation_id,
    override.c.source_id,
    override.c.field,
    unique=True,
    sqlite_where=_NOT_DROPPED,
    postgresql_where=_NOT_DROPPED,
)

# Danger records of acts that are done in several calls and must not stay half done.
act = Table(
    "act",
    metadata,
    Column("organisation_id", TEXT, primary_key=True),
    Column("source_id", TEXT, primary_key=True),
    Column("epoch", WHOLE, primary_key=True, autoincrement=False),
    Column("xero_id", TEXT, nullable=False),
    Column("number", TEXT, nullable=False),
    Column("credit_number", TEXT, nullable=False),
    Column("currency", TEXT, nullable=False),
    Column("gross", WHOLE, nullable=False),
    Column("stage", TEXT, nullable=False),
    Column("problem", TEXT, nullable=False),
    Column("begun_at", TEXT, nullable=False),
    Column("ended_at", TEXT),
)

audit = Table(
    "audit",
    metadata,
    Column("organisation_id", TEXT, primary_key=True),
    Column("seq", WHOLE, primary_key=True),
    Column("at", TEXT, nullable=False),
    Column("actor", TEXT, nullable=False),
    Column("action", TEXT, nullable=False),
    Column("record_id", TEXT, nullable=False),
    Column("body", TEXT, nullable=False),
    Column("previous_hash", TEXT, nullable=False),
    Column("hash", TEXT, nullable=False),
    Index("audit_by_record", "organisation_id", "record_id"),
)
