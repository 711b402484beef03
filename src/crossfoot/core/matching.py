"""Which Xero contact is this account? Candidates, evidence and a decision; never a merge by guess.

In order: a stored link; the account's id on the contact; one contact of exactly the same valid tax number, unless the
name says that it is another one's or another branch; then names, e-mail addresses and phone numbers. None of these
three ever links: what is the same or similar waits, unless both sides have valid tax numbers that differ.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from crossfoot.core.books import LedgerContact
from crossfoot.core.documents import IntendedContact
from crossfoot.core.findings import Finding
from crossfoot.core.names import are_branches, clash_in_number, differ_in_number, name_key, unique_name
from crossfoot.core.reach import SHARED_MAX, Reach, account_reached_at, contact_reached_at
from crossfoot.core.records import RecordRef, Side

MERGE_CHAIN_MAX = 10
NAMES_SHOWN_MAX = 3
CONTACT_NAME_LENGTH_MAX = 255
_EXPECTED = "new:"
_SHARED = {"email": "e-mail address", "domain": "e-mail domain", "phone": "phone number", "registered": "tax number"}
_OF_ANOTHER_ACCOUNT = (
    "Merge the two accounts in Salesforce, or choose another contact with `crossfoot queue link ENTRY --to CONTACT`."
)
Similar = Callable[[str, Sequence[str]], Collection[int]]
"""Given a name key and all candidate keys, the positions of those that are similar."""


def suffixes(account: IntendedContact) -> Iterator[str]:
    """Readable, fixed ways to tell two customers of one name apart: account number, the id's last six, the id."""
    for mark in filter(None, (account.account_number, account.source.id[-6:], account.source.id)):
        yield f" ({mark})"


def with_suffix(name: str, suffix: str) -> str:
    """A name that carries a suffix, or none: as much of it as Xero takes (XERO 4.1)."""
    return name[: CONTACT_NAME_LENGTH_MAX - len(suffix)].rstrip() + suffix


def suffixed_names(name: str, account: IntendedContact) -> Iterator[str]:
    """The names that an account may have in Xero where another customer has its own."""
    return (with_suffix(name, suffix) for suffix in suffixes(account))


@dataclass(frozen=True, slots=True)
class ContactDecision:
    """The outcome for one account: a contact to use, a name to create, or findings to wait for."""

    contact_id: str = ""
    create_as: str = ""
    evidence: str = ""
    findings: tuple[Finding, ...] = ()
    candidates: tuple[RecordRef, ...] = ()


