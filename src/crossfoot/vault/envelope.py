"""Sealing: what is secret is stored as an envelope that opens only with the key, for the row it was sealed for.

::

    version   1 byte   0xC1, a byte that occurs in no UTF-8 text: what was never sealed cannot pass for sealed
    key id    8 bytes  which master key
    nonce    12 bytes  of the wrapped data key
    wrapped  48 bytes  a random data key of this value alone, AES-256-GCM under the master key
    nonce    12 bytes  of the value
    value     n + 16   AES-256-GCM under the data key

Both layers authenticate the header and the associated data (connection and kind), so that a value moved to another row
does not open. There is no way to read a value that is not sealed.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NoReturn

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from crossfoot.core.errors import NeedsPerson

VERSION = b"\xc1"
KEY_ID_BYTES = 8
KEY_BYTES = 32
NONCE_BYTES = 12
TAG_BYTES = 16

_HEADER_END = len(VERSION) + KEY_ID_BYTES
_WRAP_END = _HEADER_END + NONCE_BYTES + KEY_BYTES + TAG_BYTES
_LENGTH_MIN = _WRAP_END + NONCE_BYTES + TAG_BYTES

RandomBytes = Callable[[int], bytes]


class CannotOpen(NeedsPerson):
    """A stored secret does not open: another key, another row, damage, or it was never sealed. Connecting helps."""


@dataclass(frozen=True, slots=True)
class VaultKey:
    """A master key and its public id (16 hexadecimal digits). The secret part is never shown."""

    id: str
    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if not re.fullmatch(f"[0-9a-f]{{{2 * KEY_ID_BYTES}}}", self.id) or len(self.secret) != KEY_BYTES:
            raise ValueError(f"a vault key has an id of {2 * KEY_ID_BYTES} hex digits and {KEY_BYTES} secret bytes")

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError("a VaultKey is neither pickled nor copied; it lives in its key file")


def associated_data(connection_id: str, kind: str) -> bytes:
    """What binds a sealed value to its row: the connection, and which of its secrets it is."""
    return b"".join(len(part).to_bytes(4) + part for part in (connection_id.encode(), kind.encode()))


def seal(
    plaintext: bytes, *, key: VaultKey, associated: bytes, random_bytes: RandomBytes = secrets.token_bytes
) -> bytes:
    """Seal ``plaintext`` under ``key`` for the row that ``associated`` names; every call gives other bytes."""
    header = VERSION + bytes.fromhex(key.id)
    bound = header + associated
    wrap_nonce, nonce = random_bytes(NONCE_BYTES), random_bytes(NONCE_BYTES)
    data_key = random_bytes(KEY_BYTES)
    wrapped = AESGCM(key.secret).encrypt(wrap_nonce, data_key, bound)
    return header + wrap_nonce + wrapped + nonce + AESGCM(data_key).encrypt(nonce, plaintext, bound)


def open_sealed(sealed: bytes, *, key: VaultKey, associated: bytes) -> bytes:
    """Give back what `seal` was given, or raise `CannotOpen`; nothing of the value is in the error."""
    if sealed[:1] != VERSION or len(sealed) < _LENGTH_MIN:
        raise CannotOpen("A stored secret is not sealed, or is damaged. It is not used; run `crossfoot connect` again.")
    header = sealed[:_HEADER_END]
    sealed_with = header[len(VERSION) :].hex()
    if sealed_with != key.id:
        raise CannotOpen(
            f"A stored secret was sealed with key {sealed_with}, but the key file holds key {key.id}. "
            "Restore the former key file, or run `crossfoot connect` again."
        )
    bound = header + associated
    wrap_nonce, wrapped = sealed[_HEADER_END : _HEADER_END + NONCE_BYTES], sealed[_HEADER_END + NONCE_BYTES : _WRAP_END]
    nonce, value = sealed[_WRAP_END : _WRAP_END + NONCE_BYTES], sealed[_WRAP_END + NONCE_BYTES :]
    try:
        # The data key is never bound to a name: a traceback that shows local variables must not show it.
        return AESGCM(AESGCM(key.secret).decrypt(wrap_nonce, wrapped, bound)).decrypt(nonce, value, bound)
    except InvalidTag:
        raise CannotOpen(
            f"A stored secret does not open with key {key.id}: it was changed, or belongs to another row. "
            "It is not used; restore the database from a backup, or run `crossfoot connect` again."
        ) from None


def sealed_key_id(sealed: bytes) -> str:
    """Id of the key that a value was sealed with, for counting what still needs an old key."""
    if sealed[:1] != VERSION or len(sealed) < _LENGTH_MIN:
        raise CannotOpen("A stored secret is not sealed, or is damaged. It is not used; run `crossfoot connect` again.")
    return sealed[len(VERSION) : _HEADER_END].hex()
