"""Random policies and random requests: decisions are total, deterministic, and closed.

Closed: what a hard constraint excludes is nowhere in the decision, neither as first choice nor as
fallback, cascade step, shadow or judge, whatever weights, stickiness, hints and health do.
"""

import json
from types import MappingProxyType
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from policies.decision import Decision, Denial
from policies.explain import explain, render_explanation
from policies.language.terms import CascadeTerms, Terms
from policies.objectives import OBJECTIVES, Option, rank
from policies.policy import load
from policies.replay.record import from_record, to_record
from policies.signals import (
    BackendSignals,
    Clock,
    Hints,
    PrincipalSignals,
    PromptSignals,
    RequestSignals,
    Signals,
)

NAMES = ("a", "b", "c", "d")
CONDITIONS = MappingProxyType(
    {
        "true": lambda s: True,
        "request.pii": lambda s: s.request.pii,
        "!request.pii": lambda s: not s.request.pii,
        "prompt.tokens > 500": lambda s: s.prompt.tokens > 500,
        '"x" in principal.tags': lambda s: "x" in s.principal.tags,
        # fails at run time where the client gave no max_tokens: constraints hold all the same
        "1000 / request.max_tokens > 3": lambda s: (
            s.request.max_tokens == 0 or 1000 // s.request.max_tokens > 3
        ),
        'success["a"] > 0.5': lambda s: (s.backends["a"].success or 0.0) > 0.5,
    }
)

subsets = st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=True)
probability = st.floats(0, 1, allow_nan=False)
objective = st.sampled_from(["cheapest_capable", "expected_cost", "best_quality", "fixed"])
weights = st.dictionaries(st.sampled_from(NAMES), st.integers(1, 9), min_size=2, max_size=4)
setting = st.one_of(
    st.builds(lambda value: {"objective": value}, objective),
    st.builds(
        lambda p, q: {"capable": {"min_success": p, "max_regret": q}}, probability, probability
    ),
    st.builds(lambda name: {"fixed": name}, st.sampled_from(NAMES)),
    st.builds(lambda value: {"weights": value}, weights),
    st.builds(
        lambda judge: {"cascade": {"verify": ["not_empty"], "max_steps": 3} | judge},
        st.one_of(st.just({}), st.builds(lambda name: {"judge": name}, st.sampled_from(NAMES))),
    ),
    st.just({"sticky": "conversation"}),
    st.builds(lambda name: {"when_unknown": name}, st.sampled_from(NAMES)),
)
constraint = st.one_of(
    st.builds(lambda names: {"only": names}, subsets),
    st.builds(lambda names: {"except": names}, subsets),
)
effect = st.one_of(setting, constraint, st.builds(lambda a, b: a | b, setting, constraint))
rules = st.lists(st.tuples(st.sampled_from(sorted(CONDITIONS)), effect), max_size=6)


@st.composite
def documents(draw: Any) -> dict[str, Any]:
    route: dict[str, Any] = {
        "candidates": list(NAMES),
        "objective": draw(objective),
        "failure_cost": 0.01,
        "rules": [
            {"name": f"r{n}", "when": when} | what for n, (when, what) in enumerate(draw(rules))
        ],
    }
    route |= draw(st.one_of(st.just({}), setting.filter(lambda s: "fixed" not in s)))
    tier: dict[str, Any] = draw(
        st.one_of(st.just({}), st.builds(lambda n: {"backends": n}, subsets))
    )
    alias: dict[str, Any] = {"route": "auto"} | draw(st.one_of(st.just({}), constraint))
    shadow = {
        "share": 1.0,
        "to": draw(st.sampled_from(NAMES)),
        "judge": draw(st.sampled_from(NAMES)),
    }
    return {
        "version": 1,
        "routes": {"auto": route},
        "aliases": {"other": alias},
        "tiers": {"t": tier},
        "shadow": shadow,
    }


backend = st.builds(
    BackendSignals,
    success=st.one_of(st.none(), probability),
    cost_pico=st.integers(0, 10**11),
    healthy=st.booleans(),
    unfit=st.sampled_from([None, None, None, "too long"]),
)
requests = st.builds(
    RequestSignals,
    model=st.sampled_from(["auto", "other", *NAMES]),
    id=st.text("0123", max_size=3),
    conversation=st.text("0123", max_size=3),
    previous=st.sampled_from(["", *NAMES, "gone"]),
    pii=st.booleans(),
    max_tokens=st.integers(0, 1000),
)
signals_strategy = st.builds(
    Signals,
    request=requests,
    prompt=st.builds(PromptSignals, tokens=st.integers(0, 1000)),
    tier=st.just("t"),
    principal=st.builds(PrincipalSignals, tags=st.sampled_from([(), ("x",)])),
    backends=st.fixed_dictionaries(dict.fromkeys(NAMES, backend)),
    clock=st.just(Clock()),
)
hints_strategy = st.builds(
    Hints,
    min_success=st.one_of(st.none(), probability),
    max_cost_pico=st.one_of(st.none(), st.integers(0, 10**11)),
    exclude=st.lists(st.sampled_from(NAMES), max_size=2).map(tuple),
)


