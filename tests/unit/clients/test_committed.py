"""What becomes of a committed call: an answer for each operation, a definite nothing, or unknown. Each is kept."""

from __future__ import annotations

import json
from typing import Any

import httpx2
import pytest

from crossfoot.core.errors import CrossfootError
from crossfoot.core.links import Identity, Kind
from crossfoot.core.records import Side
from crossfoot.engine.calls.remote import NotApplied
from crossfoot.engine.committed import Call, Sent, of_each
from crossfoot.store import operations as ops
from crossfoot.store.database import Database
from crossfoot.store.workspace import keep_home
from crossfoot.xero.requests import OrganisationRequest

from .wire import COMMITTED, HOMES, NOW, TENANT, Reply, connect, reply, tokens

ORG, HOME = HOMES[Side.SALESFORCE], HOMES[Side.XERO]
REQUEST = OrganisationRequest("PUT", "/Invoices", body=b'{"Invoices":[{},{}]}', tenant=TENANT)
TWO = [
    ops.StoredOperation(number, "run", Identity(ORG, HOME, Kind.INVOICE, number), number, "create", b"{}", "", "won")
    for number in ("1", "2")
]
BOTH = reply(200, [{"id": 1}, {"id": 2}])
DAY = reply(429, Retry_After="74000", X_Rate_Limit_Problem="day", X_DayLimit_Remaining="0")
REFUSED = reply(400, {"Message": "The contact is archived"})


def send(database: Database, *replies: Reply) -> Sent[list[Any]]:
    """Send a committed call of two operations, and keep what became of it."""
    setting = connect(database, *replies)
    access = setting.remote.access()
    with database.writing() as connection:
        for home in (ORG, HOME):
            keep_home(connection, home)
        ops.reserve(connection, TWO, NOW)
        stored = ops.StoredCall(COMMITTED, HOME, "run", "PUT", REQUEST.path, REQUEST.body, "key", access.generation)
        ops.commit_call(connection, stored, ["1", "2"], NOW)
    sent = Call(COMMITTED, setting.remote, REQUEST, access).send(of_each(TWO, json.loads))
    with database.writing() as connection:
        sent.end(connection, NOW)
    return sent


@pytest.mark.parametrize(
    ("replies", "did_nothing", "stops", "refusal"),
    [
        ([BOTH], False, False, ""),
        ([REFUSED], True, False, "The contact is archived"),
        ([reply(401), tokens(2)], True, False, ""),
        ([DAY], True, True, ""),
        ([reply(403)], True, True, ""),
        ([reply(503)], False, False, ""),
        ([httpx2.ReadTimeout("silent")], False, False, ""),
        ([reply(200, [{"id": 1}])], False, False, ""),
    ],
    ids=["answer", "refusal", "old token", "day's limit", "no access", "outage", "silence", "one outcome of two"],
)
def test_only_what_is_not_known_leaves_its_operations_unknown(
    database: Database, replies: list[Reply], did_nothing: bool, stops: bool, refusal: str
) -> None:
    sent = send(database, *replies)

    assert (sent.did_nothing, sent.stops, sent.refusal) == (did_nothing, stops, refusal)
    is_unknown = sent.error is not None and not did_nothing
    with database.reading() as connection:
        states = {operation.state for operation in ops.load_operations(connection, HOME)}
        assert not ops.call_is_committed(connection, COMMITTED)
    assert states == {"unknown" if is_unknown else "sending"}


def test_the_answer_or_the_error_in_its_place_is_had_by_unwrapping(database: Database) -> None:
    assert send(database, BOTH).unwrap() == [{"id": 1}, {"id": 2}]


def test_what_went_wrong_is_raised_in_place_of_an_answer(database: Database) -> None:
    sent = send(database, httpx2.ReadTimeout("silent"))
    with pytest.raises((CrossfootError, NotApplied)) as raised:
        sent.unwrap()
    assert raised.value is sent.error
