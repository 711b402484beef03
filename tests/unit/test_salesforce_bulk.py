"""The client's bulk side: which way, which portions, what a file says, and what came of it, asked of the emulator."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossfoot.core.errors import Defect, RetryLater
from crossfoot.emulators.salesforce import World, handle, new_world
from crossfoot.emulators.wire import Request, Response
from crossfoot.salesforce import bulk
from crossfoot.salesforce import requests as sf
from crossfoot.salesforce.bulk import BulkJob, UpsertRow, Way

if TYPE_CHECKING:
    from crossfoot.http import HttpRequest

NOON = datetime(2026, 11, 20, 1, 30, tzinfo=UTC)
KIND, KEY = "Xero_Invoice__c", "Xero_Key__c"


class Wire:
    """Carries the client's requests to an emulated org, whose clock stands where it is put."""

    def __init__(self) -> None:
        self.world: World = new_world(seed=7)
        self.now = NOON

    def ask(self, request: HttpRequest) -> Response:
        token = self.world.credentials()["access_token"]
        headers = {name.lower(): value for name, value in request.headers.items()}
        sent = Request(
            request.method,
            request.path,
            urlencode(request.params),
            {**headers, "authorization": f"Bearer {token}"},
            request.body,
        )
        response, _ = handle(self.world, sent, self.now)
        assert response.status < 400, response.body
        return response

    def load(self, rows: list[UpsertRow]) -> BulkJob:
        """One job, from its creation to its end."""
        job = bulk.decode_job(self.ask(bulk.create_load(KIND, KEY)).body)
        self.ask(bulk.upload(job.id, bulk.encode_rows(KEY, rows)))
        self.ask(bulk.start(job.id))
        self.now += timedelta(minutes=5)
        return bulk.decode_job(self.ask(bulk.poll(job.id)).body)


def rows_of(count: int, parents: int = 0) -> list[UpsertRow]:
    return [UpsertRow(f"k{each}", {"Name": "x"}, f"p{each % parents}" if parents else "") for each in range(count)]


def test_the_way_depends_on_how_many_rows_there_are() -> None:
    assert bulk.choose_write(rows_of(2_000)).way is Way.COLLECTIONS
    choice = bulk.choose_write(rows_of(2_001))
    assert (choice.way, choice.reason) == (Way.BULK, "2001 rows: above 2000 the bulk API needs fewer calls")
    marked = bulk.choose_write([*rows_of(2_001), UpsertRow("na", {"Name": bulk.NULL})])
    assert (marked.way, marked.reason) == (
        Way.COLLECTIONS,
        "a value is the text #N/A, by which a bulk file clears a field",
    )


families = st.lists(st.tuples(st.sampled_from(["", "p1", "p2", "p3"]), st.text("ab\"'é", max_size=9)), max_size=40)


@given(families, st.integers(1, 12))
def test_portions_hold_every_row_once_and_keep_families_together(made: list[tuple[str, str]], rows_max: int) -> None:
    rows = [UpsertRow(f"k{number}", {"Name": name}, parent) for number, (parent, name) in enumerate(made)]
    portions = list(bulk.together(rows, rows_max=rows_max))
    assert sorted(row.key for portion in portions for row in portion) == sorted(row.key for row in rows)
    assert all(0 < len(portion) <= rows_max for portion in portions)
    for parent in ("p1", "p2", "p3"):
        holding = [at for at, portion in enumerate(portions) if any(row.parent == parent for row in portion)]
        family = sum(row.parent == parent for row in rows)
        assert family > rows_max or len(holding) <= 1
        assert holding == list(range(holding[0], holding[-1] + 1)) if holding else True


@given(families, st.integers(150, 400))
def test_no_file_is_larger_than_its_portion_may_be(made: list[tuple[str, str]], bytes_max: int) -> None:
    rows = [UpsertRow(f"k{number}", {"Name": name}, parent) for number, (parent, name) in enumerate(made)]
    header = len(bulk.encode_rows(KEY, rows[:1])) if rows else 0
    for portion in bulk.together(rows, bytes_max=bytes_max):
        assert len(bulk.encode_rows(KEY, portion)) <= bytes_max + header


def test_a_key_comes_once() -> None:
    with pytest.raises(Defect):
        list(bulk.together([UpsertRow("a", {}), UpsertRow("a", {"Name": "x"})]))


