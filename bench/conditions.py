"""What the fast conditions earn: a decision with them and with CEL alone (docs/adr/0035).

    python -m bench.conditions

Prints the CPU time and the interpreter instructions of one decision, both ways, for each shipped
policy and for routes with many rules, and the difference as a share of a chat request of 1 KB.
"""

import asyncio
import gc
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

from bench.instructions import instructions
from policies.language.expression import Conditions
from policies.policy import Policy, load
from policies.signals import (
    BackendSignals,
    Clock,
    PrincipalSignals,
    PromptSignals,
    RequestSignals,
    Signals,
)
from router.world.document_files import read_shipped_policy, shipped_policies

REQUEST_US: Final = 229  # CPU of a whole request of 1 KB (docs/benchmarks.md)
REQUEST_INSTRUCTIONS: Final = 8_500
ROUNDS: Final = 7
CALLS: Final = 2_000


def cpu_us(call: Callable[[], object]) -> float:
    """Microseconds of CPU time of one call: the best of several rounds."""
    best = float("inf")
    for _ in range(ROUNDS):
        gc.collect()
        began = time.process_time_ns()
        for _ in range(CALLS):
            call()
        best = min(best, (time.process_time_ns() - began) / CALLS / 1000)
    return best


def executed(call: Callable[[], object]) -> int:
    """Interpreter instructions of one call."""

    async def step() -> None:
        call()

    return asyncio.run(instructions(step))


def by_cel_alone(policy: Policy) -> Policy:
    """The same policy with every condition left to CEL."""
    conditions = Conditions(policy.backends)
    routes = {
        name: replace(
            route,
            matcher=conditions.matcher(
                [conditions.check(rule.when) for rule in route.rules], only_cel=True
            ),
        )
        for name, route in policy.routes.items()
    }
    return replace(policy, routes=routes)


def one_request(policy: Policy) -> Signals:
    """An ordinary request on the policy's first route, by a customer of its first tier."""
    return Signals(
        RequestSignals(next(iter(policy.routes)), id="one", conversation="one"),
        PromptSignals(300, 3, "en"),
        next(iter(policy.tiers), ""),
        PrincipalSignals("acme", "search", "key"),
        {
            name: BackendSignals(success=0.5 + 0.1 * place, cost_pico=10**6 * (place + 1))
            for place, name in enumerate(policy.backends)
        },
        {"minute": 0.1},
        Clock(),
    )


def many_rules(count: int) -> str:
    """A policy with a rule for each of so many customers."""
    rules = [
        f"      - {{name: r{at}, when: 'request.user == \"u{at}\"', except: [premium]}}"
        for at in range(count)
    ]
    head = "version: 1\nroutes:\n  auto:\n    candidates: [local, moe, premium]\n    rules:\n"
    return head + "\n".join(rules) + "\n"


def policies_to_measure() -> Iterator[tuple[str, Policy]]:
    """The shipped policies, and routes with many rules."""
    for name in shipped_policies():
        yield name, load(read_shipped_policy(name), name)
    for count in (25, 100, 1_000):
        yield f"{count} rules", load(many_rules(count), "rules")


def main() -> None:
    """Print one line a policy."""
    for name, policy in policies_to_measure():
        signals, reference = one_request(policy), by_cel_alone(policy)
        if policy.decide(signals) != reference.decide(signals):
            raise AssertionError(f"{name}: decided differently")
        fast_us = cpu_us(lambda: policy.decide(signals))  # noqa: B023
        cel_us = cpu_us(lambda: reference.decide(signals))  # noqa: B023
        fast = executed(lambda: policy.decide(signals))  # noqa: B023
        cel = executed(lambda: reference.decide(signals))  # noqa: B023
        sys.stdout.write(
            f"{name:14} {fast_us:6.1f} us instead of {cel_us:6.1f}"
            f" ({(cel_us - fast_us) / REQUEST_US:6.1%} of a request),"
            f" {fast:5} instructions instead of {cel:5}"
            f" ({(cel - fast) / REQUEST_INSTRUCTIONS:6.1%})\n"
        )


if __name__ == "__main__":
    main()
