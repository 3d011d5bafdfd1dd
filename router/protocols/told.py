"""What a server tells of what it used, made one: the rules are here, the spellings are data.

Input includes what was read from a cache and written to one, output the thoughts. Most servers
count so; where one counts beside them, its protocol says so, or its total does: a total that is
larger than input and output by just what some counters say is explained by these. What it leaves
unexplained is no counter, and nothing is charged for it. A count that cannot be true is as if it
was not told, and takes no other with it.
"""

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

from router.counters import (
    AUDIO_IN,
    CACHED,
    CACHED_AUDIO,
    CACHED_IMAGE,
    CACHED_VIDEO,
    CITATION,
    IMAGE_IN,
    INPUT,
    OUTPUT,
    PARTS,
    REASONING,
    TOKENS,
    VIDEO_IN,
    WRITTEN,
    WRITTEN_1H,
    Parts,
    fitted,
)
from router.domain import Usage
from router.protocols.hub.values import IMPOSSIBLE
from router.protocols.reported_cost import NAMES, reported_cost
from router.protocols.spellings import (
    APART_CACHED,
    APART_REASONING,
    APART_WRITTEN,
    SAME_TIERS,
    TIER,
    TOOL_INPUT,
    TOTAL,
    UNITS_TOLD,
    USUAL_TIERS,
    WRITTEN_5M,
    Kinds,
    Table,
)

UNTOLD: Final = -1  # in the place of input or output tokens that a server does not tell
_DIGITS: Final = re.compile(r"[0-9]{1,10}", re.ASCII)
_TIER: Final = re.compile(r"[\w.+-]{1,32}", re.ASCII)
_PLAIN: Final = frozenset((INPUT, OUTPUT, TOTAL))
_ORDERED_PARTS: Final = tuple([name for name in TOKENS if name in PARTS])
# These are told with what of them came from a cache.
_CACHED_OF: Final = MappingProxyType(
    {AUDIO_IN: CACHED_AUDIO, IMAGE_IN: CACHED_IMAGE, VIDEO_IN: CACHED_VIDEO}
)
# What may explain a total, in the order in which it is asked, by what is likelier to stand beside.
_CACHE_FIRST: Final = (
    *((CACHED, WRITTEN), (CACHED,), (WRITTEN,), (REASONING,)),
    *((CACHED, WRITTEN, REASONING), (CACHED, REASONING), (WRITTEN, REASONING)),
)
_THOUGHT_FIRST: Final = ((REASONING,), *_CACHE_FIRST)


def told(usage: Any, table: Table, apart: frozenset[str] = frozenset()) -> Usage | None:
    """What a server's object of counts says; None where it tells neither input nor output.

    Of these, one that is not told is UNTOLD, and the usage `estimated`. `apart` are the counters
    that the protocol counts beside input and output.
    """
    if not isinstance(usage, dict):
        return None
    counts, tiers = gathered(usage, table)
    cost = None if NAMES.isdisjoint(usage) else reported_cost(usage)
    return usage_of(counts, tier_of(tiers), cost, apart)


def gathered(usage: Mapping[str, Any], table: Table) -> tuple[dict[str, int], list[str]]:
    """The counts that can be true, by counter, and the names of classes of service.

    A counter that is told several times is the largest of them, but what stands further inside is
    nearer to the truth.
    """
    counts: dict[str, int] = {}
    tiers: list[str] = []
    _gather(usage, table, counts, tiers)
    return counts, tiers


def _gather(
    usage: Mapping[str, Any], table: Table, counts: dict[str, int], tiers: list[str]
) -> None:
    here: dict[str, int] = {}
    inside: list[tuple[Any, Any]] = []
    for name, value in usage.items():
        meant = table.get(name)
        if meant is None:
            continue
        if type(meant) is not str:
            inside.append((meant, value))
        elif meant == TIER:
            if type(value) is str:
                tiers.append(value)
        elif (some := whole(value)) is not None and here.get(meant, 0) <= some < IMPOSSIBLE:
            here[meant] = some
    counts.update(here)
    for meant, value in inside:
        if type(value) is dict and type(meant) is not Kinds:
            _gather(value, meant, counts, tiers)
        elif type(meant) is Kinds:
            _gather_kinds(value, meant, counts)


def _gather_kinds(listed: Any, kinds: Kinds, counts: dict[str, int]) -> None:
    for each in listed if isinstance(listed, list) else ():
        if not isinstance(each, dict):
            continue
        counter, some = kinds.counters.get(str(each.get(kinds.kind))), each.get(kinds.tokens)
        if counter is not None and type(some) is int and 0 <= some < IMPOSSIBLE:
            counts[counter] = counts.get(counter, 0) + some


