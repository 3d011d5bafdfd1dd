"""The breaker's promises, by the clock that the test holds."""

import pytest

from router.backends.health.breaker import Breaker, BreakerPolicy, State

POLICY = BreakerPolicy(threshold=3, rest=10.0, max_rest=25.0, ramp=3)


def opened(at: float = 0.0) -> Breaker:
    breaker = Breaker(POLICY)
    for _ in range(3):
        breaker.began(at)
        breaker.failed(at)
    return breaker


def test_it_opens_after_failures_in_a_row_only() -> None:
    breaker = Breaker(POLICY)
    for event in (
        breaker.failed,
        breaker.failed,
        breaker.succeeded,
        breaker.failed,
        breaker.failed,
    ):
        event(0.0)
    assert breaker.allows(0.0)
    breaker.failed(0.0)
    assert breaker.state is State.OPEN
    assert not breaker.allows(9.9)
    assert breaker.resting(4.0) == 6.0


def test_after_its_rest_one_probe_may_go_at_a_time() -> None:
    breaker = opened()
    assert breaker.allows(10.0)
    breaker.began(10.0)
    assert breaker.state is State.HALF_OPEN
    assert not breaker.allows(10.0)


def admitted(breaker: Breaker) -> int:
    """How many requests it lets begin at once."""
    count = 0
    while count < 20 and breaker.allows(10.0):
        breaker.began(10.0)
        count += 1
    return count


def test_successes_widen_the_ramp_and_then_close_it() -> None:
    breaker = opened()
    assert admitted(breaker) == 1
    breaker.succeeded(10.0)
    assert admitted(breaker) == 2
    breaker.succeeded(10.0)
    breaker.succeeded(10.0)
    assert breaker.state is State.CLOSED


def test_a_failed_probe_doubles_the_rest_up_to_its_limit() -> None:
    breaker, now, rests = opened(), 10.0, []
    for _ in range(3):
        breaker.began(now)
        breaker.failed(now)
        rests.append(breaker.resting(now))
        now += rests[-1]
    assert rests == [20.0, 25.0, 25.0]


def test_retry_after_rests_it_whatever_its_state() -> None:
    breaker = Breaker(POLICY)
    breaker.rest_for(30.0, 0.0)
    assert breaker.state is State.CLOSED
    assert not breaker.allows(29.0)
    assert breaker.allows(30.0)


def test_an_abandoned_probe_frees_its_place() -> None:
    breaker = opened()
    breaker.began(10.0)
    breaker.abandoned()
    assert breaker.allows(10.0)


@pytest.mark.parametrize("tell", ["succeeded", "failed"])
def test_a_late_answer_does_not_move_an_open_breaker(tell: str) -> None:
    breaker = opened()
    getattr(breaker, tell)(1.0)
    assert breaker.state is State.OPEN
    assert breaker.resting(1.0) == 9.0


def test_all_is_clear_only_while_nothing_is_held_against_the_deployment() -> None:
    breaker = Breaker(POLICY)
    assert breaker.all_clear
    breaker.failed(0.0)
    assert not breaker.all_clear  # a failure is counted
    breaker.succeeded(1.0)
    assert breaker.all_clear
    breaker.rest_for(5.0, now=1.0)
    breaker.succeeded(2.0)  # of a request that began before the rest
    assert not breaker.all_clear
    breaker.succeeded(6.0)
    assert breaker.all_clear
    assert not opened().all_clear


def test_a_breaker_that_recovered_is_all_clear_again() -> None:
    breaker = opened()
    for step in range(3):
        assert not breaker.all_clear
        breaker.began(10.0 + step)
        breaker.succeeded(10.0 + step)
    assert breaker.all_clear
