"""The brake: what stops a run that would create or change too much, or that finds too many records gone.

It counts committed intents of the last 24 hours and records gone since the last run that ended, so that neither many
small runs nor a second attempt get past it. On a test pair it warns, unless the settings let it stop there too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from sqlalchemy import Connection

from crossfoot.core.books import LedgerContact, LedgerInvoice
from crossfoot.core.decided import Action, Operation
from crossfoot.core.errors import Rejected, Stopped
from crossfoot.core.guards import Recent, Vanished, brake_problem, vanished_problem
from crossfoot.core.links import Kind
from crossfoot.core.money import EXACT
from crossfoot.engine.reading.ledger import CONTACT, INVOICE
from crossfoot.engine.session import Session
from crossfoot.engine.writing.reserve import base_amount, newest_rates
from crossfoot.salesforce import requests as sf
from crossfoot.salesforce import soql
from crossfoot.store.codec import decode
from crossfoot.store.links import StoredLink, count_links, load_links
from crossfoot.store.operations import recent_intents
from crossfoot.store.versions import last_seq, load_versions, set_seq
from crossfoot.store.workspace import load_runs


def check_brake(session: Session, invoices: Sequence[Operation]) -> str:
    """Stop, or on a test pair warn, when a run would create or change too much. Counts committed intents."""
    policy = session.mapping.policy
    created = [operation for operation in invoices if operation.action is Action.CREATE]
    changes = len(invoices) - len(created)
    _read_org_rates(session, created)
    with session.database.reading() as connection:
        count, worth, changed = recent_intents(connection, session.organisation_id, session.host.now())
        runs = load_runs(connection, session.organisation_id, limit=50)
        links = count_links(connection, session.organisation_id, Kind.INVOICE) if changes else 0
        rates = newest_rates(connection, session, created)
        amounts = [base_amount(session, operation, rates) for operation in created]
    recent = Recent(
        creations=count,
        amount=worth,
        changes=changed,
        biggest_run=max((run.created for run in runs), default=0),
        live_links=links,
        any_live_run=any(run.live and run.created for run in runs),
    )
    problem = brake_problem(policy.brake, recent, amounts=amounts, changes=changes, live=session.is_live)
    return _held(session, problem)


def _read_org_rates(session: Session, created: Sequence[Operation]) -> None:
    """Ask the org what currencies are worth of which Xero has no invoice yet, nor gives a rate otherwise (SF 6.12)."""
    with session.database.reading() as connection:
        known = newest_rates(connection, session, created)
    own = session.organisation.base_currency if session.organisation else ""
    unknown = {operation.currency for operation in created} - {own, *known}
    if not unknown or not session.mapping.has_currencies:
        return
    query = soql.select(["Id", "IsoCode", "ConversionRate"], "CurrencyType")
    try:
        rows = sf.decode_query(session.salesforce.read(sf.query(query)).body).rows
    except Rejected:
        return  # not granted: such amounts count as they are
    worth = {row["IsoCode"]: row["ConversionRate"] for row in rows if row["ConversionRate"]}
    if own in worth:  # each rate is against the corporate currency, which need not be the organisation's
        session.org_rates |= {each: EXACT.divide(worth[each], worth[own]) for each in unknown & worth.keys()}


def check_vanished(session: Session) -> str:
    """Stop, or on a test pair warn, when many linked records are gone at once (deleted, voided, archived)."""
    return _held(session, vanished(session))


def vanished(session: Session) -> str:
    """Which linked records are gone since the last run, where they are too many; else an empty string."""
    with session.database.reading() as connection:
        since = last_seq(connection, _settled(session))
        found = [*_gone_in_salesforce(session, connection, since), *_gone_in_xero(session, connection, since)]
    return vanished_problem(session.mapping.policy.brake, found)


def settle_vanished(session: Session, connection: Connection) -> None:
    """A run ended: what is gone by now is known, and counts no more. Belongs in the transaction that ends it."""
    set_seq(connection, _settled(session), last_seq(connection))


def _settled(session: Session) -> str:
    return f"settled {session.organisation_id}"


def _gone_in_salesforce(session: Session, connection: Connection, since: int) -> Iterator[Vanished]:
    mapping = session.mapping
    kinds = {
        Kind.INVOICE: mapping.deal_object,
        Kind.CONTACT: mapping.account_object,
        Kind.ITEM: mapping.product_object,
    }
    for kind, name in kinds.items():
        changed = load_versions(connection, session.org_id, name, since_seq=since)
        gone = [version.ref.id for version in changed if version.deleted]
        linked = load_links(connection, session.organisation_id, kind, source_keys=gone)
        yield from _vanished(connection, session, kind, name, linked)


def _gone_in_xero(session: Session, connection: Connection, since: int) -> Iterator[Vanished]:
    for kind, name in ((Kind.INVOICE, INVOICE), (Kind.CONTACT, CONTACT)):
        changed = load_versions(connection, session.organisation_id, name, since_seq=since)
        gone = [version.ref.id for version in changed if not _stands(name, version.body)]
        linked = load_links(connection, session.organisation_id, kind, xero_ids=gone)
        yield from _vanished(connection, session, kind, f"Xero {name}", linked)


def _vanished(
    connection: Connection, session: Session, kind: Kind, name: str, linked: Iterable[StoredLink]
) -> Iterator[Vanished]:
    """Nothing where nothing is gone: to count all links takes the longer the more there are."""
    if gone := sum(1 for _ in linked):
        yield Vanished(name, gone, count_links(connection, session.organisation_id, kind))


def _stands(kind: str, body: bytes) -> bool:
    if kind == CONTACT:
        return decode(body, LedgerContact).is_active
    return decode(body, LedgerInvoice).is_live


def brake_holds(session: Session) -> bool:
    """Whether the brake stops a run, or merely warns as on a test pair."""
    return session.is_live or session.mapping.policy.brake.on_test_pair


def _held(session: Session, problem: str) -> str:
    if not problem:
        return ""
    if brake_holds(session):
        raise Stopped(
            f"The brake holds this run: {problem}. Nothing was written. Review it with `crossfoot plan --out FILE` "
            "and send it with `crossfoot apply FILE`, or raise the limit under `policy.brake` in crossfoot.yaml.",
            code="brake",
        )
    return f"On a live organisation the brake would hold this run: {problem}."