def whole(value: Any) -> int | None:
    """A count as some servers write it: a whole number with a point, digits in quotes (protobuf's
    64-bit numbers). None for anything else: a boolean is no count.
    """
    if type(value) is int:
        return value
    if type(value) is float:
        return int(value) if value.is_integer() and abs(value) < IMPOSSIBLE else None
    return int(value) if type(value) is str and _DIGITS.fullmatch(value) else None


def tier_of(names: Iterable[Any]) -> str | None:
    """The class of service that is told, in several words "+" between them; None for the usual."""
    words: set[str] = set()
    for name in names:
        if type(name) is str and _TIER.fullmatch(name):
            words.update([SAME_TIERS.get(word, word) for word in name.lower().split("+")])
    return "+".join(sorted(words - USUAL_TIERS)) or None


def served(usage: Usage, name: Any) -> Usage:
    """The usage with the class of service that stands beside the counts, where it is told."""
    if type(name) is not str or name in USUAL_TIERS:  # most answers
        return usage
    return usage._replace(tier=tier_of((name, usage.tier)))


def with_units(usage: Usage, fees: Mapping[str, int]) -> Usage:
    """The usage with fees that stand beside the counts; what the counts tell goes before."""
    known = dict(usage.units)
    more = tuple([(name, some) for name, some in fees.items() if some and name not in known])
    return usage._replace(units=(*usage.units, *more)) if more else usage


def usage_of(
    counts: Mapping[str, int], tier: str | None, cost: int | None, apart: frozenset[str]
) -> Usage | None:
    """The counts as the ledger counts them; see `told`."""
    given, output = counts.get(INPUT, UNTOLD), counts.get(OUTPUT, UNTOLD)
    if given == output == UNTOLD:
        return None
    guessed = UNTOLD in (given, output)
    if counts.keys() <= _PLAIN:
        return Usage(given, output, 0, 0, guessed, 0, cost, (), (), tier)
    read = max(counts.get(CACHED, 0), counts.get(APART_CACHED, 0))
    thought = max(counts.get(REASONING, 0), counts.get(APART_REASONING, 0))
    written = _written(counts)
    beside = apart or _beside(counts, read, written, thought)
    if given != UNTOLD:
        given += counts.get(TOOL_INPUT, 0)
        given += (read if CACHED in beside else 0) + (written if WRITTEN in beside else 0)
    if output != UNTOLD:
        output += counts.get(CITATION, 0) + (thought if REASONING in beside else 0)
    read = min(read, max(given, 0))
    written = min(written, max(given - read, 0))
    thought = min(thought, max(output, 0))
    room = {
        INPUT: max(given - read - written, 0),
        OUTPUT: max(output - thought, 0),
        CACHED: read,
        WRITTEN: written,
    }
    units = tuple([(name, counts[name]) for name in UNITS_TOLD if counts.get(name)])
    parts = _parts(counts, room)
    return Usage(given, output, read, thought, guessed, written, cost, units, parts, tier)


def _written(counts: Mapping[str, int]) -> int:
    """What was written to a cache: what is told, else what is told by lifetime."""
    if WRITTEN in counts or APART_WRITTEN in counts:
        return max(counts.get(WRITTEN, 0), counts.get(APART_WRITTEN, 0))
    return counts.get(WRITTEN_5M, 0) + counts.get(WRITTEN_1H, 0)


def _parts(counts: Mapping[str, int], room: Mapping[str, int]) -> Parts:
    if PARTS.isdisjoint(counts):
        return ()
    found: list[tuple[str, int]] = []
    for name in _ORDERED_PARTS:
        some = counts.get(name, 0)
        if name == WRITTEN_1H and some + counts.get(WRITTEN_5M, 0) > room[WRITTEN]:
            continue  # lifetimes of more than was written are not believed
        if name in _CACHED_OF:
            some = max(some - counts.get(_CACHED_OF[name], 0), 0)
        found.append((name, some))
    return fitted(found, room)


def _beside(counts: Mapping[str, int], read: int, written: int, thought: int) -> frozenset[str]:
    """Which counters a server counted beside input and output."""
    given, output = counts.get(INPUT, 0), counts.get(OUTPUT, 0)
    over = counts.get(TOTAL, 0) - given - output
    is_anthropics = APART_CACHED in counts or APART_WRITTEN in counts
    if over > 0:
        sizes = {CACHED: read, WRITTEN: written, REASONING: thought}
        likely = _CACHE_FIRST if is_anthropics or read > given else _THOUGHT_FIRST
        for some in likely:
            if sum([sizes[name] for name in some]) == over:
                return frozenset(some)
    # No part is larger than its whole: it stands beside, where its name does not say otherwise.
    apart = set()
    if is_anthropics and read + written > given:
        apart = {CACHED, WRITTEN}
    if thought > output and (APART_REASONING in counts or TOTAL not in counts):
        apart.add(REASONING)
    return frozenset(apart)
