"""Paging while others write: by id nothing that was there is skipped, by the default order it may be (XERO 3.8)."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.contract.xero_emulator.conftest import Client
from tests.property.xero_client import open_client

ORDERS = ("InvoiceID", "InvoiceID DESC", "invoiceid asc")


def with_invoices(count: int) -> tuple[Client, list[str]]:
    xero = open_client()
    xero.contact()
    made = []
    for _ in range(count):
        made.append(str(xero.invoice(10, Status="AUTHORISED")["InvoiceID"]))
        xero.wait(seconds=1)
    return xero, made


@cache
def eleven() -> tuple[Client, list[str]]:
    """Invoices that are only read."""
    return with_invoices(11)


def change(xero: Client, chance: Random) -> None:
    """What others do between two pages."""
    rows = xero.rows("GET", "/Invoices", where='Status=="AUTHORISED"')
    act = chance.choice(("insert", "edit", "void", "pay"))
    xero.wait(seconds=1)
    if act == "insert" or not rows:
        xero.invoice(10, Status="AUTHORISED")
        return
    row = chance.choice(rows)
    if act == "pay":
        xero.pay(row, 1)
    else:
        sent = {"Status": "VOIDED"} if act == "void" else {"Reference": f"r{chance.random()}"}
        xero.send("POST", f"/Invoices/{row['InvoiceID']}", sent)  # one with money on it stays


def pages(xero: Client, size: int, between: Callable[[], None], **query: Any) -> list[list[str]]:
    """Every page until an empty one, with something happening after each."""
    found: list[list[str]] = []
    while not found or found[-1]:
        rows = xero.rows("GET", "/Invoices", page=len(found) + 1, pageSize=size, **query)
        found.append([row["InvoiceID"] for row in rows])
        between()
    return found


@settings(max_examples=25)
@given(st.integers(0, 9), st.integers(1, 5), st.sampled_from(ORDERS), st.randoms(use_true_random=False))
def test_ordered_by_id_no_row_that_was_there_is_skipped(count: int, size: int, order: str, chance: Random) -> None:
    """Rows that others insert before the reader's place may show a row twice, never lose one, once moved rows stop."""
    xero, there = with_invoices(count)
    changes_left = iter(range(6))

    def between() -> None:
        if next(changes_left, None) is not None:
            change(xero, chance)

    found = pages(xero, size, between, order=order)
    assert set(there) <= {row for page in found for row in page}


def test_in_the_default_order_a_row_that_moves_to_the_end_lets_another_slip_by() -> None:
    """The hazard is real: whoever pages by it must overlap, or ask for page 1 again from the last stamp."""
    xero, (a, b, c, d) = with_invoices(4)

    def touch_first() -> None:
        if xero.rows("GET", f"/Invoices/{a}")[0].get("Reference") is None:
            xero.one("POST", f"/Invoices/{a}", {"Reference": "moved"})

    assert pages(xero, 2, touch_first) == [[a, b], [d, a], []]
    assert pages(xero, 2, touch_first, order="InvoiceID") == [*(sorted((a, b, c, d))[i : i + 2] for i in (0, 2)), []]


@settings(max_examples=60)
@given(st.integers(-3, 12), st.integers(-3, 1100))
def test_page_and_size_are_clamped_and_the_members_of_pagination_are_right(page: int, size: int) -> None:
    xero, there = eleven()
    answer = xero.json("GET", "/Invoices", query={"page": page, "pageSize": size, "order": "InvoiceID"})
    page_used, size_used = max(1, page), min(1000, max(1, size))
    pages_there = -(-len(there) // size_used)
    assert answer["pagination"] == {
        "page": page_used,
        "pageSize": size_used,
        "pageCount": pages_there,
        "itemCount": len(there),
    }
    start = (page_used - 1) * size_used
    assert [row["InvoiceID"] for row in answer["Invoices"]] == sorted(there)[start : start + size_used]


@pytest.mark.parametrize("path", ["/Invoices", "/Contacts", "/CreditNotes", "/BankTransactions", "/Payments"])
def test_each_paged_list_says_so_and_is_whole_without_a_page(path: str) -> None:
    xero, _ = eleven()
    whole = xero.json("GET", path)
    assert "pagination" not in whole
    assert xero.json("GET", path, query={"page": 1})["pagination"]["itemCount"] == len(whole[path[1:]])
