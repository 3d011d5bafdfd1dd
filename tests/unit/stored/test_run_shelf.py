"""The store of what is worked on, beside the event loop."""

import pytest

from router.database import DatabaseError
from router.errors import Unavailable
from router.stored.opening import open_shelf
from router.stored.response import StoredResponse
from router.stored.run import Beat, Chunk, Ended, Told
from router.stored.run_shelf import RunShelf

ONE = StoredResponse("resp_turnout_" + "1" * 32, None, b"{}")
OPENING = Chunk(0, 0, b"data: {}\n\n")
KEY = "A" * 43 + "="


def unchanged(begun: StoredResponse, _told: bytes) -> Ended:
    return Ended(begun, None, begun)


class Broken:
    """A database that is away."""

    def __getattr__(self, _name: str):
        def fail(*_args, **_named):
            raise DatabaseError(ValueError("away"))

        return fail

    def close(self) -> None:
        """Nothing is open."""


async def test_what_is_worked_on_is_told_and_ended(database: str) -> None:
    shelf = open_shelf(database, [KEY], keep=60.0, room=10_000)
    assert await shelf.begin("acme", ONE, OPENING, most=1)
    assert await shelf.beat([Beat("acme", ONE.id)], renew=True) == frozenset()
    assert await shelf.lapse(unchanged) == 0
    assert await shelf.events("acme", ONE.id, -1) == Told([OPENING], over=False)
    assert await shelf.finish("acme", ONE.id, unchanged)
    assert await shelf.events("acme", ONE.id, 0) == Told([], over=True)
    await shelf.close()


async def test_a_database_that_is_away_takes_no_beat_and_begins_nothing() -> None:
    shelf = RunShelf(Broken())  # type: ignore[arg-type] # it has what is asked of it
    assert await shelf.beat([Beat("acme", ONE.id)], renew=True) is None
    for ask in (
        shelf.begin("acme", ONE, OPENING, most=1),
        shelf.finish("acme", ONE.id, unchanged),
        shelf.lapse(unchanged),
        shelf.events("acme", ONE.id, -1),
    ):
        with pytest.raises(Unavailable):
            await ask
    await shelf.close()
