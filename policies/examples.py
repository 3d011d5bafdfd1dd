"""Requests described in a document: what probes and `turnout explain --request` hold."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from policies.language.document import Name, Probability, Strict
from policies.money import Usd
from policies.policy import Policy
from policies.signals import (
    NO_HINTS,
    BackendSignals,
    Clock,
    Hints,
    PrincipalSignals,
    PromptSignals,
    RequestSignals,
    Signals,
)

Whole = Annotated[int, Field(ge=0)]
Window = Literal["minute", "day", "month"]


class RequestDoc(Strict):
    """What the client asked for."""

    model: Name = "auto"
    conversation: str = "probe"
    previous: str = ""
    pii: bool = False
    tools: bool = False
    images: bool = False
    json_schema: bool = False
    stream: bool = False
    max_tokens: Annotated[int, Field(ge=0)] = 0
    user: str = ""
    headers: dict[str, str] = Field(default_factory=dict)


class PromptDoc(Strict):
    """What was measured of the prompt."""

    tokens: Annotated[int, Field(ge=0)] = 200
    turns: Annotated[int, Field(ge=1)] = 1
    language: str = "en"
    code: bool = False
    math: bool = False
    system_tokens: Annotated[int, Field(ge=0)] = 0


class PrincipalDoc(Strict):
    """Who asks."""

    organization: str = "example"
    team: str = ""
    key: str = "key"
    tags: list[str] = Field(default_factory=list)


class ClockDoc(Strict):
    """The time in the policy's zone."""

    hour: Annotated[int, Field(ge=0, le=23)] = 12
    weekday: Literal[
        "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"
    ] = "monday"


class BackendDoc(Strict):
    """One backend as the probe finds it; what is left out comes from the file's `backends`."""

    success: Probability | None = None
    cost_usd: Usd | None = None
    healthy: bool | None = None
    in_flight: Whole | None = None
    queued: Whole | None = None
    wait_ms: Whole | None = None
    unfit: str | None = None


class HintsDoc(Strict):
    """The request's own hints."""

    route: Name | None = None
    min_success: Probability | None = None
    max_cost_usd: Usd | None = None
    exclude: list[Name] = Field(default_factory=list)


class ExpectDoc(Strict):
    """What must come out; at least one key."""

    backend: Name | None = None
    candidates: list[Name] | None = None
    allowed: list[Name] | None = None
    never: list[Name] | None = None  # not among the candidates, not even as a fallback
    rules: list[Name] | None = None
    cascade: list[Name] | None = None
    denied: (
        Literal["denied", "no_candidates", "route_not_allowed", "unknown_model", "bad_hint"] | None
    ) = None


class ExampleDoc(Strict):
    """What is known of one request."""

    tier: str = ""
    request: RequestDoc = RequestDoc()
    prompt: PromptDoc = PromptDoc()
    principal: PrincipalDoc = PrincipalDoc()
    budget: dict[Window, Annotated[float, Field(ge=0, allow_inf_nan=False)]] = Field(
        default_factory=dict
    )
    clock: ClockDoc = ClockDoc()
    unknown: bool = False  # the classifier was late: no probability at all
    backends: dict[Name, BackendDoc] = Field(default_factory=dict)
    hints: HintsDoc = HintsDoc()


class ProbeDoc(ExampleDoc):
    """One example, and what must come out."""

    name: str = Field(min_length=1, max_length=200)
    expect: ExpectDoc


class ProbesDoc(Strict):
    """A file of probes."""

    version: Literal[1]
    backends: dict[Name, BackendDoc] = Field(default_factory=dict)
    probes: list[ProbeDoc] = Field(min_length=1)


NO_DEFAULTS: Final[Mapping[str, BackendDoc]] = MappingProxyType({})


def signals_of(
    policy: Policy, probe: ExampleDoc, defaults: Mapping[str, BackendDoc] = NO_DEFAULTS
) -> Signals:
    """The signals that an example describes; `defaults` is what it does not say of backends."""
    return Signals(
        request=RequestSignals(id="probe", **probe.request.model_dump()),
        prompt=PromptSignals(**probe.prompt.model_dump()),
        tier=probe.tier,
        principal=PrincipalSignals(
            **probe.principal.model_dump() | {"tags": tuple(probe.principal.tags)}
        ),
        backends={
            name: _backend(defaults.get(name), probe.backends.get(name), probe.unknown)
            for name in policy.backends
        },
        budget=dict(probe.budget.items()),
        clock=Clock(**probe.clock.model_dump()),
    )


def _backend(base: BackendDoc | None, own: BackendDoc | None, unknown: bool) -> BackendSignals:
    merged: dict[str, Any] = {}
    for doc in (base, own):
        merged |= {} if doc is None else doc.model_dump(exclude_none=True)
    if "cost_usd" in merged:
        merged["cost_pico"] = merged.pop("cost_usd")
    if unknown:
        merged["success"] = None
    return BackendSignals(**merged)


def hints_of(probe: ExampleDoc) -> Hints:
    """The hints that an example carries."""
    doc = probe.hints
    if doc == HintsDoc():
        return NO_HINTS
    return Hints(doc.route, doc.min_success, doc.max_cost_usd, tuple(doc.exclude))
