"""Rebuilding links from what both sides hold (restore mode, docs/adr/0004): after an old backup, or in a new workspace.

An invoice that carries a deal's id and a number that Crossfoot would give it, but has no link, is ours. Where a deal
had several, one after the other, each makes room for the next as it did when that was made.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from sqlalchemy import Connection

from crossfoot.core.books import LedgerContact, LedgerCreditNote, LedgerInvoice
from crossfoot.core.documents import ledger_form
from crossfoot.core.links import Identity, Kind, Link, LinkState, epoch_in, number_in_series, record_id_in
from crossfoot.core.matching import vouches_for
from crossfoot.core.records import content_hash
from crossfoot.core.reissue import CREDIT_SUFFIX, Act, Issue, Stage, act_on, credit_number, is_its_credit, succession
from crossfoot.engine.reading.ledger import CONTACT, CREDIT_NOTE, INVOICE, canonical_tax_number, load_ledger
from crossfoot.engine.reading.observe import read_rows
from crossfoot.engine.session import Session
from crossfoot.engine.trail import note
from crossfoot.engine.writing.reissue import release
from crossfoot.mapping.compiled import Reading
from crossfoot.salesforce import soql
from crossfoot.store import acts
from crossfoot.store import operations as ops
from crossfoot.store.codec import decode_fields
from crossfoot.store.links import StoredLink, add_link, find_link, highest_epochs, load_links, retire_link
from crossfoot.store.lookups import find_candidates
from crossfoot.store.versions import load_versions


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
        issued = _issued(prefix, own_numbers[source_id], some, [each.link for each in stored[source_id]])
        if issued and linked is not None:
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


def recall(session: Session) -> None:
    """What else an old copy of the database forgot, and both sides still tell: customers without a deal that counts,
    and re-issues that were under way. Before merges are followed, lest another account takes a customer's contact."""
    _relink_customers(session)
    _take_up_reissues(session)


def _relink_customers(session: Session) -> None:
    """Link the customers again that Salesforce shows with a contact, as far as that contact says itself whose it is."""
    shown = _shown_contacts(session)
    with session.database.writing("customers relinked") as connection:
        for found in list(_vouched(connection, session, shown)):
            add_link(connection, found, session.host.now(), source_id=found.identity.source_key)


def _shown_contacts(session: Session) -> dict[str, str]:
    """The contact that each account shows, as Crossfoot once wrote it."""
    flow, one_way = session.mapping.settings.flows.customers, session.mapping.settings.direction == "to_xero"
    shown_in = next((name for name, value in flow.write_back.items() if value == "ContactID"), "")
    if not shown_in or one_way:
        return {}
    rows = read_rows(session, Reading(flow.salesforce, (shown_in,)), soql.is_filled(shown_in))
    return {str(row["Id"]): str(row[shown_in]) for row in rows if not row["IsDeleted"]}


def _vouched(connection: Connection, session: Session, shown: Mapping[str, str]) -> Iterator[Link]:
    """Links of accounts that have none with contacts that have none, and that no other account shows."""
    home, kind = session.organisation_id, session.mapping.account_object
    contacts = load_ledger(connection, home, CONTACT, LedgerContact, ids=shown.values())
    links = [*load_links(connection, home, Kind.CONTACT, source_keys=shown)]
    links += load_links(connection, home, Kind.CONTACT, xero_ids=contacts)
    taken = {stored.source_id for stored in links} | {stored.link.xero_id for stored in links}
    taken |= {contact_id for contact_id, count in Counter(shown.values()).items() if count > 1}
    epochs = highest_epochs(connection, home, Kind.CONTACT, shown)
    for version in load_versions(connection, session.org_id, kind, ids=shown):
        account, _ = session.mapping.contact(version.ref.id, decode_fields(version.body))
        contact = contacts.get(shown[version.ref.id])
        if contact is None or {version.ref.id, contact.contact_id} & taken:
            continue
        if evidence := vouches_for(contact, account, canonical_tax_number):
            epoch = epochs.get(version.ref.id, 0) + 1
            identity = Identity(session.org_id, home, Kind.CONTACT, version.ref.id, epoch=epoch)
            yield Link(identity, contact.contact_id, "", "people", "", f"shown in Salesforce; {evidence}")


def _take_up_reissues(session: Session) -> None:
    """Go on with re-issues that were begun since: the credit note says that a person asked for one of its invoice."""
    with session.database.writing("re-issues taken up") as connection:
        for act in list(_begun(connection, session)):
            acts.begin_act(connection, session.organisation_id, act, session.host.now())
            note(
                connection,
                session,
                "re-issue taken up",
                record_id=act.source_id,
                xero_id=act.xero_id,
                number=act.number,
                credit_note=act.credit_number,
                reason="its credit note stands in Xero, and no new invoice",
            )


def _begun(connection: Connection, session: Session) -> Iterator[Act]:
    """Acts on linked invoices of which only the credit notes tell. One whose new invoice was made had ended."""
    home = session.organisation_id
    notes = load_ledger(connection, home, CREDIT_NOTE, LedgerCreditNote).values()
    made = {each.number.removesuffix(CREDIT_SUFFIX): each for each in notes if each.number.endswith(CREDIT_SUFFIX)}
    ids = find_candidates(connection, home, INVOICE, "number", map(str.casefold, made))
    invoices = load_ledger(connection, home, INVOICE, LedgerInvoice, ids=ids)
    known = {act.xero_id for act in acts.open_acts(connection, home)}
    for stored in list(load_links(connection, home, Kind.INVOICE, xero_ids=invoices.keys() - known)):
        invoice = invoices[stored.link.xero_id]
        credit = made.get(invoice.number)
        if credit and is_its_credit(credit, invoice) and not _has_another(connection, home, stored):
            yield act_on(invoice, stored.source_id, stored.link.identity.epoch)


def _has_another(connection: Connection, home: str, stored: StoredLink) -> bool:
    """Whether another invoice, to which nothing is linked, names the deal of this one."""
    ids = find_candidates(connection, home, INVOICE, "marker", [stored.source_id])
    found = load_ledger(connection, home, INVOICE, LedgerInvoice, ids=ids)
    named = {key for key, invoice in found.items() if record_id_in(invoice.url) == stored.source_id}
    linked = load_links(connection, home, Kind.INVOICE, live_only=False, xero_ids=named)
    return bool(named - {each.link.xero_id for each in linked})
