"""One log and one policy come to one cost and one quality, whichever command tells them."""

import random

import pytest
from policy_worlds import decided, policy, signals

from policies.replay.diff import diff
from policies.replay.record import RecordedOutcome, from_record, to_record
from policies.replay.replay import replay
from policies.replay.tune import tune
from policies.replay.yardstick import Yardstick, plan_of
from policies.signals import NO_HINTS
from router.domain import Usage
from router.prices.book import PriceBook
from router.prices.price import Price, Step

TIERS = "tiers: {free: {requests_per_minute: 30}, pro: {}}\n"
CASCADE = "cascade: {verify: [not_empty], max_steps: 2, verifier_cost: 0.00002}"
POLICIES = {
    "plain": "capable: {min_success: 0.75, max_regret: 0.05}",
    "cascade": f"capable: {{min_success: 0.6, max_regret: 0.1}}\n{CASCADE}",
    "expected": "objective: expected_cost\nfailure_cost: 0.01",
    "expected cascade": f"objective: expected_cost\nfailure_cost: 0.03\n{CASCADE}",
}
# In pico-USD a token: a price with steps, one with cached and written tokens, one without either.
PRICES = PriceBook(
    {
        "local": Price(20_000, 40_000, 20_000),
        "moe": Price(300_000, 1_200_000, 30_000, 375_000),
        "premium": Price(
            5_000_000, 30_000_000, 500_000, steps=(Step(2_000, 10_000_000, 45_000_000, 1, 1),)
        ),
    }
)
EXPECTED_OUTPUT = 150  # what the gateway expected; real answers are longer, prompts partly cached


def log(subject, count=240, *, seed=3):
    """A log of `subject`: what was expected of each request, and what it really used and cost."""
    chance = random.Random(seed)
    for number in range(count):
        ease, tokens = chance.random(), chance.randrange(10, 4_000)
        costs = {n: PRICES.cost(n, Usage(tokens, EXPECTED_OUTPUT)) for n in PRICES_NAMES}
        given = signals(
            id=f"r{number}",
            conversation=f"c{number // 3}",
            success={"local": 0.8 * ease, "moe": 0.3 + 0.6 * ease, "premium": 0.6 + 0.38 * ease},
            costs=costs,
            tier=chance.choice(["free", "pro"]),
            prompt={"tokens": tokens},
        )
        answer = decided(subject, given)
        steps = answer.cascade.steps if answer.cascade is not None else (answer.backend,)
        served = next((s for s in steps if chance.random() < answer.success[s]), steps[-1])
        bills = [bill(name, tokens, chance) for name in steps[: steps.index(served) + 1]]
        outcome = RecordedOutcome(
            backend=served,
            end="completed",
            input_tokens=tokens,
            output_tokens=500,
            cost_pico=sum(bills),
            latency_ms=300,
            success=chance.random() < 0.8,
            beside_pico=sum(bills[:-1]),
        )
        yield from_record(
            to_record(
                at_ms=1_763_766_000_000 + number * 500,
                signals=given,
                hints=NO_HINTS,
                answer=answer,
                policy=subject.version,
                classifier="c",
                prices="p",
                outcome=outcome,
            )
        )


PRICES_NAMES = ("local", "moe", "premium")


