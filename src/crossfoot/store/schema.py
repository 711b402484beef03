"""The tables. Everything is keyed by the org or organisation it belongs to, from the first table.

``home`` is the vendor's id of where a record lives (org id or organisation id). Document amounts are INTEGER
ten-thousandths, so that SQL sums them exactly; instants are ISO text in UTC. Tables with rows for every deal hold ids,
digests and instants in fewer bytes (``packed``), and SQLite keeps most of them in the order of their keys.
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
from crossfoot.store.packed import Body, BodyText, Home, Instant, Packed

metadata = MetaData()
# The same order of text on both databases (instants and ids are compared in SQL), and room for any amount in units.
TEXT: TypeEngine[str] = Text().with_variant(Text(collation="C"), "postgresql")
WHOLE: TypeEngine[int] = BigInteger().with_variant(Integer(), "sqlite")
UNITS = Decimal(10_000)
HOME = Home()
ID = Packed()
BODY = Body()
INSTANT = Instant()


def to_units(amount: Decimal) -> int:
    """A document amount as the database holds it; more than four decimals would be lost and are refused."""
    units = EXACT.multiply(amount, UNITS)
    if units != units.to_integral_value():
        raise ValueError(f"{amount} has more than four decimals")
    return int(units)


def from_units(units: int) -> Decimal:
    """A document amount from the database."""
    return EXACT.divide(Decimal(units), UNITS)


# The numbers that stand for vendors' ids of orgs and organisations in the tables with rows for every deal (``packed``).
home = Table(
    "home",
    metadata,
    Column("id", TEXT, primary_key=True),
    Column("code", WHOLE, nullable=False, unique=True),
)

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
    Column("home", HOME, primary_key=True),
    Column("kind", ID, primary_key=True),
    Column("record_id", ID, primary_key=True),
    Column("side", ID, nullable=False),
    Column("stamp", ID, nullable=False),
    Column("hash", ID, nullable=False),
    Column("body", BODY, nullable=False),
    Column("deleted", Boolean, nullable=False),
    Column("read_seq", WHOLE, nullable=False),
    Column("changed_seq", WHOLE, nullable=False),
    Index("version_by_change", "home", "kind", "changed_seq"),
    sqlite_with_rowid=False,
)
_DELETED, _ANSWERED = text("deleted"), text("read_seq = 0")
Index("version_deleted", version.c.home, version.c.kind, sqlite_where=_DELETED, postgresql_where=_DELETED)
Index("version_answered", version.c.home, version.c.kind, sqlite_where=_ANSWERED, postgresql_where=_ANSWERED)

# Where a value may be found, by a hash of (home, kind, name, value): candidates only, since rows are never taken away.
lookup = Table(
    "lookup",
    metadata,
    Column("key", WHOLE, primary_key=True, autoincrement=False),
    Column("record_id", ID, primary_key=True),
    sqlite_with_rowid=False,
)

name_key = Table(
    "name_key",
    metadata,
    Column("home", HOME, primary_key=True),
    Column("kind", ID, primary_key=True),
    Column("record_id", ID, primary_key=True),
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
    Column("org_id", HOME, nullable=False),
    Column("organisation_id", HOME, nullable=False),
    Column("kind", ID, nullable=False),
    Column("source_key", ID, nullable=False),
    Column("part", TEXT, nullable=False),
    Column("epoch", WHOLE, nullable=False),
    Column("source_id", ID, nullable=False),
    Column("xero_id", ID, nullable=False),
    Column("number", TEXT, nullable=False),
    Column("born", ID, nullable=False),
    Column("evidence", ID, nullable=False),
    Column("state", TEXT, nullable=False),
    Column("base_hash", ID, nullable=False),
    Column("source_hash", ID, nullable=False),
    Column("sent_hash", ID, nullable=False),
    Column("base", BodyText(), nullable=False),
    Column("suffix", TEXT, nullable=False, server_default=""),
    Column("told", TEXT, nullable=False, server_default="[]"),
    Column("conflicts", TEXT, nullable=False, server_default="{}"),
    Column("merged_seq", WHOLE, nullable=False, server_default="0"),
    Column("created_at", INSTANT, nullable=False),
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
_UNSETTLED = text("state = 'live' AND merged_seq = 0")
Index("link_unsettled", link.c.organisation_id, link.c.kind, sqlite_where=_UNSETTLED, postgresql_where=_UNSETTLED)

operation = Table(
    "operation",
    metadata,
    Column("id", ID, primary_key=True),
    Column("organisation_id", HOME, nullable=False),
    Column("run_id", ID, nullable=False),
    Column("org_id", HOME, nullable=False),
    Column("kind", ID, nullable=False),
    Column("source_key", ID, nullable=False),
    Column("part", TEXT, nullable=False),
    Column("epoch", WHOLE, nullable=False),
    Column("source_id", ID, nullable=False),
    Column("source_hash", ID, nullable=False),
    Column("action", ID, nullable=False),
    Column("state", TEXT, nullable=False),
    Column("body", BODY, nullable=False),
    Column("payload_hash", ID, nullable=False),
    Column("pre_image", ID, nullable=False),
    Column("number", TEXT, nullable=False),
    Column("xero_id", ID, nullable=False),
    Column("currency", TEXT, nullable=False),
    Column("ex_tax", WHOLE, nullable=False),
    Column("gross", WHOLE, nullable=False),
    Column("base_gross", WHOLE, nullable=False),
    Column("reviewed", Boolean, nullable=False),
    Column("call_id", ID, nullable=False),
    Column("position", WHOLE, nullable=False),
    Column("reason", ID, nullable=False),
    Column("refusal", TEXT, nullable=False),
    Column("reserved_at", INSTANT, nullable=False),
    Column("resolved_at", INSTANT),
    Index("operation_by_source", "source_id"),
    Index("operation_by_time", "reserved_at"),
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

_REFUSED = text("state = 'refused'")
Index(
    "operation_refused",
    operation.c.organisation_id,
    operation.c.resolved_at,
    sqlite_where=_REFUSED,
    postgresql_where=_REFUSED,
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
    Column("organisation_id", HOME, primary_key=True),
    Column("record_id", ID, primary_key=True),
    Column("bucket", TEXT, nullable=False),
    Column("name", TEXT, nullable=False),
    Column("currency", TEXT, nullable=False),
    Column("amount", WHOLE, nullable=False),
    Column("planned_seq", WHOLE, nullable=False),
    Column("owner", TEXT, nullable=False),
    Column("account_id", ID, nullable=False),
    Column("moves_in", Boolean, nullable=False),
    Column("leans", Boolean, nullable=False),
    Column("unsettled", Boolean, nullable=False),
    Index("disposition_by_account", "account_id"),
    Index("disposition_by_plan", "planned_seq"),
    sqlite_with_rowid=False,
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

# How far what Xero holds was carried into Salesforce, and hashes of the settings and books that it was carried with.
shown = Table(
    "shown",
    metadata,
    Column("organisation_id", TEXT, primary_key=True),
    Column("seq", WHOLE, nullable=False),
    Column("planned_seq", WHOLE, nullable=False),
    Column("grounds", TEXT, nullable=False),
    Column("as_of", TEXT, nullable=False),
)

touched = Table(
    "touched",
    metadata,
    Column("organisation_id", HOME, primary_key=True),
    Column("record_id", ID, primary_key=True),
    Column("seq", WHOLE, nullable=False),
    Index("touched_by_seq", "seq"),
    sqlite_with_rowid=False,
)

write_back = Table(
    "write_back",
    metadata,
    Column("organisation_id", HOME, primary_key=True),
    Column("object", ID, primary_key=True),
    Column("key", ID, primary_key=True),
    Column("fields", BODY, nullable=False),
    Column("wanted_hash", ID, nullable=False),
    Column("written_hash", ID, nullable=False),
    Column("refused_hash", ID, nullable=False),
    Column("refused_at", TEXT),
    Column("unsure_until", TEXT),
    Column("source_id", ID, nullable=False),
    Column("wave", WHOLE, nullable=False),
    Column("parent", ID),
    sqlite_with_rowid=False,
)
TO_SEND = text("(wanted_hash <> written_hash OR unsure_until IS NOT NULL)")
"""What may have to be sent. A query that says so finds it by the index."""
_BELOW, _NOT_TAKEN = text("parent IS NOT NULL"), text("refused_at IS NOT NULL")
Index(
    "write_back_to_send",
    write_back.c.organisation_id,
    write_back.c.wave,
    write_back.c.object,
    write_back.c.key,
    sqlite_where=TO_SEND,
    postgresql_where=TO_SEND,
)
Index("write_back_below", write_back.c.parent, sqlite_where=_BELOW, postgresql_where=_BELOW)
Index("write_back_refused", write_back.c.source_id, sqlite_where=_NOT_TAKEN, postgresql_where=_NOT_TAKEN)

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

hint = Table(
    "hint",
    metadata,
    Column("id", WHOLE, primary_key=True),
    Column("home", TEXT, nullable=False),
    Column("received_at", TEXT, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Index("hint_by_home", "home"),
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

# The chain: what each entry says is covered by its digest, and the digest by the entry's hash. Of an entry written by
# schema 0001 the hash covers the words themselves; its digest is blank.
audit = Table(
    "audit",
    metadata,
    Column("organisation_id", HOME, primary_key=True),
    Column("seq", WHOLE, primary_key=True),
    Column("at", INSTANT, nullable=False),
    Column("actor", ID, nullable=False),
    Column("action", ID, nullable=False),
    Column("record_id", ID, nullable=False),
    Column("digest", ID, nullable=False),
    Column("hash", ID, nullable=False),
    Index("audit_by_record", "record_id"),
    sqlite_with_rowid=False,
)

# What the entries say, beside the chain: kept for a time, while the chain is kept for ever. A row has what the entries
# from ``first`` to ``seq`` say, a line each.
audit_body = Table(
    "audit_body",
    metadata,
    Column("organisation_id", HOME, primary_key=True),
    Column("seq", WHOLE, primary_key=True),
    Column("first", WHOLE, nullable=False),
    Column("body", BODY, nullable=False),
    sqlite_with_rowid=False,
)
