"""What is fuzzed: each target takes any bytes and raises where a promise is broken.

The first bytes choose (a row, a place to cut), so that a driver that knows of coverage finds them.
"""

import asyncio
import logging
import struct
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache
from itertools import pairwise
from typing import Any, Final

import orjson
from fakes.backends import FakeUpstream, whole
from fakes.connection import connect
from fakes.corridor import FakeCorridor
from fakes.gateway import FakeGateway
from fuzz.readers import READERS

from policies.decision import Decision, Denial
from policies.findings import DocumentError
from policies.policy import load
from policies.signals import (
    BackendSignals,
    PrincipalSignals,
    PromptSignals,
    RequestSignals,
    Signals,
)
from router.api.inference import Inference
from router.backends.dialects.table import DIALECTS
from router.backends.dialects.translated import dialect_of
from router.domain import Usage
from router.errors import BadRequest
from router.ledger import codec
from router.operations.chat import parse_chat
from router.operations.message import parse_message
from router.operations.response import parse_response
from router.operations.table import OPERATIONS
from router.protocols.passage import ErrorInside, MalformedReply
from router.protocols.sse import Splitter, data_of, events

Target = Callable[[bytes], None]
logging.getLogger("uvicorn.error").disabled = True  # it tells every input that is no HTTP


# Edge: bytes of a client, in two pieces.


@cache
def _loop() -> asyncio.Runner:
    return asyncio.Runner()


def edge(data: bytes) -> None:
    """No bytes of a client make the edge raise, or answer that it is at fault."""
    if data:
        _loop().run(_served(data[1:], data[0] * len(data) // 256))


async def _served(data: bytes, cut: int) -> None:
    corridor = FakeCorridor.answering(FakeUpstream(body=whole(), usage=Usage(10, 5)))
    connection, socket = connect(Inference(FakeGateway(corridor).gateway))
    connection.app = _nothing_there
    for part in (data[:cut], data[cut:]):
        if part and not socket.closed:
            connection.data_received(part)
            await _turns()
    connection.eof_received()
    await _turns()
    connection.connection_lost(None)
    if connection.tasks:
        await asyncio.wait(set(connection.tasks))
    first, *others = socket.sent.split(b"HTTP/1.1 ")
    assert not first
    assert not [one[:40] for one in others if one[:1] == b"5" and one[:3] not in _LOADED]


_LOADED: Final = (b"503", b"501", b"505", b"529")


async def _turns() -> None:
    for _ in range(4):
        await asyncio.sleep(0)


async def _nothing_there(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 404, "headers": []})
    await send({"type": "http.response.body", "body": b""})


# Streams of events.


def sse(data: bytes) -> None:
    """However a stream was cut, the same events come out."""
    if len(data) < 2:
        return
    cuts, stream = sorted(byte * len(data) // 256 for byte in data[:2]), data[2:]
    edges = [0, *(min(cut, len(stream)) for cut in cuts), len(stream)]
    splitter, whole_ = Splitter(), Splitter()
    pieces = [splitter.feed(stream[start:end]) for start, end in pairwise(edges)]
    # What a stream ends with may wait for the next byte; two empty lines end it either way.
    blocks = b"".join(pieces) + splitter.feed(b"\n\n\n\n")
    at_once = whole_.feed(stream) + whole_.feed(b"\n\n\n\n")
    found, expected = (
        [data_of(one) for one in events(text.replace(b"\r\n", b"\n").replace(b"\r", b"\n"))]
        for text in (blocks, at_once)
    )
    assert found == expected


# Answers of backends, in every dialect.

_ASKED: Final = (
    parse_chat(b'{"model":"a","stream":true,"messages":[{"role":"user","content":"x"}]}'),
    parse_message(
        b'{"model":"a","stream":true,"max_tokens":9,"messages":[{"role":"user","content":"x"}]}'
    ),
    parse_response(b'{"model":"a","stream":true,"input":"x"}'),
)


def dialects(data: bytes) -> None:
    """Whatever a backend sends is an answer, or one of two exceptions."""
    if len(data) < 3:
        return
    name, ask = sorted(DIALECTS)[data[0] % len(DIALECTS)], _ASKED[data[1] % len(_ASKED)]
    body = data[3:]
    if data[2] % 3 == 0:
        failure = DIALECTS[name].failure(400 + data[2] % 150, body)
        assert failure.wait is None or failure.wait >= 0
        return
    with suppress(MalformedReply, ErrorInside):
        if data[2] % 3 == 1:
            reply = dialect_of(name, ask)[1].reply(body, ask)
            assert isinstance(orjson.loads(reply.body), dict)
            assert min(reply.usage.input_tokens, reply.usage.output_tokens) >= 0
        else:
            stream, half = dialect_of(name, ask)[1].stream(ask), data[2] * len(body) // 256
            stream.feed(body[:half])
            stream.feed(body[half:])
            stream.finish()
            assert stream.finished


def requests(data: bytes) -> None:
    """Whatever a client asks is read or refused."""
    if data:
        operation = OPERATIONS[data[0] % len(OPERATIONS)]
        with suppress(BadRequest):
            operation.parse(data[1:], {})


# Policies.

_SIGNALS: Final = Signals(
    RequestSignals("auto"),
    PromptSignals(),
    "pro",
    PrincipalSignals(),
    {name: BackendSignals(0.5, 10) for name in ("local", "moe", "premium")},
)


def policy(data: bytes) -> None:
    """A policy loads and decides, or is refused in words that can be shown."""
    try:
        decided = load(data.decode("utf-8", "replace"), "fuzz.yaml").decide(_SIGNALS)
    except DocumentError as error:
        findings = error.findings
    else:
        assert isinstance(decided, Decision | Denial)
        return
    assert findings
    for finding in findings:
        assert min(finding.line, finding.column) >= 1
        assert finding.message.isprintable()


# The ledger's bytes.

_READERS: Final[tuple[Callable[[bytes], object], ...]] = (
    codec.read_scope,
    codec.read_hold,
    codec.read_expired,
    codec.read_mark,
    lambda raw: codec.read_row((codec.ROW_FIELD, raw)),
)


def ledger_codec(data: bytes) -> None:
    """Foreign bytes are refused by the exceptions that are told; states come back as written."""
    if not data:
        return
    reader = _READERS[data[0] % len(_READERS)]
    try:
        read = reader(data[1:])
    except (ValueError, IndexError, KeyError, OverflowError, struct.error):
        return
    if reader is codec.read_scope and isinstance(read, dict):
        again = codec.read_scope(codec.write_scope(read))
        assert again.keys() == read.keys()


TARGETS: Final[Mapping[str, Target]] = {
    "edge": edge,
    "sse": sse,
    "dialects": dialects,
    "requests": requests,
    "policy": policy,
    "codec": ledger_codec,
    **READERS,
}
