"""What clients saw, matched with the books one request at a time. Pure.

A request whose answer began was admitted: the books have it once. One that was refused by a limit,
or was no good, is in no bill. What clients were told they used is what the books say they used.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from policies.language.tiers import Tier
from router.drills.clients import Note
from router.usage_row import UsageRow

MINUTE_MS: Final = 60_000
_ALONE: Final = ("organization", "key", "model")  # levels that a customer of the drill is alone in
_FREE: Final = "cancelled"  # the status of what was never admitted as far as anybody knew
_EXPIRED: Final = "expired"  # of what the reaper closed: its gateway died
_NEVER: Final = frozenset({400, 401, 403, 404, 429})  # what is refused before anything is used


@dataclass(slots=True)
class Matched:
    """How notes and books compare, in counts of requests. The first seven must be zero.

    `lost`: admitted, and in no book. `doubled`: in the books twice. `unasked`: in the books, and
    nobody's: more than there were requests without an answer. `charged`: refused, and charged.
    `misbilled`: whole, and other tokens in the books than the client was told. `negative`: use
    below zero. `over`: admitted beyond a limit, and beyond what its tier may without the ledger.
    """

    lost: int = 0
    doubled: int = 0
    unasked: int = 0
    charged: int = 0
    misbilled: int = 0
    negative: int = 0
    over: int = 0
    asked: int = 0
    admitted: int = 0
    whole: int = 0
    cut: int = 0
    denied: int = 0
    unavailable: int = 0
    wordless: int = 0  # refused without saying why in the client's form, or with status 500
    examples: list[str] = field(default_factory=list)  # the first ids of what does not match

    @property
    def agrees(self) -> bool:
        """Whether everything that must be zero is."""
        wrong = (
            *(self.lost, self.doubled, self.unasked, self.charged),
            *(self.misbilled, self.negative, self.over),
        )
        return not any(wrong)


@dataclass(frozen=True, slots=True)
class Bounds:
    """What limits a tier. `outage`: how many more may be admitted by all gateways together while
    the ledger is away, for each of its limits; 0 where the fault does not take the ledger away.
    """

    per_minute: int | None = None
    at_once: int | None = None
    per_minute_outage: int = 0
    at_once_outage: int = 0


def bounds_of(tier: Tier | None, *, gateways: int, away: bool) -> Bounds:
    """The bounds of one key that is alone in its organization."""
    if tier is None:
        return Bounds()
    per_minute, at_once = _least(tier, "requests_per_minute"), _least(tier, "concurrency")
    share = (tier.outage_share or 0.0) if away else 0.0
    return Bounds(
        per_minute,
        at_once,
        gateways * int((per_minute or 0) * share),
        gateways * int((at_once or 0) * share),
    )


def _least(tier: Tier, dimension: str) -> int | None:
    """The smallest such limit of the levels that one key has to itself; buckets are none."""
    values = [tier.limits.get(level, {}).get(dimension) for level in _ALONE]
    whole = [value for value in values if isinstance(value, int)]
    return min(whole) if whole and len(whole) == len([v for v in values if v]) else None


def match(
    notes: Sequence[Note], rows: Sequence[UsageRow], bounds: Mapping[str, Bounds], *, exact: bool
) -> Matched:
    """Match the notes of some organizations with all of their rows.

    `bounds` are those of each tier. `exact`: an answer's use is all that its request used; where
    backends are asked twice to hedge it is not.
    """
    found = Matched()
    _count(found, notes)
    by_id: defaultdict[str | None, list[UsageRow]] = defaultdict(list)
    for row in rows:
        by_id[row.request_id].append(row)
    for note in notes:
        if note.decision:
            _match_one(found, note, by_id.pop(note.decision, []), exact=exact)
    _match_rest(found, notes, by_id)
    for organization in sorted({row.organization for row in rows}):
        mine = [row for row in rows if row.organization == organization]
        found.over += _beyond(mine, bounds.get(mine[0].tier or "", Bounds()))
    return found


def _count(found: Matched, notes: Iterable[Note]) -> None:
    """Count how clients fared."""
    for note in notes:
        found.asked += 1
        found.admitted += note.admitted
        found.whole += note.whole
        found.cut += note.admitted and note.ended in {"cut", "told", "left"}
        found.denied += note.status == 429
        found.unavailable += note.status in {502, 503, 504} or note.status == 0
        found.wordless += note.status == 500 or (note.ended == "refused" and not note.code)


def _match_one(found: Matched, note: Note, rows: Sequence[UsageRow], *, exact: bool) -> None:
    originals = [row for row in rows if not row.seq and row.status != _FREE]
    used = (sum(row.input_tokens for row in rows), sum(row.output_tokens for row in rows))
    cost = sum(row.cost_pico for row in rows)
    if note.admitted and not originals:
        _add(found, "lost", note.decision)
    if len(originals) > 1:
        _add(found, "doubled", note.decision)
    if note.status in _NEVER and (any(used) or cost):
        _add(found, "charged", note.decision)
    if min(*used, cost) < 0:
        _add(found, "negative", note.decision)
    told = note.usage if note.whole else None
    plain = exact and all(row.verifier is None for row in rows)
    if told is not None and originals and (used != told if plain else used < told):
        _add(found, "misbilled", note.decision)


def _match_rest(
    found: Matched, notes: Sequence[Note], by_id: Mapping[str | None, Sequence[UsageRow]]
) -> None:
    """What is in the books under names that no client was told: of requests whose answer never
    came, each once.
    """
    unanswered = Counter(note.organization for note in notes if not note.decision)
    for name, rows in by_id.items():
        originals = [row for row in rows if not row.seq and row.status != _FREE]
        if len(originals) > 1:
            _add(found, "doubled", str(name))
        if min((row.output_tokens + row.cost_pico for row in originals), default=0) < 0:
            _add(found, "negative", str(name))
        if originals:
            unanswered[rows[0].organization] -= 1
            if unanswered[rows[0].organization] < 0:
                _add(found, "unasked", str(name))


def _add(found: Matched, what: str, name: str) -> None:
    setattr(found, what, getattr(found, what) + 1)
    if len(found.examples) < 5:
        found.examples.append(f"{what}: {name}")


def _beyond(rows: Sequence[UsageRow], bounds: Bounds) -> int:
    """How many of a customer's were admitted beyond its limits, by the ledger's own clock."""
    counted = [row for row in rows if not row.seq and row.status != _FREE and row.requests]
    over = 0
    if bounds.per_minute is not None:
        allowed = bounds.per_minute + bounds.per_minute_outage
        over += max(0, busiest(sorted(row.admitted_at for row in counted)) - allowed)
    if bounds.at_once is not None:
        allowed = bounds.at_once + bounds.at_once_outage
        spans = [(row.admitted_at, row.closed_at) for row in counted if row.status != _EXPIRED]
        over += max(0, at_once(spans) - allowed)
    return over


def busiest(instants: Sequence[int], window_ms: int = MINUTE_MS) -> int:
    """The most instants, of ones in order, that lie in any sliding window."""
    most = first = 0
    for number, instant in enumerate(instants):
        while instants[first] <= instant - window_ms:
            first += 1
        most = max(most, number - first + 1)
    return most


def at_once(spans: Iterable[tuple[int, int]]) -> int:
    """The most spans, each a beginning and an end, that lasted at one moment."""
    moments: list[tuple[int, int]] = []
    for begun, over in spans:
        if over > begun:  # one that ends as it begins lasts at no moment
            moments += [(begun, 1), (over, -1)]
    most = running = 0
    for _, step in sorted(moments):  # an end comes before a beginning of the same moment
        running += step
        most = max(most, running)
    return most
