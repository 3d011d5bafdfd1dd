"""Everything a policy may know of a request: plain, frozen values, gathered by the caller.

Nothing here holds text of a prompt. Money is integer pico-USD, times are milliseconds, a
probability is 0..1 or None where the classifier did not say.

A field that is annotated with a `Fact` is a name that conditions may read (`request.pii`,
`backend["x"].queued`). The types and readers of the language (`policies.language.facts`), probes
with their schema, the decision log and `turnout explain` are derived from the field; a new fact
also needs a line where requests are read (`router.pipeline.signals`), and nothing else.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, tzinfo
from types import MappingProxyType
from typing import Annotated, Final, Literal, get_args
from zoneinfo import ZoneInfo

from pydantic import Field

from policies.value import value

_NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})
_NO_SHARES: Final[Mapping[str, float]] = MappingProxyType({})
Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
WEEKDAYS: Final[tuple[Weekday, ...]] = get_args(Weekday)
Whole = Annotated[int, Field(ge=0)]


@dataclass(frozen=True, slots=True)
class Fact:
    """Marks a field that conditions may read, and says what it means, as docs/policy.md does."""

    meaning: str


def zone(name: str) -> tzinfo:
    """The time zone of that name; UTC needs no time zone data. Raises KeyError or ValueError."""
    return UTC if name == "UTC" else ZoneInfo(name)


@value
class RequestSignals:
    """What the client asked for, and how."""

    model: Annotated[str, Fact("`model` as the client sent it")]
    # What `Policy.resolve(model)` gave; the policy fills it in where it is empty.
    route: Annotated[str, Fact("the route, aliases resolved")] = ""
    id: str = ""  # the request id: draws the shadow share
    conversation: str = ""  # same for every turn of a conversation: draws canary and A/B weights
    previous: str = ""  # the backend that served this conversation last, "" if none
    pii: Annotated[bool, Fact("personal data or a secret was detected")] = False
    tools: Annotated[bool, Fact("the request offers tools")] = False
    images: Annotated[bool, Fact("it holds images")] = False
    json_schema: Annotated[bool, Fact("the answer must follow a JSON schema")] = False
    stream: Annotated[bool, Fact("the answer is streamed")] = False
    max_tokens: Annotated[
        Whole, Fact("the largest answer asked for, in tokens; 0 if not given")
    ] = 0
    user: Annotated[str, Fact("the end user's id as sent; may be empty")] = ""
    # Those of `Policy.headers`, names in lower case.
    headers: Mapping[str, str] = field(default_factory=lambda: _NO_HEADERS)
    unread: Annotated[
        bool, Fact("the detectors could not read all of it; then `request.pii` holds, too")
    ] = False


@value
class PromptSignals:
    """What was measured of the prompt."""

    tokens: Annotated[Whole, Fact("tokens of the whole prompt, estimated")] = 0
    turns: Annotated[int, Field(ge=1), Fact("messages of the conversation")] = 1
    language: Annotated[str, Fact('of the last user turn: "en", "de", ...; may be empty')] = ""
    code: Annotated[bool, Fact("the last turn holds program code")] = False
    math: Annotated[bool, Fact("the last turn holds mathematics")] = False
    system_tokens: Annotated[Whole, Fact("tokens of the system prompt")] = 0


@value
class PrincipalSignals:
    """Who asks."""

    organization: Annotated[str, Fact("the customer")] = ""
    team: Annotated[str, Fact("the team of the key; may be empty")] = ""
    key: Annotated[str, Fact("the id of the key, never the key itself")] = ""
    tags: Annotated[tuple[str, ...], Fact('tags of the key: `"gold" in principal.tags`')] = ()


@value
class RunSignals:
    """The run of an agent that the request is a part of, as far as this gateway knows."""

    used_share: Annotated[
        float, Field(ge=0, allow_inf_nan=False),
        Fact("the largest used share of the purse of the agent's run; 0.0 where it names none"),
    ] = 0.0  # fmt: skip
    repeats: Annotated[Whole, Fact("how often its last request had come in this run")] = 0


@value
class BackendSignals:
    """One backend, now, for this request."""

    success: Annotated[float, Field(ge=0, le=1)] | None = None  # P(it handles this prompt)
    cost_pico: int = 0  # expected cost of this request there, shadow price included
    healthy: Annotated[bool, Fact("it answers")] = True
    in_flight: Annotated[Whole, Fact("requests it works on")] = 0
    queued: Annotated[Whole, Fact("requests that wait for it")] = 0
    wait_ms: Annotated[Whole, Fact("expected wait, milliseconds")] = 0
    # Why it cannot take this request at all: context window, tools, vision.
    unfit: str | None = None
    # What the request needs and nobody said that it has: it is asked after all others.
    doubtful: str | None = None


@value
class Clock:
    """The hour (0-23) and the weekday in the policy's time zone."""

    hour: Annotated[int, Field(ge=0, le=23), Fact("0 to 23 in `timezone`")] = 0
    weekday: Annotated[Weekday, Fact('"monday" to "sunday" in `timezone`')] = "monday"

    @classmethod
    def at(cls, unix_ms: int, timezone: str) -> "Clock":
        """The clock of an instant. `timezone` is `Policy.timezone`, checked at load."""
        local = datetime.fromtimestamp(unix_ms / 1000, zone(timezone))
        return cls(local.hour, WEEKDAYS[local.weekday()])


@value
class Signals:
    """One request as the policy sees it."""

    request: RequestSignals
    prompt: PromptSignals
    tier: str
    principal: PrincipalSignals
    backends: Mapping[str, BackendSignals]
    # Used share (0..1, may pass 1) of each window the customer has a quota for: minute, day, month.
    budget: Mapping[str, float] = field(default_factory=lambda: _NO_SHARES)
    clock: Clock = Clock()
    run: RunSignals = RunSignals()

    def on_route(self, route: str) -> "Signals":
        """The same request, where it is decided on this route."""
        return replace(self, request=replace(self.request, route=route))


@value
class Hints:
    """What a request's own headers ask for, parsed. They bind only within what the tier allows."""

    route: str | None = None
    min_success: float | None = None
    max_cost_pico: int | None = None
    exclude: tuple[str, ...] = ()


NO_HINTS: Final = Hints()
