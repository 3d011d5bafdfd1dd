"""One request at the edge: from its bytes to the bytes of its answer, over a corridor of fakes."""

import asyncio
import logging
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
from fakes.backends import CUT, DONE, FakeUpstream, chunk, whole
from fakes.caller import FakeCaller
from fakes.connection import FakeSocket, HttpAnswer, connect, read_answer
from fakes.corridor import FakeCorridor
from fakes.gateway import FakeGateway
from fakes.ledger import FakeLedger
from fakes.world import new_world

from router.api.connection import Connection
from router.api.inference import Inference
from router.backends.dispatch.upstream import Put
from router.domain import Outcome, Usage
from router.errors import LimitExceeded, UpstreamFailed, UpstreamTimeout

USED = Usage(10, 5)
BLOCKS = (chunk("One"), chunk(" two"), DONE)
KEY = {"Authorization": "Bearer tk-known"}
CHAT = FakeCaller.asking().raw
STREAMED = FakeCaller.asking(stream=True).raw


def request(
    raw: bytes = CHAT, *, path: str = "/v1/chat/completions", method: str = "POST", **more: str
) -> bytes:
    headers = KEY | {"Content-Length": str(len(raw))} | more
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return f"{method} {path} HTTP/1.1\r\nHost: x\r\n{lines}\r\n".encode() + raw


class Line:
    """A client's connection to a gateway of fakes."""

    def __init__(self, gateway: FakeGateway) -> None:
        self.fakes = gateway
        self.metrics = gateway.gateway.metrics
        self.inference = Inference(gateway.gateway)
        self.connection: Connection
        self.socket: FakeSocket

    async def ask(self, sent: bytes) -> HttpAnswer:
        self.connection, self.socket = connect(self.inference)
        self.connection.data_received(sent)
        await asyncio.gather(*self.connection.tasks)
        return read_answer(self.socket.sent)


def line(*script: Any, **parts: Any) -> Line:
    return Line(FakeGateway(FakeCorridor.answering(*script, **parts)))


def error_of(answer: HttpAnswer) -> dict[str, Any]:
    result: dict[str, Any] = orjson.loads(answer.body)["error"]
    return result


async def test_an_answer_goes_out_whole_with_its_id_and_its_decision():
    client = line(FakeUpstream(body=whole(), usage=USED))
    answer = await client.ask(request())
    assert (answer.status, answer.body, answer.whole) == (200, whole(), True)
    assert answer.headers["x-request-id"] == answer.headers["x-turnout-decision"]
    assert answer.headers["x-turnout-backend"] == "local"
    assert not client.socket.closed
    assert client.metrics.requests == {("auto", "local", "200"): 1}
    assert client.metrics.in_flight == 0


async def test_the_clients_own_request_id_is_said_again():
    client = line(FakeUpstream(body=whole(), usage=USED))
    answer = await client.ask(request(X_Request_Id="mine-1"))
    assert answer.headers["x-request-id"] == "mine-1"
    assert answer.headers["x-turnout-decision"] != "mine-1"


async def test_a_stream_goes_out_in_chunks_to_its_end():
    answer = await line(FakeUpstream(blocks=BLOCKS, usage=USED)).ask(request(STREAMED))
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert (answer.body, answer.whole) == (b"".join(BLOCKS), True)


@pytest.mark.parametrize(
    ("told", "asked"), [({"body": b"RIFF..."}, CHAT), ({"blocks": (b"RIFF", b"...")}, STREAMED)]
)
async def test_what_is_neither_json_nor_events_goes_out_under_its_own_type(told, asked):
    upstream = FakeUpstream(**told, usage=USED, content_type="audio/wav")
    answer = await line(upstream).ask(request(asked))
    assert answer.headers["content-type"] == "audio/wav"
    assert (answer.body, answer.whole) == (b"RIFF...", True)


