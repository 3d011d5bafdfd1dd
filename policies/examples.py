"""Requests described in a document: what probes and `turnout explain --request` hold.

The sections about the request, the prompt, the principal, the clock and the backends have the keys
of `policies.signals`, with defaults of their own: a new fact needs nothing here.
"""

from collections.abc import Collection, Mapping
from dataclasses import fields
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, get_type_hints

from pydantic import Field, create_model

from policies.decision import Status
from policies.language.fields import Name, Probability, Strict, Usd
from policies.policy import Policy
from policies.signals import (
    NO_HINTS,
    BackendSignals,
    Clock,
    Hints,
    PrincipalSignals,
    PromptSignals,
    RequestSignals,
    RunSignals,
    Signals,
)

Window = Literal["minute", "day", "week", "month", "year"]


def _section(
    name: str,
    meaning: str,
    kind: type,
    *,
    without: Collection[str] = (),
    optional: bool = False,
    **defaults: Any,
) -> type[Strict]:
    """A section of the document with the fields of one kind of signals.

    `defaults` replace those of the signals; a key of another type is (type, default). With
    `optional` every key may be null, and is null where it is left out.
    """
    hints = get_type_hints(kind, include_extras=True)
    keys: dict[str, Any] = {
        each.name: (hints[each.name] | None, None) if optional else (hints[each.name], each.default)
        for each in fields(kind)
        if each.name not in without
    }
    for key, default in defaults.items():
        keys[key] = default if isinstance(default, tuple) else (keys[key][0], default)
    return create_model(name, __base__=Strict, __doc__=meaning, **keys)


if TYPE_CHECKING:  # made at run time: the type checker sees what they have in common
    RequestDoc = Strict
    PromptDoc = Strict
    PrincipalDoc = Strict
    ClockDoc = Strict
    RunDoc = Strict
    BackendDoc = Strict
else:
    RequestDoc = _section(
        "RequestDoc",
        "What the client asked for.",
        RequestSignals,
        without=("id", "route"),
        model=(Name, "auto"),
        conversation="probe",
        headers=(dict[str, str], Field(default_factory=dict)),
    )
    PromptDoc = _section(
        "PromptDoc", "What was measured of the prompt.", PromptSignals, tokens=200, language="en"
    )
    PrincipalDoc = _section(
        "PrincipalDoc",
        "Who asks.",
        PrincipalSignals,
        organization="example",
        key="key",
        tags=(list[str], Field(default_factory=list)),
    )
    ClockDoc = _section("ClockDoc", "The time in the policy's zone.", Clock, hour=12)
    RunDoc = _section("RunDoc", "The agent's run that it is a part of.", RunSignals)
    BackendDoc = _section(
        "BackendDoc",
        "One backend as the probe finds it; what is left out comes from the file's `backends`.",
        BackendSignals,
        without=("cost_pico",),
        optional=True,
        cost_usd=(Usd | None, None),
    )


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
    denied: Status | None = None


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
    run: RunDoc = RunDoc()
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
    """Return the signals that an example describes; `defaults` fills in what it leaves out."""
    return Signals(
        request=RequestSignals(id="probe", **probe.request.model_dump()),
        prompt=PromptSignals(**probe.prompt.model_dump()),
        tier=probe.tier,
        principal=_principal(probe.principal.model_dump()),
        backends={
            name: _backend(defaults.get(name), probe.backends.get(name), probe.unknown)
            for name in policy.backends
        },
        budget=dict(probe.budget.items()),
        clock=Clock(**probe.clock.model_dump()),
        run=RunSignals(**probe.run.model_dump()),
    )


def _principal(keys: dict[str, Any]) -> PrincipalSignals:
    return PrincipalSignals(**keys | {"tags": tuple(keys["tags"])})


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
