"""A gateway tells the books its limits once, and again when they change, whenever SQL is there."""

import asyncio
from collections.abc import Iterable, Mapping

from router.database import DatabaseError
from router.ledger.quotas.dimensions import quotas
from router.ledger.told_limits import ToldLimits

MONTHLY = {"pro": quotas({"organization": {"usd_per_month": 10, "requests_per_minute": 5}})}
DAILY_TOO = {"pro": quotas({"organization": {"usd_per_month": 10, "tokens_per_day": 5}})}


class FakeBooks:
    """Books that fail so often before they take anything."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.said: list[tuple[str, Mapping[str, Iterable[str]]]] = []

    def say_limits(self, process: str, since: int, limits: Mapping[str, Iterable[str]]) -> None:
        """Take them, or fail."""
        assert since > 0
        if self.failures:
            self.failures -= 1
            raise DatabaseError(ValueError("away"))
        self.said.append((process, limits))


async def at_once(_seconds: float) -> None:
    await asyncio.sleep(0)


async def test_limits_are_told_when_they_change_and_sliding_minutes_are_none_of_them() -> None:
    books = FakeBooks()
    told = ToldLimits(books, "p1")
    for tiers in (MONTHLY, MONTHLY, DAILY_TOO):
        told.tell(tiers)
    await told.close()
    month = "organization.usd_per_month"
    assert books.said == [
        ("p1", {"pro": {month}}),
        ("p1", {"pro": {month, "organization.tokens_per_day"}}),
    ]


async def test_limits_wait_for_a_database_that_is_away() -> None:
    books = FakeBooks(failures=3)
    told = ToldLimits(books, "p1", at_once)
    told.tell(MONTHLY)
    assert told._task is not None
    await told._task
    assert len(books.said) == 1
    await told.close()
