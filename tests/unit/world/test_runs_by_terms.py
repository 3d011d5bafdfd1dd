"""What each run of an agent may use: the tier's, a customer's in its place, and what lowers it."""

from typing import Any

from fakes.world import new_world

from policies.language.tiers import UNBOUNDED, USUAL_RUNS
from router.customers.policy_rules import read_limits
from router.customers.terms import merged
from router.domain import Principal, Terms
from router.world.standing import exhausted_name

POLICY = """\
version: 1
routes: {auto: {candidates: [local, moe], objective: fixed}}
tiers:
  agents:
    per_run: {usd: 2, requests: 300, concurrency: 4, idle: 2h}
    when_exhausted: {downgrade: [local]}
  plain: {tokens_per_day: 5}
"""
WORLD = new_world(POLICY)
USD = 10**9  # nano-USD


def purse(tier: str, *own: tuple[str, dict[str, Any]]) -> dict[str, int]:
    """The purse of a customer whose rows say this, each for a level, in the order of its levels."""
    limits: dict[str, Any] = {}
    for level, said in own:
        limits = merged(limits, read_limits(level, {"per_run": said}))
    asker = Principal("k", "acme", tier, terms=Terms(limits))
    return {e.dimension: e.limit for e in WORLD.standing_of(asker).quotas if e.level == "run"}


def test_an_organizations_own_purse_stands_in_the_place_of_the_tiers() -> None:
    assert purse("agents", ("organization", {"usd": 10, "requests": None})) == {
        "usd": 10 * USD, "tokens": UNBOUNDED, "requests": UNBOUNDED, "repeats": UNBOUNDED,
        "concurrency": 4,
    }  # fmt: skip


def test_teams_and_keys_only_lower_it_and_the_lower_of_all_rules_holds() -> None:
    higher = purse("agents", ("key", {"usd": 10, "requests": 500, "concurrency": 9}))
    assert (higher["usd"], higher["requests"], higher["concurrency"]) == (2 * USD, 300, 4)
    lower = purse(
        "agents",
        ("organization", {"usd": 10}),
        ("team", {"usd": 3, "requests": 20}),
        ("team", {"usd": 5}),  # a part of it
        ("key", {"requests": 30, "repeats": 5}),
    )
    assert (lower["usd"], lower["requests"], lower["repeats"]) == (3 * USD, 20, 5)


def test_a_key_has_a_purse_in_a_tier_without_one_known_for_as_long_as_usual() -> None:
    assert purse("plain", ("key", {"requests": 7}))["requests"] == 7
    own = Terms(read_limits("key", {"per_run": {"requests": 7}}))
    assert WORLD.standing_of(Principal("k", "acme", "plain", terms=own)).runs == USUAL_RUNS
    tiers_own = WORLD.standing_of(Principal("k", "acme", "agents", terms=own)).runs
    assert tiers_own is not None
    assert tiers_own.idle_ms == 7_200_000
    assert WORLD.standing("plain").runs is None


def test_what_is_served_beyond_the_budgets_counts_in_the_same_purse() -> None:
    beyond = exhausted_name("agents")
    assert purse(beyond, ("key", {"requests": 7}))["requests"] == 7
