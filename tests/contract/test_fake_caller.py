"""A fake caller keeps the promises of the HTTP edge: each test runs over both."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from fakes.caller import FakeCaller, sent
from fakes.connection import HttpAnswer, answered

from router.pipeline.caller import Caller

Use = Callable[[Caller], Awaitable[None]]
RAW = b'{"model": "auto"}'
SENT = {"x-turnout-route": "auto", "x-team": "blue", "authorization": "Bearer tk-known"}


async def _by_fake(use: Use) -> HttpAnswer:
    caller = FakeCaller(RAW, fields=sent(SENT))
    await use(caller)
    return HttpAnswer(200, dict(caller.head or ()), caller.answer, caller.complete)


async def _by_edge(use: Use) -> HttpAnswer:
    return await answered(use, RAW, SENT)


@pytest.fixture(params=[_by_fake, _by_edge], ids=["fake", "edge"])
def ask(request: pytest.FixtureRequest) -> Callable[[Use], Awaitable[HttpAnswer]]:
    """Has a caller answered; returns what it got."""
    return request.param


async def test_a_caller_gives_its_key_its_body_and_the_headers_that_are_asked_for(ask) -> None:
    seen: list[Any] = []

    async def use(caller: Caller) -> None:
        seen.extend((caller.authorization, len(caller.id), await caller.body()))
        seen.append(dict(caller.hint_headers()))
        seen.append(dict(caller.header_values(["x-team", "x-absent"])))
        await caller.send(b"{}")

    await ask(use)
    assert seen == [
        b"Bearer tk-known", 32, RAW, {"x-turnout-route": "auto"}, {"x-team": "blue"},
    ]  # fmt: skip


async def test_a_whole_answer_arrives_with_the_headers_as_they_stand(ask) -> None:
    async def use(caller: Caller) -> None:
        caller.headers += [("x-one", "1"), ("x-two", "2")]
        await caller.send(b'{"a": 1}')
        caller.headers.append(("x-late", "3"))

    answer = await ask(use)
    assert (answer.body, answer.whole, answer.headers["x-two"]) == (b'{"a": 1}', True, "2")
    assert "x-late" not in answer.headers


async def test_a_stream_arrives_in_order_and_its_head_is_that_of_its_start(ask) -> None:
    async def use(caller: Caller) -> None:
        caller.headers.append(("x-one", "1"))
        await caller.start()
        caller.headers.append(("x-late", "3"))
        assert caller.put(b"a")
        await caller.write(b"b")
        await caller.write(b"")
        assert caller.put(b"c")
        await caller.end()

    answer = await ask(use)
    assert (answer.body, answer.whole, answer.headers["x-one"]) == (b"abc", True, "1")
    assert "x-late" not in answer.headers


async def test_a_client_that_is_behind_takes_nothing_without_waiting(ask) -> None:
    async def use(caller: Caller) -> None:
        await caller.start()
        if isinstance(caller, FakeCaller):
            caller.room = 0
            assert not caller.put(b"lost")
        else:
            caller._connection.flow.pause_writing()
            assert not caller.put(b"lost")
            caller._connection.flow.resume_writing()
        await caller.write(b"kept")
        await caller.end()

    assert (await ask(use)).body == b"kept"
