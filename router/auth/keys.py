"""Keys: made from 256 random bits, shown once, stored only as a keyed hash."""

import hmac
import secrets
from hashlib import sha256
from typing import Final

PREFIX: Final = "tk-"
_DOMAIN: Final = b"turnout api key, format 1"
_LENGTH: Final = len(PREFIX) + 43


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
    return hmac.digest(_DOMAIN, key.encode("utf-8", "surrogateescape"), sha256)


def is_well_formed(key: str) -> bool:
    """Say whether `key` looks like one of ours, so that nonsense costs no look-up."""
    return len(key) == _LENGTH and key.startswith(PREFIX) and key.isascii()
