"""Ids, digests, instants and bodies take fewer bytes and come back as they were."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from crossfoot.store.codec import instant
from crossfoot.store.packed import Instant, compress, decompress, pack, unpack

_PARTS = st.one_of(
    st.uuids().map(str),
    st.uuids().map(lambda each: str(each).upper()),
    st.binary(min_size=1, max_size=70).map(bytes.hex),
    st.text(max_size=10),
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
    assert len(pack("0f" * 32)) == 34


@given(st.binary())
def test_a_body_comes_back_as_it_was(body: bytes) -> None:
    assert decompress(compress(body)) == body


@given(st.datetimes(timezones=st.just(UTC), min_value=datetime(1900, 1, 1)))  # noqa: DTZ001 - as hypothesis wants it
def test_an_instant_comes_back_to_the_microsecond(moment: datetime) -> None:
    kind, text = Instant(), instant(moment)
    assert kind.process_result_value(kind.process_bind_param(text, None), None) == text
