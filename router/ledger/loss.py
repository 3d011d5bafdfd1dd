"""Has a ledger lost what it held? What gateways and checks judge it by, pure.

Theory of operation. Each virtual shard has a witness: the epoch of its ledger (made once, kept in
the books too) and the latest instant at which a gateway saw it whole. A server that was flushed, or
a replica that was promoted empty, has no witness; a snapshot that was restored has an old one; the
server of somebody else has another epoch. Whoever starts and remembers nothing looks into the
books: a shard's clock is stored with every settlement, at most a second late, so one that is behind
the newest row that came from it has lost what followed. Whoever notices a loss writes it into the
witness, and it stands there until it is repaired.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final, Self

from router.ledger.codec import CLOCK_PAIR

_CLOCK_LATE_MS: Final = 2_000  # twice what a shard's clock may be behind what it settled


class Cause(StrEnum):
    """How a ledger came to lack what it held."""

    EMPTY = "empty"
    OLDER = "older"
    FOREIGN = "foreign"


_SAID: Final[Mapping[Cause, str]] = {
    Cause.EMPTY: "The ledger lost what it held (its server was flushed, started without its data,"
    " or an empty replica was promoted)",
    Cause.OLDER: "The ledger is younger than the books: what it counted after {since} is gone (an"
    " old snapshot was restored, or a replica that lagged behind was promoted)",
    Cause.FOREIGN: "This is another ledger than the one that the books belong to (another server or"
    " database number than before; where that is a mistake, put `ledger` right instead)",
}


@dataclass(frozen=True, slots=True)
class Witness:
    """What stands in a virtual shard: the epoch of the ledger, when it was last seen whole, and
    since when and why it is not. Instants in Unix milliseconds.
    """

    epoch: str
    seen: int
    cause: Cause | None = None
    since: int = 0

    @classmethod
    def read(cls, raw: bytes | None) -> Self | None:
        """Read a stored witness; None where there is none."""
        parts = (raw or b"").decode().split()
        if len(parts) != 4:  # its fields
            return None
        epoch, seen, cause, since = parts
        return cls(epoch, int(seen), None if cause == "-" else Cause(cause), int(since))

    def write(self) -> bytes:
        """The witness as it is stored."""
        return f"{self.epoch} {self.seen} {self.cause or '-'} {self.since}".encode()


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a virtual shard from elsewhere: the epoch (empty: none was ever seen), the
    latest instant at which it was seen whole, when its newest stored row was closed (0: none).
    """

    epoch: str = ""
    seen: int = 0
    newest: int = 0


@dataclass(frozen=True, slots=True)
class Loss:
    """A virtual shard lacks what it held after `since` (Unix milliseconds; 0: everything)."""

    cause: Cause
    since: int = 0


def judge(known: Known, found: Witness | None, clock: bytes | None) -> Loss | None:
    """What a shard has lost, going by its witness and its clock as they are stored; None: nothing.

    A shard without a witness whose clock keeps up with the books is one of a version before.
    """
    last = CLOCK_PAIR.unpack(clock)[0] if clock else 0
    if found is None:
        if known.epoch or (known.newest and not last):
            return Loss(Cause.EMPTY)
    elif found.cause is not None:
        return Loss(found.cause, found.since)
    elif known.epoch and found.epoch != known.epoch:
        return Loss(Cause.FOREIGN)
    elif found.seen < known.seen:
        return Loss(Cause.OLDER, found.seen)
    if last + _CLOCK_LATE_MS < known.newest:
        return Loss(Cause.OLDER, last) if last else Loss(Cause.EMPTY)
    return None


def loss_words(losses: Iterable[Loss], shards: int) -> str:
    """What a ledger lost, in a sentence: the gravest cause, and how much of the ledger it is."""
    found = sorted(losses, key=lambda loss: (list(Cause).index(loss.cause), loss.since))
    said = _SAID[found[0].cause].format(since=instant_words(found[0].since))
    part = "" if len(found) == shards else f", in {len(found)} of its {shards} virtual shards"
    return f"{said}{part}."


def instant_words(ms: int) -> str:
    """An instant as people read it, to the second."""
    return datetime.fromtimestamp(ms // 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
