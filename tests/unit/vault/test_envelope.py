"""Sealed values open with their key, for their row, and in no other way."""

from __future__ import annotations

import copy
import pickle
import traceback

import pytest

from crossfoot.core.errors import NeedsPerson
from crossfoot.vault import CannotOpen, VaultKey, associated_data, open_sealed, seal, sealed_key_id

KEY = VaultKey(id="00112233445566ff", secret=bytes(range(32)))
OTHER_KEY = VaultKey(id="ffeeddccbbaa9988", secret=bytes(range(1, 33)))
ROW = associated_data("xero:acme-au", "refresh_token")
TOKEN = b"canary-7f3a-refresh-token"


@pytest.mark.promise("S1-75")
@pytest.mark.parametrize("plaintext", [TOKEN, b"", b"\xc1" * 200], ids=["token", "empty", "version bytes"])
def test_what_was_sealed_comes_back_and_is_not_in_the_envelope(plaintext: bytes) -> None:
    sealed = seal(plaintext, key=KEY, associated=ROW)
    assert open_sealed(sealed, key=KEY, associated=ROW) == plaintext
    assert TOKEN not in sealed
    assert KEY.secret not in sealed
    assert sealed_key_id(sealed) == KEY.id


def test_every_sealing_has_its_own_data_key_and_nonces() -> None:
    sealed = [seal(TOKEN, key=KEY, associated=ROW) for _ in range(20)]
    assert len({each[9:21] for each in sealed}) == 20
    assert len({each[21:69] for each in sealed}) == 20
    assert len({each[69:81] for each in sealed}) == 20


def test_randomness_can_be_passed_in() -> None:
    def counted(count: int) -> bytes:
        return bytes(range(count))

    sealed = [seal(TOKEN, key=KEY, associated=ROW, random_bytes=counted) for _ in range(2)]
    assert sealed[0] == sealed[1]


def test_every_changed_byte_is_noticed() -> None:
    sealed = seal(TOKEN, key=KEY, associated=ROW)
    for position in range(len(sealed)):
        changed = bytearray(sealed)
        changed[position] ^= 1
        with pytest.raises(CannotOpen):
            open_sealed(bytes(changed), key=KEY, associated=ROW)


def test_every_truncation_and_extension_is_noticed() -> None:
    sealed = seal(TOKEN, key=KEY, associated=ROW)
    for length in range(len(sealed)):
        with pytest.raises(CannotOpen):
            open_sealed(sealed[:length], key=KEY, associated=ROW)
    with pytest.raises(CannotOpen):
        open_sealed(sealed + b"\0", key=KEY, associated=ROW)


@pytest.mark.parametrize(
    "row",
    [
        associated_data("xero:acme-nz", "refresh_token"),
        associated_data("xero:acme-au", "access_token"),
        associated_data("xero:acme-aurefresh_", "token"),
        b"",
    ],
)
def test_a_value_moved_to_another_row_does_not_open(row: bytes) -> None:
    sealed = seal(TOKEN, key=KEY, associated=ROW)
    with pytest.raises(CannotOpen, match="another row"):
        open_sealed(sealed, key=KEY, associated=row)


def test_parts_of_two_envelopes_do_not_combine() -> None:
    first, second = (seal(text, key=KEY, associated=ROW) for text in (b"first-token", b"other-token"))
    with pytest.raises(CannotOpen):
        open_sealed(first[:69] + second[69:], key=KEY, associated=ROW)


def test_another_key_is_named_and_an_impostor_of_the_same_id_fails() -> None:
    sealed = seal(TOKEN, key=KEY, associated=ROW)
    with pytest.raises(CannotOpen, match=f"sealed with key {KEY.id}.*holds key {OTHER_KEY.id}"):
        open_sealed(sealed, key=OTHER_KEY, associated=ROW)
    with pytest.raises(CannotOpen, match="does not open"):
        open_sealed(sealed, key=VaultKey(id=KEY.id, secret=OTHER_KEY.secret), associated=ROW)


@pytest.mark.promise("S1-75")
@pytest.mark.parametrize("stored", [b"", TOKEN * 10, "tökén".encode() * 40, b"\x01" * 200, b"\xc1"])
def test_what_was_never_sealed_is_refused(stored: bytes) -> None:
    with pytest.raises(CannotOpen, match="not sealed"):
        open_sealed(stored, key=KEY, associated=ROW)
    with pytest.raises(CannotOpen, match="not sealed"):
        sealed_key_id(stored)


def test_a_key_shows_its_id_alone() -> None:
    assert repr(KEY) == "VaultKey(id='00112233445566ff')"
    for leak in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="neither pickled nor copied"):
            leak(KEY)


@pytest.mark.parametrize(
    ("key_id", "length"), [("00", 32), ("00112233445566FF", 32), ("0011 2233445566ff", 32), ("0" * 16, 31)]
)
def test_a_malformed_key_is_refused(key_id: str, length: int) -> None:
    with pytest.raises(ValueError, match="a vault key has"):
        VaultKey(id=key_id, secret=b"s" * length)


def test_a_traceback_with_local_variables_shows_no_secret() -> None:
    sealed = seal(TOKEN, key=KEY, associated=ROW)
    try:
        open_sealed(sealed[:-1] + bytes([sealed[-1] ^ 1]), key=KEY, associated=ROW)
    except NeedsPerson as error:
        shown = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    assert "key = VaultKey" in shown
    assert TOKEN.decode() not in shown
    assert repr(KEY.secret) not in shown
    assert KEY.secret.hex() not in shown
