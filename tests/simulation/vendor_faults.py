"""Faults that the emulators have of their own (``crossfoot emulator faults`` lists them), as draws of the simulator.

Each strikes the one request for which it was drawn. What only a subscriber to events would notice is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from crossfoot.emulators.emulator import Emulator
from crossfoot.emulators.faults import read_fault
from crossfoot.emulators.wire import Request

Fits = Callable[[Request], bool]


def _any(request: Request) -> bool:
    return not request.path.endswith("/token")


def _reads(request: Request) -> bool:
    return request.method == "GET" and _any(request)


def _queries(request: Request) -> bool:
    return request.method == "GET" and "/query" in request.path


def _lists(request: Request) -> bool:
    return request.method == "GET" and request.path.endswith(("/Invoices", "/Contacts", "/CreditNotes"))


def _writes(request: Request) -> bool:
    return request.method != "GET" and _any(request) and not request.path.endswith(("/composite", "/composite/batch"))


def _creates(request: Request) -> bool:
    return request.method == "PUT"


def _updates(request: Request) -> bool:
    return request.method == "POST" and request.path.endswith("/Invoices")


@dataclass(frozen=True, slots=True)
class VendorFault:
    """One fault of an emulator: whose it is, its name there, its settings, and which requests it can strike."""

    side: str
    kind: str
    strikes: Fits = _any
    settings: Mapping[str, Any] = field(default_factory=dict)
    weight: int = 1
    """How much more often than others it strikes, because what it can strike is rare."""

    def fits(self, side: str, request: Request) -> bool:
        """Whether it can strike this request."""
        return side == self.side and self.strikes(request)


def switch_on(emulator: Emulator, fault: VendorFault) -> None:
    """Let a fault strike the next request, and nothing after it."""
    world: Any = emulator.world
    row = read_fault({"kind": fault.kind, **fault.settings}, fault.side)
    world.faults["on"][:] = [{**row, "number": 1}]


def _xero(kind: str, strikes: Fits = _any, *, weight: int = 1, **settings: Any) -> VendorFault:
    return VendorFault("xero", kind, strikes, settings, weight)


def _salesforce(kind: str, strikes: Fits = _any, **settings: Any) -> VendorFault:
    return VendorFault("salesforce", kind, strikes, settings)


PAGE_SHIFT = "page shift"
SAME_SECOND = "same second"  # gives a row the stamp of another, be that long ago: afterwards stamps tell no order
VENDOR_FAULTS: Mapping[str, VendorFault] = {
    "minute limit": _xero("limit_minute", retry_after_s=30),
    "minute limit without a hint": _xero("limit_minute", retry_after_s=-1),
    "day limit": _xero("limit_day", retry_after_s=900),
    "concurrent limit": _xero("limit_concurrent"),
    "app limit": _xero("limit_app_minute"),
    "stale limits": _xero("limits_pinned"),
    "offline": _xero("offline"),
    "silent 200": _xero("silent_200", _updates, weight=6),
    "zero id": _xero("zero_id", _creates),
    "read lag": _xero("read_lag", _creates, seconds=60),
    PAGE_SHIFT: _xero("page_shift", _lists, rows=3),
    "Xero token expired": _xero("token_expired"),
    "Salesforce session ended": _salesforce("token_expired"),
    "Salesforce concurrent limit": _salesforce("limit_concurrent"),
    "Salesforce day limit": _salesforce("limit_day"),
    "Salesforce busy": _salesforce("server_busy"),
    "unknown exception": _salesforce("unknown_exception"),
    "query timeout": _salesforce("query_timeout", _queries),
    "maintenance": _salesforce("maintenance", _writes),
    "row lock": _salesforce("row_lock", _writes),
    "late rows": _salesforce("late_rows", _writes, seconds=60),
    SAME_SECOND: _salesforce("same_second", _writes),
    "cursors lost": _salesforce("cursors_lost", _queries),
    "rows saved": _salesforce("rows_saved", _reads, object="Opportunity", rows=3),
}
