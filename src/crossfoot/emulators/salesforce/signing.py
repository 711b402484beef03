"""The org's RSA key, its signed tokens, and the keys that apps have registered (SF 1.3)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import jwt
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from jwt.algorithms import RSAAlgorithm

EXPONENT = 65_537
PRIME_BITS = 1_024
WITNESSES = 8
_SMALL_PRIMES = tuple(n for n in range(3, 2_000, 2) if all(n % d for d in range(3, int(n**0.5) + 1, 2)))


@lru_cache(maxsize=8)
def key_of(seed: int) -> rsa.RSAPrivateKey:
    """The signing key of an org. It follows from the seed, so that it needs no place in the state and replays alike;
    like all of an emulator's secrets it protects nothing."""
    primes = _primes(seed)
    p, q = next(primes), next(primes)
    private = pow(EXPONENT, -1, (p - 1) * (q - 1))
    numbers = rsa.RSAPrivateNumbers(
        p, q, private, private % (p - 1), private % (q - 1), pow(q, -1, p), rsa.RSAPublicNumbers(EXPONENT, p * q)
    )
    return numbers.private_key(unsafe_skip_rsa_key_validation=True)


def _primes(seed: int) -> Iterator[int]:
    """Primes of the seed's stream, with their two highest bits set, that the exponent does not divide less one."""
    number = 0
    while True:
        drawn = hashlib.shake_256(f"signing key {seed} {number}".encode()).digest(PRIME_BITS // 8)
        number += 1
        found = int.from_bytes(drawn) | 3 << (PRIME_BITS - 2) | 1
        while not _is_prime(found):
            found += 2
        if (found - 1) % EXPONENT:
            yield found


def _is_prime(number: int) -> bool:
    """Miller and Rabin's test. Its witnesses are fixed: nobody chooses the candidates."""
    if any(number % small == 0 for small in _SMALL_PRIMES):
        return False
    twos = ((number - 1) & -(number - 1)).bit_length() - 1
    odd = (number - 1) >> twos
    for witness in (2, *_SMALL_PRIMES[: WITNESSES - 1]):
        power = pow(witness, odd, number)
        if power in (1, number - 1):
            continue
        if not any((power := power * power % number) == number - 1 for _ in range(twos - 1)):
            return False
    return True


def key_id(seed: int) -> str:
    return hashlib.sha256(f"key {seed}".encode()).hexdigest()[:16]


def key_set(seed: int) -> dict[str, Any]:
    """The public key as a JSON Web Key Set."""
    public = RSAAlgorithm.to_jwk(key_of(seed).public_key(), as_dict=True)
    return {"keys": [{**public, "kid": key_id(seed), "use": "sig", "alg": "RS256"}]}


def sign(seed: int, claims: Mapping[str, Any]) -> str:
    """A token that ``key_set`` vouches for."""
    return jwt.encode(dict(claims), key_of(seed), algorithm="RS256", headers={"kid": key_id(seed)})


def public_key_of(pem: str) -> rsa.RSAPublicKey:
    """The RSA key of a certificate, or of a bare public key; ValueError for anything else."""
    encoded = pem.encode()
    is_certificate = b"BEGIN CERTIFICATE" in encoded
    key = x509.load_pem_x509_certificate(encoded).public_key() if is_certificate else load_pem_public_key(encoded)
    if not isinstance(key, rsa.RSAPublicKey):
        raise ValueError("the certificate holds no RSA key")
    return key


def claims_of(assertion: str, pem: str) -> dict[str, Any] | None:
    """The claims of a token signed with RS256 by the holder of ``pem``; None when it is not. Who, for whom and until
    when is for the caller to judge: clients write ``exp`` as text and in milliseconds."""
    unjudged: Any = dict.fromkeys(
        (f"verify_{name}" for name in ("exp", "aud", "iss", "iat", "nbf", "sub", "jti")), False
    )
    try:
        claims: dict[str, Any] = jwt.decode(assertion, public_key_of(pem), algorithms=["RS256"], options=unjudged)
    except jwt.PyJWTError:
        return None
    return claims
