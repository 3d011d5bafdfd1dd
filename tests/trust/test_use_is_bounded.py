"""What a server tells of its own use is believed up to its window and to what was seen."""

import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import orjson
import pytest
from rawserver import raw_server, writes

from router.backends.backend import Backend
from router.backends.dispatch.bounds import PLENTY, bounded
from router.backends.dispatch.dispatch import Dispatcher
from router.backends.dispatch.retry import RetryPolicy
from router.backends.dispatch.upstream import Upstream
from router.backends.transport.httptools_transport import HttptoolsTransport
from router.domain import Usage
from router.world.config import BackendSection
from router.world.resolve import resolve

LIE = 2**31 - 100
WINDOW = 16_000
MODEL = Backend("b", "http://127.0.0.1:9/v1", "m", context_window=WINDOW, max_output_tokens=4_000)


def counts(given: int, output: int, thoughts: int = 0) -> dict[str, Any]:
    told = {"prompt_tokens": given, "completion_tokens": output, "total_tokens": given + output}
    return told | {"completion_tokens_details": {"reasoning_tokens": thoughts}}


def whole(usage: dict[str, Any]) -> bytes:
    message = {"role": "assistant", "content": "ok"}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    body = orjson.dumps({"id": "c", "model": "m", "choices": [choice], "usage": usage})
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
    return head % len(body) + body


def streamed(usage: dict[str, Any]) -> bytes:
    choice = {"index": 0, "delta": {"content": "ok"}, "finish_reason": None}
    ended = {"index": 0, "delta": {}, "finish_reason": "stop"}
    chunks: list[dict[str, Any]] = [{"choices": [choice]}, {"choices": [ended]}]
    chunks.append({"choices": [], "usage": usage})
    said = [b"data: %b\n\n" % orjson.dumps({"id": "c", "model": "m"} | each) for each in chunks]
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"
    return head + b"".join(said) + b"data: [DONE]\n\n"


@pytest.fixture
async def dispatcher() -> AsyncIterator[Dispatcher]:
    dispatcher = Dispatcher(HttptoolsTransport(), retry=RetryPolicy(rounds=0))
    yield dispatcher
    await dispatcher.close()


async def read(upstream: Upstream) -> Usage:
    async for _ in upstream.stream():
        pass
    assert upstream.usage is not None
    return upstream.usage


@pytest.mark.parametrize("answer", [whole, streamed])
@pytest.mark.parametrize(
    ("told", "limits"),
    [
        (counts(9, LIE), {}),
        (counts(LIE, 1), {}),
        (counts(9, LIE, LIE - 1), {}),
        (counts(9, LIE, LIE - 1), {"max_tokens": 5}),
        (counts(9, 60_000), {}),
    ],
)
async def test_a_server_that_tells_billions_for_two_letters_is_charged_at_most_its_window(
    dispatcher, chat, caplog, *, answer, told, limits
):
    async with raw_server(writes(answer(told))) as server:
        backend = Backend("b", server.base_url, "m", context_window=WINDOW, max_output_tokens=4_000)
        dispatcher.adopt([backend])
        ask = chat(stream=answer is streamed, **limits)
        with caplog.at_level(logging.WARNING):
            async with dispatcher.open([backend], ask, "r1") as upstream:
                used = await read(upstream)
    assert used.estimated
    assert used.input_tokens <= WINDOW
    assert used.output_tokens <= WINDOW
    assert used.cached_tokens <= used.input_tokens
    assert used.reasoning_tokens <= used.output_tokens
    assert dispatcher.view()["b"].disbelieved == 1
    (line,) = [record for record in caplog.records if "can be true" in record.message]
    assert line.request_id == "r1"
    assert "ok" not in line.__dict__.values()


def test_without_a_window_it_is_the_usual_one_and_what_was_seen_of_the_answer(chat):
    backend = Backend("b", "http://127.0.0.1:9/v1", "m")
    used = bounded(Usage(9, LIE), backend, chat(), seen=1, whole=0)
    assert used.output_tokens <= 33_000
    long = chat("x" * 900_000)
    assert bounded(Usage(600_000, 9), backend, long, seen=9, whole=0) == Usage(600_000, 9)


