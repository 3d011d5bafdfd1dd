"""Two gateways of one ledger tell each thing once, to a real receiver; each has a database of its
own, so that nothing but the ledger can tell one what the other did."""

import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import redis
from fakes.backends import FakeBackends
from fakes.world import new_world
from hookreceiver import SECRET, Receiver, receiver
from ledgerkit import reserve_request, used

from router.alerts.alerts import Alerts, alerts_of
from router.alerts.conditions import Sources
from router.alerts.expiry import ExpiringKey
from router.alerts.store import AlertStore
from router.backends.transport.clients import Clients
from router.domain import Principal
from router.ledger.ledger import Ledger
from router.ledger.server.embedded import Embedded
from router.ledger.server.errors import Disconnected
from router.world.config_alerts import AlertSection
from router.world.snapshot import Snapshot

POLICY = """\
version: 1
routes: {auto: {candidates: [moe]}}
tiers:
  pro: {tokens_per_day: 1000}
  paid: {prepaid_usd: true}
"""
MINUTE = 60_000


class Amiss:
    """What is amiss, as the test wants it."""

    def __init__(self) -> None:
        self.ledger_answers = True
        self.lost: str | None = None
        self.backends = FakeBackends()
        self.keys: list[ExpiringKey] = []

    async def answers(self) -> bool:
        return self.ledger_answers


class Gateway:
    """One gateway's alerts: connected, with a database of its own, and a clock that is moved."""

    def __init__(self, ledger: Ledger, store: AlertStore, clients: Clients, hook: str) -> None:
        to = {"ops": {"webhook": hook, "secrets": [SECRET]}}
        self.section = AlertSection.model_validate(
            {"to": to, "organizations": {"early": {"thresholds": [10]}}}, strict=False
        )
        self.ledger, self.store, self.amiss = ledger, store, Amiss()
        self.world: Snapshot = new_world(POLICY)
        amiss = self.amiss
        sources = Sources(
            lambda: amiss.backends.view(),  # noqa: PLW0108 # those of that moment
            amiss.answers,
            lambda: amiss.lost,
            lambda: None,
            dict,
        )
        self.began = time.time_ns() // 1_000_000
        self.passed = 0
        self.alerts: Alerts = alerts_of(
            self.section, store, ledger, clients, sources=sources,
            expiring=lambda _now, _until: amiss.keys, now=lambda: self.began + self.passed,
        )  # fmt: skip

    async def serve(self, tokens: int, organization: str = "acme", tier: str = "pro") -> None:
        """Serve a request that uses so much."""
        quotas = self.world.standing(tier).quotas
        request = reserve_request(quotas, organization=organization, tier=tier, output_tokens=0)
        async with self.ledger.hold(request, lambda: used(tokens, 0)) as hold:
            hold.dispatched()
        assert await self.ledger.settled()
        principal = Principal("key1", organization, tier)
        self.alerts.active.note(principal, "auto", self.world, "")

    def was_active(self, organization: str = "acme") -> None:
        self.alerts.active.note(Principal("key1", organization, "pro"), "auto", self.world, "")

    async def look(self) -> None:
        await self.alerts.watch.look()
        while await self.alerts.outbox.look():
            pass


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    folder: Path = tmp_path_factory.mktemp("valkey")
    with Embedded(folder) as embedded:
        yield embedded


@pytest.fixture
def hook() -> Iterator[Receiver]:
    with receiver() as kept:
        yield kept


@pytest.fixture
async def gateways(
    server: Embedded, tmp_path: Path, hook: Receiver
) -> AsyncIterator[tuple[Gateway, Gateway]]:
    with redis.Redis(unix_socket_path=server.url.removeprefix("unix://")) as outside:
        outside.flushall()
    async with AsyncExitStack() as stack:
        clients = Clients()
        stack.push_async_callback(clients.close)
        both = []
        for name in ("one", "two"):
            ledger = await Ledger.connect(server.url, command_seconds=5)
            stack.push_async_callback(ledger.close)
            store = AlertStore(f"sqlite:///{tmp_path / name}.db")
            stack.callback(store.close)
            both.append(Gateway(ledger, store, clients, hook.url))
        yield both[0], both[1]