async def test_a_sound_that_breaks_is_cut_and_says_nothing():
    upstream = FakeUpstream(blocks=(b"RIFF",), breaks=True, content_type="audio/wav")
    client = line(upstream)
    answer = await client.ask(request(STREAMED))
    assert (answer.status, answer.body, answer.whole) == (200, b"RIFF", False)
    assert client.socket.closed


async def test_an_error_is_json_whatever_the_answer_would_have_been():
    class Breaking(FakeUpstream):
        @property
        def body(self) -> bytes:
            raise UpstreamFailed("no")

        @body.setter
        def body(self, _: bytes) -> None:
            return

    answer = await line(Breaking(usage=USED, content_type="audio/wav")).ask(request())
    assert (answer.status, answer.headers["content-type"]) == (502, "application/json")


@pytest.mark.parametrize("header", [b"X-Api-Key", b"Api-Key", b"X-Goog-Api-Key"])
async def test_other_ways_to_send_a_key_are_known_too(header):
    client = line(FakeUpstream(body=whole(), usage=USED))
    raw = request().replace(b"Authorization: Bearer tk-known", header + b": tk-known")
    assert (await client.ask(raw)).status == 200


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        (request(Authorization="Bearer tk-nobody"), 401, "invalid_api_key"),
        (request(b"{"), 400, None),
        (request(method="PUT"), 405, "method_not_allowed"),
        (request(FakeCaller.asking(model="nothing").raw), 404, "model_not_found"),
        (request(Content_Encoding="gzip"), 400, None),
        (request(b"x" * 20_000), 413, "payload_too_large"),
        (request(b"{}", path="/v1/feedback", Authorization="Bearer tk-x"), 401, "invalid_api_key"),
    ],
)
async def test_what_cannot_be_served_is_refused_in_openais_envelope(sent, status, code):
    client = line()
    answer = await client.ask(sent)
    assert (answer.status, error_of(answer)["code"]) == (status, code)
    assert answer.headers["x-request-id"]
    assert not client.fakes.corridor.ledger.reserved


async def test_a_used_up_quota_says_when_to_come_back():
    refusal = LimitExceeded("used up", headers=(("retry-after", "7"),))
    answer = await line(ledger=FakeLedger(refusal)).ask(request())
    assert (answer.status, answer.headers["retry-after"]) == (429, "7")
    assert answer.headers["x-turnout-route"] == "auto"


async def test_backends_that_all_fail_are_a_502_and_the_connection_is_kept():
    client = line(UpstreamFailed("none answered"))
    answer = await client.ask(request())
    assert (answer.status, error_of(answer)["code"]) == (502, "upstream_failed")
    assert not client.socket.closed
    assert client.metrics.requests == {("auto", "", "502"): 1}


async def test_a_stream_that_breaks_off_ends_in_one_error_event():
    answer = await line(FakeUpstream(blocks=BLOCKS[:2], breaks=True)).ask(request(STREAMED))
    events = answer.body.removeprefix(b"".join(BLOCKS[:2]))
    assert answer.status == 200
    assert events.count(b"data: ") == 1
    assert b"stream_broken" in events
    assert answer.whole
    assert CUT not in answer.body


async def test_a_fault_of_ours_is_logged_without_the_prompt_and_told_without_a_detail(caplog):
    client = line(RuntimeError("secret detail"))
    with caplog.at_level(logging.ERROR):
        answer = await client.ask(request(FakeCaller.asking("My secret plan").raw))
    assert answer.status == 500
    assert b"secret" not in answer.body
    (entry,) = [record for record in caplog.records if record.name == "router.api.inference"]
    assert "secret plan" not in entry.getMessage()
    assert "x-turnout-route" not in answer.headers  # half a set of headers would mislead


class Waits(FakeUpstream):
    """A stream that says one word and then nothing more."""

    def __init__(self) -> None:
        super().__init__(blocks=BLOCKS)
        self.begun = asyncio.Event()

    async def stream(self, put: Put | None = None) -> AsyncIterator[bytes]:
        yield BLOCKS[0]
        self.begun.set()
        await asyncio.Event().wait()


