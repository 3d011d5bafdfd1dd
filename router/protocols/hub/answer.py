"""The hub's other half: an answer in the words of no protocol, whole or gathered from a stream."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from policies.value import value
from router.protocols.hub.conversation import Call, Part, Refusal, Text, Thinking

# Why an answer ended. Each protocol has one table that reads them and one that writes them.
END: Final = "end"
SEQUENCE: Final = "sequence"  # one of the stop sequences came
LENGTH: Final = "length"
WINDOW: Final = "window"  # of context is full
CALLS: Final = "calls"
REFUSAL: Final = "refusal"  # by the model or by a filter
PAUSE: Final = "pause"  # a hosted tool takes long: send the answer back to go on
MALFORMED: Final = "malformed_call"
UNTOLD: Final = "untold"  # by a server that says of no answer why it ended

# Kinds of usage. The first four add up to what was used; reasoning is a part of them, and so are
# the other counters of `router.counters`, by their own names. Fees are counted by those of
# `router.units`. A cost that the server reports is counted in pico-USD.
INPUT: Final = "input"
CACHE_READ: Final = "cache_read"
CACHE_WRITE: Final = "cache_write"
OUTPUT: Final = "output"
REASONING: Final = "reasoning"  # of the output
REPORTED_COST: Final = "reported_cost"
SERVED: Final = "served"  # a class of service that is not the usual one
HOUR: Final = "1h"  # a lifetime that has a price of its own
OF_THE_PROMPT: Final = frozenset((INPUT, CACHE_READ, CACHE_WRITE))
_KINDS: Final = (INPUT, CACHE_READ, CACHE_WRITE, OUTPUT, REASONING)


@value
class UsageLine:
    """Tokens of one kind. `lifetime` is of a cache entry, `tier` is the name of what served."""

    kind: str
    count: int
    lifetime: str = ""
    tier: str = ""


Lines = tuple[UsageLine, ...]


@value
class Stop:
    """Why it ended; `sequence` is what stopped it, `details` what a refusal says of itself.

    `container` is what hosted tools ran in, as its server names it: it may be used again.
    """

    reason: str = END
    sequence: str | None = None
    details: Any = None
    container: Any = None


def explanation(stop: Stop) -> str:
    """What a refusal says of itself, where its server explains it beside the answer."""
    details = stop.details
    words = details.get("explanation") if isinstance(details, Mapping) else None
    return words if isinstance(words, str) else ""


@value
class Logprob:
    """One token's log-probability, and those of the likeliest in its place."""

    token: str
    logprob: float
    raw: Any = None  # the token's bytes, as numbers
    top: tuple["Logprob", ...] = ()


@value
class Alternative:
    """One of the answers that were asked for; `stop` is None while it goes on."""

    parts: tuple[Part, ...]
    stop: Stop | None = None
    logprobs: tuple[Logprob, ...] = ()

    @property
    def text(self) -> str:
        """All that it says."""
        return "".join([part.text for part in self.parts if type(part) is Text])

    @property
    def refusal(self) -> str:
        """What it says instead of an answer."""
        return "".join([part.text for part in self.parts if type(part) is Refusal])

    @property
    def thoughts(self) -> str:
        """What the model thought before."""
        return "".join([part.text for part in self.parts if type(part) is Thinking])

    @property
    def calls(self) -> list[Call]:
        """The tools it calls."""
        return [part for part in self.parts if type(part) is Call]

    @property
    def ended(self) -> bool:
        """Whether it came to its end, whatever that was."""
        return self.stop is not None

    @property
    def filtered(self) -> bool:
        """Whether the model or a filter ended it."""
        return self.stop is not None and self.stop.reason == REFUSAL

    @property
    def truncated(self) -> bool:
        """Whether a limit ended it."""
        return self.stop is not None and self.stop.reason in (LENGTH, WINDOW)

    @property
    def mean_logprob(self) -> float | None:
        """Mean log-probability of the tokens; None where the backend reported none."""
        tokens = self.logprobs
        return sum([one.logprob for one in tokens]) / len(tokens) if tokens else None


@value
class Answer:
    """A whole answer, or as much of a stream as has come. `model` is what the server says."""

    id: str
    model: str | None
    alternatives: tuple[Alternative, ...]
    usage: Lines = ()


def totals(lines: Lines) -> Iterable[int]:
    """The tokens of input, cache read, cache written, output and reasoning, in that order."""
    if len(lines) == 2 and lines[0].kind == INPUT and lines[1].kind == OUTPUT:  # most answers
        return lines[0].count, 0, 0, lines[1].count, 0
    sums = dict.fromkeys(_KINDS, 0)
    for line in lines:
        if line.kind in sums:
            sums[line.kind] += line.count
    return sums.values()