Pair = tuple[Gateway, Gateway]


async def test_two_gateways_tell_eighty_percent_once(gateways: Pair, hook: Receiver) -> None:
    one, two = gateways
    await one.serve(400)
    await two.serve(420)
    for gateway in (one, two, one, two):
        gateway.was_active()
        await gateway.look()
    (message,) = hook.of("budget.threshold", "acme")
    assert message.is_genuine(time.time())
    data = message.json()["data"]
    assert (data["threshold"], data["used"], data["limit"]) == (80, 820, 1000)
    assert data["level"] == "organization"


async def test_the_next_threshold_is_told_though_the_last_was(
    gateways: Pair, hook: Receiver
) -> None:
    one, two = gateways
    await one.serve(500)
    await one.look()
    await two.serve(300)
    await two.look()
    await one.serve(200)
    await one.look()
    await two.look()
    told = [each.json()["data"]["threshold"] for each in hook.of("budget.threshold", "acme")]
    assert told == [50, 80, 100]


async def test_a_customer_has_thresholds_of_its_own(gateways: Pair, hook: Receiver) -> None:
    one, _ = gateways
    await one.serve(120, "early")
    await one.serve(120, "late")
    await one.look()
    assert len(hook.of("budget.threshold", "early")) == 1
    assert not hook.of("budget.threshold", "late")


async def test_a_prepaid_balance_is_told_again_after_its_next_credit(
    gateways: Pair, hook: Receiver
) -> None:
    one, two = gateways
    cost = 100 * 10**7 // 1000  # nano-USD of a hundred tokens
    await one.ledger.credit("acme", 10 * cost, "first")
    await one.serve(0, tier="paid")
    await one.look()  # it sees ten
    await one.serve(850, tier="paid")
    await one.look()
    await two.serve(0, tier="paid")
    await two.look()
    assert [m.json()["data"]["threshold"] for m in hook.of("balance.threshold", "acme")] == [80]
    await one.ledger.credit("acme", 10 * cost, "second")
    await two.serve(0, tier="paid")
    await two.look()  # it sees eleven and a half
    await one.serve(1000, tier="paid")
    await one.look()
    told = [m.json()["data"]["threshold"] for m in hook.of("balance.threshold", "acme")]
    assert told == [80, 80]


async def test_a_backend_that_is_down_is_told_with_its_cause_and_once_when_it_is_back(
    gateways: Pair, hook: Receiver
) -> None:
    for gateway in gateways:
        backends = gateway.amiss.backends
        backends.adopt(list(gateway.world.backends.values()))
        (state, *_) = backends.view()["moe"].deployments
        state.failures["CONNECT"] += 5
        for _ in range(5):
            state.blame.unreachable(backends_now(backends))
    for passed in (0, MINUTE, 2 * MINUTE):
        for gateway in gateways:
            gateway.passed = passed
            await gateway.look()
    (message,) = hook.of("backend.unhealthy")
    assert message.json()["data"]["subject"] == "moe"
    assert message.json()["data"]["cause"] == "connect"
    assert "no connection" in message.json()["data"]["text"]
    for gateway in gateways:
        gateway.amiss.backends = FakeBackends()
        gateway.amiss.backends.adopt(list(gateway.world.backends.values()))
    for passed in (3 * MINUTE, 4 * MINUTE):
        for gateway in gateways:
            gateway.passed = passed
            await gateway.look()
    assert len(hook.of("backend.recovered")) == 1


def backends_now(backends: FakeBackends) -> float:
    return float(backends.view()["moe"]._clock())