async def waiting() -> Line:
    """A client whose answer has begun and goes no further."""
    upstream = Waits()
    client = line(upstream)
    client.connection, client.socket = connect(client.inference)
    client.connection.data_received(request(STREAMED))
    await upstream.begun.wait()
    return client


async def test_a_client_that_leaves_counts_as_499_and_its_hold_is_settled():
    client = await waiting()
    tasks = list(client.connection.tasks)
    client.connection.connection_lost(None)
    await asyncio.gather(*tasks)
    (charge,) = client.fakes.corridor.ledger.settled
    assert charge.outcome is Outcome.DISCONNECTED
    assert client.metrics.requests == {("auto", "local", "499"): 1}
    assert client.metrics.in_flight == 0


async def test_a_gateway_that_stops_tells_its_clients_and_settles():
    client = await waiting()
    await client.inference.abandon()
    answer = read_answer(client.socket.sent)
    assert b"service_unavailable" in answer.body
    assert answer.whole
    assert len(client.fakes.corridor.ledger.settled) == 1
    assert client.metrics.in_flight == 0


async def test_a_calculation_is_answered_by_the_gateway_itself():
    body = {"model": "auto", "messages": [{"role": "user", "content": "Hello"}]}
    client = line()
    answer = await client.ask(request(orjson.dumps(body), path="/v1/messages/count_tokens"))
    assert answer.status == 200
    assert orjson.loads(answer.body)["input_tokens"] > 0
    assert not client.fakes.corridor.ledger.reserved
    assert client.metrics.requests == {}


@pytest.mark.parametrize(
    "path",
    [b"//v1/chat/completions", b"/v1/chat/completions//", b"/V1/chat/completions", b"/", b""],
)
def test_only_the_exact_path_is_an_operation(path):
    assert Inference.row(path) is None
    assert Inference.row(b"/v1/chat/completions") is not None


def silent_for_long(client: Line) -> None:
    """Let the timer of a stream ring before its backend answers."""
    backends = client.fakes.corridor.backends
    opened = backends.open

    def slowly(*arguments: Any) -> Any:
        client.connection._current._while_silent()
        return opened(*arguments)

    slow: Any = SimpleNamespace(open=slowly, view=backends.view)
    client.fakes.gateway.serving.backends = slow


async def test_a_failure_behind_an_early_head_is_counted_as_what_it_is():
    client = line(UpstreamTimeout("too slow"))
    silent_for_long(client)
    answer = await client.ask(request(STREAMED))
    assert answer.status == 200
    assert b"upstream_timeout" in answer.body
    assert answer.headers["x-turnout-route"] == "auto"
    assert client.metrics.requests == {("auto", "", "504"): 1}
    assert client.metrics.in_flight == 0


async def test_an_answer_behind_an_early_head_goes_on_in_it():
    client = line(FakeUpstream(blocks=BLOCKS, usage=USED))
    silent_for_long(client)
    answer = await client.ask(request(STREAMED))
    assert answer.body == b": keepalive\n\n" + b"".join(BLOCKS)
    assert answer.whole
    assert client.socket.sent.count(b"HTTP/1.1 200 OK") == 1
    assert "x-turnout-backend" not in answer.headers
    assert client.metrics.requests == {("auto", "local", "200"): 1}


def test_declared_paths_are_those_of_the_world_in_force_and_behind_the_houses_own():
    gateway = FakeGateway().gateway
    inference = Inference(gateway)
    assert inference.row_at(b"/v1/scans", b"", b"POST") is None
    server = {"serves": ["scan"], "price": {"request": 0}}
    scan = {"paths": "/v1/scans", "model": "auto"}
    gateway.serving.adopt(new_world(each={"moe": server}, operations={"scan": scan}))
    assert inference.row_at(b"/v1/scans", b"", b"POST").name == "scan"
    assert inference.row_at(b"/v1/embeddings/", b"", b"POST").name == "embedding"
