"""Ids, digests, instants and bodies take fewer bytes and come back as they were."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from crossfoot.core.links import salesforce_id_18
from crossfoot.store.codec import instant
from crossfoot.store.packed import Instant, compress, decompress, pack, unpack
from crossfoot.store.words import COMMON

_PARTS = st.one_of(
    st.uuids().map(str),
    st.uuids().map(lambda each: str(each).upper()),
    st.binary(min_size=1, max_size=70).map(bytes.hex),
    st.text(max_size=10),
    st.text("0aA", min_size=15, max_size=15).map(salesforce_id_18),
    st.sampled_from(COMMON),
    st.datetimes(timezones=st.just(UTC)).map(instant),
    st.datetimes().map(lambda each: each.isoformat(timespec="milliseconds") + "+0000"),
    st.sampled_from(["2026-02-30T00:00:00.000+0000", "2026-01-01T24:00:00.000000+00:00", "006svG000000001ABC"]),
    st.sampled_from([":", "006svG000000001ABA", "a", "\x00", "\x01", "\x02", "-"]),
)
_TEXTS = st.lists(_PARTS, max_size=6).map("".join)


@given(_TEXTS)
def test_text_comes_back_as_it_was(text: str) -> None:
    assert unpack(pack(text)) == text


@given(st.lists(_TEXTS, min_size=2, max_size=8))
def test_what_differs_is_kept_differently(texts: list[str]) -> None:
    assert len({pack(text) for text in texts}) == len(set(texts))


def test_ids_and_digests_take_half_the_room() -> None:
    assert len(pack(str(uuid.UUID(int=7)))) == 17
    assert len(pack(f"{uuid.UUID(int=1)}:{uuid.UUID(int=2)}")) == 35
    assert len(pack("0f" * 32)) == 33
    assert len(pack("006svG000000001ABA")) == 13
    assert len(pack("write back Xero_Invoice_Line__c")) == 4
    assert len(pack("2026-11-22T08:19:32.000+0000")) == 9


def test_what_only_looks_like_an_id_or_an_instant_stays_text() -> None:
    for text in ("006svG000000001ABC", "2026-02-30T00:00:00.000+0000", "2026-01-01T24:00:00.000000+00:00"):
        assert pack(text) == text.encode()


def test_what_was_packed_before_reads_on() -> None:
    assert unpack(b"\x02\x20" + bytes(32)) == "0" * 64
    assert unpack(b"006svG000000001ABA") == "006svG000000001ABA"
    assert unpack(b"create Invoice") == "create Invoice"


@given(st.binary())
def test_a_body_comes_back_as_it_was(body: bytes) -> None:
    assert decompress(compress(body)) == body


@given(st.datetimes(timezones=st.just(UTC), min_value=datetime(1900, 1, 1)))  # noqa: DTZ001 - as hypothesis wants it
def test_an_instant_comes_back_to_the_microsecond(moment: datetime) -> None:
    kind, text = Instant(), instant(moment)
    assert kind.process_result_value(kind.process_bind_param(text, None), None) == text
