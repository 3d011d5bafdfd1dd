"""Real parts that many tests share: a local model, a simulated one, requests to send."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from http2server import certificates, http2_in_thread
from modelservers import RunningSimulator, in_thread
from transports import HTTP_2, TRANSPORTS, NewTransport, over_http2

from router.ask import Ask
from router.children.llamacpp import local_model
from router.operations.chat import parse_chat
from router.simulator.server import Simulator


@pytest.fixture(scope="session")
def llama_server() -> Iterator[str]:
    """The base URL of a real llama.cpp server with the shipped model."""
    child = local_model()
    child.start()
    try:
        yield child.await_ready()
    finally:
        child.stop()


@pytest.fixture(scope="session")
def _simulator_thread() -> Iterator[RunningSimulator]:
    app = Simulator("instant")
    with in_thread(app) as base_url:
        yield RunningSimulator(base_url, app)


@pytest.fixture(scope="session")
def _http2() -> Iterator[tuple[RunningSimulator, NewTransport]]:
    app = Simulator("instant")
    serving, trusting = certificates()
    with http2_in_thread(app, serving) as base_url:
        yield RunningSimulator(base_url, app), over_http2(trusting)


@pytest.fixture
def simulator(request: pytest.FixtureRequest) -> RunningSimulator:
    """An instant simulator; its counters begin at zero in each test."""
    if _transport_of(request) == HTTP_2:
        running: RunningSimulator = request.getfixturevalue("_http2")[0]
    else:
        running = request.getfixturevalue("_simulator_thread")
    running.app.served = running.app.left = 0
    return running


@pytest.fixture
def chat() -> Callable[..., Ask]:
    """Makes a parsed chat request; keywords are fields of its body."""

    def make(text: str = "Hello", **fields: Any) -> Ask:
        body = {"model": "auto", "messages": [{"role": "user", "content": text}]} | fields
        return parse_chat(json.dumps(body).encode())

    return make


@pytest.fixture
def new_transport(request: pytest.FixtureRequest) -> NewTransport:
    """Builds a client; whatever asks for it runs over each kind, see `pytest_generate_tests`."""
    if request.param == HTTP_2:
        built: NewTransport = request.getfixturevalue("_http2")[1]
        return built
    return TRANSPORTS[request.param]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Tests of clients run over each of them; over HTTP/2 too, where the simulator answers."""
    if "new_transport" in metafunc.fixturenames:
        kinds = [*TRANSPORTS, HTTP_2] if "simulator" in metafunc.fixturenames else [*TRANSPORTS]
        metafunc.parametrize("new_transport", kinds, indirect=True)


def _transport_of(request: pytest.FixtureRequest) -> str:
    callspec = getattr(request.node, "callspec", None)
    return callspec.params.get("new_transport", "") if callspec is not None else ""
