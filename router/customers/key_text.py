"""Keys: made from 256 random bits, shown once, stored only as a keyed hash."""

import secrets
from hashlib import sha256
from typing import Final

PREFIX: Final = "tk-"
_DOMAIN: Final = b"turnout api key, format 1"
_LENGTH: Final = len(PREFIX) + 43
_START: Final = PREFIX.encode()
# HMAC (RFC 2104), its two keyed beginnings computed once: two thirds of the work for short texts.
_BLOCK: Final = _DOMAIN.ljust(64, b"\0")
_INNER: Final = sha256(bytes(byte ^ 0x36 for byte in _BLOCK))
_OUTER: Final = sha256(bytes(byte ^ 0x5C for byte in _BLOCK))


def new_key() -> str:
    """Return a fresh key: 256 bits from the operating system."""
    return PREFIX + secrets.token_urlsafe(32)


def new_key_id() -> str:
    """Return the public name of a key, safe in logs and lists."""
    return "key_" + secrets.token_hex(8)


def hash_key(key: str) -> bytes:
    """Return what is stored of a key.

    A key holds 256 random bits, so a fast hash is enough: there is nothing to guess. The constant
    separates these hashes from any other use of SHA-256.
    """
    return hash_bytes(key.encode("utf-8", "surrogateescape"))


def hash_bytes(key: bytes) -> bytes:
    """Return `hash_key` of a key as it came in a header."""
    inner, outer = _INNER.copy(), _OUTER.copy()
    inner.update(key)
    outer.update(inner.digest())
    return outer.digest()


def is_well_formed(key: bytes) -> bool:
    """Say whether `key` looks like one of ours, so that nonsense costs no look-up."""
    return len(key) == _LENGTH and key.startswith(_START)
