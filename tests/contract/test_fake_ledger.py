"""A fake ledger and fake conversations keep the promises of the real ones, on a Valkey."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import redis
from fakes.ledger import FakeLedger
from fakes.parts import FakeConversations
from ledgerkit import Outside, reserve_request, used

from router.domain import Outcome
from router.errors import LimitExceeded
from router.ledger.ledger import Ledger
from router.ledger.server.embedded import Embedded
from router.pipeline.serving import Holds


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
