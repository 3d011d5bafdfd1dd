"""Customers read what is known of themselves, not without end."""

import asyncio
from threading import Event
from typing import Any

import pytest

from router.api.readings import Readings
from router.database import DatabaseError
from router.domain import Principal
from router.errors import LimitExceeded, Unavailable

NOTHING: Any = None


def readings(per_minute: int, now: list[float]) -> Readings:
    return Readings(NOTHING, NOTHING, per_minute=per_minute, clock=lambda: now[0])


def test_each_key_has_an_allowance_by_the_minute() -> None:
    now = [0.0]
    reading = readings(3, now)
    one, other = Principal("k1", "acme", "pro"), Principal("k2", "acme", "pro")
    for _ in range(3):
        reading.admit(one)
    with pytest.raises(LimitExceeded) as refused:
        reading.admit(one)
    assert dict(refused.value.headers)["retry-after"] == "20"
    reading.admit(other)
    now[0] = 20.0
    reading.admit(one)


def test_none_at_all_is_possible() -> None:
    with pytest.raises(LimitExceeded):
        readings(0, [0.0]).admit(Principal("k1", "acme", "pro"))


async def test_an_organization_has_one_question_at_the_database() -> None:
    """Also where its client left, until it is answered."""
    reading, go = readings(9, [0.0]), Event()
    first = asyncio.ensure_future(reading.look("acme", go.wait))
    await asyncio.sleep(0)
    with pytest.raises(LimitExceeded):
        await reading.look("acme", lambda: 1)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    with pytest.raises(LimitExceeded):
        await reading.look("acme", lambda: 1)
    assert await reading.look("other", lambda: 2) == 2
    go.set()
    while reading._asking:  # noqa: ASYNC110 # its thread ends
        await asyncio.sleep(0)
    assert await reading.look("acme", lambda: 3) == 3
    reading.close()


async def test_a_database_that_is_away_is_told() -> None:
    def fail() -> None:
        raise DatabaseError(ValueError("gone"))

    reading = readings(9, [0.0])
    with pytest.raises(Unavailable):
        await reading.look("acme", fail)
    reading.close()
