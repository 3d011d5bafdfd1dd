"""Where credentials of customers' own are closed and opened: with keys that no database holds.

A credential is sealed for its organization and its backend (`router.seal`), so that a row that was
copied to another place does not open there. Who has the database and no key has nothing.
"""

import hashlib
import hmac
from collections.abc import Sequence
from typing import Final

from router.customers.errors import NoKey
from router.seal import Seal, Unreadable, key_of

_PLACE: Final = b"turnout provider credential, format 1"
_FINGERPRINT: Final = b"turnout fingerprint of a provider credential, format 1"
_DIGITS: Final = 12
_SET_ONE: Final = (
    "turnout.yaml has no `secrets.keys`, and no credential is stored unencrypted: write "
    "`secrets: {keys: ['${TURNOUT_SECRETS_KEY}']}`, set the variable to what openssl rand -base64 "
    "32 says, and start the gateways again"
)
_OTHER_KEYS: Final = "no key of `secrets.keys` in turnout.yaml opens it"


class Vault:
    """Closes with the first key, opens with any."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        """`keys` are 32 bytes each; there may be none."""
        self._seal = Seal(keys) if keys else None
        self._key = keys[0] if keys else b""

    @classmethod
    def of(cls, texts: Sequence[str]) -> "Vault":
        """A vault of keys as they are written: base64 of 32 bytes. Raises ValueError."""
        return cls([key_of(text) for text in texts])

    def close(self, secret: str, organization: str, backend: str) -> bytes:
        """Return a credential, sealed for its place. Raises NoKey."""
        if self._seal is None:
            raise NoKey("secret", _SET_ONE)
        return self._seal.close(secret.encode(), _place(organization, backend))

    def open(self, sealed: bytes, organization: str, backend: str) -> str:
        """Return a credential that was sealed for this place. Raises NoKey."""
        if self._seal is None:
            raise NoKey("secret", _SET_ONE)
        try:
            return self._seal.open(sealed, _place(organization, backend)).decode()
        except Unreadable:
            raise NoKey("secret", _OTHER_KEYS) from None

    def fingerprint(self, secret: str, organization: str) -> str:
        """Digits that are the same for the same credential of an organization, by the first key."""
        text = b"\0".join((_FINGERPRINT, organization.encode(), secret.encode()))
        return hmac.new(self._key, text, hashlib.sha256).hexdigest()[:_DIGITS]


def _place(organization: str, backend: str) -> bytes:
    """Names hold no control characters, so no two places are alike."""
    return b"\0".join((_PLACE, organization.encode(), backend.encode()))
