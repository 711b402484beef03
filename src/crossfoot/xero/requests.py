"""The requests Crossfoot makes to Xero. Each is made for a tenant, which it names (XERO 1.7); paging is explicit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import TypeVar

from crossfoot.core.errors import Defect
from crossfoot.core.pacing import Lane
from crossfoot.http import HttpRequest

API = "/api.xro/2.0"
PAGE_SIZE = 1000
BATCH_SIZE = 50
BATCH_BYTES_MAX = 3_500_000
NUMBERS_PER_CALL = 40
_WITH_PRICES = frozenset({"Invoices", "Items"})  # the kinds that know unit prices of four decimals (XERO 3.10)
RequestT = TypeVar("RequestT", bound=HttpRequest)
_JSON = {"Accept": "application/json", "Content-Type": "application/json"}


@dataclass(frozen=True, slots=True)
class Tenant:
    """A Xero organisation as calls name it."""

    id: str

    def __post_init__(self) -> None:
        if not self.id:
            raise Defect("A Xero organisation without an id: no call can be made to it.")


@dataclass(frozen=True, slots=True)
class OrganisationRequest(HttpRequest):
    """A request to one organisation. It cannot be made without its tenant, and leaves only by that tenant's remote."""

    tenant: Tenant = field(kw_only=True)


def connections(consent: str = "") -> HttpRequest:
    """The organisations that a token reaches, or only those that one consent gave (XERO 1.6)."""
    return HttpRequest("GET", "/connections", {"authEventId": consent} if consent else {}, _JSON)


def delete_connection(connection_id: str) -> HttpRequest:
    """End one connection; the user's others stay (XERO 1.6). Its id is not the tenant's."""
    return HttpRequest("DELETE", f"/connections/{connection_id}", headers=_JSON)


def organisation(tenant: Tenant) -> OrganisationRequest:
    """The organisation with its lock dates."""
    return _get(tenant, "Organisation")


def organisation_actions(tenant: Tenant) -> OrganisationRequest:
    """What the organisation's plan allows (XERO 3.12)."""
    return _get(tenant, "Organisation/Actions")


def accounts(tenant: Tenant) -> OrganisationRequest:
    """The chart of accounts."""
    return _get(tenant, "Accounts")


def tax_rates(tenant: Tenant) -> OrganisationRequest:
    """Tax rates, those out of use included."""
    return _get(tenant, "TaxRates")


def tracking_categories(tenant: Tenant) -> OrganisationRequest:
    """Tracking categories with their options, archived ones included."""
    return _get(tenant, "TrackingCategories", {"includeArchived": "true"})


def currencies(tenant: Tenant) -> OrganisationRequest:
    """Currencies that the organisation has enabled."""
    return _get(tenant, "Currencies")


def items(tenant: Tenant, since: datetime | None) -> OrganisationRequest:
    """Items changed since an instant."""
    return _get(tenant, "Items", {"unitdp": "4"}, since)


def contacts(tenant: Tenant, page: int, since: datetime | None) -> OrganisationRequest:
    """A page of contacts, archived ones included, ordered by what never changes."""
    return _page(tenant, "Contacts", page, since, {"includeArchived": "true", "order": "ContactID"})


def invoices(tenant: Tenant, page: int, since: datetime | None) -> OrganisationRequest:
    """A page of sales invoices with lines and payments, ordered by what never changes."""
    where = {"where": 'Type=="ACCREC"', "order": "InvoiceID", "unitdp": "4", "includeArchived": "true"}
    return _page(tenant, "Invoices", page, since, where)


def bills(tenant: Tenant, page: int, since: datetime | None) -> OrganisationRequest:
    """A page of supplier bills without lines and payments, ordered by what never changes (XERO 3.8)."""
    where = {"where": 'Type=="ACCPAY"', "order": "InvoiceID", "summaryOnly": "true", "includeArchived": "true"}
    return _page(tenant, "Invoices", page, since, where)


def of_contact(asked: OrganisationRequest, contact_id: str) -> OrganisationRequest:
    """The same list of documents, of one contact only (XERO 3.8)."""
    mine = f'Contact.ContactID==guid("{contact_id}")'
    where = asked.params.get("where")
    return replace(asked, params={**asked.params, "where": f"{where} AND {mine}" if where else mine})