@dataclass(slots=True)
class ContactDirectory:
    """Contacts of one organisation, with the indexes that matching asks."""

    contacts: dict[str, LedgerContact]
    similar: Similar
    linked_accounts: dict[str, str] = field(default_factory=dict)
    tax_number_of: Callable[[str], str] = str
    spelt: Callable[[str], str] = str
    _by_marker: dict[str, list[str]] = field(init=False)
    _by_tax: dict[str, list[str]] = field(init=False)
    _by_name: dict[str, list[str]] = field(init=False)
    _by_reach: dict[tuple[str, str], list[str]] = field(init=False)
    _merged: dict[tuple[str, str], list[str]] = field(init=False)
    _by_key: dict[str, list[str]] = field(init=False)
    _keys: list[str] = field(init=False)
    _key_ids: list[str] = field(init=False)

    def __post_init__(self) -> None:
        self._by_marker, self._by_tax = defaultdict(list), defaultdict(list)
        self._by_name, self._by_reach = defaultdict(list), defaultdict(list)
        self._merged, self._by_key = defaultdict(list), defaultdict(list)
        self._keys, self._key_ids = [], []
        for contact in sorted(self.contacts.values(), key=lambda contact: contact.contact_id):
            self._index(contact)

    def _index(self, contact: LedgerContact) -> None:
        if contact.contact_number:
            self._by_marker[contact.contact_number].append(contact.contact_id)
        if contact.merged_to:
            for known in _known_by(contact.name, contact_reached_at(contact)):
                self._merged[known].append(contact.contact_id)
            return
        if number := self.tax_number_of(contact.tax_number):
            self._by_tax[number].append(contact.contact_id)
        self._by_name[unique_name(contact.name)].append(contact.contact_id)
        for reach in contact_reached_at(contact):
            self._by_reach[reach].append(contact.contact_id)
        key = name_key(contact.name)
        self._by_key[key].append(contact.contact_id)
        self._keys.append(key)
        self._key_ids.append(contact.contact_id)

    def survivor(self, contact_id: str) -> LedgerContact | None:
        """The contact itself, or the one it was merged into."""
        for _ in range(MERGE_CHAIN_MAX):
            contact = self.contacts.get(contact_id)
            if contact is None or not contact.merged_to:
                return contact
            contact_id = contact.merged_to
        return None

    def by_marker(self, account_id: str) -> list[LedgerContact]:
        """Contacts that carry the account's id; where people merged all of these, the ones that stand for them."""
        marked = [self.contacts[contact_id] for contact_id in self._by_marker.get(account_id, ())]
        survivors = {stands.contact_id: stands for each in marked if (stands := self.survivor(each.contact_id))}
        return [each for each in marked if not each.merged_to] or list(survivors.values())

    def claim(self, account_id: str, contact_id: str) -> None:
        """Count a contact as this account's: by its link (or a person's choice), else by the account's id on it."""
        marked = [] if contact_id else self.by_marker(account_id)
        contact = self.survivor(contact_id) if contact_id else marked[0] if len(marked) == 1 else None
        if contact is not None:
            self.linked_accounts.setdefault(contact.contact_id, account_id)

    def by_tax_number(self, tax_number: str) -> list[LedgerContact]:
        """Contacts of exactly this tax number."""
        return [self.contacts[contact_id] for contact_id in self._by_tax.get(tax_number, ())]

    def name_taken(self, name: str) -> bool:
        """Whether an active contact holds the name already."""
        return any(self.contacts[i].is_active for i in self._by_name.get(unique_name(name), ()))

    def alike(self, name: str) -> list[LedgerContact]:
        """Contacts of the same or a similar name."""
        key = name_key(name)
        positions = set(self.similar(key, self._keys))
        positions.update(i for i, other in enumerate(self._keys) if other == key)
        return [self.contacts[self._key_ids[i]] for i in sorted(positions) if not clash_in_number(key, self._keys[i])]

    def of_the_name(self, name: str) -> list[LedgerContact]:
        """Contacts of the same name but for case, accents, punctuation and the commonest legal words."""
        return [self.contacts[contact_id] for contact_id in self._by_key.get(name_key(name), ())]

    def merged_away(self, account: IntendedContact) -> list[tuple[LedgerContact, LedgerContact]]:
        """Contacts of exactly this name, tax number, e-mail or phone that people merged into others, each behind the
        one that stands for it."""
        known_by = _known_by(account.name, account_reached_at(account))
        gone = {contact_id for known in known_by for contact_id in self._merged.get(known, ())}
        return [(stands, self.contacts[each]) for each in sorted(gone) if (stands := self.survivor(each))]

    def is_alike(self, name: str, contact: LedgerContact) -> bool:
        """Whether this contact is of the same or a similar name."""
        key, other = name_key(name), name_key(contact.name)
        return not clash_in_number(key, other) and (key == other or bool(self.similar(key, [other])))

    def reached_alike(self, account: IntendedContact, known_by: str = "") -> list[tuple[LedgerContact, str]]:
        """Contacts of the same e-mail address, company domain, phone or tax number that are no account's yet, and what
        they share.

        Those of another account are left out: a group's companies share a switchboard. So is what many share, a contact
        whose name differs in a number alone, and what is ``known_by`` already.
        """
        found: dict[str, str] = {}
        for reach in account_reached_at(account):
            ids = self._by_reach.get(reach, ()) if reach[0] != known_by else ()
            for contact_id in ids if len(ids) <= SHARED_MAX else ():
                if self.linked_accounts.get(contact_id, account.source.id) == account.source.id:
                    found.setdefault(contact_id, _SHARED[reach[0]])
        key = name_key(account.name)
        shared = [(self.contacts[contact_id], by) for contact_id, by in sorted(found.items())]
        return [(each, by) for each, by in shared if not differ_in_number(key, name_key(each.name))]

    def expect(self, account: IntendedContact, name: str) -> None:
        """Count a contact that this plan will create, so that the next account sees it."""
        pending = LedgerContact(
            contact_id=f"{_EXPECTED}{account.source.id}",
            name=name,
            status="ACTIVE",
            updated=account.created,
            contact_number=account.source.id,
            tax_number=account.tax_number,
        )
        self.contacts[pending.contact_id] = pending
        self.linked_accounts[pending.contact_id] = account.source.id
        self._index(pending)


