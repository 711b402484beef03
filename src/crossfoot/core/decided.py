"""What planning decides, and from what: operations, decisions, stored invoices by what is asked for, the context."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum

from crossfoot.core.books import Books, LedgerInvoice
from crossfoot.core.documents import ContactChange, Deal, IntendedContact, IntendedInvoice, IntendedItem, ItemChange
from crossfoot.core.findings import Finding
from crossfoot.core.invoiced import reference_words
from crossfoot.core.links import Identity, Link, record_id_in
from crossfoot.core.matching import ContactDecision
from crossfoot.core.money import Totals
from crossfoot.core.policy import Policy
from crossfoot.core.records import RecordRef, content_hash
from crossfoot.core.reissue import is_credited
from crossfoot.core.standing import Standing


class Bucket(StrEnum):
    """Where a won deal stands; each won deal is in exactly one, so that they add up."""

    NOT_WON = "not won"
    BEFORE_START = "before start"
    DRAFTED = "drafted"
    LINKED = "linked"
    WAITING = "waiting"
    NOT_BILLABLE = "not billable"
    READY = "ready"


CALLS_FOR_NONE = frozenset({Bucket.NOT_WON, Bucket.BEFORE_START, Bucket.NOT_BILLABLE})
"""Where a deal stands that calls for no invoice."""


class Action(StrEnum):
    """What an operation does to its target."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Operation:
    """One decided write to Xero: what, why, after which others, and the state of the target it was decided on."""

    identity: Identity
    action: Action
    source: RecordRef
    document: IntendedContact | IntendedItem | IntendedInvoice | ContactChange | ItemChange
    reason: str
    needs: tuple[Identity, ...] = ()
    contact_id: str = ""
    contact_source: str = ""
    status: str = ""
    totals: Totals | None = None
    currency: str = ""
    xero_id: str = ""
    pre_image: str = ""
    source_hash: str = ""
    warnings: tuple[Finding, ...] = ()
    before: Mapping[str, object] | None = None

    @property
    def decided_hash(self) -> str:
        """What a reviewer saw, or Xero refused: the operation is another one when this changes."""
        if isinstance(self.document, ContactChange | ItemChange):
            return self.source_hash  # what it tells, whatever else stands beside it
        return content_hash(
            {
                "action": self.action.value,
                "status": self.status,
                "customer": self.contact_source,
                "source": self.source_hash,
                "document": asdict(self.document),
            }
        )


@dataclass(frozen=True, slots=True)
class DealDecision:
    """What planning decided for one deal."""

    deal: Deal
    bucket: Bucket
    findings: tuple[Finding, ...] = ()
    operation: Operation | None = None
    totals: Totals | None = None
    agreed: str = ""
    renamed: bool = False
    """What its invoice was made from is called otherwise by now: the settings take other fields from the account."""
    standing: Standing = field(default_factory=Standing)


@dataclass(slots=True)
class Mirror:
    """Stored sales invoices of one organisation, by what planning asks for."""

    invoices: dict[str, LedgerInvoice]
    linked: frozenset[str] = frozenset()
    credited: frozenset[str] = frozenset()
    """Of these what was taken back and made anew."""
    by_contact: dict[str, list[LedgerInvoice]] = field(init=False)
    by_marker: dict[str, list[LedgerInvoice]] = field(init=False)
    by_number: dict[str, list[LedgerInvoice]] = field(init=False)
    by_reference_word: dict[str, list[LedgerInvoice]] = field(init=False)
    over_by_marker: dict[str, list[LedgerInvoice]] = field(init=False)
    """Those that name a deal and are dead, or taken back by credit."""
    owing_by_marker: dict[str, list[LedgerInvoice]] = field(init=False)
    """Those that were taken back and owe again, since their credit or a payment was taken off them."""

    def __post_init__(self) -> None:
        self.by_contact, self.by_marker = defaultdict(list), defaultdict(list)
        self.by_number, self.by_reference_word = defaultdict(list), defaultdict(list)
        self.over_by_marker, self.owing_by_marker = defaultdict(list), defaultdict(list)
        for invoice in sorted(self.invoices.values(), key=lambda invoice: invoice.invoice_id):
            self.by_number[invoice.number.casefold()].append(invoice)
            source_id = record_id_in(invoice.url)
            if not self._is_unclaimed(invoice):
                if source_id and invoice.invoice_id not in self.linked:
                    self.over_by_marker[source_id].append(invoice)
                if source_id and invoice.invoice_id in self.credited and invoice.is_live and invoice.amount_due:
                    self.owing_by_marker[source_id].append(invoice)
                continue
            self.by_contact[invoice.contact_id].append(invoice)
            if source_id:
                self.by_marker[source_id].append(invoice)
            for word in reference_words(invoice.reference):
                self.by_reference_word[word].append(invoice)

    def _is_unclaimed(self, invoice: LedgerInvoice) -> bool:
        """Whether it stands, and is no deal's yet."""
        return invoice.is_live and invoice.invoice_id not in self.linked and not is_credited(invoice)

    def unclaimed_of_number(self, number: str) -> list[LedgerInvoice]:
        """Invoices of exactly this number that are no deal's yet."""
        return [each for each in self.by_number.get(number.casefold(), ()) if self._is_unclaimed(each)]


@dataclass(frozen=True, slots=True)
class Context:
    """Everything that one planning pass is decided from. ``contacts`` has the customer of each account, ``chosen`` the
    one that a person chose for a deal instead, ``stood`` the bucket in which it was last, both by the deal's id."""

    org_id: str
    policy: Policy
    books: Books
    as_of: dt.date
    contacts: Mapping[str, ContactDecision]
    accounts: Mapping[str, IntendedContact]
    mirror: Mirror
    links: Mapping[str, Link]
    link_source_hash: Mapping[str, str]
    epochs: Mapping[str, int]
    chosen: Mapping[str, ContactDecision] = field(default_factory=dict)
    not_same: frozenset[tuple[str, str]] = frozenset()
    undone: frozenset[str] = frozenset()
    stood: Mapping[str, str] = field(default_factory=dict)
    sales_terms: Callable[[str], tuple[int, str] | None] = lambda _contact_id: None


def item_key(code: str) -> str:
    """The source key of an item: its code, which Xero keeps unique without regard to case."""
    return code.casefold()