def invoices_dated_since(tenant: Tenant, page: int, day: date) -> OrganisationRequest:
    """A page of sales invoices dated on or after a day: the tie-out's own path."""
    where = f'Type=="ACCREC" AND Date >= DateTime({day.year}, {day.month:02}, {day.day:02})'
    params = {"where": where, "order": "InvoiceID", "unitdp": "4", "includeArchived": "true"}
    return replace(_page(tenant, "Invoices", page, None, params), lane=Lane.PROMPT)


def invoices_by_id(tenant: Tenant, ids: Sequence[str]) -> OrganisationRequest:
    """Invoices by their ids, with lines."""
    return _found(tenant, "Invoices", {"IDs": ",".join(ids), "unitdp": "4"})


def overpayments(tenant: Tenant, page: int, since: datetime | None) -> OrganisationRequest:
    """A page of overpayments, ordered by what never changes."""
    return replace(_page(tenant, "Overpayments", page, since, {"order": "OverpaymentID"}), lane=Lane.PROMPT)


def credit_notes(tenant: Tenant, page: int, since: datetime | None) -> OrganisationRequest:
    """A page of sales credit notes, ordered by what never changes."""
    where = {"where": 'Type=="ACCRECCREDIT"', "order": "CreditNoteID"}
    return _page(tenant, "CreditNotes", page, since, where)


def invoices_by_number(tenant: Tenant, numbers: Sequence[str]) -> OrganisationRequest:
    """Invoices of exactly these numbers, with lines: the probe of a create whose outcome is unknown."""
    return _found(tenant, "Invoices", {"InvoiceNumbers": ",".join(numbers), "unitdp": "4"})


def contacts_by_number(tenant: Tenant, numbers: Sequence[str]) -> OrganisationRequest:
    """Contacts that carry these account ids."""
    where = " OR ".join(f'ContactNumber=="{number}"' for number in numbers)
    return _found(tenant, "Contacts", {"where": where})


def contacts_by_id(tenant: Tenant, ids: Sequence[str]) -> OrganisationRequest:
    """Contacts by their ids, archived ones included."""
    return _found(tenant, "Contacts", {"IDs": ",".join(dict.fromkeys(ids))})


def write(tenant: Tenant, kind: str, method: str, body: bytes) -> OrganisationRequest:
    """A batch: PUT creates, POST updates by id. Elements succeed or fail one by one."""
    params = {"summarizeErrors": "false"} | ({"unitdp": "4"} if kind in _WITH_PRICES else {})
    return OrganisationRequest(method, f"{API}/{kind}", params, _JSON, body, tenant=tenant)


def keyed(request: RequestT, key: str) -> RequestT:
    """The same write under the key of its call, by which Xero knows it again."""
    return replace(request, headers={**request.headers, "Idempotency-Key": key})


def _get(
    tenant: Tenant,
    resource: str,
    params: Mapping[str, str] | None = None,
    since: datetime | None = None,
    lane: Lane = Lane.SWEEP,
) -> OrganisationRequest:
    path = f"{API}/{resource}"
    return OrganisationRequest("GET", path, params or {}, _since(since), lane=lane, tenant=tenant)


def _page(
    tenant: Tenant, resource: str, page: int, since: datetime | None, params: Mapping[str, str]
) -> OrganisationRequest:
    """A page of changes; without a point in time it is the first reading of everything."""
    paging = {"page": str(page), "pageSize": str(PAGE_SIZE)}
    return _get(tenant, resource, {**params, **paging}, since, Lane.SWEEP if since else Lane.BACKFILL)


def _found(tenant: Tenant, resource: str, params: Mapping[str, str]) -> OrganisationRequest:
    """Records looked up by what names them, archived ones included: at most a page, and never put off."""
    paging = {"page": "1", "pageSize": str(PAGE_SIZE), "includeArchived": "true"}
    return _get(tenant, resource, {**params, **paging}, lane=Lane.RECOVERY)


def _since(since: datetime | None) -> dict[str, str]:
    """A header, never a parameter, to the second (XERO 3.7)."""
    return {**_JSON, "If-Modified-Since": since.strftime("%Y-%m-%dT%H:%M:%S")} if since else dict(_JSON)
