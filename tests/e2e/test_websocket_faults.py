"""Connections that break, and gateways that stop: what ran is settled, what follows is told."""

import asyncio
import json
import socket as sockets
import struct
import subprocess
from contextlib import suppress

import pytest
import turnoutkit
from gatewaykit import RunningGateway, booked, config_text, start_gateway
from patience import LONGEST_SECONDS
from ports import free_port
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

READ = 8
GOING_AWAY, TOO_BIG = 1001, 1009
STORY = {"model": "premium", "input": "Tell a long story. " * 10, "store": False}


def opened(gateway, key):
    """A client's end of a WebSocket."""
    headers = {"Authorization": f"Bearer {key}"}
    return connect(gateway.url.replace("http", "ws") + "/responses", additional_headers=headers)


def ask(socket, **members):
    socket.send(json.dumps({"type": "response.create"} | STORY | members))


def hear(socket):
    return json.loads(socket.recv(timeout=LONGEST_SECONDS))


def read_until(socket, *kinds, times=1):
    """The event that is so many of these kinds in."""
    while times:
        event = hear(socket)
        times -= event["type"] in kinds
    return event


def _reset(socket):
    linger = struct.pack("ii", 1, 0)
    socket.socket.setsockopt(sockets.SOL_SOCKET, sockets.SO_LINGER, linger)
    socket.socket.close()


@pytest.mark.parametrize("leave", [_reset, lambda socket: socket.close()], ids=["dies", "says bye"])
def test_a_client_that_leaves_is_charged_for_what_it_got_and_nothing_stays_open(gateway, leave):
    before, sent = gateway.counts(), gateway.pieces_sent("premium")
    with opened(gateway, gateway.new_key("enterprise")) as socket:
        ask(socket, max_output_tokens=400)
        ask(socket, max_output_tokens=400, stream_id="other")
        read_until(socket, "response.output_text.delta", times=READ)
        leave(socket)
    counts = asyncio.run(gateway.until_idle("premium"))
    outcomes = 'turnout_outcomes_total{backend="premium",outcome="disconnected"}'
    assert counts[outcomes] - before.get(outcomes, 0) == 2
    assert gateway.pieces_sent("premium") - sent < 800


def test_a_response_is_in_the_books_like_one_over_http(gateway):
    key = gateway.new_key("enterprise", organization="over-a-websocket")
    with opened(gateway, key) as socket:
        ask(socket, model="moe", input="Hello")
        usage = read_until(socket, "response.completed")["response"]["usage"]
    row = booked(gateway, "over-a-websocket")
    assert row["input_tokens"] == usage["input_tokens"]
    assert row["output_tokens"] == usage["output_tokens"]


def test_lanes_are_served_side_by_side(gateway):
    with opened(gateway, gateway.key("enterprise")) as socket:
        ask(socket, model="stalls", stream_id="slow")
        ask(socket, model="moe", stream_id="fast")
        assert read_until(socket, "response.completed")["stream_id"] == "fast"


def test_a_backend_that_breaks_ends_one_response_and_not_the_connection(gateway):
    with opened(gateway, gateway.key("enterprise")) as socket:
        ask(socket, model="breaks", stream_id="a")
        error = read_until(socket, "error", "response.failed", "response.completed")
        assert (error["type"], error["status"], error["stream_id"]) == ("error", 502, "a")
        ask(socket, model="moe", stream_id="a")
        assert hear(socket)["type"] == "response.created"
        read_until(socket, "response.completed")


def test_a_message_larger_than_a_body_closes_the_connection_with_a_reason(gateway):
    with opened(gateway, gateway.key("enterprise")) as socket:
        with suppress(ConnectionClosed):
            ask(socket, input="x" * 4_000_000)
        with pytest.raises(ConnectionClosed) as closed:
            hear(socket)
    assert closed.value.rcvd.code == TOO_BIG


def test_a_quota_that_is_used_up_is_told_with_when_to_come_back(gateway):
    with opened(gateway, gateway.new_key("tiny")) as socket:
        for _ in range(2):
            ask(socket, model="auto", input="Hello")
            last = read_until(socket, "error", "response.completed")
    assert (last["status"], last["error"]["code"]) == (429, "rate_limit_exceeded")
    assert int(last["headers"]["retry-after"]) > 0


@pytest.fixture
def stoppable(tmp_path, simulators):
    port = free_port()
    seen, urls = simulators
    config = config_text(port, urls | {"local": "http://127.0.0.1:9/v1"})
    with start_gateway(tmp_path, config) as process:
        running = RunningGateway(tmp_path, port, seen)
        running.until_ready(process)
        yield running, process
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(LONGEST_SECONDS)
        process.kill()


def test_a_gateway_that_stops_ends_what_runs_and_closes_its_connections(stoppable):
    gateway, process = stoppable
    key = gateway.new_key("enterprise")
    with opened(gateway, key) as socket, opened(gateway, key) as idle:
        ask(socket)
        read_until(socket, "response.output_text.delta")
        process.terminate()
        with pytest.raises(ConnectionClosed) as closed:
            hear(idle)
        assert closed.value.rcvd.code == GOING_AWAY
        ask(socket, stream_id="late")
        assert read_until(socket, "error")["status"] == 503
        assert read_until(socket, "response.completed", "error")["type"] == "response.completed"
        with pytest.raises(ConnectionClosed) as closed:
            hear(socket)
        assert closed.value.rcvd.code == GOING_AWAY
    assert process.wait(LONGEST_SECONDS) == 0


def test_a_second_sigterm_tells_what_it_cuts_off(stoppable):
    gateway, process = stoppable
    with opened(gateway, gateway.new_key("enterprise")) as socket:
        ask(socket, model="stalls")
        gateway.until_asked("stalls")
        process.terminate()
        gateway.until(lambda: "stopping" in (gateway.folder / "gateway.log").read_text())
        process.terminate()
        error = read_until(socket, "error")
        assert (error["status"], "stopping" in error["error"]["message"]) == (503, True)
    assert process.wait(LONGEST_SECONDS) == 0


def test_a_key_that_is_revoked_is_refused_at_the_next_response(stoppable):
    gateway, _ = stoppable
    key = gateway.new_key("enterprise")
    where = ("--config", gateway.config)
    with opened(gateway, key) as socket:
        ask(socket, model="moe", input="Hello")
        read_until(socket, "response.completed")
        listed = turnoutkit.run("keys", "list", *where, "--format", "json")
        (known,) = json.loads(listed.stdout)
        turnoutkit.run("keys", "revoke", *where, known["key_id"])

        def refused() -> bool:
            ask(socket, model="moe", input="Hello")
            return read_until(socket, "response.completed", "error").get("status") == 401

        gateway.until(refused)