def _known_by(name: str, reach: Reach) -> Iterator[tuple[str, str]]:
    """What a contact that was merged away is found by: all but its domain, which it shares with its successors."""
    yield "name", unique_name(name)
    yield from (each for each in reach if each[0] != "domain")


def decide_contacts(
    accounts: Iterable[IntendedContact],
    directory: ContactDirectory,
    *,
    links: Mapping[str, str],
    chosen: Mapping[str, str],
    not_same: Collection[tuple[str, str]],
) -> dict[str, ContactDecision]:
    """Decide every account that moves in, oldest first, so that the plain name goes to the older record.

    ``links`` and ``chosen`` map account ids to contact ids (stored links; a person's choice), ``not_same`` holds the
    pairs that a person has told apart.
    """
    ordered = sorted(accounts, key=lambda account: (account.created, account.source.id))
    by_tax: dict[str, list[IntendedContact]] = defaultdict(list)
    for account in ordered:
        if account.tax_number:
            by_tax[account.tax_number].append(account)
    decisions: dict[str, ContactDecision] = {}
    known = {**chosen, **links}
    for account in ordered:
        directory.claim(account.source.id, known.get(account.source.id, ""))
    for account in ordered:
        contact_id = known.get(account.source.id)
        if contact_id:
            decision = _use(account, directory.survivor(contact_id), "linked")
        else:
            decision = _decide(account, directory, by_tax.get(account.tax_number, []), not_same)
        if decision.create_as:
            directory.expect(account, decision.create_as)
        decisions[account.source.id] = decision
    return decisions


def use_chosen(account: IntendedContact, contact_id: str, directory: ContactDirectory) -> ContactDecision:
    """The contact that a person chose for one deal of an account, or the one that it was merged into by now."""
    return _use(account, directory.survivor(contact_id), "chosen by a person for this deal")


def _decide(
    account: IntendedContact,
    directory: ContactDirectory,
    same_tax: Sequence[IntendedContact],
    not_same: Collection[tuple[str, str]],
) -> ContactDecision:
    marked = directory.by_marker(account.source.id)
    if len(marked) == 1:
        return _use_marked(account, marked[0], directory)
    if len(marked) > 1:
        return _waits(account, "contact_ambiguous", f"{len(marked)} contacts carry this account's id", marked)
    if account.tax_number:
        others = [peer for peer in same_tax if not _are_apart(account.source.id, peer.source.id, not_same)]
        if len(others) > 1:
            others.remove(account)
            names = ", ".join(f"{peer.name} ({peer.source.id})" for peer in others)
            return _waits(account, "contact_same_tax_number", f"ABN {account.tax_number} is also on {names}", others)
        decision = _by_tax_number(account, directory, not_same, shared=len(same_tax) > 1)
        if decision:
            return decision
    return _by_name(account, directory, not_same)