def written(document: Any) -> str:
    """JSON is YAML."""
    return json.dumps(document)


def permitted(document: dict[str, Any], given: Signals, hints: Hints) -> set[str]:
    """The closed set, computed from the document in the plainest way."""
    left = set(document["tiers"]["t"].get("backends", NAMES)) - set(hints.exclude)
    narrowing = [
        rule for rule in document["routes"]["auto"]["rules"] if CONDITIONS[rule["when"]](given)
    ]
    if given.request.model == "other":
        narrowing.append(document["aliases"]["other"])
    for each in narrowing:
        left &= set(each.get("only", NAMES))
        left -= set(each.get("except", ()))
    return left & {given.request.model} if given.request.model in NAMES else left


def named(decision: Decision) -> set[str]:
    result = set(decision.candidates) | set(decision.allowed)
    if decision.cascade is not None:
        result |= {*decision.cascade.steps, decision.cascade.judge or decision.cascade.steps[0]}
    if decision.shadow is not None:
        result |= {decision.shadow.to, decision.shadow.judge or decision.shadow.to}
    return result


@given(documents(), st.lists(st.tuples(signals_strategy, hints_strategy), min_size=3, max_size=3))
def test_hard_constraints_close_over_everything_a_decision_names(document, asked):
    subject = load(written(document), "random.yaml")
    for given_signals, hints in asked:
        answer = subject.decide(given_signals, hints)
        allowed = permitted(document, given_signals, hints)
        if isinstance(answer, Denial):
            assert answer.status in ("denied", "no_candidates")
            assert (answer.status == "denied") == (not allowed)
        else:
            assert answer.allowed == allowed
            assert named(answer) <= allowed
            assert answer.candidates
            assert len(set(answer.candidates)) == len(answer.candidates)
            assert 0.0 < answer.propensity <= 1.0
            assert answer.reason.isascii()
            assert answer.reason.isprintable()


@given(documents(), signals_strategy, hints_strategy)
def test_a_decision_is_deterministic_and_replays_from_its_record(document, given_signals, hints):
    subject = load(written(document), "random.yaml")
    answer = subject.decide(given_signals, hints)
    assert answer == load(written(document), "random.yaml").decide(given_signals, hints)
    line = to_record(
        at_ms=1,
        signals=given_signals,
        hints=hints,
        answer=answer,
        policy=subject.version,
        classifier="c",
        prices="p",
    )
    again = from_record(line)
    assert again.signals == given_signals
    assert again.hints == hints
    assert subject.decide(again.signals, again.hints) == answer
    assert render_explanation(explain(subject, given_signals, hints))


options = st.lists(
    st.tuples(st.one_of(st.none(), probability), st.integers(0, 10**9)), min_size=1, max_size=4
).map(lambda pairs: [Option(NAMES[i], p, c) for i, (p, c) in enumerate(pairs)])
terms = st.builds(
    Terms,
    objective=st.sampled_from(sorted(OBJECTIVES)),
    min_success=st.one_of(st.none(), probability),
    max_regret=probability,
    failure_cost=st.integers(0, 10**10),
    cascade=st.sampled_from([None, CascadeTerms(("not_empty",), 2, 0)]),
)


@given(options, terms)
def test_every_objective_orders_every_option_exactly_once(given_options, given_terms):
    ranking = rank(given_options, given_terms)
    assert sorted(ranking.order) == sorted(option.name for option in given_options)
    assert set(ranking.steps) <= set(ranking.order)


@given(options, terms, st.integers(1, 10**9))
def test_making_the_winner_cheaper_never_makes_it_lose(given_options, given_terms, saved):
    single = Terms(
        objective=given_terms.objective,
        min_success=given_terms.min_success,
        max_regret=given_terms.max_regret,
        failure_cost=given_terms.failure_cost,
    )
    winner = rank(given_options, single).order[0]
    cheaper = [
        option._replace(cost=max(0, option.cost - saved)) if option.name == winner else option
        for option in given_options
    ]
    assert rank(cheaper, single).order[0] == winner
