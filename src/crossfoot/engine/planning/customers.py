"""What planning has to say of customers themselves: warnings about accounts that move in, with the money of a deal."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from crossfoot.core.decided import Bucket, DealDecision
from crossfoot.core.findings import Finding
from crossfoot.core.money import Money
from crossfoot.core.standing import account_of
from crossfoot.engine.planning.accounts import Accounts
from crossfoot.engine.session import Session
from crossfoot.store.dispositions import Disposition, load_dispositions
from crossfoot.store.lookups import save_keys

_AT_STAKE = frozenset({Bucket.READY, Bucket.DRAFTED, Bucket.WAITING})


@dataclass(frozen=True, slots=True)
class Customer:
    """An account as the queue names it, what is to be said of it, and its tax number, by which its peers find it."""

    name: str
    findings: tuple[Finding, ...] = ()
    tax_number: str = ""


def review_customers(
    session: Session,
    connection: Connection,
    decisions: Iterable[DealDecision],
    changed: Collection[str],
    accounts: Accounts,
) -> dict[str, Customer]:
    """Customers that changed, or whose deals were decided: the first deal of each lends its name, owner and money."""
    decided = {decision.deal.ref.id: _disposition(decision) for decision in decisions}
    before = load_dispositions(connection, session.organisation_id, record_ids=decided)
    affected = {*(d.account_id for d in before), *(d.account_id for d in decided.values())} - {""}
    kept = load_dispositions(connection, session.organisation_id, account_ids={*affected, *changed})
    others = [each for each in kept if each.record_id not in decided]
    named: dict[str, Disposition] = {}
    at_stake: dict[str, Disposition] = {}
    for deal in sorted([*decided.values(), *others], key=lambda each: each.record_id):
        named.setdefault(deal.account_id, deal)
        if deal.bucket in _AT_STAKE:
            at_stake.setdefault(deal.account_id, deal)
    affected |= named.keys() - {""}
    customers = {
        account_id: Customer(f"account of {named[account_id].name}" if account_id in named else account_id)
        for account_id in affected
    }
    standing = affected & named.keys()
    for account_id, (contact, findings) in accounts.contacts(connection, standing, deleted=True).items():
        stake = at_stake.get(account_id)
        told = [replace(f, money=stake.money, owner_name=stake.owner) for f in findings] if stake else []
        customers[account_id] = Customer(customers[account_id].name, tuple(told), contact.tax_number)
    return customers


def _disposition(decision: DealDecision) -> Disposition:
    deal = decision.deal
    money = Money(deal.currency, deal.amount)
    return Disposition(
        deal.ref.id, decision.bucket.value, deal.name, deal.owner, money, account_of(deal), decision.standing.moves_in
    )


def keep_customers(session: Session, connection: Connection, customers: Mapping[str, Customer]) -> None:
    """Keep under which tax number each is found."""
    keys = {account_id: (("tax", seen.tax_number),) for account_id, seen in customers.items()}
    save_keys(connection, session.org_id, session.mapping.account_object, keys)