def _use_marked(account: IntendedContact, contact: LedgerContact, directory: ContactDirectory) -> ContactDecision:
    """The contact that carries the account's id, or into which people merged that one, unless it is another's."""
    taken_by = directory.linked_accounts.get(contact.contact_id, account.source.id)
    if taken_by != account.source.id:
        own = contact.contact_number == account.source.id
        said = "carries this account's id" if own else "is what this account's contact was merged into"
        cause = f"{contact.name!r} {said}, and is linked to account {taken_by}"
        return _waits(account, "contact_ambiguous", cause, [contact], fix=_OF_ANOTHER_ACCOUNT)
    vouched = vouches_for(contact, account, directory.tax_number_of)
    return _use(account, contact, vouched or "the contact that carries the account's id was merged into it")


def _by_tax_number(
    account: IntendedContact, directory: ContactDirectory, not_same: Collection[tuple[str, str]], *, shared: bool
) -> ContactDecision | None:
    """``shared``: other accounts have the number too, and a person told them apart, so that it decides nothing."""
    candidates = directory.by_tax_number(account.tax_number)
    candidates = [each for each in candidates if not _told_not_same(account, each, directory, not_same)]
    candidates = [c for c in candidates if c.is_active] or candidates
    if not candidates:
        return None
    if len(candidates) > 1:
        cause = f"{len(candidates)} contacts have ABN {account.tax_number}"
        return _waits(account, "contact_ambiguous", cause, candidates)
    [contact] = candidates
    taken_by = directory.linked_accounts.get(contact.contact_id)
    if taken_by and taken_by != account.source.id:
        cause = f"ABN {account.tax_number} belongs to {contact.name}, which is linked to account {taken_by}"
        return _waits(account, "contact_same_tax_number", cause, candidates)
    rivals = _rivals(account, contact, directory, not_same)
    if rivals:
        cause = (
            f"ABN {account.tax_number} is that of {contact.name!r}, but name, e-mail or phone are of {_names(rivals)}"
        )
        return _waits(account, "contact_ambiguous", cause, [contact, *rivals])
    if shared or _of_another_branch(account, contact, directory):
        cause = f"{account.name!r} has the ABN of {contact.name!r}, which may be another branch of one company"
        return _waits(account, "contact_similar", cause, [contact])
    return _use(account, contact, vouches_for(contact, account, directory.tax_number_of))


def _of_another_branch(account: IntendedContact, contact: LedgerContact, directory: ContactDirectory) -> bool:
    """Whether two names of one ABN are alike but for the number or place that tells a company's branches apart."""
    key, other = name_key(account.name), name_key(contact.name)
    return differ_in_number(key, other) or are_branches(directory.spelt(key), directory.spelt(other))


def _rivals(
    account: IntendedContact,
    contact: LedgerContact,
    directory: ContactDirectory,
    not_same: Collection[tuple[str, str]],
) -> list[LedgerContact]:
    """Where nothing but the tax number speaks for a contact, others for which the name or the like does: the number may
    have been copied from another account. Where its name is not the account's, others of exactly that: the number may
    stand on the head office alone."""
    reached = [other for other, _ in directory.reached_alike(account, known_by="registered")]
    named = directory.of_the_name(account.name)
    if contact in named:
        return []
    if not directory.is_alike(account.name, contact) and contact not in reached:
        named += [*directory.alike(account.name), *reached]
    others = {other.contact_id: other for other in named}
    return [other for other in others.values() if not _told_not_same(account, other, directory, not_same)]


def _told_not_same(
    account: IntendedContact,
    contact: LedgerContact,
    directory: ContactDirectory,
    not_same: Collection[tuple[str, str]],
) -> bool:
    """Whether a person has told them apart; a contact that is another account's or only expected yet, by that one."""
    theirs = directory.linked_accounts.get(contact.contact_id, "")
    others = (contact.contact_id, contact.contact_number, theirs)
    return any(_are_apart(account.source.id, other, not_same) for other in others)


def _are_apart(account_id: str, other_id: str, not_same: Collection[tuple[str, str]]) -> bool:
    return (account_id, other_id) in not_same or (other_id, account_id) in not_same


