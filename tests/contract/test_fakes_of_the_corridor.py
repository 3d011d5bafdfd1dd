"""The fakes of the corridor keep the promises of the real parts: each test runs over both."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest
import redis
from fakes.backends import DONE, FakeBackends, FakeUpstream, chunk, whole
from fakes.caller import FakeCaller, sent
from fakes.connection import HttpAnswer, answered
from fakes.corridor import CHAT, planned
from fakes.ledger import FakeLedger
from fakes.parts import ACME, FakeAuthenticator, FakeConversations
from fakes.world import new_world
from ledgerkit import Outside, reserve_request, used
from modelservers import RunningSimulator

from router.auth.authenticate import Authenticator
from router.auth.store import KeyStore
from router.backends.cascade.cascade import Cascades
from router.backends.dispatch.dispatch import Dispatcher
from router.backends.dispatch.upstream import Event
from router.backends.transport.httptools_transport import HttptoolsTransport
from router.domain import Outcome, Usage
from router.errors import LimitExceeded, TurnoutError, Unauthenticated, UpstreamFailed
from router.ledger.ledger import Ledger
from router.ledger.server.embedded import Embedded
from router.pipeline.caller import Caller
from router.pipeline.send import Sender
from router.pipeline.serving import Authenticates, Holds, Sends
from router.world.snapshot import Snapshot

# Callers.

Use = Callable[[Caller], Awaitable[None]]
RAW = b'{"model": "auto"}'
SENT = {"x-turnout-route": "auto", "x-team": "blue", "authorization": "Bearer tk-known"}


async def _by_fake(use: Use) -> HttpAnswer:
    caller = FakeCaller(RAW, fields=sent(SENT))
    await use(caller)
    return HttpAnswer(200, dict(caller.head or ()), caller.answer, caller.complete)


async def _by_edge(use: Use) -> HttpAnswer:
    return await answered(use, RAW, SENT)


@pytest.fixture(params=[_by_fake, _by_edge], ids=["fake", "edge"])
def ask(request: pytest.FixtureRequest) -> Callable[[Use], Awaitable[HttpAnswer]]:
    """Has a caller answered; returns what it got."""
    return request.param


async def test_a_caller_gives_its_key_its_body_and_the_headers_that_are_asked_for(ask) -> None:
    found: list[Any] = []

    async def use(caller: Caller) -> None:
        found.extend((caller.authorization, len(caller.id), await caller.body()))
        found.append(dict(caller.hint_headers()))
        found.append(dict(caller.header_values(["x-team", "x-absent"])))
        await caller.send(b"{}")

    await ask(use)
    assert found == [
        b"Bearer tk-known", 32, RAW, {"x-turnout-route": "auto"}, {"x-team": "blue"},
    ]  # fmt: skip


async def test_a_whole_answer_arrives_with_the_headers_as_they_stand(ask) -> None:
    async def use(caller: Caller) -> None:
        caller.headers += [("x-one", "1"), ("x-two", "2")]
        await caller.send(b'{"a": 1}')
        caller.headers.append(("x-late", "3"))

    answer = await ask(use)
    assert (answer.body, answer.whole, answer.headers["x-two"]) == (b'{"a": 1}', True, "2")
    assert "x-late" not in answer.headers


async def test_a_stream_arrives_in_order_and_its_head_is_that_of_its_start(ask) -> None:
    async def use(caller: Caller) -> None:
        caller.headers.append(("x-one", "1"))
        await caller.start()
        caller.headers.append(("x-late", "3"))
        assert caller.put(b"a")
        await caller.write(b"b")
        await caller.write(b"")
        assert caller.put(b"c")
        await caller.end()

    answer = await ask(use)
    assert (answer.body, answer.whole, answer.headers["x-one"]) == (b"abc", True, "1")
    assert "x-late" not in answer.headers


async def test_a_client_that_is_behind_takes_nothing_without_waiting(ask) -> None:
    async def use(caller: Caller) -> None:
        await caller.start()
        if isinstance(caller, FakeCaller):
            caller.room = 0
            assert not caller.put(b"lost")
        else:
            caller._connection.flow.pause_writing()
            assert not caller.put(b"lost")
            caller._connection.flow.resume_writing()
        await caller.write(b"kept")
        await caller.end()

    assert (await ask(use)).body == b"kept"


# Ledgers.


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    with Embedded(tmp_path_factory.mktemp("valkey")) as embedded:
        yield embedded


@pytest.fixture
async def real_ledger(server: Embedded) -> AsyncIterator[Ledger]:
    with redis.Redis(unix_socket_path=server.url.removeprefix("unix://")) as client:
        client.flushall()
    ledger = await Ledger.connect(server.url, command_seconds=5)
    yield ledger
    await ledger.close()


class Settled:
    """What a ledger was told, whichever it is."""

    def __init__(self, ledger: Holds, server: Embedded | None) -> None:
        self.ledger = ledger
        self._server = server

    async def outcomes(self) -> list[str]:
        if isinstance(self.ledger, FakeLedger):
            return [str(charge.outcome) for charge in self.ledger.settled]
        assert isinstance(self.ledger, Ledger)
        assert self._server is not None
        assert await self.ledger.settled()
        with redis.Redis(unix_socket_path=self._server.url.removeprefix("unix://")) as client:
            return [row["status"] for row in Outside(client).rows()]


@pytest.fixture(params=["fake", "real"])
def kept(request: pytest.FixtureRequest) -> Settled:
    """A ledger whose customers may use a thousand tokens a minute."""
    if request.param == "fake":
        return Settled(FakeLedger(spare_tokens=900), None)
    ledger = request.getfixturevalue("real_ledger")
    return Settled(ledger, request.getfixturevalue("server"))


LIMITS = {"key": {"tokens_per_minute": 1000}}


async def test_who_is_let_in_is_told_what_is_left(kept) -> None:
    async with kept.ledger.hold(reserve_request(LIMITS), used) as hold:
        names = [name for name, _ in hold.admission.headers]
        assert "x-ratelimit-remaining-tokens" in names
        assert not hold.lost


@pytest.mark.parametrize("error", [None, RuntimeError("bug"), asyncio.CancelledError()])
async def test_a_hold_is_settled_once_however_its_block_is_left(kept, error) -> None:
    try:
        async with kept.ledger.hold(
            reserve_request(LIMITS), lambda: used(outcome=Outcome.DISCONNECTED)
        ) as hold:
            hold.dispatched()
            if error is not None:
                raise error
    except (RuntimeError, asyncio.CancelledError):
        assert error is not None
    assert await kept.outcomes() == ["disconnected"]


async def test_who_is_refused_never_enters_and_settles_nothing(kept) -> None:
    if isinstance(kept.ledger, FakeLedger):
        kept.ledger.refusal = LimitExceeded("used up")
    entered = False
    with pytest.raises(LimitExceeded):
        async with kept.ledger.hold(reserve_request(LIMITS, output_tokens=2_000, firm=True), used):
            entered = True
    assert not entered
    assert await kept.outcomes() == []


async def test_a_hold_covers_its_estimate_and_grows_while_the_quota_does(kept) -> None:
    wanted = reserve_request(LIMITS, input_tokens=10, output_tokens=90, firm=True)
    async with kept.ledger.hold(wanted, used) as hold:
        hold.dispatched()
        assert not hold.covers(1)  # nobody asked yet
        assert await hold.cover(90)
        assert hold.covers(90)
        assert not hold.covers(91)
        assert await hold.cover(200)
        assert hold.covers(200)
        assert not await hold.cover(2_000)


# Backends.


@asynccontextmanager
async def _fake_backends(world: Snapshot) -> AsyncIterator[Sends]:
    script = (
        FakeUpstream(body=whole("Four."), usage=Usage(3, 2))
        if world.backends["local"].api_key is None
        else FakeUpstream(blocks=(chunk("a"), chunk("b"), chunk("c"), DONE), usage=Usage(3, 4))
    )
    yield FakeBackends(script)


@asynccontextmanager
async def _real_backends(_world: Snapshot) -> AsyncIterator[Sends]:
    async def at_once(_seconds: float) -> None:
        return

    dispatcher = Dispatcher(HttptoolsTransport(), sleep=at_once)
    yield Sender(dispatcher, Cascades(dispatcher))
    await dispatcher.close()


@pytest.fixture(params=[_fake_backends, _real_backends], ids=["fake", "real"])
def opened(request: pytest.FixtureRequest, simulator: RunningSimulator) -> Any:
    """Opens the answer of a chat request, over either kind of backends."""

    @asynccontextmanager
    async def opening(**fields: Any) -> AsyncIterator[Any]:
        streams = {"api_key": "k"} if fields.get("stream") else {}
        each = {"local": {"base_url": simulator.base_url} | streams}
        world = new_world(each=each)
        caller = FakeCaller.asking(**fields)
        plan = await planned(caller, world)
        async with request.param(world) as backends:
            backends.adopt(list(world.backends.values()))
            events: list[Event] = []
            async with backends.open(
                plan, CHAT.parse(caller.raw, caller.fields), events
            ) as upstream:
                yield upstream

    return opening


async def test_a_whole_answer_is_there_with_its_usage(opened) -> None:
    async with opened() as upstream:
        assert upstream.backend.name == "local"
        assert orjson.loads(upstream.body)["choices"]
        assert upstream.usage is not None
        assert upstream.output_tokens_seen == upstream.usage.output_tokens
        assert (upstream.billed, upstream.passed, upstream.slot) == ((), False, None)
        assert upstream.model
        assert upstream.first_byte_seconds >= 0


async def test_a_streams_usage_is_known_at_its_end(opened) -> None:
    async with opened(stream=True) as upstream:
        blocks = [block async for block in upstream.stream()]
        assert upstream.body == b""
        assert b"".join(blocks).endswith(DONE)
        assert upstream.usage is not None
        assert upstream.output_tokens_seen > 0


async def test_a_stream_that_is_ended_early_can_be_ended_well(opened) -> None:
    async with opened(stream=True) as upstream:
        async for _block in upstream.stream():
            last = upstream.cut("r1", "why")
            break
    assert b'"finish_reason":"length"' in last
    assert last.endswith(DONE)


async def test_blocks_that_are_taken_on_the_way_are_not_handed_out_and_none_is_lost(opened) -> None:
    taken: list[bytes] = []
    everything: list[bytes] = []

    def put(block: bytes) -> bool:
        taken.append(block)
        everything.append(block)
        return True

    async with opened(stream=True) as upstream:
        async for block in upstream.stream(put):
            assert block not in taken
            everything.append(block)
    told = b"".join(everything)
    assert told.startswith(b"data: ")
    assert told.endswith(DONE)
    assert told.count(DONE) == 1


@pytest.mark.parametrize("open_backends", [_fake_backends, _real_backends], ids=["fake", "real"])
async def test_backends_that_all_fail_are_an_error_before_any_answer(open_backends) -> None:
    world, caller = new_world(), FakeCaller.asking()
    plan = await planned(caller, world)
    async with open_backends(world) as backends:
        backends.adopt(list(world.backends.values()))
        if isinstance(backends, FakeBackends):
            backends.script = [UpstreamFailed("none")]
        with pytest.raises(TurnoutError):
            async with backends.open(plan, CHAT.parse(caller.raw, caller.fields), []):
                raise AssertionError("nobody answers there")


@pytest.mark.parametrize("open_backends", [_fake_backends, _real_backends], ids=["fake", "real"])
async def test_the_health_of_known_backends_is_told_by_name(open_backends) -> None:
    world = new_world()
    async with open_backends(world) as backends:
        backends.adopt(list(world.backends.values()))
        view = backends.view()
        assert set(view) == set(world.backends)
        assert all(health.healthy and not health.in_flight for health in view.values())
        backends.adopt([world.backends["moe"]])
        assert set(view) == {"moe"}


# Who asks, and who served.


@pytest.fixture(params=["fake", "real"])
def known(request: pytest.FixtureRequest, tmp_path) -> Iterator[tuple[Authenticates, bytes]]:
    """An authenticator, and a header that it knows."""
    if request.param == "fake":
        yield FakeAuthenticator(), b"Bearer tk-known"
        return
    store = KeyStore(f"sqlite:///{tmp_path / 'keys.db'}")
    key, _ = store.create("acme", "pro", "search")
    authenticator = Authenticator(store)
    authenticator.refresh()
    yield authenticator, f"Bearer {key}".encode()
    store.close()


def test_a_known_key_has_a_principal_and_any_other_none(known) -> None:
    authenticator, header = known
    principal = authenticator.authenticate(header)
    assert (principal.organization, principal.tier) == (ACME.organization, ACME.tier)
    assert len(authenticator) == 1
    for other in (None, b"", b"Bearer tk-other", header + b"x"):
        with pytest.raises(Unauthenticated):
            authenticator.authenticate(other)


@pytest.fixture(params=["fake", "real"])
def conversations(request: pytest.FixtureRequest) -> Any:
    if request.param == "fake":
        return FakeConversations()
    return request.getfixturevalue("real_ledger").conversations()


async def test_who_served_last_is_remembered_by_customer_and_conversation(conversations) -> None:
    assert await conversations.previous("acme", "c1", follow_up=True) == ""
    conversations.served("acme", "c1", "moe")
    conversations.served("acme", "c1", "local")
    assert await conversations.previous("acme", "c1", follow_up=True) == "local"
    assert await conversations.previous("acme", "c2", follow_up=True) == ""
    assert await conversations.previous("other", "c1", follow_up=True) == ""
