import json

import pytest
from policy_worlds import decided, policy, signals

from policies.replay.record import (
    RecordedOutcome,
    RecordError,
    from_record,
    read_signals,
    to_record,
)
from policies.signals import NO_HINTS, Clock, Hints

SUBJECT = policy("objective: cheapest_capable")


def recorded(given, hints=NO_HINTS, **more):
    return to_record(
        at_ms=1_763_766_000_000,
        signals=given,
        hints=hints,
        answer=SUBJECT.decide(given, hints),
        policy=SUBJECT.version,
        classifier="c1",
        prices="p1",
        **more,
    )


def test_a_record_survives_json_and_decides_the_same_again():
    given = signals(
        id="req-1",
        conversation="c",
        previous="moe",
        pii=True,
        headers={"x-app": "search"},
        tags=("gold",),
        budget={"month": 0.4},
        clock=Clock(5, "sunday"),
        each={"local": {"unfit": "context window"}},
    )
    hints = Hints(min_success=0.3, exclude=("premium",))
    outcome = RecordedOutcome("moe", "completed", 120, 40, 10, 5_000, 800, 90, True)
    line = json.dumps(recorded(given, hints, outcome=outcome))
    again = from_record(json.loads(line))
    assert again.signals == given
    assert again.hints == hints
    assert again.outcome == outcome
    assert again.backend == decided(SUBJECT, again.signals, again.hints).backend


def test_a_denial_is_recorded_with_its_status_and_no_backend():
    given = signals("nope", id="r")
    line = recorded(given)
    assert line["denial"]["status"] == "unknown_model"
    assert from_record(line).backend == ""


def test_defaults_are_left_out_to_keep_lines_short():
    line = recorded(signals(id="r"))
    assert "hints" not in line
    assert "clock" not in line["signals"]
    assert len(json.dumps(line)) < 900


@pytest.mark.parametrize(
    "line",
    [{}, {"v": 2}, {"v": 1}, {"v": 1, "at": 1, "id": "x", "policy": "", "signals": 3}, {"v": None}],
)
def test_what_is_no_record_is_refused_in_words(line):
    with pytest.raises(RecordError):
        from_record(line)


def test_signals_can_be_read_on_their_own():
    given = read_signals({"request": {"model": "auto"}, "tier": "pro", "backends": {"moe": {}}})
    assert given.backends["moe"].healthy
