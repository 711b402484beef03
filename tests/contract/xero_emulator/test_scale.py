"""What a request looks at in an organisation of 2,000 invoices: counts of records, not times (XERO 3.7, 3.8)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import pytest

from crossfoot.emulators.xero import World, new_world

from .conftest import Client

INVOICES, CUSTOMERS = 2000, 100


class Watched(dict[str, Any]):
    """A stored record that notes that one of its members was read."""

    read: ClassVar[set[str]] = set()

    def __getitem__(self, name: str) -> Any:
        self.read.add(dict.__getitem__(self, "InvoiceID"))
        return dict.__getitem__(self, name)

    def get(self, name: str, default: Any = None) -> Any:
        self.read.add(dict.__getitem__(self, "InvoiceID"))
        return dict.get(self, name, default)


@dataclass
class Books:
    """An organisation with many invoices, each read of which is noticed."""

    xero: Client
    customers: list[str]
    ids: list[str]

    def reads(self, method: str, path: str, body: Any = None, **query: Any) -> int:
        """How many invoices a request that must succeed looks at."""
        Watched.read = set()
        assert self.xero.send(method, path, body, query).status == 200
        return len(Watched.read)


def _batches(xero: Client, plural: str, sent: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for start in range(0, len(sent), 50):
        yield from xero.rows("PUT", f"/{plural}", {plural: sent[start : start + 50]}, summarizeErrors="false")


@pytest.fixture(scope="module")
def loaded(signing_key_pem: str) -> Books:
    xero = Client(new_world(settings={"minute_limit": 1000}, signing_key_pem=signing_key_pem))
    contacts = [{"Name": f"Customer {number}"} for number in range(CUSTOMERS)]
    customers = [row["ContactID"] for row in _batches(xero, "Contacts", contacts)]
    drafts = [
        xero.draft(100, 50, InvoiceNumber=f"S-{n}", Contact={"ContactID": customers[n % CUSTOMERS]})
        for n in range(INVOICES)
    ]
    return Books(xero, customers, [row["InvoiceID"] for row in _batches(xero, "Invoices", drafts)])


@pytest.fixture
def books(loaded: Books) -> Books:
    """A world of its own for each test."""
    xero = Client(World(loaded.xero.world.dump()))
    table = xero.world.organisations[xero.tenant].tables["Invoices"]
    table |= {record_id: Watched(record) for record_id, record in table.items()}
    return replace(loaded, xero=xero)


def test_a_write_looks_at_the_records_it_is_about(books: Books) -> None:
    draft = books.xero.draft(100, Contact={"ContactID": books.customers[0]})
    assert books.reads("PUT", "/Invoices", draft) == 0
    assert books.reads("POST", f"/Invoices/{books.ids[3]}", {"Status": "AUTHORISED"}) == 1


def test_a_list_is_not_put_in_order_again_for_each_write(books: Books) -> None:
    page = {"page": 1, "pageSize": 10}
    assert books.reads("GET", "/Invoices", **page) == INVOICES
    books.xero.wait(minutes=1)
    books.xero.one("POST", f"/Invoices/{books.ids[0]}", {"Reference": "moved"})
    assert books.reads("GET", "/Invoices", **page) <= 10 + 1
    last = books.xero.rows("GET", "/Invoices", page=INVOICES // 10, pageSize=10)[-1]
    assert (last["InvoiceID"], last["Reference"]) == (books.ids[0], "moved")


@pytest.mark.parametrize(
    ("query", "most"),
    [("IDs", 2), ("InvoiceNumbers", 2), ("ContactIDs", 2 * INVOICES // CUSTOMERS)],
)
def test_a_query_list_is_answered_by_ids_and_indexes(books: Books, query: str, most: int) -> None:
    values = {"IDs": books.ids, "InvoiceNumbers": ["S-0", "s-1"], "ContactIDs": books.customers}[query]
    assert books.reads("GET", "/Invoices", **{query: ",".join(values[:2])}) == most
    assert len(books.xero.rows("GET", "/Invoices", **{query: ",".join(values[:2])})) == most


def test_a_single_invoice_is_found_by_id_or_number(books: Books) -> None:
    assert books.reads("GET", f"/Invoices/{books.ids[7]}") == 1
    assert books.reads("GET", "/Invoices/S-7") == 1
