"""The high-volume guard: lists that are too long, or that are searched or ordered by members without an index over too
many rows, are refused (XERO 3.8, 3.9).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from crossfoot.emulators.xero.errors import high_volume
from crossfoot.emulators.xero.kinds import Call, Kind
from crossfoot.emulators.xero.where import Term
from crossfoot.emulators.xero.world import LIMITS

Lookup = Callable[[tuple[str, ...], int], Term]


def _members(text: str) -> frozenset[str]:
    return frozenset(text.lower().split())


_CONTACT = "Contact.ContactID Contact.Name Contact.ContactNumber"
# What an index answers: members in ``where``, members in ``order``. Kinds that are not here have no guard.
OPTIMISED: Mapping[str, tuple[frozenset[str], frozenset[str]]] = {
    "Invoices": (
        _members(f"Status {_CONTACT} Reference InvoiceNumber InvoiceID Type Date DueDate AmountDue AmountPaid"),
        _members("InvoiceID UpdatedDateUTC Date"),
    ),
    "Contacts": (_members("Name EmailAddress AccountNumber"), _members("ContactID UpdatedDateUTC Name")),
    "CreditNotes": (_members(f"Status Type Date Reference {_CONTACT}"), _members("UpdatedDateUTC Date")),
    "Payments": (
        _members("PaymentType Status Date Invoice.InvoiceID PaymentID Reference"),
        _members("UpdatedDateUTC Date PaymentID"),
    ),
    "BankTransactions": (_members("Type Status Date Contact.ContactID"), _members("UpdatedDateUTC Date")),
    "ManualJournals": (_members("Narration"), frozenset()),
    "PurchaseOrders": (frozenset(), frozenset()),
}


@dataclass(frozen=True, slots=True)
class Guard:
    """The guard over one list request that has to look at ``rows`` records."""

    call: Call
    kind: Kind
    rows: int

    def filters(self, lookup: Lookup) -> Lookup:
        """The same members for ``where``, without those that would be searched one by one."""
        return self._only(lookup, 0)

    def orders(self, lookup: Lookup) -> Lookup:
        """The same members for ``order``, without those that would be sorted one by one."""
        return self._only(lookup, 1)

    def check_answer(self, rows: int) -> None:
        """Refuse an answer of too many rows at once."""
        if self._is_too_many(rows):
            raise high_volume()

    def _only(self, lookup: Lookup, place: int) -> Lookup:
        if not self._is_too_many(self.rows):
            return lookup

        def indexed(path: tuple[str, ...], index: int) -> Term:
            found = lookup(path, index)
            if ".".join(path).lower() not in OPTIMISED[self.kind.plural][place]:
                raise high_volume()
            return found

        return indexed

    def _is_too_many(self, rows: int) -> bool:
        limits: Mapping[str, int] = self.call.world.state["limits"]
        most = limits.get("high_volume", LIMITS["high_volume"])
        return self.kind.plural in OPTIMISED and not self.call.is_person and rows > most
