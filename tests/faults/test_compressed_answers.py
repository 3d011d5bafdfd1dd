"""Answers that come compressed are read as if they had not, asked for or not, within a bound."""

import gzip
import zlib
from collections.abc import Callable

import orjson
import pytest
from backports import zstd
from faulty_backends import PATIENT, Chat, answer, chunked, sound
from modelservers import RunningSimulator
from rawserver import raw_server, writes

from router.backends.backend import Backend
from router.backends.dispatch.attempt import REPLY_CAP
from router.backends.dispatch.dispatch import Dispatcher
from router.errors import UpstreamRejected

pytestmark = pytest.mark.virtual_time
CHOICE = {"index": 0, "message": {"role": "assistant", "content": "Hi."}, "finish_reason": "stop"}
WHOLE = orjson.dumps({"model": "m", "choices": [CHOICE]})
STREAM = (
    b'data: {"model":"m","choices":[{"index":0,"delta":{"content":"Hi."}}]}\n\n'
    b'data: {"model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
    b"data: [DONE]\n\n"
)
Squeeze = Callable[[bytes], bytes]
CODINGS = pytest.mark.parametrize(
    ("coding", "squeeze"),
    [
        ("gzip", gzip.compress),
        ("GZIP", gzip.compress),
        ("deflate", zlib.compress),
        ("zstd", zstd.compress),
        ("identity", bytes),
    ],
)


def head(kind: str, coding: str, status: str = "200 OK") -> bytes:
    return (
        f"HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-encoding: {coding}\r\n"
        "transfer-encoding: chunked\r\n\r\n"
    ).encode()


def in_chunks(data: bytes, size: int = 7) -> bytes:
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    return b"".join(map(chunked, pieces)) + b"0\r\n\r\n"


@CODINGS
@pytest.mark.parametrize("stream", [False, True])
async def test_a_compressed_answer_is_an_answer(
    dispatcher: Dispatcher, chat: Chat, coding: str, squeeze: Squeeze, stream: bool
) -> None:
    kind, body = ("text/event-stream", STREAM) if stream else ("application/json", WHOLE)
    data = head(kind, coding) + in_chunks(squeeze(body))
    async with raw_server(writes(data, then="stay")) as server:
        backend = Backend("squeezes", server.base_url, "m", timeouts=PATIENT)
        assert await answer(dispatcher, [backend], chat(stream=stream)) == ("squeezes", body)
        assert b"accept-encoding: identity" in server.head.lower()


async def test_gzip_is_asked_for_where_the_operator_says_so(
    dispatcher: Dispatcher, chat: Chat
) -> None:
    data = head("application/json", "gzip") + in_chunks(gzip.compress(WHOLE))
    async with raw_server(writes(data, then="stay")) as server:
        backend = Backend("far", server.base_url, "m", timeouts=PATIENT, compressed_answers=True)
        assert (await answer(dispatcher, [backend], chat()))[1] == WHOLE
        assert b"accept-encoding: gzip\r\n" in server.head.lower()


async def test_what_a_compressed_refusal_says_reaches_its_client(
    dispatcher: Dispatcher, chat: Chat
) -> None:
    told = {"error": {"message": "No such voice.", "type": "invalid_request_error"}}
    data = head("application/json", "gzip", "400 Bad Request")
    data += in_chunks(gzip.compress(orjson.dumps(told)))
    async with raw_server(writes(data, then="stay")) as server:
        backend = Backend("refuses", server.base_url, "m", timeouts=PATIENT)
        with pytest.raises(UpstreamRejected, match="No such voice"):
            await answer(dispatcher, [backend], chat())


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    "odd",
    [
        ("br", WHOLE),
        ("gzip, gzip", gzip.compress(gzip.compress(WHOLE))),
        ("gzip", WHOLE),
        ("gzip", gzip.compress(WHOLE)[:-12]),
        ("gzip", gzip.compress(b" " * (REPLY_CAP + 1))),
        ("zstd", zstd.compress(b" " * (REPLY_CAP + 1))),
    ],
    ids=["unknown", "twice", "not its coding", "cut", "grows", "grows as zstd"],
)
async def test_what_cannot_be_inflated_lets_the_next_candidate_answer(
    dispatcher: Dispatcher,
    simulator: RunningSimulator,
    chat: Chat,
    odd: tuple[str, bytes],
    stream: bool,
) -> None:
    coding, data = odd
    kind = "text/event-stream" if stream else "application/json"
    async with raw_server(
        writes(head(kind, coding) + in_chunks(data, 4096), then="stay")
    ) as server:
        backends = [
            Backend("odd", server.base_url, "m", timeouts=PATIENT),
            sound(simulator),
        ]
        assert (await answer(dispatcher, backends, chat(stream=stream)))[0] == "sound"
