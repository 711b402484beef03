"""An integration built on the official Python SDK, in the few words in which the tests use it."""

from __future__ import annotations

import itertools
import warnings
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from crossfoot.emulators.host import Host

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the SDK's own imports warn on newer Pythons
    from xero_python import exceptions
    from xero_python.accounting import AccountingApi, models
    from xero_python.api_client import ApiClient
    from xero_python.api_client.configuration import Configuration
    from xero_python.api_client.oauth2 import OAuth2Token, TokenApi
    from xero_python.identity import IdentityApi

__all__ = ["DAY", "App", "TokenApi", "draft", "exceptions", "line", "models", "payment", "unique"]

DAY = date(2026, 11, 20)
_serial = itertools.count(1)


class App:
    """An integration as the SDK's own guide writes one: the client, and one place that keeps the token."""

    def __init__(self, host: Host) -> None:
        env = host.env()
        self.url, self.tenant = env["XERO_API_BASE"], env["XERO_TENANT_ID"]
        self.token: dict[str, Any] = {
            "access_token": env["XERO_ACCESS_TOKEN"],
            "refresh_token": env["XERO_REFRESH_TOKEN"],
            "scope": ["accounting.transactions", "accounting.contacts", "accounting.settings", "offline_access"],
            "expires_in": 1800,
            "token_type": "Bearer",
        }
        keys = OAuth2Token(client_id=env["XERO_CLIENT_ID"], client_secret=env["XERO_CLIENT_SECRET"])
        self.client = ApiClient(
            Configuration(oauth2_token=keys), oauth2_token_getter=lambda: self.token, oauth2_token_saver=self._keep
        )
        self.identity = IdentityApi(self.client, base_url=self.url)
        self._accounting = AccountingApi(self.client, base_url=f"{self.url}/api.xro/2.0")

    def _keep(self, token: dict[str, Any]) -> None:
        self.token = token

    def call(self, method: str, *arguments: Any, **named: Any) -> Any:
        """One call of the accounting API in this app's organisation."""
        return getattr(self._accounting, method)(self.tenant, *arguments, **named)

    def contact(self) -> Any:
        """A customer with a name that no other test uses."""
        wanted = models.Contact(name=unique("Customer"))
        return self.call("create_contacts", models.Contacts(contacts=[wanted])).contacts[0]

    def invoice(self, contact: Any, **members: Any) -> Any:
        """An approved sales invoice of 100.00 plus GST."""
        made = self.call("create_invoices", models.Invoices(invoices=[draft(contact, status="AUTHORISED", **members)]))
        return made.invoices[0]


def unique(word: str) -> str:
    return f"{word} {next(_serial)}"


def line(price: str) -> Any:
    return models.LineItem(
        description="Advice", quantity=Decimal(1), unit_amount=Decimal(price), account_code="200", tax_type="OUTPUT"
    )


def draft(contact: Any, price: str = "100.00", **members: Any) -> Any:
    return models.Invoice(
        **{
            "type": "ACCREC",
            "contact": models.Contact(contact_id=contact.contact_id),
            "date": DAY,
            "due_date": DAY + timedelta(days=14),
            "line_items": [line(price)],
            **members,
        }
    )


def payment(invoice: Any, amount: str) -> Any:
    return models.Payment(
        invoice=models.Invoice(invoice_id=invoice.invoice_id),
        account=models.Account(code="090"),
        date=DAY,
        amount=Decimal(amount),
    )
