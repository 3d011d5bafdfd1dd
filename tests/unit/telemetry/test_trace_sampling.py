"""What is kept beyond what was drawn: what failed, what was slow, up to a budget."""

import pytest
from fakes.clock import FakeClock

from router.telemetry.traces.context import DRAWN_BITS
from router.telemetry.traces.sampling import Kept, Sampling


def sampling(*, per_minute: int = 60, slow: float | None = None) -> Sampling:
    return Sampling(0.0, per_minute=per_minute, slow=slow, clock=FakeClock())


@pytest.mark.parametrize(("share", "below"), [(0.0, 0), (0.5, 1 << 55), (1.0, 1 << 56)])
def test_a_share_is_that_of_all_ids(share: float, below: int) -> None:
    assert DRAWN_BITS == 56
    assert Sampling(share, per_minute=0, slow=None).below == below


def test_what_failed_is_kept() -> None:
    assert sampling().late(failed=True, seconds=0.0) is Kept.FAILED
    assert sampling(slow=1.0).late(failed=True, seconds=9.0) is Kept.FAILED


def test_what_was_slow_is_kept_where_that_is_wanted() -> None:
    assert sampling(slow=2.0).late(failed=False, seconds=2.0) is Kept.SLOW
    assert sampling(slow=2.0).late(failed=False, seconds=1.9) is None
    assert sampling(slow=None).late(failed=False, seconds=1e9) is None


def test_an_outage_is_kept_up_to_a_budget_that_comes_back() -> None:
    clock = FakeClock()
    draws = Sampling(0.0, per_minute=6, slow=None, clock=clock)

    def failures(count: int) -> int:
        whys = [draws.late(failed=True, seconds=0.0) for _ in range(count)]
        return sum(why is not None for why in whys)

    assert failures(100) == 6
    clock.pass_by(20.0)
    assert failures(100) == 2
    clock.pass_by(3_600.0)
    assert failures(100) == 6


def test_what_is_not_kept_costs_no_budget() -> None:
    draws = sampling(per_minute=1, slow=2.0)
    assert [draws.late(failed=False, seconds=1.0) for _ in range(9)] == [None] * 9
    assert draws.late(failed=True, seconds=0.0) is Kept.FAILED


def test_a_budget_of_nothing_keeps_nothing_more() -> None:
    assert sampling(per_minute=0).late(failed=True, seconds=0.0) is None
