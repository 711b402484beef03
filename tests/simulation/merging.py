"""Customers that people merge, on either side, and what the judge takes for one customer from then on.

The scenario's awkward customers are left alone: each stands for a reason that a merge would do away with.
"""

from __future__ import annotations

from collections.abc import Iterable

from .people import People, Record, deal_of
from .shared import SALESFORCE, XERO
from .world import NEVER_INVOICED


def merge_accounts(people: People) -> str:
    """Sales merge two accounts: the first goes to the bin, its deals belong to the second."""
    plain = {deal["AccountId"] for deal in people.desks.deals() if deal["Name"] not in NEVER_INVOICED}
    found = _two(people, [row for row in people.desks.org_rows("Account") if row["Id"] in plain])
    if not found:
        return ""
    loser, winner = found
    body = {"object": "Account", "winner": winner["Id"], "losers": [loser["Id"]]}
    people.desks.screen("salesforce", "merge", body)
    _note(people, loser["Id"], winner["Id"])
    return f"{loser['Name']} into {winner['Name']}"


def merge_contacts(people: People) -> str:
    """Finance merge two contacts: the first is archived, its documents belong to the second, which edits its drafts."""
    invoiced = {invoice["Contact"]["ContactID"] for invoice in people.desks.ledger_invoices()}
    contacts = [people.desks.books.get("Contacts", contact_id) for contact_id in sorted(invoiced)]
    found = _two(people, [each for each in contacts if each["ContactStatus"] == "ACTIVE"])
    if not found:
        return ""
    loser, survivor = found
    moving = [each for each in people.desks.ledger_invoices() if each["Contact"]["ContactID"] == loser["ContactID"]]
    people.ledger.edited_deals |= {deal_of(each) for each in moving if each["Status"] == "DRAFT"}
    people.desks.ask("xero", "POST", f"/Contacts/{loser['ContactID']}/merge", {"Into": survivor["ContactID"]})
    _note(people, loser["ContactID"], survivor["ContactID"])
    return f"{loser['Name']} into {survivor['Name']}"


def _two(people: People, records: list[Record]) -> list[Record]:
    return people.aside.sample(records, 2) if len(records) > 1 else []


def _note(people: People, loser: str, winner: str) -> None:
    """A merge is an edit of everything that either had: edits of before have no claim any more."""
    people.ledger.merged.append((loser, winner))
    people.ledger.touched |= {loser: people.now, winner: people.now}
    edits = people.shared.edits
    people.shared.made.update((loser, winner))
    gone = {edit.record_id for edit in edits.values() if {loser, winner} & {edit.record_id, edit.xero_id}}
    for record_id in gone | {loser, winner}:
        for place in [each for each in edits if each[0] in {SALESFORCE, XERO} and each[1] == record_id]:
            del edits[place]


def family(merged: Iterable[tuple[str, str]], record_id: str) -> set[str]:
    """A record and all that were merged with it, directly or by another, whichever of them stands."""
    pairs, known = list(merged), {record_id}
    while more := {each for pair in pairs if known & set(pair) for each in pair} - known:
        known |= more
    return known
