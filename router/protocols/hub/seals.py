"""Seals in a place that belongs to another protocol: marked with their issuer.

Clients give thoughts back as they were, and the mark tells whose they are. What is so marked is
kept from the servers of the place's own protocol, which refuse what they did not seal.
"""

from typing import Final

from router.protocols.hub.conversation import Seal

MARK: Final = "turnout:"
UNSEALED: Final = f"{MARK}:"  # of a thought that nobody sealed
_REDACTED: Final = "+redacted"


def write_seal(seal: Seal | None, own: str, kind: str = "signature") -> str:
    """A seal as text; marked unless `own` is its issuer and it is of the place's own kind."""
    if seal is None:
        return UNSEALED
    if seal.issuer == own:
        return seal.data
    more = "" if seal.kind == kind else _REDACTED
    return f"{MARK}{seal.issuer}{more}:{seal.data}"


def read_seal(text: str, own: str, kind: str = "signature") -> Seal | None:
    """What `write_seal` wrote; None where nobody sealed it."""
    if not text.startswith(MARK):
        return Seal(own, text, kind) if text else None
    issuer, _, data = text.removeprefix(MARK).partition(":")
    redacted = issuer.endswith(_REDACTED)
    issuer = issuer.removesuffix(_REDACTED)
    if not data or not issuer:
        return None
    return Seal(issuer, data, "redacted" if redacted else "signature")
