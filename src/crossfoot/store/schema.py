"""The tables. Everything is keyed by the org or organisation it belongs to, from the first table.

``home`` is the vendor's id of where a record lives (org id or organisation id). Document amounts are INTEGER
ten-thousandths, so that SQL sums them exactly; instants are ISO text in UTC.
"""

from __future__ import annotations

from decimal import Decimal

from sqlalchemy import (
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

from crossfoot.core.money import EXACT

metadata = MetaData()
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
    Column("side", Text, primary_key=True),
    Column("home", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("alias", Text, nullable=False),
    Column("grant_id", Text, nullable=False),
    Column("settings", Text, nullable=False),
    Column("pinned", Text, nullable=False),
    Column("live_since", Text),
    Column("connected_at", Text, nullable=False),
)

grant = Table(
    "grant_",
    metadata,
    Column("id", Text, primary_key=True),
    Column("side", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("access_expires_at", Text),
    Column("updated_at", Text, nullable=False),
)

version = Table(
    "version",
    metadata,
    Column("home", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("record_id", Text, primary_key=True),
    Column("side", Text, nullable=False),
    Column("stamp", Text, nullable=False),
    Column("hash", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("deleted", Boolean, nullable=False),
    Column("read_seq", Integer, nullable=False),
    Column("changed_seq", Integer, nullable=False),
    Index("version_by_change", "home", "kind", "changed_seq"),
)

watermark = Table(
    "watermark",
    metadata,
    Column("home", Text, primary_key=True),
    Column("resource", Text, primary_key=True),
    Column("position", Text, nullable=False),
    Column("read_at", Text, nullable=False),
)

reference = Table(
    "reference",
    metadata,
    Column("home", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("read_at", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
)

link = Table(
    "link",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("org_id", Text, nullable=False),
    Column("organisation_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("source_key", Text, nullable=False),
    Column("part", Text, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("source_id", Text, nullable=False),
    Column("xero_id", Text, nullable=False),
    Column("number", Text, nullable=False),
    Column("born", Text, nullable=False),
    Column("evidence", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("base_hash", Text, nullable=False),
    Column("source_hash", Text, nullable=False),
    Column("sent_hash", Text, nullable=False),
    Column("written_seq", Integer, nullable=False),
    Column("created_at", Text, nullable=False),
    UniqueConstraint("org_id", "organisation_id", "kind", "source_key", "part", "epoch"),
)
_LIVE = text("state = 'live'")
Index(
    "link_live_by_identity",
    link.c.org_id,
    link.c.organisation_id,
    link.c.kind,
    link.c.source_key,
    link.c.part,
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
    Column("id", Text, primary_key=True),
    Column("organisation_id", Text, nullable=False),
    Column("run_id", Text, nullable=False),
    Column("org_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("source_key", Text, nullable=False),
    Column("part", Text, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("source_id", Text, nullable=False),
    Column("source_hash", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("payload_hash", Text, nullable=False),
    Column("pre_image", Text, nullable=False),
    Column("number", Text, nullable=False),
    Column("xero_id", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("ex_tax", Integer, nullable=False),
    Column("gross", Integer, nullable=False),
    Column("base_gross", Integer, nullable=False),
    Column("reviewed", Boolean, nullable=False),
    Column("call_id", Text, nullable=False),
    Column("position", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Column("refusal", Text, nullable=False),
    Column("reserved_at", Text, nullable=False),
    Column("resolved_at", Text),
    Index("operation_by_state", "organisation_id", "state"),
    Index("operation_by_run", "run_id"),
    Index("operation_by_source", "organisation_id", "source_id"),
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
    Column("id", Text, primary_key=True),
    Column("home", Text, nullable=False),
    Column("run_id", Text, nullable=False),
    Column("method", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("idempotency_key", Text, nullable=False),
    Column("token_generation", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("status", Integer, nullable=False),
    Column("request_id", Text, nullable=False),
    Column("first_sent_at", Text, nullable=False),
    Column("ended_at", Text),
    Index("call_by_state", "home", "state"),
)

queue = Table(
    "queue",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("organisation_id", Text, nullable=False),
    Column("side", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("record_id", Text, nullable=False),
    Column("record_name", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("weight", Text, nullable=False),
    Column("cause", Text, nullable=False),
    Column("fix", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("owner_name", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("amount", Integer, nullable=False),
    Column("related", Text, nullable=False),
    Column("vendor_text", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("opened_at", Text, nullable=False),
    Column("closed_at", Text),
    Column("ignored_reason", Text, nullable=False),
    Column("ignored_until", Text),
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
    Column("organisation_id", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("source_id", Text, primary_key=True),
    Column("target_id", Text, primary_key=True),
    Column("actor", Text, nullable=False),
    Column("at", Text, nullable=False),
)

disposition = Table(
    "disposition",
    metadata,
    Column("organisation_id", Text, primary_key=True),
    Column("record_id", Text, primary_key=True),
    Column("bucket", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("amount", Integer, nullable=False),
    Column("planned_seq", Integer, nullable=False),
)

write_back = Table(
    "write_back",
    metadata,
    Column("organisation_id", Text, primary_key=True),
    Column("object", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("fields", LargeBinary, nullable=False),
    Column("wanted_hash", Text, nullable=False),
    Column("written_hash", Text, nullable=False),
    Column("refused_hash", Text, nullable=False),
    Column("refused_at", Text),
    Column("unsure_until", Text),
    Column("source_id", Text, nullable=False),
    Column("wave", Integer, nullable=False),
    Index("write_back_pending", "organisation_id", "wanted_hash", "written_hash"),
)

plan = Table(
    "plan",
    metadata,
    Column("id", Text, primary_key=True),
    Column("organisation_id", Text, nullable=False),
    Column("created_at", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
)

run = Table(
    "run",
    metadata,
    Column("id", Text, primary_key=True),
    Column("organisation_id", Text, nullable=False),
    Column("command", Text, nullable=False),
    Column("started_at", Text, nullable=False),
    Column("ended_at", Text),
    Column("outcome", Text, nullable=False),
    Column("live", Boolean, nullable=False),
    Column("created", Integer, nullable=False),
    Column("counts", Text, nullable=False),
)

series = Table(
    "number_series",
    metadata,
    Column("organisation_id", Text, primary_key=True),
    Column("prefix", Text, primary_key=True),
    Column("last", Integer, nullable=False),
)

counter = Table(
    "counter",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Integer, nullable=False),
)

quota = Table(
    "quota",
    metadata,
    Column("home", Text, primary_key=True),
    Column("day_remaining", Integer),
    Column("minute_remaining", Integer),
    Column("parked_until", Text),
    Column("read_at", Text, nullable=False),
)

audit = Table(
    "audit",
    metadata,
    Column("organisation_id", Text, primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("at", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("record_id", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("previous_hash", Text, nullable=False),
    Column("hash", Text, nullable=False),
    Index("audit_by_record", "organisation_id", "record_id"),
)
