"""Subjects of identity providers: their names in the audit log, and what seals answers to them."""

import hashlib
import hmac
from typing import Final

_SEALED: Final = b"turnout answers to subjects, format 1 "
_LONGEST: Final = 300  # characters of who did something, in the audit log


def name_of(issuer: str, subject: str, name: str) -> str:
    """A subject as the audit log names it. What people call it may be anybody's, so it never stands
    alone."""
    who = f"{name} ({subject})" if name and name != subject else subject
    return f"{who} at {issuer}"[:_LONGEST]


def secret_of(issuer: str, subject: str, key: bytes) -> bytes:
    """What answers to a subject are sealed with: the same for its next token, and nobody's who has
    not the token of turnout.yaml."""
    return hmac.digest(key, _SEALED + f"{issuer}\n{subject}".encode(), hashlib.sha256)
