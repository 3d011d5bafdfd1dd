import math
import random

import pytest
from policy_worlds import policy, signals

from bench.instructions import counted
from policies.replay.diff import diff
from policies.replay.estimates import Interval
from policies.replay.record import RecordedOutcome, from_record, to_record
from policies.replay.replay import replay
from policies.replay.tune import TuneError, tune
from policies.signals import NO_HINTS

START = 1_763_766_000_000
TIERS = "tiers: {free: {requests_per_minute: 30}, pro: {}}\n"
PRESENT = policy("capable: {min_success: 0.75, max_regret: 0.05}\nwhen_unknown: moe", TIERS)
THRIFTY = policy("capable: {min_success: 0.5, max_regret: 0.1}\nwhen_unknown: moe", TIERS)
ALWAYS_LOCAL = policy("objective: fixed\nfixed: local", TIERS)


def log(count=600, *, seed=1, judged=True, outcome=True):
    """A log in which hard prompts are hard for everyone, and long ones cost more."""
    chance = random.Random(seed)
    for number in range(count):
        ease = chance.random()
        success = {
            "local": round(0.1 + 0.8 * ease, 4),
            "moe": round(0.35 + 0.6 * ease, 4),
            "premium": round(0.6 + 0.38 * ease, 4),
        }
        given = signals(
            id=f"r{number}",
            conversation=f"c{number // 3}",
            success=success,
            tier=chance.choice(["free", "pro"]),
            prompt={"tokens": chance.randrange(10, 4_000)},
        )
        answer = PRESENT.decide(given)
        backend = answer.candidates[0]
        result = RecordedOutcome(
            backend=backend,
            end="completed",
            input_tokens=given.prompt.tokens,
            output_tokens=200,
            cost_pico=answer.cost_pico[backend] * 2,
            latency_ms={"local": 100, "moe": 400, "premium": 900}[backend],
            success=chance.random() < success[backend] if judged else None,
        )
        yield from_record(
            to_record(
                at_ms=START + number * 500,
                signals=given,
                hints=NO_HINTS,
                answer=answer,
                policy=PRESENT.version,
                classifier="c",
                prices="p",
                outcome=result if outcome else None,
            )
        )


def test_the_recorded_policy_replays_to_what_was_recorded():
    report = replay(PRESENT, log())
    assert report.total.kept == report.total.served
    assert report.total.requests == 600
    unlimited = replay(
        policy("capable: {min_success: 0.75, max_regret: 0.05}", "tiers: {free: {}, pro: {}}\n"),
        log(),
    )
    assert unlimited.total.cost_usd == pytest.approx(unlimited.recorded_usd)


def test_predicted_quality_has_an_interval_and_observed_quality_agrees_with_it():
    total = replay(PRESENT, log(3_000)).total
    assert total.coverage == 1.0
    assert total.quality.low < total.quality.mean < total.quality.high
    assert total.observed.low - 0.02 < total.quality.mean < total.observed.high + 0.02


def test_observed_quality_abstains_where_the_log_gives_no_support():
    total = replay(PRESENT, log(judged=False)).total
    assert total.observed.mean is None
    assert total.judged == 0
    unlike = replay(ALWAYS_LOCAL, log(60)).total
    assert unlike.observed.mean is None


def test_a_thriftier_policy_costs_less_and_is_predicted_worse():
    both = diff(PRESENT, THRIFTY, list(log()))
    assert both.after.total.cost_usd < both.before.total.cost_usd
    assert both.after.total.quality.mean < both.before.total.quality.mean
    assert both.moved == sum(both.moves.values()) > 0
    assert all(source != target for source, target in both.moves)


def test_the_policy_beats_the_shuffled_control_at_equal_cost():
    named = {b.name: b for b in replay(PRESENT, log(2_000)).baselines}
    own, control = named["this policy"], named["shuffled control"]
    assert control.cost_usd == pytest.approx(own.cost_usd, rel=1e-6)
    assert own.quality > control.quality + 0.02
    assert {"always local", "always moe", "always premium", "prompt length"} <= set(named)
    assert named["prompt length"].cost_usd == pytest.approx(own.cost_usd, rel=0.05)


def test_who_would_have_met_a_429_is_counted_by_tier():
    report = replay(PRESENT, log())
    assert report.groups["tier"]["free"].refused > 0
    assert report.groups["tier"]["pro"].refused == 0
    assert report.total.refused == report.groups["tier"]["free"].refused
    # 120 requests a minute arrive, about half of them on free, of which 30 pass.
    assert 120 < report.total.refused < 180


