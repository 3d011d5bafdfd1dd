"""Sealing what is stored: AES-256-GCM under the first of the operator's keys; each of them opens.

A sealed text is one byte of version, four that name its key, a nonce of twelve, and the rest. It
opens only where it was sealed for: whoever can write to the database cannot hand one customer's
text to another.
"""

import base64
import binascii
import hashlib
import os
from collections.abc import Sequence
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES: Final = 32
_VERSION: Final = b"\x01"
_NAME: Final = 4
_NONCE: Final = 12
_HEAD: Final = len(_VERSION) + _NAME


class Unreadable(Exception):
    """It was sealed by a key that is not given, for another place, or it was changed since."""


def key_of(text: str) -> bytes:
    """The bytes of a key as it is written: base64 of 32 bytes. Raises ValueError."""
    try:
        key = base64.b64decode(text, validate=True)
    except binascii.Error:
        raise ValueError("not base64") from None
    if len(key) != KEY_BYTES:
        raise ValueError(f"not {KEY_BYTES} bytes")
    return key


class Seal:
    """Closes with the first key and opens with any: to change keys, put the new one first."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        """`keys` are 32 bytes each, at least one."""
        self._ciphers = {_name_of(key): AESGCM(key) for key in keys}
        self._current = _name_of(keys[0])

    def close(self, text: bytes, place: bytes) -> bytes:
        """Return the text, sealed for this place."""
        nonce = os.urandom(_NONCE)
        sealed = self._ciphers[self._current].encrypt(nonce, text, place)
        return b"".join((_VERSION, self._current, nonce, sealed))

    def open(self, sealed: bytes, place: bytes) -> bytes:
        """Return the text that was sealed for this place. Raises Unreadable."""
        cipher = self._ciphers.get(sealed[len(_VERSION) : _HEAD])
        if cipher is None or not sealed.startswith(_VERSION):
            raise Unreadable("no key that is given opens it")
        nonce, rest = sealed[_HEAD : _HEAD + _NONCE], sealed[_HEAD + _NONCE :]
        try:
            return cipher.decrypt(nonce, rest, place)
        except (InvalidTag, ValueError):
            raise Unreadable("it was changed, or belongs elsewhere") from None


def _name_of(key: bytes) -> bytes:
    """What tells keys apart and tells nothing of them."""
    return hashlib.sha256(b"turnout stored responses" + key).digest()[:_NAME]
