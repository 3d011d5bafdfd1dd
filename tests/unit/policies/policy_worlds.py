"""Small worlds for policy tests: signals with sensible defaults."""

from pathlib import Path
from typing import Any

import policies
from policies.decision import Decision
from policies.policy import Policy, load
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

BALANCED = load(
    (Path(policies.__file__).parent / "shipped/balanced.yaml").read_text(), "balanced.yaml"
)
COSTS = {"local": 1_000_000, "moe": 100_000_000, "premium": 9_000_000_000}
SUCCESS: dict[str, float | None] = {"local": 0.5, "moe": 0.8, "premium": 0.95}


def backends(success: Any = None, costs: Any = None, **each: Any) -> dict[str, BackendSignals]:
    probabilities = SUCCESS if success is None else success
    prices = costs or COSTS
    return {
        name: BackendSignals(success=probabilities.get(name), cost_pico=cost, **each.get(name, {}))
        for name, cost in prices.items()
    }


def signals(
    model: str = "auto",
    *,
    tier: str = "pro",
    success: Any = None,
    costs: Any = None,
    each: Any = None,
    prompt: Any = None,
    budget: Any = None,
    clock: Clock | None = None,
    tags: tuple[str, ...] = (),
    **request: Any,
) -> Signals:
    return Signals(
        request=RequestSignals(model=model, **request),
        prompt=PromptSignals(**({"tokens": 100} | (prompt or {}))),
        tier=tier,
        principal=PrincipalSignals("acme", "search", "key-1", tags),
        backends=backends(success, costs, **(each or {})),
        budget=budget or {},
        clock=clock or Clock(),
    )


def policy(route: str, more: str = "") -> Policy:
    """A policy with one route `auto` over local, moe and premium; `route` is the rest of it."""
    lines = "\n".join("    " + line for line in route.strip("\n").splitlines())
    head = "version: 1\nroutes:\n  auto:\n    candidates: [local, moe, premium]\n"
    return load(f"{head}{lines}\n{more}", "test.yaml")


def decided(subject: Policy, given: Signals, hints: Hints = NO_HINTS) -> Decision:
    answer = subject.decide(given, hints)
    assert isinstance(answer, Decision), answer
    return answer
