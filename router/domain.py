"""The nouns that every floor above shares: frozen, slotted, without behaviour of their own.

Money is integer pico-USD (1 USD = 10**12), tokens are integers, instants are integer milliseconds
of Unix time unless a name says otherwise.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, NamedTuple

from router.counters import Parts
from router.units import Units

# The level of the terms of teams and keys that lowers what each run of an agent may use.
RUN_AT_MOST: Final = "run_at_most"


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Terms:
    """What holds for a customer in the place of its tier's, and what one key may use.

    `limits` is level -> dimension -> value, as a policy's tier has them; None takes a limit away;
    those of RUN_AT_MOST only lower the limits of a run.
    `timezone` and `billing_day` are None where the tier's hold; `routes` (of the policy) and
    `models` (what may stand in `model`) are None where the tier's hold. Terms that say the same are
    one object (`router.customers.terms`), so that what is made of them is found by identity.
    """

    limits: Mapping[str, Mapping[str, Any]]
    timezone: str | None = None
    billing_day: int | None = None
    routes: frozenset[str] | None = None
    models: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks: one key, and the customer behind it."""

    key_id: str
    organization: str
    tier: str
    team: str | None = None
    tags: tuple[str, ...] = ()
    terms: Terms | None = None  # None: the tier's hold, as they do for most


class Usage(NamedTuple):
    """Tokens of one request: the cached ones count as input too, reasoning as output too.

    `estimated` is true where the gateway counted, because the backend did not say. `units` are
    those of a request that is counted in something else, or in tokens and something else, fees
    included. `parts` are those of the tokens that may cost something else (`router.counters`).
    `tier` is the provider's class of service, as the answer tells it: None where it tells none, or
    the usual one.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    estimated: bool = False
    cache_write_tokens: int = 0  # of the input, where a provider charges for filling its cache
    reported_pico: int | None = None  # what the backend says it cost; charged where that is agreed
    units: Units = ()
    parts: Parts = ()
    tier: str | None = None


class Estimate(NamedTuple):
    """What a request may use at most, or most likely: it sizes the hold.

    `input_cost_pico` is the prompt's part of the cost. `requests` is how many it counts as: those
    of a batch, which is `firm`: its hold is never trimmed. Any other one is, where it is larger
    than a small limit, down to a token of its answer and the prompt as it is likely to be:
    `likely_input` and what it costs (0: as much as it may be at most).
    """

    input_tokens: int
    output_tokens: int
    cost_pico: int
    input_cost_pico: int = 0
    firm: bool = False
    requests: int = 1
    likely_input: int = 0
    likely_cost_pico: int = 0

    def likely_prompt(self) -> tuple[int, int]:
        """The prompt's tokens, and what they cost, as they are likely to be."""
        if self.likely_input:
            return self.likely_input, self.likely_cost_pico
        return self.input_tokens, self.input_cost_pico


class Outcome(StrEnum):
    """How an admitted request ended, as its journal row says it."""

    COMPLETED = "completed"
    DISCONNECTED = "disconnected"  # the client left; charged for what it received
    FAILED = "failed"  # no answer; nothing is charged but what a cascade paid for and rejected
    CUT = "cut"  # the backend broke off after its first byte


class Cascaded(NamedTuple):
    """What a cascade came to. Pico-USD, all but `direct_pico` a part of the charge.

    `fired` names the verifiers that rejected an answer, in order; `direct_pico` is what the answer
    would have cost at the last step, had that been asked alone. `answer` is the delivered answer's
    own use, where more was paid for.
    """

    fired: tuple[str, ...]
    rejected_pico: int
    judge_pico: int
    direct_pico: int
    answer: Usage | None = None


class Charge(NamedTuple):
    """What a request really used: it settles the hold. All zero where nothing was dispatched."""

    usage: Usage
    cost_pico: int
    outcome: Outcome
    backend: str | None = None
    model: str | None = None
    route: str | None = None
    price_version: str | None = None
    busy_ms: int = 0  # from dispatch to the last byte
    energy_mj: int | None = None  # millijoules; None where nothing is known
    energy_source: str | None = None  # measured or declared
    predicted: float | None = None  # P(success) of the backend that served, as it was decided
    cascade: Cascaded | None = None  # where answers were checked
    operation: str | None = None  # what was asked, by its name
    requests: int = 1  # as how many it counts: those of a batch that were answered
    credential: str | None = None  # "own" or "mixed", where not the operator's alone paid