@pytest.mark.parametrize("key", ["", " ", bulk.NULL])
def test_a_row_needs_a_key(key: str) -> None:
    with pytest.raises(Defect):
        bulk.encode_rows(KEY, [UpsertRow(key, {"Name": "x"})])


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (None, "#N/A"),
        ("", "#N/A"),
        ("  ", "#N/A"),
        (True, "true"),
        (Decimal("1E+3"), "1000"),
        (Decimal("12.50"), "12.50"),
        (7, "7"),
        (date(2026, 11, 20), "2026-11-20"),
        (NOON, "2026-11-20T01:30:00Z"),
        ("a\0b", "ab"),
    ],
)
def test_values_become_cells(value: bulk.Value, cell: str) -> None:
    assert bulk.cell_of(value) == cell


def test_a_float_is_never_written() -> None:
    with pytest.raises(Defect):
        bulk.cell_of(1.5)  # type: ignore[arg-type]


def test_a_load_and_what_came_of_each_row() -> None:
    wire = Wire()
    first = UpsertRow("o:1", {"Name": 'a "b",\nc', "Total__c": Decimal("12.30"), "Status__c": "DRAFT"})
    refused = UpsertRow("o:2", {"Name": "x" * 200})
    job = wire.load([first, refused])
    assert (job.state, job.processed, job.failed, job.ended) == ("JobComplete", 2, 1, True)
    files = [wire.ask(each).body for each in bulk.results(job.id)]
    outcomes = bulk.decode_results(KEY, *files)
    assert (outcomes["o:1"].success, outcomes["o:1"].id[:2]) == (True, "a0")
    assert (outcomes["o:2"].success, outcomes["o:2"].code) == (False, "STRING_TOO_LONG")
    assert outcomes["o:2"].message.endswith("(max length=80)")
    wire.load([UpsertRow("o:1", {"Status__c": None}), UpsertRow("o:3", {"Total__c": Decimal(5)})])
    asked = sf.query(f"SELECT {KEY}, Name, Total__c, Status__c FROM {KIND} ORDER BY {KEY}")
    found = sf.decode_query(wire.ask(asked).body).rows
    assert [(row[KEY], row["Total__c"], row["Status__c"]) for row in found] == [
        ("o:1", Decimal("12.3"), None),
        ("o:3", 5, None),
    ]
    assert found[0]["Name"] == 'a "b",\nc'


def test_rows_of_a_job_that_was_stopped_are_told_apart() -> None:
    wire = Wire()
    job = bulk.decode_job(wire.ask(bulk.create_load(KIND, KEY)).body)
    wire.ask(bulk.upload(job.id, bulk.encode_rows(KEY, rows_of(2))))
    assert bulk.decode_job(wire.ask(bulk.abort(job.id)).body).state == "Aborted"
    outcomes = bulk.decode_results(KEY, *(wire.ask(each).body for each in bulk.results(job.id)))
    assert {key: each.code for key, each in outcomes.items()} == {"k0": "UNPROCESSED", "k1": "UNPROCESSED"}


SUCCEEDED = f'"sf__Id","{KEY}"\n"1","a"\n"2","b"\n'.encode()


def test_answers_that_are_cut_off_are_asked_for_again() -> None:
    assert bulk.decode_results(KEY, SUCCEEDED, b"", b"").keys() == {"a", "b"}
    for body in (SUCCEEDED[:-5], SUCCEEDED[:-3], b"\xff", b'"Id"\n"1"\n'):
        with pytest.raises(RetryLater):
            bulk.decode_results(KEY, body, b"", b"")


def test_nul_is_left_out_and_line_breaks_stay() -> None:
    assert bulk.decode_results(KEY, SUCCEEDED.replace(b"b", b"b\0\r\nc"), b"", b"").keys() == {"a", "b\r\nc"}


def test_polls_grow_rarer() -> None:
    assert [bulk.poll_wait_s(each) for each in (0, 1, 4, 5, 500)] == [2.0, 4.0, 32.0, 60.0, 60.0]


def test_only_names_and_ids_reach_a_path() -> None:
    with pytest.raises(Defect):
        bulk.poll("750/../x")
    with pytest.raises(Defect):
        bulk.create_load("Account", "a b")
