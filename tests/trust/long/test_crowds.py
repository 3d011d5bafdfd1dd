"""Ten thousand connections over which nothing is asked, and wrong keys by the ten thousand."""

import random
import resource
import statistics
import time
from contextlib import ExitStack

import pytest
from edgekit import BODY, PATH, Edge, live_edge, to_the_end, until
from trust.figures import Figures

pytestmark = pytest.mark.timed

CROWD = 10_000
PAIRS = 10_000
LIVE = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture(scope="module")
def edge(tmp_path_factory):
    connections = {"most": CROWD + 100, "idle": "120s", "head_timeout": "60s"}
    with live_edge(tmp_path_factory.mktemp("crowd"), {}, connections=connections) as running:
        yield running


def _asks(edge: Edge, times: int) -> list[float]:
    """Seconds of each of so many requests with a key, over one connection."""
    key = edge.key("enterprise")
    head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n"
    sent = f"{head}Content-Length: {len(BODY)}\r\n\r\n".encode() + BODY
    took = []
    with edge.connect() as connection:
        for _ in range(times):
            began = time.perf_counter()
            connection.sendall(sent)
            assert until(connection, b'"usage"').startswith(b"HTTP/1.1 200 ")
            took.append(time.perf_counter() - began)
    return took


def test_ten_thousand_idle_connections_cost_others_nothing_and_are_closed(
    edge: Edge, figures: Figures
):
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    quiet, memory = statistics.median(_asks(edge, 300)), edge.memory()
    with ExitStack() as stack:
        idle = []
        for _ in range(CROWD):
            connection = stack.enter_context(edge.connect())
            connection.sendall(LIVE)
            assert until(connection, b'"ok"}').startswith(b"HTTP/1.1 200 ")
            idle.append(connection)
        figures.add("idle connections", len(idle))
        figures.add("bytes each of them takes", (edge.memory() - memory) // CROWD)
        crowded = statistics.median(_asks(edge, 300))
        figures.add("median of a request, microseconds, quiet", round(quiet * 1e6))
        figures.add("median of a request, microseconds, in the crowd", round(crowded * 1e6))
        assert crowded < 2 * quiet + 0.005
        for connection in idle:
            connection.settimeout(180)  # more than the gateway keeps them
        assert [to_the_end(connection) for connection in idle] == [b""] * CROWD


def _refused(connection, sent: bytes) -> tuple[float, bytes]:
    began = time.perf_counter()
    connection.sendall(sent)
    answer = until(connection, b"}}")
    return time.perf_counter() - began, answer


def _body(answer: bytes) -> bytes:
    return answer.partition(b"\r\n\r\n")[2]


@pytest.mark.parametrize("kind", ["malformed", "short", "revoked"])
def test_no_wrong_key_is_told_from_another_by_its_answer_or_its_time(
    edge: Edge, figures: Figures, kind: str
):
    good = edge.new_key("enterprise")
    unknown = good[:-6] + "".join(random.sample("ABCDEFGHJKLM", 6))
    other = {"malformed": "!" * len(good), "short": "x", "revoked": unknown[::-1]}[kind]
    if kind == "revoked":
        other = edge.revoked("enterprise")
    head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nAuthorization: Bearer "
    sents = [f"{head}{key}\r\n\r\n{{}}".encode() for key in (unknown, other)]
    differences, times = [], []
    with edge.connect() as connection:
        for _ in range(PAIRS):
            order = random.sample((0, 1), 2)
            took = {number: _refused(connection, sents[number]) for number in order}
            assert _body(took[0][1]) == _body(took[1][1])
            assert took[0][1].startswith(b"HTTP/1.1 401 ")
            differences.append(took[1][0] - took[0][0])
            times.append(took[0][0])
    apart = abs(statistics.median(differences))
    quarters = statistics.quantiles(differences, n=4)
    noise = (quarters[2] - quarters[0]) / PAIRS**0.5
    figures.add(f"401s timed in pairs, {kind}", PAIRS)
    figures.add(f"nanoseconds between the medians, {kind}", round(apart * 1e9))
    assert apart < max(5 * noise, 0.02 * statistics.median(times))
