"""What somebody without a key can do to a gateway that runs, and what it costs everybody else."""

import json
import resource
import socket
from contextlib import ExitStack, suppress

import patience
import pytest
from edgekit import BODY, PATH, Edge, to_the_end, until

ASK = f"POST {PATH} HTTP/1.1\r\nHost: x\r\n".encode()
LIVE = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"
PATHS = [b"GET /v1/models", b"GET /livez", b"POST /v1/nothing", b"POST /v1/chat/completions"]
MEGABYTES = 16


def _flood(edge: Edge, head: bytes, block: bytes) -> bytes:
    """Send so many megabytes as the gateway takes; return what it answered."""
    with edge.connect() as connection:
        connection.sendall(head)
        try:
            for _ in range(MEGABYTES * 1_000_000 // len(block)):
                connection.sendall(block)
        except ConnectionError:
            return b""
        return to_the_end(connection)


@pytest.mark.parametrize("asked", PATHS)
@pytest.mark.parametrize("block", [b"a: b\r\n" * 10_000, b"a" * 60_000], ids=["many", "one"])
def test_endless_trailers_are_held_nowhere(strangers: Edge, asked: bytes, block: bytes):
    chunked = b"%b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"
    before = strangers.memory()
    _flood(strangers, chunked % asked, block)
    assert strangers.memory() - before < 4_000_000


SILENT = {
    "nothing": b"",
    "a line end": b"\r\n",
    "half a head": ASK,
    "half a header": ASK + b"A: " + b"a" * 1000,
    "a request": LIVE,
    "a request and a line end": LIVE + b"\r\n",
    "no body": LIVE[:-2] + b"Content-Length: 10\r\n\r\n",
    "half a body": LIVE[:-2] + b"Content-Length: 10\r\n\r\nabc",
    "half of the chunks": LIVE[:-2] + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
    "half a body, without a key": ASK + b"Content-Length: 10\r\n\r\nabc",
    "an announced body": LIVE[:-2] + b"Expect: 100-continue\r\nContent-Length: 9\r\n\r\n",
}


def test_a_connection_that_asks_for_nothing_more_is_closed(strangers: Edge):
    with ExitStack() as stack:
        silent = {name: stack.enter_context(strangers.connect()) for name in SILENT}
        for name, connection in silent.items():
            connection.sendall(SILENT[name])
        ends = {name: to_the_end(connection) for name, connection in silent.items()}
    assert ends["nothing"] == ends["a line end"] == b""
    assert all(answer.startswith(b"HTTP/1.1 ") for answer in list(ends.values())[2:])


def test_an_answer_to_a_request_that_is_not_all_there_is_the_last(strangers: Edge):
    head = LIVE[:-2] + b"Content-Length: 10\r\n\r\n"
    with strangers.connect() as connection:
        connection.sendall(head + b"abc")
        assert b"connection: close" in until(connection, b"\r\n\r\n").lower()


def test_a_body_that_came_whole_and_was_not_read_costs_no_connection(strangers: Edge):
    with strangers.connect() as connection:
        for _ in range(3):
            connection.sendall(LIVE[:-2] + b"Content-Length: 3\r\n\r\nabc")
            assert b"connection: close" not in until(connection, b'"ok"}')


def test_a_head_that_is_late_or_too_large_is_refused_in_the_envelope(strangers: Edge):
    with strangers.connect() as connection:
        connection.sendall(ASK)
        late = to_the_end(connection)
    assert late.startswith(b"HTTP/1.1 408 ")
    large = strangers.ask(ASK + b"A: " + b"a" * 70_000 + b"\r\n\r\n")
    assert large.startswith(b"HTTP/1.1 400 ")
    for answer in (late, large):
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["message"]


def test_a_client_that_never_reads_is_cut_off(strangers: Edge):
    asked = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"
    before = strangers.counts()["turnout_connections"]
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(strangers.address)
        connection.setblocking(False)
        with suppress(BlockingIOError, ConnectionError):
            while True:  # until nobody takes more
                connection.send(asked * 1_000)
        strangers.until(lambda: strangers.counts()["turnout_connections"] <= before)


def test_descriptors_that_run_out_are_told_once_and_recover(strangers: Edge):
    taken = len(list((strangers.proc / "fd").iterdir()))
    limit, hard = resource.prlimit(strangers.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(strangers.pid, resource.RLIMIT_NOFILE, (2 * taken + 40, hard))
    try:
        with ExitStack() as stack:
            idle = [stack.enter_context(strangers.connect()) for _ in range(2 * taken + 60)]
            answers = [to_the_end(connection) for connection in idle]
        refused = [answer for answer in answers if answer.startswith(b"HTTP/1.1 503 ")]
        assert refused
        assert b"retry-after" in refused[0]
        assert strangers.ask(LIVE[:-2] + b"Connection: close\r\n\r\n").startswith(b"HTTP/1.1 200")
    finally:
        resource.prlimit(strangers.pid, resource.RLIMIT_NOFILE, (limit, hard))
    told = [line for line in strangers.log().splitlines() if "out of descriptors" in line]
    assert len(told) == 1
    assert "ulimit -n" in told[0]
    assert strangers.counts()['turnout_turned_away_total{reason="descriptors"}'] == len(refused)


ENVELOPES = {
    f"POST {PATH}": ("error", "code", "rate_limit_exceeded"),
    "GET /v1/models": ("error", "code", "rate_limit_exceeded"),
    "POST /v1/messages": ("error", "type", "rate_limit_error"),
}


def test_an_address_that_guesses_keys_is_told_to_wait_and_others_behind_its_proxy_are_not(
    strangers: Edge,
):
    def ask(asked: str, key: str, client: str) -> bytes:
        lines = f"{asked} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n"
        lines += f"X-Forwarded-For: 9.9.9.9\r\nX-Forwarded-For: {client}\r\n"
        lines += f"Content-Length: {len(BODY)}\r\nConnection: close\r\n\r\n"
        return strangers.ask(lines.encode() + BODY)

    keys = iter(range(1_000))
    answers = [ask(f"POST {PATH}", f"tk-{next(keys)}", "203.0.113.7") for _ in range(6)]
    assert [answer[9:12] for answer in answers] == [b"401"] * 5 + [b"429"]
    for asked, (part, field, said) in ENVELOPES.items():
        head, _, body = ask(asked, "tk-wrong", "203.0.113.7").partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 429 ")
        assert b"retry-after: " in head
        assert json.loads(body)[part][field] == said
    good = strangers.key("enterprise")
    assert ask(f"POST {PATH}", good, "203.0.113.7").startswith(b"HTTP/1.1 200 ")
    assert ask(f"POST {PATH}", "tk-wrong", "203.0.113.8").startswith(b"HTTP/1.1 401 ")
    assert strangers.counts()['turnout_turned_away_total{reason="wrong_keys"}'] == 4


def test_what_is_counted_of_connections_is_what_is_open(strangers: Edge):
    strangers.until(lambda: strangers.counts()["turnout_connections"] == 1)  # the one that asks
    with strangers.connect() as first, strangers.connect() as second:
        first.sendall(LIVE)
        second.sendall(LIVE)
        patience.until(lambda: strangers.counts()["turnout_connections"] >= 3)


ODD = {
    "another host": (f"POST {PATH}", "Host: x/#@y", 200),
    "an empty host": (f"POST {PATH}", "Host:", 200),
    "a host that is ours": (f"POST {PATH}", "Host: localhost:8079/admin/status#@x", 200),
    "absolute": (f"POST http://elsewhere.example{PATH}", "Host: x", 200),
    "absolute, to the administrators": ("GET http://x/admin/status", "Host: x", 404),
    "to the administrators": ("POST /admin/reload", "Host: 127.0.0.1:8079", 404),
    "behind dots": (f"POST {PATH}/../../../admin/reload", "Host: x", 404),
    "behind dots that are written": (f"POST {PATH}/%2e%2e/%2e%2e/admin/reload", "Host: x", 404),
    "with parameters": (f"POST {PATH};a=b", "Host: x", 404),
    "with a backslash": ("POST /v1\\chat\\completions", "Host: x", 404),
    "with a NUL that is written": (f"POST {PATH}%00", "Host: x", 404),
    "with a line end that is written": (f"POST {PATH}%0d%0aHost:%20y", "Host: x", 404),
    "with two slashes": ("POST //v1//chat/completions", "Host: x", 404),
    "asking for all": ("OPTIONS *", "Host: x", 404),
    "a path of another method": (f"TRACE {PATH}", "Host: x", 405),
    "a method nobody knows": (f"PROPFIND {PATH}", "Host: x", 405),
    "a proxy": ("CONNECT elsewhere.example:443", "Host: x", 400),
    "its key taken for hop by hop": (f"POST {PATH}", "Host: x\r\nConnection: authorization", 200),
    "a header that is another's": (f"POST {PATH}", "Host: x\r\nAuthorization_: Bearer y", 200),
    "an address of its own": (f"POST {PATH}", "Host: x\r\nX-Forwarded-Host: y", 200),
    "another path for proxies": ("POST /v1/nothing", f"Host: x\r\nX-Original-Url: {PATH}", 404),
    "another method": ("GET /v1/messages", "Host: x\r\nX-HTTP-Method-Override: POST", 405),
}


@pytest.mark.parametrize(("line", "host", "status"), ODD.values(), ids=ODD.keys())
def test_what_is_asked_is_the_target_and_nothing_beside_it(
    strangers: Edge, line: str, host: str, status: int
):
    key = strangers.key("enterprise")
    head = f"{line} HTTP/1.1\r\n{host}\r\nAuthorization: Bearer {key}\r\nConnection: close\r\n"
    answer = strangers.ask(f"{head}Content-Length: {len(BODY)}\r\n\r\n".encode() + BODY)
    assert int(answer[9:12]) == status
