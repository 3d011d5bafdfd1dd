"""What a route does not need to know makes no difference to its decisions."""

import json
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from policies.policy import load
from policies.signals import (
    BackendSignals,
    Clock,
    PrincipalSignals,
    PromptSignals,
    RequestSignals,
    Signals,
)

NAMES = ("a", "b", "c")
CONDITIONS = (
    "request.pii",
    "prompt.code",
    "prompt.math || prompt.tokens > 50",
    'prompt.language == "de"',
    'principal.organization == "acme"',
    '"x" in principal.tags',
    "clock.hour >= 12",
    'clock.weekday == "sunday"',
    "budget.used_share > 0.5",
    'success["a"] > 0.5',
    'backend["a"].queued > 3 || backend["b"].wait_ms > 10',
    "true",
)
subsets = st.lists(st.sampled_from(NAMES), min_size=1, max_size=2, unique=True)
effects = st.one_of(
    st.builds(lambda names: {"only": names}, subsets),
    st.just({"sticky": "conversation"}),
    st.just({"weights": {"a": 1, "b": 1}}),
    st.just({"objective": "best_quality"}),
)
rules = st.lists(st.tuples(st.sampled_from(CONDITIONS), effects), max_size=4)
routes = st.builds(
    lambda chosen, more: (
        {
            "candidates": list(NAMES),
            "when_unknown": "b",
            "rules": [
                {"name": f"r{n}", "when": when} | what for n, (when, what) in enumerate(chosen)
            ],
        }
        | more
    ),
    rules,
    st.sampled_from([{}, {"weights": {"b": 3, "c": 1}}, {"sticky": "conversation"}]),
)
documents = st.builds(
    lambda auto, two: {
        "version": 1,
        "routes": {"auto": auto, "two": two},
        "aliases": {"other": {"route": "auto"}},
    },
    routes,
    routes,
)
backend = st.builds(
    BackendSignals,
    success=st.none() | st.floats(0, 1),
    cost_pico=st.integers(0, 10**9),
    queued=st.integers(0, 6),
    wait_ms=st.integers(0, 20),
)
worlds = st.builds(
    Signals,
    request=st.builds(
        RequestSignals,
        model=st.sampled_from(["auto", "two", "other", *NAMES]),
        conversation=st.text("01", max_size=4),
        previous=st.sampled_from(["", *NAMES]),
        pii=st.booleans(),
    ),
    prompt=st.builds(
        PromptSignals,
        tokens=st.integers(0, 100),
        code=st.booleans(),
        math=st.booleans(),
        language=st.sampled_from(["", "de"]),
    ),
    tier=st.just("any"),
    principal=st.builds(
        PrincipalSignals, st.sampled_from(["", "acme"]), tags=st.sampled_from([(), ("x",)])
    ),
    backends=st.fixed_dictionaries(dict.fromkeys(NAMES, backend)),
    budget=st.dictionaries(st.just("day"), st.floats(0, 1)),
    clock=st.builds(Clock, st.integers(0, 23), st.sampled_from(["monday", "sunday"])),
)


def without(signals, needs):
    """The signals with everything at its default that is not needed."""
    asked = {
        "pii": needs.pii and signals.request.pii,
        "previous": signals.request.previous if needs.sticky else "",
        "conversation": signals.request.conversation if needs.conversation else "",
    }
    prompt = {
        "code": needs.code and signals.prompt.code,
        "math": needs.math and signals.prompt.math,
        "language": signals.prompt.language if needs.language else "",
    }
    unasked: dict[str, object] = {} if needs.classifier else {"success": None}
    if not needs.backends:
        unasked |= {"in_flight": 0, "queued": 0, "wait_ms": 0}
    return replace(
        signals,
        request=replace(signals.request, **asked),
        prompt=replace(signals.prompt, **prompt),
        principal=signals.principal if needs.principal else PrincipalSignals(),
        backends={name: replace(each, **unasked) for name, each in signals.backends.items()},
        budget=signals.budget if needs.budget else {},
        clock=signals.clock if needs.clock else Clock(),
    )


@given(documents, st.lists(worlds, min_size=4, max_size=4))
def test_a_decision_needs_nothing_but_what_it_says_it_needs(document, asked):
    policy = load(json.dumps(document), "random.yaml")
    for signals in asked:
        needs = policy.needs(policy.resolve(signals.request.model))
        wanted, result = policy.decide(signals), policy.decide(without(signals, needs))
        chosen = ("route", "allowed", "candidates", "reason", "rules", "cascade", "propensity")
        for name in chosen:
            assert getattr(result, name, None) == getattr(wanted, name, None)