def bill(backend, tokens, chance):
    cached = chance.randrange(0, tokens // 2 + 1)
    written = chance.randrange(0, tokens // 4 + 1)
    usage = Usage(tokens, chance.randrange(300, 900), cached, cache_write_tokens=written)
    return PRICES.cost(backend, usage)


def figures(row):
    return row.cost_usd, row.request_usd, row.quality.mean


@pytest.mark.parametrize("name", POLICIES)
def test_tune_and_replay_tell_one_cost_and_one_quality_to_the_last_digit(name):
    subject = policy(POLICIES[name], TIERS)
    records = list(log(subject))
    now = tune(subject, lambda: records, "auto", quality=0.6).now
    replayed = replay(subject, records).groups["route"]["auto"]
    assert (now.total_usd, now.cost_usd, now.quality) == figures(replayed)
    assert now.served == replayed.served < len(records)  # some met a 429


@pytest.mark.parametrize("name", POLICIES)
def test_the_lines_that_tune_prints_replay_to_the_figures_beside_them(name):
    subject = policy(POLICIES[name], TIERS)
    records = list(log(subject))
    chosen = tune(subject, lambda: records, "auto", quality=0.7).chosen
    assert chosen is not None
    kept = "\n".join(line for line in POLICIES[name].splitlines() if line.startswith("cascade"))
    pasted = policy(f"{chosen.yaml}\n{kept}", TIERS)
    row = replay(pasted, records).groups["route"]["auto"]
    assert (chosen.total_usd, chosen.cost_usd, chosen.quality) == figures(row)


def test_a_search_on_a_sample_tells_the_figures_of_the_whole_log():
    subject = policy(POLICIES["plain"], TIERS)
    records = list(log(subject))
    result = tune(subject, lambda: records, "auto", quality=0.7, sample_size=20)
    assert result.sampled < result.records == len(records)
    for point in (result.now, *result.front):
        thresholds = policy(point.yaml, TIERS)
        row = replay(thresholds, records).groups["route"]["auto"]
        assert (point.total_usd, point.cost_usd, point.quality) == figures(row)


@pytest.mark.parametrize("name", POLICIES)
def test_diff_goes_by_the_same_yardstick(name):
    before, after = policy(POLICIES["plain"], TIERS), policy(POLICIES[name], TIERS)
    records = list(log(before))
    both = diff(before, after, records)
    old, new = both.before.total, both.after.total
    assert figures(old) == figures(replay(before, records).total)
    assert figures(new) == figures(replay(after, records).total)
    pairs = replay(policy(POLICIES[name], "tiers: {free: {}, pro: {}}\n"), records).total
    assert pairs.served == len(records)
    if old.served == new.served:  # the same requests meet a 429, so means can be subtracted
        assert both.cost_change.mean == pytest.approx(new.request_usd - old.request_usd)
        assert both.quality_change.mean == pytest.approx(new.quality.mean - old.quality.mean)


def test_a_replay_of_the_recorded_policy_costs_what_was_billed():
    subject = policy(POLICIES["plain"], "tiers: {free: {}, pro: {}}\n")
    report = replay(subject, log(subject))
    assert report.total.cost_usd == pytest.approx(report.recorded_usd)
    assert "this policy" in {each.name for each in report.baselines}
    assert report.baselines[0].cost_usd == pytest.approx(report.total.request_usd)


def test_a_cascade_is_expected_to_cost_what_its_answers_and_checks_do():
    subject = policy(POLICIES["expected cascade"], "tiers: {pro: {}, free: {}}\n")
    report = replay(subject, log(subject, 2_000))
    assert report.total.cost_usd == pytest.approx(report.recorded_usd, rel=0.1)
    assert report.baselines[0].cost_usd == pytest.approx(report.total.request_usd)
    assert report.baselines[0].quality == pytest.approx(report.total.quality.mean)


def test_the_steps_of_a_cascade_count_as_often_as_they_are_reached():
    subject = policy(f"objective: expected_cost\nfailure_cost: 1\n{CASCADE}")
    decision = decided(subject, signals(success={"local": 0.5, "moe": 0.1, "premium": 0.9}))
    plan = plan_of(decision)
    assert plan.steps == ("local", "premium")
    assert dict(plan.spent) == {"local": 1_000_000, "premium": pytest.approx(0.5 * 9_000_000_000)}
    assert plan.checks == 20_000_000
    assert plan.success == pytest.approx(1 - 0.5 * 0.1)


def test_answers_that_passed_a_check_do_not_vouch_for_a_policy_that_checks_nothing():
    checked = policy(POLICIES["expected cascade"], TIERS)
    records = list(log(checked))
    assert replay(checked, records).total.judged > 180
    cascades = sum(1 for record in records if record.steps)
    unchecked = policy("objective: expected_cost\nfailure_cost: 0.03", TIERS)
    assert cascades > 60
    assert replay(unchecked, records).total.judged <= len(records) - cascades


def test_a_backend_that_was_never_asked_is_measured_by_the_answers_of_the_others():
    records = [each for each in log(policy(POLICIES["plain"])) if each.outcome.backend != "local"]
    measured = Yardstick()
    for record in records:
        measured.add(record)
    known = sorted((measured.ratio("moe"), measured.ratio("premium")))
    assert known[0] < measured.ratio("local") < known[1]
    assert Yardstick().ratio("local") == 1.0