async def test_a_loss_of_the_ledger_is_told_once_and_so_is_its_repair(
    gateways: Pair, hook: Receiver
) -> None:
    one, two = gateways
    for gateway in gateways:
        gateway.amiss.lost = "The ledger lost what it held."
    for passed in (0, MINUTE, 2 * MINUTE):
        for gateway in gateways:
            gateway.passed = passed
            await gateway.look()
    assert len(hook.of("ledger.lost")) == 1
    for gateway in gateways:
        gateway.amiss.lost = None
    for passed in (3 * MINUTE, 4 * MINUTE):
        for gateway in (one, two):
            gateway.passed = passed
            await gateway.look()
    assert len(hook.of("ledger.repaired")) == 1


async def test_a_key_that_expires_soon_is_told_once_for_each_declared_time(
    gateways: Pair, hook: Receiver
) -> None:
    for gateway in gateways:
        end = gateways[0].began + 6 * 86_400_000
        gateway.amiss.keys = [ExpiringKey("key7", "acme", end, "ci")]
    for days in (0, 1, 5.5):
        for gateway in gateways:
            gateway.passed = round(days * 86_400_000)
            await gateway.look()
    told = [m.json()["data"] for m in hook.of("key.expiring", "acme")]
    assert [each["key"] for each in told] == ["key7", "key7"]
    assert "ci" in told[0]["text"]


class _Away:
    """Claims of a ledger that does not answer."""

    async def claim(self, _name: str) -> bool:
        raise Disconnected("away")

    async def keep(self, _name: str, _ms: int) -> None:
        raise Disconnected("away")

    async def release(self, _name: str) -> bool:
        raise Disconnected("away")


async def test_while_the_ledger_is_away_gateways_of_one_database_tell_once(
    gateways: Pair, hook: Receiver
) -> None:
    one, two = gateways
    there = one.alerts.teller._once
    for gateway in gateways:
        gateway.amiss.ledger_answers = False
        gateway.alerts.teller._once = _Away()  # type: ignore[assignment]
        gateway.alerts.teller._store = gateway.alerts.outbox._store = one.store
    for passed in (0, MINUTE, 2 * MINUTE):
        for gateway in (one, two):
            gateway.passed = passed
            await gateway.look()
    assert len(hook.of("ledger.away")) == 1
    for gateway in gateways:
        gateway.amiss.ledger_answers = True
        gateway.alerts.teller._once = there
    for passed in (3 * MINUTE, 4 * MINUTE):
        for gateway in (one, two):
            gateway.passed = passed
            await gateway.look()
    assert len(hook.of("ledger.back")) == 1


async def test_who_could_not_be_looked_at_is_looked_at_when_the_ledger_is_back(
    gateways: Pair, hook: Receiver
) -> None:
    one, _ = gateways
    await one.serve(900)
    reads = one.ledger

    class Silent:
        def now(self) -> int:
            return reads.now()

        async def used_of(self, _asked: object) -> Any:
            raise Disconnected("away")

    parts = one.alerts.watch._parts
    one.alerts.watch._parts = replace(parts, ledger=Silent())
    await one.look()
    assert not hook.of("budget.threshold", "acme")
    one.alerts.watch._parts = parts
    await one.look()
    assert len(hook.of("budget.threshold", "acme")) == 1


async def test_who_dies_between_claim_and_alert_loses_none(gateways: Pair) -> None:
    """A claim that nobody keeps ends within a minute, and one that is kept does not."""
    one, two = gateways
    once = one.ledger.once()
    assert await once.claim("a thing")
    assert not await two.ledger.once().claim("a thing")
    (node,) = one.ledger._nodes.connections()
    home, key = once._place("a thing")
    assert 0 < await node.ask("PTTL", key) <= 60_000
    await once.keep("a thing", 10**9)
    assert await node.ask("PTTL", key) > 60_000
    assert await once.release("a thing")
    assert await two.ledger.once().claim("a thing")
    assert home == one.ledger._shards[home].number
