"""A configuration and a log of decisions, as files."""

import json
import random

import pytest
from policy_commands import CONFIG
from policy_worlds import signals

from policies.replay.record import RecordedOutcome, to_record
from policies.signals import NO_HINTS
from router.cli.common.policies import read_policy


@pytest.fixture
def log(tmp_path):
    """300 decisions of the policy `balanced`, and one line that is none."""
    policy = read_policy("balanced")
    chance = random.Random(7)
    lines = ["not a record"]
    for number in range(300):
        ease = chance.random()
        success = {"local": 0.1 + 0.8 * ease, "moe": 0.4 + 0.5 * ease, "premium": 0.6 + 0.3 * ease}
        given = signals(id=f"req-{number}", success=success, tier=chance.choice(["free", "pro"]))
        answer = policy.decide(given)
        backend = answer.candidates[0]
        outcome = RecordedOutcome(backend, "completed", 100, 50, 0, answer.cost_pico[backend], 500)
        record = to_record(
            at_ms=1_763_766_000_000 + number * 60_000,
            signals=given,
            hints=NO_HINTS,
            answer=answer,
            policy=policy.version,
            classifier="c",
            prices="p",
            outcome=outcome,
        )
        lines.append(json.dumps(record))
    path = tmp_path / "decisions.jsonl"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "turnout.yaml"
    path.write_text(CONFIG)
    return path
