"""A look at linked records that changed finds and keeps what a look at every link would: over random histories."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from random import Random

import pytest
from sqlalchemy import Connection

from crossfoot.core.books import LedgerContact, LedgerItem
from crossfoot.core.links import Identity, Kind
from crossfoot.engine.planning.agree import compare, flows_of
from crossfoot.engine.reading.follow import follow_merges
from crossfoot.engine.reading.ledger import CONTACT, ITEM
from crossfoot.engine.session import Session
from crossfoot.engine.writing.tell import look_at_links
from crossfoot.store.database import open_memory
from crossfoot.store.links import LinkedKind, compare_again, compared_to, save_compared_to, set_agreed
from crossfoot.store.versions import last_seq
from tests.simulation.wire import QuietWire
from tests.simulation.world import Ways, mapping_of, template

from .plan_history import Firm, kept_state, observed_firm, serialised

STEPS = 25
ACTS_MAX = 3
LOOKS_MIN = 8


class TwoWayFirm(Firm):
    """A firm whose customers and products are kept in agreement."""

    def act(self) -> None:
        deed = self.chance.choice(DEEDS)
        self.done.append(deed.__name__)
        with self.session.database.writing(deed.__name__) as connection:
            deed(self, connection)


@cache
def stored_firm() -> bytes:
    """The firm of the planning property, all of its customers linked that can be, and some of its products."""
    firm = TwoWayFirm.of(-1, observed_firm())
    firm.chance = Random("two ways")
    with firm.session.database.writing() as connection:
        for _ in range(30):
            _link_item(firm, connection)
    return serialised(firm.session.database)


def _link_item(firm: Firm, connection: Connection) -> None:
    item = firm.one(firm.ledger(connection, ITEM, LedgerItem))
    product = firm.one(sorted(firm.rows(connection, "Product2")))
    links = firm.links(connection, Kind.ITEM)
    taken = {stored.link.xero_id for stored in links} | {stored.source_id for stored in links}
    epoch = 1 + firm.chance.randrange(1_000_000)
    if item and not taken & {item.item_id, product}:
        identity = Identity(firm.session.org_id, firm.session.organisation_id, Kind.ITEM, item.code, epoch=epoch)
        firm.link(connection, identity, item.item_id, "", product)


def _rename_item(firm: Firm, connection: Connection) -> None:
    item = firm.one(firm.ledger(connection, ITEM, LedgerItem))
    firm.save_record(connection, replace(item, name=firm.name()))


def _rename_product(firm: Firm, connection: Connection) -> None:
    products = firm.rows(connection, "Product2")
    firm.save_row(connection, "Product2", {**products[firm.one(sorted(products))], "Name": firm.name()})


def _rename_both(firm: Firm, connection: Connection) -> None:
    """A customer is renamed on both sides, the same way or not: a person may have to choose."""
    stored = firm.one(firm.links(connection, Kind.CONTACT))
    accounts, contacts = firm.rows(connection, "Account"), firm.ledger(connection, CONTACT, LedgerContact)
    contact = next((each for each in contacts if each.contact_id == stored.link.xero_id), None)
    if contact and stored.source_id in accounts:
        names = [firm.name(), firm.name()]
        firm.save_row(connection, "Account", {**accounts[stored.source_id], "Name": names[0]})
        firm.save_record(connection, replace(contact, name=firm.one(names)))


def _merge_accounts(firm: Firm, connection: Connection) -> None:
    accounts = firm.rows(connection, "Account")
    gone, into = firm.one(sorted(accounts)), firm.one(sorted(accounts))
    if gone != into:
        firm.save_row(connection, "Account", {**accounts[gone], "MasterRecordId": into}, deleted=True)


def _ask_again(firm: Firm, connection: Connection) -> None:
    stored = firm.one(firm.links(connection, firm.one([Kind.CONTACT, Kind.ITEM])))
    if stored:
        compare_again(connection, firm.session.organisation_id, stored.source_id)


def _settle(firm: Firm, connection: Connection) -> None:
    """Both sides hold what they were told."""
    for kind in (Kind.CONTACT, Kind.ITEM):
        for stored in firm.links(connection, kind):
            if firm.chance.random() < 0.8:
                seq = last_seq(connection)
                set_agreed(connection, stored.id, base=stored.base, suffix="", conflicts={}, merged_seq=seq)


DEEDS: tuple[Callable[[Firm, Connection], None], ...] = (
    Firm.change_account, Firm.change_product, Firm.change_contact, Firm.new_contact, Firm.change_item, Firm.retire,
    Firm.link_customer, Firm.time_passes, _link_item, _rename_item, _rename_product, _rename_both, _merge_accounts,
    _ask_again, _settle, _settle,
)  # fmt: skip


def _two_way(session: Session) -> Session:
    return replace(session, mapping=mapping_of(template(QuietWire).settings, Ways(two_way=True)))


def _kinds(session: Session) -> list[LinkedKind]:
    return [LinkedKind(session.org_id, flow.object, session.organisation_id, flow.kind) for flow in flows_of(session)]


@pytest.mark.parametrize("seed", range(6))
def test_a_look_at_what_changed_is_a_look_at_every_link(seed: int) -> None:
    firm = TwoWayFirm.of(seed, stored_firm())
    firm.session = _two_way(firm.session)
    looks = 0
    for step in range(STEPS):
        for _ in range(firm.chance.randrange(ACTS_MAX + 1)):
            firm.act()
        other = replace(firm.session, database=open_memory(serialised(firm.session.database)))
        with other.database.writing() as connection:
            looks += any(compared_to(connection, linked) for linked in _kinds(other))
            for linked in _kinds(other):
                save_compared_to(connection, linked, 0)
        told = f"seed {seed}, step {step}: {firm.done[-8:]}"
        if firm.chance.random() < 0.2:  # the run ends before it kept anything
            assert follow_merges(firm.session) == follow_merges(other), told
            assert compare(firm.session)[0] == compare(other)[0], told
        else:
            assert look_at_links(firm.session) == look_at_links(other), told
        ours, theirs = kept_state(firm.session.database), kept_state(other.database)
        differing = {name: sorted(set(ours[name]) ^ set(theirs[name])) for name in ours if ours[name] != theirs[name]}
        assert not differing, told
    assert looks >= LOOKS_MIN
