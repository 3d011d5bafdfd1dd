"""A row of the audit log: what it says, and the hash that the next one carries."""

import hashlib
from dataclasses import asdict, dataclass
from typing import Any, Final

import orjson

BEGINNING: Final = "0" * 64  # what the first row has for the hash of the one before it


@dataclass(frozen=True, slots=True)
class Actor:
    """Who changes something: a name for people, the id of the credential, and from where."""

    name: str
    credential: str
    address: str = ""
    request_id: str = ""


@dataclass(slots=True)
class Change:
    """What is changed. `before` and `after` are documents as clients see them, without any secret;
    None where there is nothing. `target` is a path: `organizations/acme/keys/key_1`.
    """

    action: str
    target: str
    organization: str | None = None
    before: Any = None
    after: Any = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One row. `at` is in milliseconds of Unix time; `before` and `after` are JSON texts."""

    seq: int
    at: int
    actor: str
    credential: str
    address: str
    request_id: str
    action: str
    target: str
    organization: str | None
    before: str
    after: str
    previous: str

    def hash(self) -> str:
        """SHA-256, in hex, over all of the row and so over the hash of the one before it.

        What is hashed is the JSON object of the fields by their names, keys sorted, no white space.
        """
        return hashlib.sha256(orjson.dumps(asdict(self), option=orjson.OPT_SORT_KEYS)).hexdigest()


def as_text(document: Any) -> str:
    """The one JSON text of a document."""
    return orjson.dumps(document, option=orjson.OPT_SORT_KEYS).decode()
