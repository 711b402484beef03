"""Rebuilding links from what Xero holds (restore mode, docs/adr/0004): after an old backup, or in a new workspace.

An invoice that carries a deal's id and a number that Crossfoot would give it, but has no link, is ours. Where a deal
had several, one after the other, each makes room for the next as it did when that was made.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from sqlalchemy import Connection

from crossfoot.core.books import LedgerCreditNote, LedgerInvoice
from crossfoot.core.documents import ledger_form
from crossfoot.core.links import Identity, Kind, Link, LinkState, epoch_in, number_in_series, record_id_in
from crossfoot.core.records import content_hash
from crossfoot.core.reissue import Issue, Stage, act_on, credit_number, succession
from crossfoot.engine.reading.ledger import CREDIT_NOTE, INVOICE, load_ledger
from crossfoot.engine.session import Session
from crossfoot.engine.trail import note
from crossfoot.engine.writing.reissue import release
from crossfoot.store import acts
from crossfoot.store import operations as ops
from crossfoot.store.codec import decode_fields
from crossfoot.store.links import StoredLink, add_link, find_link, load_links, retire_link
from crossfoot.store.lookups import find_candidates


def adopt_by_marker(session: Session, own_numbers: Mapping[str, str]) -> int:
    """Link what was found, deal by deal. ``own_numbers`` gives the number of each deal that an invoice may newly name
    (empty: numbered from the series). Returns how many invoices were linked."""
    with session.database.reading() as connection:
        found = _with_notes(connection, session, _found(connection, session, own_numbers))
    adopted = 0
    for source_id, issues in found.items():
        if following := succession(issues):
            with session.database.writing("adopt by marker") as connection:
                adopted += _link_one_by_one(connection, session, source_id, following)
    return adopted


def _found(connection: Connection, session: Session, own_numbers: Mapping[str, str]) -> dict[str, list[Issue]]:
    """Invoices of ours without a link, by deal, behind the one that the deal is linked to."""
    home, prefix = session.organisation_id, session.mapping.policy.number_prefix
    marked = find_candidates(connection, home, INVOICE, "marker", own_numbers)
    invoices = load_ledger(connection, home, INVOICE, LedgerInvoice, ids=marked)
    stored: dict[str, list[StoredLink]] = defaultdict(list)
    for each in load_links(connection, home, Kind.INVOICE, live_only=False, source_keys=own_numbers):
        stored[each.source_id].append(each)
    taken = load_links(connection, home, Kind.INVOICE, live_only=False, xero_ids=invoices)
    known = {each.link.xero_id for each in taken}
    unlinked: dict[str, list[LedgerInvoice]] = defaultdict(list)
    for invoice in invoices.values():
        source_id = record_id_in(invoice.url) or ""
        if source_id in own_numbers and invoice.invoice_id not in known:
            unlinked[source_id].append(invoice)
    found: dict[str, list[Issue]] = {}
    for source_id, some in unlinked.items():
        linked = _linked(connection, session, stored[source_id])
        had = [each.link for each in stored[source_id]]
        issued = _issued(prefix, own_numbers[source_id], some, had) if linked is not None else []
        if linked is not None and issued:
            found[source_id] = [*linked, *issued]
    return found


def _linked(connection: Connection, session: Session, stored: Iterable[StoredLink]) -> list[Issue] | None:
    """The invoice that a deal is linked to, if it has one; None where that was not read, or is being taken back."""
    live = next((each.link for each in stored if each.link.state is LinkState.LIVE), None)
    if live is None:
        return []
    begun = {act.xero_id for act in acts.open_acts(connection, session.organisation_id) if act.stage is Stage.BEGUN}
    read = load_ledger(connection, session.organisation_id, INVOICE, LedgerInvoice, ids={live.xero_id} - begun)
    return [Issue(live.identity.epoch, invoice) for invoice in read.values()] or None


def _issued(prefix: str, own_number: str, invoices: Iterable[LedgerInvoice], had: Sequence[Link]) -> list[Issue]:
    """Those whose numbers Crossfoot would have given after the one that the deal is linked to, each with its place
    among all that the deal ever had: as the number says it, or in the order of the series."""
    epochs = {link.identity.epoch for link in had}
    linked = next((link for link in had if link.state is LinkState.LIVE), None)
    if not own_number:
        reached = number_in_series(prefix, linked.number) or 0 if linked else 0
        placed = {number_in_series(prefix, invoice.number) or 0: invoice for invoice in invoices}
        later = [placed[place] for place in sorted(placed) if place > reached]
        return [Issue(epoch, invoice) for epoch, invoice in enumerate(later, start=max(epochs, default=0) + 1)]
    by_epoch: dict[int, LedgerInvoice] = {}
    for invoice in sorted(invoices, key=lambda each: each.is_live):  # a deleted draft frees its number (XERO 4.3)
        epoch = epoch_in(prefix, own_number, invoice.number)
        if epoch is not None and epoch not in epochs and epoch > (linked.identity.epoch if linked else 0):
            by_epoch[epoch] = invoice
    return [Issue(epoch, invoice) for epoch, invoice in by_epoch.items()]


def _with_notes(
    connection: Connection, session: Session, found: Mapping[str, Sequence[Issue]]
) -> dict[str, list[Issue]]:
    """The same, each with the credit note that may have taken it back."""
    several = any(len(issues) > 1 for issues in found.values())
    notes = load_ledger(connection, session.organisation_id, CREDIT_NOTE, LedgerCreditNote) if several else {}
    by_number = {each.number: each for each in notes.values()}
    return {
        source_id: [replace(each, note=by_number.get(credit_number(each.invoice.number))) for each in issues]
        for source_id, issues in found.items()
    }


def _link_one_by_one(connection: Connection, session: Session, source_id: str, issues: Sequence[Issue]) -> int:
    """Link each in its turn: what came before makes room, as it did when this one was made."""
    linked = 0
    for issue in issues:
        stored = find_link(connection, session.organisation_id, Kind.INVOICE, source_id)
        if stored is None or stored.link.xero_id != issue.invoice.invoice_id:
            _link_found(connection, session, source_id, issue)
            linked += 1
        if issue is not issues[-1]:
            _make_room(connection, session, source_id, issue)
    return linked


def _make_room(connection: Connection, session: Session, source_id: str, issue: Issue) -> None:
    """End the deal's link: to a dead invoice as a person had it made anew, to a standing one by its re-issue."""
    if issue.invoice.is_live:
        act = act_on(issue.invoice, source_id, issue.epoch)
        acts.begin_act(connection, session.organisation_id, act, session.host.now())
        release(connection, session, act, issue.note)
    elif stored := find_link(connection, session.organisation_id, Kind.INVOICE, source_id):
        retire_link(connection, stored.id)


def _link_found(connection: Connection, session: Session, source_id: str, issue: Issue) -> None:
    identity = Identity(session.org_id, session.organisation_id, Kind.INVOICE, source_id, epoch=issue.epoch)
    invoice = issue.invoice
    base = _known_base(connection, session, source_id, invoice)
    link = Link(identity, invoice.invoice_id, invoice.number, "crossfoot", base, "carries the deal's id and number")
    add_link(connection, link, session.host.now(), source_id=source_id, sent_hash=base)
    note(
        connection,
        session,
        "adopt Invoice",
        record_id=source_id,
        xero_id=invoice.invoice_id,
        number=invoice.number,
        reason="it carries the deal's id and the number Crossfoot gives it",
    )


def _known_base(connection: Connection, session: Session, source_id: str, invoice: LedgerInvoice) -> str:
    """What an invoice says, where it is what was sent; else nothing: people may have edited it since, and what they
    wrote is not taken for ours."""
    sent = ops.load_operations(connection, session.organisation_id, kind=Kind.INVOICE, source_id=source_id)
    forms = (decode_fields(operation.body).get("form") for operation in sent if operation.body)
    base = content_hash(ledger_form(invoice))
    return base if base in {content_hash(form) for form in forms if form} else ""
