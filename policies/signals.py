"""Everything a policy may know of a request: plain, frozen values, gathered by the caller.

Nothing here holds text of a prompt. Money is integer pico-USD, times are milliseconds, a
probability is 0..1 or None where the classifier did not say.
"""

from collections.abc import Mapping
from dataclasses import field, replace
from datetime import UTC, datetime, tzinfo
from types import MappingProxyType
from typing import Final
from zoneinfo import ZoneInfo

from policies.value import value

_NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})
_NO_SHARES: Final[Mapping[str, float]] = MappingProxyType({})
WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def zone(name: str) -> tzinfo:
    """The time zone of that name; UTC needs no time zone data. Raises KeyError or ValueError."""
    return UTC if name == "UTC" else ZoneInfo(name)


@value
class RequestSignals:
    """What the client asked for, and how."""

    model: str  # as the client sent it: a route, an alias or a backend's name
    route: str = ""  # what `Policy.resolve(model)` gave; the policy fills it in where it is empty
    id: str = ""  # the request id: draws the shadow share
    conversation: str = ""  # same for every turn of a conversation: draws canary and A/B weights
    previous: str = ""  # the backend that served this conversation last, "" if none
    pii: bool = False
    tools: bool = False
    images: bool = False
    json_schema: bool = False
    stream: bool = False
    max_tokens: int = 0  # 0: the client gave none
    user: str = ""
    headers: Mapping[str, str] = field(
        default_factory=lambda: _NO_HEADERS
    )  # those of `Policy.headers`, names in lower case


@value
class PromptSignals:
    """What was measured of the prompt."""

    tokens: int = 0
    turns: int = 1
    language: str = ""
    code: bool = False
    math: bool = False
    system_tokens: int = 0


@value
class PrincipalSignals:
    """Who asks."""

    organization: str = ""
    team: str = ""
    key: str = ""
    tags: tuple[str, ...] = ()


@value
class BackendSignals:
    """One backend, now, for this request."""

    success: float | None = None  # P(it handles this prompt)
    cost_pico: int = 0  # expected cost of this request there, shadow price included
    healthy: bool = True
    in_flight: int = 0
    queued: int = 0
    wait_ms: int = 0
    unfit: str | None = (
        None  # why it cannot take this request at all: context window, tools, vision
    )


@value
class Clock:
    """The hour (0-23) and the weekday in the policy's time zone."""

    hour: int = 0
    weekday: str = "monday"

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
    budget: Mapping[str, float] = field(
        default_factory=lambda: _NO_SHARES
    )  # used share (0..1, may pass 1) of each
    # window the customer has a quota for: "minute", "day", "month"
    clock: Clock = Clock()

    def on_route(self, route: str) -> "Signals":
        """The same request, where it is decided on this route."""
        return replace(self, request=replace(self.request, route=route))


@value
class Hints:
    """What a request's own headers ask for, already parsed; binding only within the tier."""

    route: str | None = None
    min_success: float | None = None
    max_cost_pico: int | None = None
    exclude: tuple[str, ...] = ()


NO_HINTS: Final = Hints()
