"""Whether the audit log is the one that was written: every row, in order, none changed or gone."""

from dataclasses import dataclass, field
from typing import Final

import orjson

from router.audit.entry import BEGINNING, Entry
from router.audit.log import PRUNED, AuditLog

_MOST: Final = 20  # problems that are told


@dataclass(slots=True)
class Verified:
    """What was found. `seq` and `hash` are those of the newest row: whoever notes them elsewhere
    can show later that nothing before them was rewritten."""

    rows: int = 0
    first: int = 0
    seq: int = 0
    hash: str = BEGINNING
    problems: list[str] = field(default_factory=list)

    def say(self, problem: str) -> None:
        """Note a problem, if there is still room."""
        if len(self.problems) < _MOST:
            self.problems.append(problem)


def verify(log: AuditLog, noted: tuple[int, str] | None = None) -> Verified:
    """Read all of the log and follow the chain; `noted` are number and hash of a row that was
    the newest once. Raises DatabaseError."""
    head = log.head()  # first: rows may come meanwhile
    reading = _Reading(noted)
    for entry, stored in log.each():
        reading.take(entry, stored)
    return reading.over(*head)


class _Reading:
    """Follows the chain, row by row."""

    def __init__(self, noted: tuple[int, str] | None) -> None:
        self._found = Verified()
        self._noted = noted
        self._seen = False  # the noted row
        self._pruned: set[tuple[int, str]] = set()
        self._missing: tuple[int, str] | None = None  # what stood before the first row
        self._before = (0, BEGINNING)

    def take(self, entry: Entry, stored: str) -> None:
        """Take the next row, and the hash that is stored of it."""
        found = self._found
        if found.rows == 0:
            found.first = entry.seq
            if entry.seq > 1:
                self._missing = self._before = (entry.seq - 1, entry.previous)
        seq, previous = self._before
        if entry.seq != seq + 1:
            found.say(f"rows {seq + 1} to {entry.seq - 1} are missing")
        elif entry.previous != previous:
            found.say(f"row {entry.seq} does not follow row {seq}")
        if entry.hash() != stored:
            found.say(f"row {entry.seq} was changed")
        if entry.action == PRUNED:
            told = orjson.loads(entry.after)
            self._pruned.add((told["through"], told["hash"]))
        self._seen = self._seen or (entry.seq, stored) == self._noted
        found.rows += 1
        self._before = found.seq, found.hash = entry.seq, stored

    def over(self, seq: int, hash_: str) -> Verified:
        """Compare what was read with the head of the chain, and with what was noted."""
        found, missing = self._found, self._missing
        if missing is not None and missing not in self._pruned:
            found.say(f"rows 1 to {missing[0]} are missing, and nothing says that they were pruned")
        if found.seq < seq or (found.seq == seq and found.hash != hash_):
            found.say(f"the newest row should be {seq} with the hash {hash_}")
        if self._noted is not None and not self._seen and self._noted not in self._pruned:
            found.say(f"row {self._noted[0]} does not have the hash that was noted")
        return found
