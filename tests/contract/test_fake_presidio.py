"""The fake of Presidio's processes answers as the processes do, with a library that stands in."""

from collections.abc import AsyncIterator

import presidiokit
import pytest
from fakes.presidio import FakePool

from router.pipeline.second_reading import Reads
from router.presidio.pool import Pool
from router.presidio.process import Died, Raised


@pytest.fixture(params=["fake", "processes"])
async def pool(request, tmp_path, monkeypatch) -> AsyncIterator[Reads]:
    if request.param == "fake":
        yield FakePool()
        return
    monkeypatch.setenv("PYTHONPATH", presidiokit.STAND_IN)
    async with presidiokit.running(Pool(presidiokit.spec(tmp_path))) as real:
        yield real


async def test_what_is_found_is_told_where_it_stands_and_trouble_by_its_class(pool: Reads) -> None:
    assert pool.living == 1
    texts = ["It was Jane Doe, said Jane Doe.", "Good morning."]
    assert await pool.ask(texts) == [[(7, 15, "person"), (22, 30, "person")], []]
    with pytest.raises(Raised, match=r"^ValueError$"):
        await pool.ask(["[raise] of a secret"])
    assert await pool.ask(["Jane Doe"]) == [[(0, 8, "person")]]
    with pytest.raises(Died):
        await pool.ask(["[die]"])
