"""Real parts that many tests share: a local model, a simulated one, requests to send."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from modelservers import RunningSimulator
from transports import TRANSPORTS, NewTransport

from router.ask import Ask
from router.children.child import in_thread
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


@pytest.fixture
def simulator(_simulator_thread: RunningSimulator) -> RunningSimulator:
    """An instant simulator; its counters begin at zero in each test."""
    app = _simulator_thread.app
    app.served = app.left = 0
    return _simulator_thread


@pytest.fixture
def chat() -> Callable[..., Ask]:
    """Makes a parsed chat request; keywords are fields of its body."""

    def make(text: str = "Hello", **fields: Any) -> Ask:
        body = {"model": "auto", "messages": [{"role": "user", "content": text}]} | fields
        return parse_chat(json.dumps(body).encode())

    return make


@pytest.fixture(params=sorted(TRANSPORTS))
def new_transport(request: pytest.FixtureRequest) -> NewTransport:
    """Builds a transport; whatever asks for it runs over each kind."""
    return TRANSPORTS[request.param]
