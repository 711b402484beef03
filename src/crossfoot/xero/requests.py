"""The requests Crossfoot makes to Xero. Every one of them names its organisation; paging is always explicit."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from crossfoot.http import HttpRequest

API = "/api.xro/2.0"
PAGE_SIZE = 1000
BATCH_SIZE = 50
BATCH_BYTES_MAX = 3_500_000
NUMBERS_PER_CALL = 40
_JSON = {"Accept": "application/json", "Content-Type": "application/json"}


def connections() -> HttpRequest:
    """The organisations that a token reaches."""
    return HttpRequest("GET", "/connections", headers=_JSON)


def organisation() -> HttpRequest:
    """The organisation with its lock dates."""
    return HttpRequest("GET", f"{API}/Organisation", headers=_JSON)


def organisation_actions() -> HttpRequest:
    """What the organisation's plan allows (XERO 3.12)."""
    return HttpRequest("GET", f"{API}/Organisation/Actions", headers=_JSON)


def accounts() -> HttpRequest:
    """The chart of accounts."""
    return HttpRequest("GET", f"{API}/Accounts", headers=_JSON)


def tax_rates() -> HttpRequest:
    """Tax rates, those out of use included."""
    return HttpRequest("GET", f"{API}/TaxRates", headers=_JSON)


def tracking_categories() -> HttpRequest:
    """Tracking categories with their options, archived ones included."""
    return HttpRequest("GET", f"{API}/TrackingCategories", {"includeArchived": "true"}, _JSON)


def currencies() -> HttpRequest:
    """Currencies that the organisation has enabled."""
    return HttpRequest("GET", f"{API}/Currencies", headers=_JSON)


def items(since: datetime | None) -> HttpRequest:
    """Items changed since an instant."""
    return HttpRequest("GET", f"{API}/Items", {"unitdp": "4"}, _since(since))


def contacts(page: int, since: datetime | None) -> HttpRequest:
    """A page of contacts, archived ones included, ordered by what never changes."""
    return _page("Contacts", page, since, {"includeArchived": "true", "order": "ContactID"})


def invoices(page: int, since: datetime | None) -> HttpRequest:
    """A page of sales invoices with lines and payments, ordered by what never changes."""
    where = {"where": 'Type=="ACCREC"', "order": "InvoiceID", "unitdp": "4", "includeArchived": "true"}
    return _page("Invoices", page, since, where)


def invoices_dated_since(page: int, day: date) -> HttpRequest:
    """A page of sales invoices dated on or after a day: the tie-out's own path."""
    where = f'Type=="ACCREC" AND Date >= DateTime({day.year}, {day.month:02}, {day.day:02})'
    return _page(
        "Invoices", page, None, {"where": where, "order": "InvoiceID", "unitdp": "4", "includeArchived": "true"}
    )


def invoices_by_id(ids: Sequence[str]) -> HttpRequest:
    """Invoices by their ids, with lines."""
    return _page("Invoices", 1, None, {"IDs": ",".join(ids), "unitdp": "4", "includeArchived": "true"})


def overpayments(page: int, since: datetime | None) -> HttpRequest:
    """A page of overpayments."""
    return _page("Overpayments", page, since, {})


def invoices_by_number(numbers: Sequence[str]) -> HttpRequest:
    """Invoices of exactly these numbers, with lines: the probe of a create whose outcome is unknown."""
    params = {"InvoiceNumbers": ",".join(numbers), "unitdp": "4", "includeArchived": "true"}
    return _page("Invoices", 1, None, params)


def contacts_by_number(numbers: Sequence[str]) -> HttpRequest:
    """Contacts that carry these account ids."""
    where = " OR ".join(f'ContactNumber=="{number}"' for number in numbers)
    return _page("Contacts", 1, None, {"where": where, "includeArchived": "true"})


def contacts_by_id(ids: Sequence[str]) -> HttpRequest:
    """Contacts by their ids, archived ones included."""
    return _page("Contacts", 1, None, {"IDs": ",".join(dict.fromkeys(ids)), "includeArchived": "true"})


def write(kind: str, method: str, body: bytes, key: str) -> HttpRequest:
    """A batch: PUT creates, POST updates by id. Elements succeed or fail one by one."""
    headers = {**_JSON, "Idempotency-Key": key}
    params = {"summarizeErrors": "false", "unitdp": "4"}
    return HttpRequest(method, f"{API}/{kind}", params, headers, body)


def _page(resource: str, page: int, since: datetime | None, params: dict[str, str]) -> HttpRequest:
    paging = {"page": str(page), "pageSize": str(PAGE_SIZE)}
    return HttpRequest("GET", f"{API}/{resource}", {**params, **paging}, _since(since))


def _since(since: datetime | None) -> dict[str, str]:
    """A header, never a parameter, to the second (XERO 3.7)."""
    return {**_JSON, "If-Modified-Since": since.strftime("%Y-%m-%dT%H:%M:%S")} if since else dict(_JSON)