@pytest.mark.parametrize(
    ("limits", "refused"),
    [
        ("requests_per_minute: {limit: 30, burst: 5}", True),
        ("requests_per_second: 1", True),
        ("tokens_per_month: 100_000", True),
        ("tokens_per_month: {pool: 100_000_000_000}", False),
        ("usd_per_day: 0.01", True),
        ("concurrency: 1", False),
    ],
)
def test_every_kind_of_limit_can_be_replayed(limits, refused):
    subject = policy("when_unknown: moe", f"tiers: {{free: {{{limits}}}, pro: {{}}}}\n")
    assert bool(replay(subject, log(300)).total.refused) == refused


def test_latency_follows_the_mix():
    assert replay(ALWAYS_LOCAL, log()).total.latency_ms == pytest.approx(100)
    assert replay(ALWAYS_LOCAL, log(outcome=False)).total.latency_ms is None


def test_groups_add_up():
    report = replay(PRESENT, log())
    for kind in ("route", "tier", "customer"):
        rows = report.groups[kind].values()
        assert sum(row.requests for row in rows) == report.total.requests
        assert sum(row.cost_usd for row in rows) == pytest.approx(report.total.cost_usd)


def test_the_intervals_are_the_same_every_time():
    assert replay(PRESENT, log()).total == replay(PRESENT, log()).total


def test_a_paired_change_is_known_better_than_its_two_ends():
    both = diff(PRESENT, THRIFTY, list(log()))
    assert both.quality_change.high < 0.0
    assert both.cost_change.high < 0.0
    apart = [both.before.total.quality, both.after.total.quality]
    unpaired = math.hypot(*(each.high - each.low for each in apart))
    assert both.quality_change.high - both.quality_change.low < unpaired
    same = diff(PRESENT, PRESENT, list(log(60)))
    assert same.quality_change == Interval(0.0, 0.0, 0.0)


def drawn(count):
    """A canary on 20 % of conversations that is cheaper, quicker and worse."""
    subject = policy("objective: fixed\nfixed: moe\nweights: {moe: 80, local: 20}", TIERS)
    chance = random.Random(5)
    for number in range(count):
        given = signals(id=f"r{number}", conversation=f"c{number}")
        answer = subject.decide(given)
        backend = answer.candidates[0]
        good = chance.random() < {"moe": 0.9, "local": 0.6}[backend]
        outcome = RecordedOutcome(
            backend,
            "completed",
            cost_pico=answer.cost_pico[backend],
            latency_ms={"moe": 400, "local": 100}[backend],
            success=good,
        )
        line = to_record(
            at_ms=START,
            signals=given,
            hints=NO_HINTS,
            answer=answer,
            policy=subject.version,
            classifier="c",
            prices="p",
            outcome=outcome,
        )
        yield from_record(line)


def test_the_arms_of_a_canary_are_compared():
    arms = replay(PRESENT, drawn(2_000)).arms["auto"]
    assert 300 < arms["local"].requests < 500
    assert arms["local"].cost_usd.mean == pytest.approx(1e-6)
    assert arms["local"].latency_ms.mean == pytest.approx(100)
    assert arms["local"].success.high < arms["moe"].success.low
    assert arms["local"].success.low < 0.6 < arms["local"].success.high
    assert replay(PRESENT, log(50)).arms == {}


def test_tuning_finds_the_best_quality_within_a_budget():
    records = list(log(300))
    budget = replay(THRIFTY, records).total.cost_usd
    result = tune(PRESENT, lambda: records, "auto", budget_usd=budget)
    assert result.chosen is not None
    assert result.chosen.total_usd <= budget
    costs = [point.cost_usd for point in result.front]
    qualities = [point.quality for point in result.front]
    assert costs == sorted(costs)
    assert qualities == sorted(qualities)
    assert result.chosen.yaml.startswith("capable: {min_success: ")


def test_tuning_for_quality_takes_the_cheapest_that_reaches_it():
    records = list(log(200))
    result = tune(PRESENT, lambda: records, "auto", quality=0.7)
    assert result.chosen is not None
    assert result.chosen.quality >= 0.7
    assert all(p.quality < 0.7 for p in result.front if p.cost_usd < result.chosen.cost_usd)
    assert tune(PRESENT, lambda: records, "auto", quality=1.0).chosen is None


def test_tuning_failure_cost_moves_along_the_same_plane():
    subject = policy("objective: expected_cost\nfailure_cost: 0.01", TIERS)
    result = tune(subject, lambda: log(200), "auto", quality=0.6)
    assert result.chosen is not None
    assert result.chosen.yaml.startswith("objective: expected_cost\nfailure_cost: ")


def test_there_is_nothing_to_tune_in_a_fixed_route():
    with pytest.raises(TuneError, match="no threshold"):
        tune(ALWAYS_LOCAL, lambda: log(10), "auto")
    with pytest.raises(TuneError, match="no request"):
        tune(PRESENT, list, "auto")


def test_a_replay_costs_fifteen_hundred_instructions_a_record():
    """Thousands of records a second: deciding alone takes about half of that."""
    records = list(log(400))
    assert counted(lambda: replay(PRESENT, records)) / len(records) < 1_650
