"""Memory that runs out: whom the gateway turns away, and when it lets them in again."""

from fakes.caller import KEY
from fakes.corridor import FakeCorridor

from router.api.memory_guard import MemoryGuard, own_memory, usable_memory
from router.errors import Overloaded


class Memory:
    """Says how much of 100 bytes is taken."""

    used = 0

    def __call__(self) -> int:
        return self.used


def lets_in(serving, guard: MemoryGuard, used: int) -> bool:
    """Whether a request of the usual tier is let in once so much memory is taken."""
    guard._measure.used = used
    guard.look()
    try:
        serving.authenticator.authenticate(KEY)
    except Overloaded as error:
        return dict(error.headers)["retry-after"] != "2"
    return True


def test_a_usual_tier_is_turned_away_at_the_second_mark_and_comes_back_below_it() -> None:
    serving = FakeCorridor.answering().serving()
    guard = MemoryGuard(serving, 100, Memory())
    open_door = serving.authenticator
    assert [lets_in(serving, guard, used) for used in (79, 81, 91, 86, 84)] == [
        *(True, True, False, False, True),
    ]
    assert guard.level == 1
    assert guard.turned_away == 2
    lets_in(serving, guard, 74)
    assert serving.authenticator is open_door  # no request pays for the guard


def test_beyond_the_last_mark_nobody_is_let_in() -> None:
    serving = FakeCorridor.answering().serving()
    guard = MemoryGuard(serving, 100, Memory())
    assert not lets_in(serving, guard, 96)
    assert guard.level == 3


async def test_a_gateway_that_stops_lets_everybody_in() -> None:
    serving = FakeCorridor.answering().serving()
    open_door = serving.authenticator
    guard = MemoryGuard(serving, 100, Memory())
    assert not lets_in(serving, guard, 99)
    await guard.close()
    assert serving.authenticator is open_door


def test_what_this_process_takes_is_known() -> None:
    assert 1_000_000 < own_memory() < usable_memory()
