"""Real parts that many tests share: a local model, a simulated one, requests to send."""

import asyncio
import functools
import gc
import json
import os
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

# numpy's threads wait for each other in busy loops: beside busy neighbours a fit that takes three
# seconds took a minute. It looks when it is imported, here and in the processes that tests start.
for _library in ("OPENBLAS", "OMP"):
    os.environ.setdefault(f"{_library}_NUM_THREADS", "1")
# To read the authorities of the world takes each client 40 ms, and most tests make several. Nothing
# that tests start trusts any: what they ask over TLS is theirs, and named where it is asked.
os.environ.pop("SSL_CERT_FILE", None)
os.environ["SSL_CERT_DIR"] = str(Path(__file__).parent)  # where none lies

import pytest
from clocks import VirtualTime
from http2server import Contexts, certificates, http2_in_thread
from hypothesis import HealthCheck, settings
from modelservers import RunningSimulator, in_thread
from postgresqlkit import PostgreSQL, postgresql
from transports import HTTP_2, TRANSPORTS, NewTransport, is_over_http2, over_http2

from router.ask import Ask
from router.children.llamacpp import local_model
from router.operations.chat import parse_chat
from router.simulator.server import Simulator

_TESTS = Path(__file__).parent

# Where nothing is opened: to look there for what was left open costs more than the tests.
_STARTS_NOTHING = frozenset({"unit", "promises"})

# No example has to be quick, and none to be made quickly: the machine may be busy. `make trust`
# tries many more than the gate has time for.
_EXAMPLES = {"gate": 50, "trust": 1_000}
for _profile, _count in _EXAMPLES.items():
    settings.register_profile(
        _profile,
        deadline=None,
        max_examples=_count,
        suppress_health_check=[HealthCheck.too_slow],
    )
settings.load_profile(os.environ.get("TURNOUT_EXAMPLES", "gate"))


def pytest_asyncio_loop_factories(item: pytest.Item) -> dict[str, Callable[[], Any]]:
    """A test marked `virtual_time` runs on a clock of its own."""
    virtual = item.get_closest_marker("virtual_time") is not None
    return {"loop": VirtualTime if virtual else asyncio.new_event_loop}


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--postgresql` runs the tests that use a database, and only those, on PostgreSQL."""
    parser.addoption("--postgresql", action="store_true", help=str(pytest_addoption.__doc__))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What collecting loads stays until the end: nobody looks through it for garbage again."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.enable()


@functools.cache
def _speaks_of_databases(path: Path) -> bool:
    """Whether a file of tests or what it stands below may use one: to load it takes longer."""
    folders = path.parents[: path.parents.index(_TESTS)] if _TESTS in path.parents else ()
    said = [path, *(folder / "conftest.py" for folder in folders)]
    return any("database" in one.read_text() for one in said if one.exists())


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out files that use no database, where PostgreSQL is asked for."""
    asked = config.getoption("--postgresql") and collection_path.suffix == ".py"
    return True if asked and not _speaks_of_databases(collection_path) else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what uses no database, where PostgreSQL is asked for."""
    uses = {"database", "shared_database"}.intersection
    chosen = [item for item in items if uses(getattr(item, "fixturenames", ()))]
    silent = {str(item.path) for item in chosen if not _speaks_of_databases(item.path)}
    if silent:  # it would not run on PostgreSQL, and nobody would know
        raise pytest.UsageError(f"say that these use a `database`: {', '.join(sorted(silent))}")
    if config.getoption("--postgresql"):
        config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
        items[:] = chosen


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, object, object]:
    """A test that fails is told as one, whatever it left to collect.

    Its report parses its source. Python 3.11 parses one source at a time: garbage that parses
    another as it goes, as what logs a traceback does, would end the whole run with a SystemError.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


@pytest.fixture(scope="module", autouse=True)
def _nothing_left_open(request: pytest.FixtureRequest) -> Iterator[None]:
    """What a test left open fails in its own file; collected later, it would fail another."""
    yield
    if not _STARTS_NOTHING.intersection(request.path.parts):
        gc.collect()


@pytest.fixture(scope="session")
def _postgresql() -> Iterator[PostgreSQL]:
    with postgresql() as server:
        yield server


@pytest.fixture
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database: an SQLite file's, or a real server's if asked for."""
    return _new_database(request, tmp_path)


@pytest.fixture(scope="module")
def shared_database(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> str:
    """The same for all tests of a file, whose gateways share it."""
    return _new_database(request, tmp_path_factory.mktemp("shared"))


def _new_database(request: pytest.FixtureRequest, folder: Path) -> str:
    if request.config.getoption("--postgresql"):
        server: PostgreSQL = request.getfixturevalue("_postgresql")
        return server.new_database()
    return f"sqlite:///{folder / 'turnout.db'}"


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
def http2_contexts() -> Contexts:
    """TLS for servers of HTTP/2, and for clients that trust them."""
    return certificates()


@pytest.fixture(scope="session")
def _http2_thread(http2_contexts: Contexts) -> Iterator[RunningSimulator]:
    app = Simulator("instant")
    with http2_in_thread(app, http2_contexts[0]) as base_url:
        yield RunningSimulator(base_url, app)


@pytest.fixture
def simulator(request: pytest.FixtureRequest) -> RunningSimulator:
    """An instant simulator; its counters begin at zero in each test."""
    thread = "_http2_thread" if is_over_http2(request) else "_simulator_thread"
    running: RunningSimulator = request.getfixturevalue(thread)
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
        return over_http2(request.getfixturevalue("http2_contexts")[1])
    return TRANSPORTS[request.param]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Tests of clients run over each of them; over HTTP/2 too, where the simulator answers."""
    if "new_transport" in metafunc.fixturenames:
        kinds = [*TRANSPORTS, HTTP_2] if "simulator" in metafunc.fixturenames else [*TRANSPORTS]
        metafunc.parametrize("new_transport", kinds, indirect=True)