@pytest.mark.parametrize(
    "usage",
    [
        Usage(WINDOW, 4_000),
        Usage(100, 15_000, reasoning_tokens=14_000),
        Usage(WINDOW, 4_000, cached_tokens=WINDOW, reported_pico=10**12),
        Usage(20_000, 5, units=(("web_search", 3),)),
    ],
)
def test_what_can_be_true_is_left_as_it_was_told(usage, chat):
    ask = chat("y" * 21_000)
    assert bounded(usage, MODEL, ask, seen=10, whole=0) is usage


def test_a_server_that_runs_tools_reads_its_window_many_times(chat):
    ask = chat(tools=[{"type": "web_search"}])
    usage = Usage(WINDOW * 10, 9_000)
    assert bounded(usage, MODEL, ask, seen=10, whole=0) is usage
    assert bounded(usage, MODEL, chat(), seen=10, whole=0).input_tokens == WINDOW


def test_every_answer_that_is_asked_for_may_be_as_long_as_one(chat):
    usage = Usage(9, 40_000)
    assert bounded(usage, MODEL, chat(n=10), seen=10, whole=0) is usage


def test_a_long_text_that_was_seen_is_believed_whatever_its_model_is_said_to_write(chat):
    usage = Usage(9, 50_000)
    assert bounded(usage, MODEL, chat(), seen=49_000, whole=0) is usage


def test_fees_and_seconds_have_bounds_too(chat):
    usage = Usage(1, 1, units=(("web_search", LIE), ("second", LIE), ("image", 2)))
    used = bounded(usage, MODEL, chat(), seen=1, whole=0)
    assert dict(used.units) == {"web_search": 1_000, "second": 86_400, "image": 2}
    assert used.estimated


def test_a_cost_that_was_told_beside_impossible_counts_is_not_charged(chat):
    used = bounded(Usage(9, LIE, reported_pico=10**17), MODEL, chat(), seen=1, whole=0)
    assert used.reported_pico is None


def test_most_answers_are_not_looked_at():
    assert PLENTY >= 8_192


@pytest.mark.parametrize(
    ("cost", "units", "charged"),
    [
        (10 * 2_000_000 * 1_000, (), True),  # ten times the dearest token
        (10 * 2_000_000 * 1_000 + 10**11, (), True),
        (60_000 * 10**12, (), False),
        (10 * 2_000_000 * 1_000 + 3 * 10**11, (), False),
        (10 * 2_000_000 * 1_000 + 3 * 10**11, (("web_search", 2),), True),
        (10**15, (("web_search", LIE),), False),
    ],
)
def test_a_cost_that_is_told_is_charged_up_to_ten_times_its_prices(chat, cost, units, charged):
    backend = replace(MODEL, dearest_pico=2_000_000)
    used = bounded(
        Usage(900, 100, reported_pico=cost, units=units), backend, chat(), seen=100, whole=0
    )
    assert used.reported_pico == (cost if charged else None)
    assert used.estimated is not charged


async def test_a_server_that_asks_a_fortune_for_two_letters_is_told_of_and_charged_by_its_prices(
    dispatcher, chat, caplog
):
    told = counts(9, 1) | {"cost": 60_000.0}
    async with raw_server(writes(whole(told))) as server:
        backend = Backend("b", server.base_url, "m", dearest_pico=2_000_000)
        dispatcher.adopt([backend])
        with caplog.at_level(logging.WARNING):
            async with dispatcher.open([backend], chat(), "r1") as upstream:
                used = await read(upstream)
    assert used == Usage(9, 1, estimated=True)
    assert dispatcher.view()["b"].disbelieved == 1
    [line] = [record for record in caplog.records if "can be true" in record.message]
    assert line.told_usd == "60000"


@pytest.mark.parametrize(("taken", "dearest"), [(True, 2_000_000), (False, None)])
def test_the_bound_of_a_told_cost_is_of_the_backends_dearest_price(taken, dearest):
    price = {"input": 0.5, "output": 2}
    section = BackendSection.model_validate(
        {"base_url": "http://x/v1", "model": "m", "price": price, "reported_cost": taken}
    )
    assert resolve("b", section).backend.dearest_pico == dearest