def _names(contacts: Sequence[LedgerContact]) -> str:
    return ", ".join(repr(contact.name) for contact in contacts[:NAMES_SHOWN_MAX])


def _by_name(
    account: IntendedContact, directory: ContactDirectory, not_same: Collection[tuple[str, str]]
) -> ContactDecision:
    def in_doubt(contact: LedgerContact) -> bool:
        return not _told_not_same(account, contact, directory, not_same) and not _told_apart(
            account, contact, directory
        )

    doubtful = [contact for contact in directory.alike(account.name) if in_doubt(contact)]
    merged = [
        (stands, gone)
        for stands, gone in directory.merged_away(account)
        if stands not in doubtful
        and not _told_not_same(account, stands, directory, not_same)
        and not _told_apart(account, gone, directory)
    ]
    causes = [f"{account.name!r} is the same as or similar to {_names(doubtful)}"] if doubtful else []
    causes += [f"{gone.name!r} was merged into {stands.name!r}" for stands, gone in merged[:NAMES_SHOWN_MAX]]
    doubtful += {stands.contact_id: stands for stands, _ in merged}.values()
    if not doubtful:
        reached = [(contact, shared) for contact, shared in directory.reached_alike(account) if in_doubt(contact)]
        shown = ", ".join(f"{contact.name!r} (same {shared})" for contact, shared in reached[:NAMES_SHOWN_MAX])
        causes = [f"{account.name!r} may be {shown}"]
        doubtful = [contact for contact, _ in reached]
    if doubtful:
        return _waits(account, "contact_similar", f"{'; '.join(causes)}; no ABN decides", doubtful)
    name = account.name[:CONTACT_NAME_LENGTH_MAX]
    if directory.name_taken(name):
        suffixed = list(suffixed_names(name, account))
        free = next((other for other in suffixed if not directory.name_taken(other)), suffixed[-1])
        return ContactDecision(create_as=free, evidence="another customer has this name, with another ABN")
    return ContactDecision(create_as=name, evidence="no such customer in Xero")


def _told_apart(account: IntendedContact, contact: LedgerContact, directory: ContactDirectory) -> bool:
    theirs = directory.tax_number_of(contact.tax_number)
    return bool(account.tax_number and theirs and theirs != account.tax_number)


def _use(account: IntendedContact, contact: LedgerContact | None, evidence: str) -> ContactDecision:
    if contact is None:
        return _waits(account, "contact_ambiguous", "the linked contact cannot be found in Xero", [])
    if not contact.is_active:
        cause = f"{contact.name!r} is {contact.status.lower()} in Xero"
        return replace(_waits(account, "contact_archived", cause, [contact]), evidence=evidence)
    return ContactDecision(contact_id=contact.contact_id, evidence=evidence)


def vouches_for(contact: LedgerContact, account: IntendedContact, tax_number_of: Callable[[str], str]) -> str:
    """By what a contact says itself whose it is, once something else names it; blank where it does not."""
    if contact.contact_number == account.source.id:
        return "the contact carries the account's id"
    if account.tax_number and tax_number_of(contact.tax_number) == account.tax_number:
        return f"same ABN {account.tax_number}, in Xero as {contact.name!r}"
    return ""


def _waits(
    account: IntendedContact,
    code: str,
    cause: str,
    shown: Sequence[LedgerContact | IntendedContact],
    fix: str = "",
) -> ContactDecision:
    related = tuple(_shown(item, account) for item in shown)
    found = Finding(code, account.source, cause, fix=fix, related=related)
    return ContactDecision(findings=(found,), candidates=related)


def _shown(item: LedgerContact | IntendedContact, account: IntendedContact) -> RecordRef:
    """The record to show: a contact that is only expected yet is shown as the account it will be made from."""
    if isinstance(item, IntendedContact):
        return item.source
    if item.contact_id.startswith(_EXPECTED):
        return RecordRef(account.source.side, account.source.kind, item.contact_number)
    return RecordRef(Side.XERO, "Contact", item.contact_id)
