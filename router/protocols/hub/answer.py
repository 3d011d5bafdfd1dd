"""The hub's other half: an answer in the words of no protocol, whole or gathered from a stream."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from policies.value import value
from router.domain import Usage
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

# Kinds of usage. The first four add up to what was used; reasoning is a part of them. A cost that
# the server reports is counted in pico-USD.
INPUT: Final = "input"
CACHE_READ: Final = "cache_read"
CACHE_WRITE: Final = "cache_write"
OUTPUT: Final = "output"
REASONING: Final = "reasoning"  # of the output
REPORTED_COST: Final = "reported_cost"
_KINDS: Final = (INPUT, CACHE_READ, CACHE_WRITE, OUTPUT, REASONING)


@value
class UsageLine:
    """Tokens of one kind. `lifetime` is of a cache entry, `model` told where another one served."""

    kind: str
    count: int
    lifetime: str = ""
    model: str = ""


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
        if line.kind != REPORTED_COST:
            sums[line.kind] += line.count
    return sums.values()


def written_lines(written: int, lifetimes: Iterable[tuple[str, int | None]]) -> list[UsageLine]:
    """The tokens written to a cache, by lifetime where the server says it; what it leaves open has
    none. Lifetimes that add up to more than was written are not believed."""
    lines = [UsageLine(CACHE_WRITE, some, lifetime) for lifetime, some in lifetimes if some]
    rest = written - sum([line.count for line in lines])
    if rest < 0:
        return [UsageLine(CACHE_WRITE, written)]
    return [*lines, UsageLine(CACHE_WRITE, rest)] if rest else lines


def lines_of(counts: Iterable[tuple[str, int]]) -> Lines:
    """Lines of the counts that are not zero; those of input and output always stand there."""
    return tuple(
        [UsageLine(kind, count) for kind, count in counts if count or kind in (INPUT, OUTPUT)]
    )


def billed(lines: Lines) -> Usage | None:
    """The lines as the ledger counts them; None where there are none."""
    if not lines:
        return None
    if len(lines) == 2 and lines[0].kind == INPUT and lines[1].kind == OUTPUT:  # most answers
        return Usage(lines[0].count, lines[1].count)
    fresh, read, written, output, reasoning = totals(lines)
    cost = next((line.count for line in lines if line.kind == REPORTED_COST), None)
    reasoning = min(reasoning, output)
    return Usage(fresh + read + written, output, read, reasoning, False, written, cost)


def lines_of_usage(usage: Usage) -> Lines:
    """Counts as lines: those of a server that tells them so, or the gateway's own."""
    if usage.reported_pico is not None:
        cost = UsageLine(REPORTED_COST, usage.reported_pico)
        return (*lines_of_usage(usage._replace(reported_pico=None)), cost)
    if not (usage.cached_tokens or usage.cache_write_tokens or usage.reasoning_tokens):
        return UsageLine(INPUT, usage.input_tokens), UsageLine(OUTPUT, usage.output_tokens)
    fresh = usage.input_tokens - usage.cached_tokens - usage.cache_write_tokens
    return lines_of(
        (
            (INPUT, fresh),
            (CACHE_READ, usage.cached_tokens),
            (CACHE_WRITE, usage.cache_write_tokens),
            (OUTPUT, usage.output_tokens),
            (REASONING, usage.reasoning_tokens),
        )
    )
