"""The lines of an answer's usage as the ledger counts them, and the ledger's counts as lines."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from router.counters import (
    AUDIO_IN,
    AUDIO_OUT,
    CACHED,
    CACHED_AUDIO,
    CACHED_IMAGE,
    CACHED_VIDEO,
    IMAGE_IN,
    IMAGE_OUT,
    PARTS,
    TOKENS,
    VIDEO_IN,
    VIDEO_OUT,
    WRITTEN,
    WRITTEN_1H,
    fitted,
)
from router.counters import INPUT as OF_INPUT
from router.counters import OUTPUT as OF_OUTPUT
from router.domain import Usage
from router.protocols.hub.answer import (
    CACHE_READ,
    CACHE_WRITE,
    HOUR,
    INPUT,
    OUTPUT,
    REASONING,
    REPORTED_COST,
    SERVED,
    Lines,
    UsageLine,
    totals,
)
from router.protocols.spellings import UNITS_TOLD, USUAL_TIERS
from router.protocols.told import UNTOLD, tier_of

_PARTS: Final = tuple([name for name in TOKENS if name in PARTS and name != WRITTEN_1H])
# What the details of a usage call the counters, which count there what came from a cache, too.
INPUT_DETAILS: Final = (
    ("audio_tokens", (AUDIO_IN, CACHED_AUDIO)),
    ("image_tokens", (IMAGE_IN, CACHED_IMAGE)),
    ("video_tokens", (VIDEO_IN, CACHED_VIDEO)),
)
OUTPUT_DETAILS: Final = (
    ("audio_tokens", (AUDIO_OUT,)),
    ("image_tokens", (IMAGE_OUT,)),
    ("video_tokens", (VIDEO_OUT,)),
)
_NOTHING_MORE: Final = Usage()[2:]


def billed(lines: Lines) -> Usage | None:
    """The lines as the ledger counts them; None where there are none.

    Where none is of the input, or of the output, that is UNTOLD.
    """
    if not lines:
        return None
    if len(lines) == 2 and lines[0].kind == INPUT and lines[1].kind == OUTPUT:  # most answers
        return Usage(lines[0].count, lines[1].count)
    fresh, read, written, output, reasoning = totals(lines)
    kinds = {line.kind: line for line in lines}
    given = fresh + read + written if INPUT in kinds else UNTOLD
    output = output if OUTPUT in kinds else UNTOLD
    reasoning = min(reasoning, max(output, 0))
    cost = kinds[REPORTED_COST].count if REPORTED_COST in kinds else None
    tier = kinds[SERVED].tier if SERVED in kinds else None
    hours = sum(
        [line.count for line in lines if line.kind == CACHE_WRITE and line.lifetime == HOUR]
    )
    parts = [(WRITTEN_1H, hours), *[(n, kinds[n].count) for n in _PARTS if n in kinds]]
    left = max(output - reasoning, 0)
    room = {OF_INPUT: fresh, OF_OUTPUT: left, CACHED: read, WRITTEN: written}
    units = tuple([(name, kinds[name].count) for name in UNITS_TOLD if name in kinds])
    guessed = UNTOLD in (given, output)
    kept = fitted(parts, room)
    return Usage(given, output, read, reasoning, guessed, written, cost, units, kept, tier)


def lines_of_usage(usage: Usage | None) -> Lines:
    """Counts as lines: those of a server that tells them so, or the gateway's own."""
    if usage is None:
        return ()
    given, output, read, thought, _, written = usage[:6]
    if usage[2:] == _NOTHING_MORE:  # most answers
        return UsageLine(INPUT, given), UsageLine(OUTPUT, output)
    lines = []
    if given != UNTOLD:
        lines.append(UsageLine(INPUT, given - read - written))
    if output != UNTOLD:
        lines.append(UsageLine(OUTPUT, output))
    hours = dict(usage.parts).get(WRITTEN_1H, 0)
    more = (
        *(UsageLine(CACHE_READ, read), UsageLine(CACHE_WRITE, written - hours)),
        *(UsageLine(CACHE_WRITE, hours, HOUR), UsageLine(REASONING, thought)),
        *[UsageLine(name, some) for name, some in usage.parts if name != WRITTEN_1H],
        *[UsageLine(name, some) for name, some in usage.units if name in UNITS_TOLD],
    )
    lines += [line for line in more if line.count]
    if usage.tier is not None:
        lines.append(UsageLine(SERVED, 0, tier=usage.tier))
    if usage.reported_pico is not None:
        lines.append(UsageLine(REPORTED_COST, usage.reported_pico))
    return tuple(lines)


def with_lifetimes(lines: Lines, lifetimes: Iterable[tuple[str, int | None]]) -> Lines:
    """The lines with what was written to a cache by lifetime, where the server says it.

    What it leaves open has none. Lifetimes that add up to more than was written are not believed.
    """
    written = sum([line.count for line in lines if line.kind == CACHE_WRITE])
    told = [UsageLine(CACHE_WRITE, some, lifetime) for lifetime, some in lifetimes if some]
    rest = written - sum([line.count for line in told])
    if rest < 0:
        told, rest = [], written
    if rest:
        told.append(UsageLine(CACHE_WRITE, rest))
    return (*[line for line in lines if line.kind != CACHE_WRITE], *told)


def with_tier(lines: Lines, told: Any) -> Lines:
    """The lines with the class of service that stands beside the counts, where it is told."""
    if type(told) is not str or told in USUAL_TIERS:  # most answers
        return lines
    known = [line.tier for line in lines if line.kind == SERVED]
    tier = tier_of((told, *known))
    rest = tuple([line for line in lines if line.kind != SERVED])
    return rest if tier is None else (*rest, UsageLine(SERVED, 0, tier=tier))


def with_fees(lines: Lines, fees: Mapping[str, int]) -> Lines:
    """The lines with fees that stand beside the counts; what the counts tell goes before."""
    known = {line.kind for line in lines}
    return (*lines, *[UsageLine(n, some) for n, some in fees.items() if some and n not in known])


def sums_of(lines: Lines, names: Iterable[tuple[str, tuple[str, ...]]]) -> dict[str, int]:
    """How much there is of each row of kinds, by its name, where there is any."""
    counts = {line.kind: line.count for line in lines if line.kind in PARTS}
    sums = {name: sum([counts.get(kind, 0) for kind in kinds]) for name, kinds in names}
    return {name: some for name, some in sums.items() if some}
