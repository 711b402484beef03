"""Tagged JSON and the state folder: nothing that was recorded is lost, nothing is replayed twice."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossfoot.emulators.snapshot import Entry, Snapshot, StateError, StateFolder, decode, encode
from crossfoot.emulators.wire import Request

NOW = datetime(2026, 11, 20, 1, 30, tzinfo=UTC)
SNAPSHOT = Snapshot(1, 60, "demo", "2026-10-01", {"xero": {"amount": Decimal("10.00")}, "salesforce": {}})

plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=5)
    | st.binary(max_size=5)
    | st.decimals(allow_nan=False, allow_infinity=False)
    | st.dates()
    | st.datetimes(timezones=st.just(UTC)),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(st.sampled_from(["a", "$date", "$x"]) | st.integers() | st.tuples(st.text(max_size=2)), inner)
    ),
    max_leaves=8,
)


@given(plain, st.integers(0, 3))
def test_plain_values_are_read_back_however_they_are_cut(value: Any, depth: int) -> None:
    assert decode(b"".join(encode(value, depth))) == value


def test_an_amount_in_a_float_is_refused() -> None:
    with pytest.raises(TypeError, match="float"):
        list(encode({"amount": 1.5}))


def _entry(path: str) -> Entry:
    return Entry("xero", NOW, 60, Request("PUT", path, "a=1", {"x": "y"}, b"\x00body"))


def test_a_snapshot_and_its_log_are_read_back(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path / "state")
    folder.write_snapshot(SNAPSHOT)
    folder.append(_entry("/one"))
    folder.append(Entry("clock", NOW, 3600, None))
    assert StateFolder(tmp_path / "state").read_snapshot() == SNAPSHOT
    assert list(StateFolder(tmp_path / "state").entries(1)) == [_entry("/one"), Entry("clock", NOW, 3600, None)]
    folder.close()


def test_a_line_broken_off_by_a_kill_is_left_out(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path)
    folder.write_snapshot(SNAPSHOT)
    folder.append(_entry("/one"))
    folder.append(_entry("/two"))
    folder.close()
    log = tmp_path / "log-1.jsonl"
    log.write_bytes(log.read_bytes()[:-20])
    assert list(folder.entries(1)) == [_entry("/one")]


def test_damage_in_the_middle_of_the_log_is_refused(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path)
    folder.write_snapshot(SNAPSHOT)
    folder.close()
    (tmp_path / "log-1.jsonl").write_bytes(b"{}\n")
    with pytest.raises(StateError, match="line 1"):
        list(folder.entries(1))


def test_a_new_snapshot_begins_an_empty_log(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path)
    folder.write_snapshot(SNAPSHOT)
    folder.append(_entry("/one"))
    folder.write_snapshot(Snapshot(2, 60, "demo", None, {}))
    folder.close()
    assert list(folder.entries(2)) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["log-2.jsonl", "snapshot.json"]


@pytest.mark.parametrize(
    ("content", "message"),
    [('{"version": 99}', "version 99"), ("not json", "not a snapshot"), ("[]", "not a snapshot")],
)
def test_a_folder_that_cannot_be_understood_is_refused(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "snapshot.json").write_text(content)
    with pytest.raises(StateError, match=message):
        StateFolder(tmp_path).read_snapshot()


def test_state_is_private_to_its_owner(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path / "state")
    folder.write_snapshot(SNAPSHOT)
    folder.close()
    assert {path.stat().st_mode & 0o077 for path in (tmp_path / "state").iterdir()} == {0}
    assert date.fromisoformat(SNAPSHOT.start_date or "") == date(2026, 10, 1)
