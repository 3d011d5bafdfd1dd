"""Webhooks, Slack's and mail on their way: real servers, a real database, a clock that is moved."""

import asyncio
import base64
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from hookreceiver import SECRET, Receiver, receiver

from router.alerts.alert import Event
from router.alerts.outbox import FIRST_PAUSE, LONGEST_PAUSE, Outbox, pause_after
from router.alerts.sending import destination_of
from router.alerts.store import AlertStore
from router.backends.transport.clients import Clients
from router.world.config_alerts import AlertSection

START = time.time_ns() // 1_000_000
EVENT = Event("budget\nacme\n80", 60_000, "budget.threshold", "acme used 80 %.", "acme", {"a": 1})


class World:
    """An outbox whose clock the test moves."""

    def __init__(self, url: str, clients: Clients, to: dict[str, Any], **more: Any) -> None:
        self.section = AlertSection.model_validate({"to": to, **more}, strict=False)
        self.store = AlertStore(url)
        self.passed = 0.0
        destinations = [destination_of(n, s, clients) for n, s in self.section.to.items()]
        self.outbox = Outbox(
            self.store, self.section, destinations, now=self.now, chance=lambda: 1.0
        )

    def now(self) -> int:
        return START + round(1000 * self.passed)

    async def states(self) -> list[tuple[str, int, str]]:
        ((_, told),) = await asyncio.to_thread(self.store.recent, 1)
        return [(each.state, each.tries, each.said) for each in told]


@pytest.fixture
def hook() -> Iterator[Receiver]:
    with receiver() as kept:
        yield kept


@pytest.fixture
async def clients() -> AsyncIterator[Clients]:
    clients = Clients()
    yield clients
    await clients.close()


def signed(hook: Receiver) -> dict[str, Any]:
    return {"ops": {"webhook": hook.url, "secrets": [SECRET]}}


async def test_a_webhook_is_signed_as_standard_webhooks_says(
    database: str, hook: Receiver, clients: Clients
) -> None:
    world = World(database, clients, signed(hook))
    alert = EVENT.alert(world.now())
    assert await world.outbox.put(alert)
    assert await world.outbox.look() == 1
    (message,) = hook.messages
    assert message.is_genuine(time.time())
    assert not message.is_genuine(time.time() + 3600)  # who sends it again later is not believed
    assert not message.is_genuine(time.time(), "whsec_" + base64.b64encode(b"x" * 32).decode())
    assert message.headers["webhook-id"] == alert.id
    told = message.json()
    assert told["type"] == "budget.threshold"
    assert told["data"]["organization"] == "acme"
    assert await world.states() == [("sent", 1, "HTTP 204")]
    world.store.close()


async def test_two_secrets_sign_while_one_takes_the_place_of_the_other(
    database: str, hook: Receiver, clients: Clients
) -> None:
    new = "whsec_" + base64.b64encode(b"n" * 32).decode()
    world = World(database, clients, {"ops": {"webhook": hook.url, "secrets": [new, SECRET]}})
    await world.outbox.put(EVENT.alert(world.now()))
    await world.outbox.look()
    assert hook.messages[0].is_genuine(time.time(), new)
    assert hook.messages[0].is_genuine(time.time(), SECRET)
    world.store.close()


async def test_a_receiver_that_fails_is_tried_again_with_longer_pauses_and_the_same_id(
    database: str, hook: Receiver, clients: Clients
) -> None:
    hook.answers = [500, 503, 302]
    world = World(database, clients, signed(hook))
    await world.outbox.put(EVENT.alert(world.now()))
    for tries, pause in ((1, 5.0), (2, 10.0), (3, 20.0)):
        assert await world.outbox.look() == 1
        assert await world.outbox.look() == 0  # not before its time
        assert (await world.states())[0][:2] == ("waiting", tries)
        world.passed += pause
    assert "redirects are not followed" in (await world.states())[0][2]
    assert await world.outbox.look() == 1
    assert await world.states() == [("sent", 4, "HTTP 204")]
    assert len({each.headers["webhook-id"] for each in hook.messages}) == 1
    counts = world.outbox.counts
    assert (counts["ops", "retried"], counts["ops", "sent"]) == (3, 1)
    world.store.close()


def test_pauses_double_to_an_hour_and_half_of_each_is_chance() -> None:
    sure = [pause_after(tries, 0.0) for tries in range(20)]
    whole = [pause_after(tries, 1.0) for tries in range(20)]
    assert sure == [each / 2 for each in whole]
    assert (whole[0], whole[1], max(whole)) == (FIRST_PAUSE, 2 * FIRST_PAUSE, LONGEST_PAUSE)


async def test_what_a_receiver_asks_to_wait_is_waited(
    database: str, hook: Receiver, clients: Clients
) -> None:
    hook.answers, hook.more = [429], {"retry-after": "120"}
    world = World(database, clients, signed(hook))
    await world.outbox.put(EVENT.alert(world.now()))
    await world.outbox.look()
    world.passed = 119
    assert await world.outbox.look() == 0
    world.passed = 120
    assert await world.outbox.look() == 1
    world.store.close()


async def test_a_restart_loses_no_alert_that_waits(
    database: str, hook: Receiver, clients: Clients
) -> None:
    hook.answers = [500]
    before = World(database, clients, signed(hook))
    await before.outbox.put(EVENT.alert(before.now()))
    await before.outbox.look()
    before.store.close()
    after = World(database, clients, signed(hook))
    after.passed = 10
    assert await after.outbox.look() == 1
    assert (await after.states())[0][0] == "sent"
    after.store.close()


async def test_gateways_that_share_the_database_deliver_once(
    database: str, hook: Receiver, clients: Clients
) -> None:
    worlds = [World(database, clients, signed(hook)) for _ in range(3)]
    for world in worlds:
        await world.outbox.put(EVENT.alert(world.now()))
    await asyncio.gather(*(world.outbox.look() for world in worlds))
    assert len(hook.messages) == 1
    for world in worlds:
        world.store.close()


async def test_after_its_hours_a_delivery_is_given_up_and_that_is_told(
    database: str, hook: Receiver, clients: Clients, caplog: pytest.LogCaptureFixture
) -> None:
    hook.answers = [500] * 50
    world = World(database, clients, signed(hook), retry_for="1h")
    await world.outbox.put(EVENT.alert(world.now()))
    for _ in range(50):
        await world.outbox.look()
        world.passed += 600
    assert (await world.states())[0][0] == "failed"
    assert world.outbox.counts["ops", "failed"] == 1
    said = [record.message for record in caplog.records]
    assert said.count("an alert could not be delivered, and is given up") == 1
    assert said.count("an alert could not be delivered, and is tried again") == 1
    assert hook.url not in caplog.text
    world.store.close()


async def test_a_receiver_that_is_gone_gets_nothing_more_until_it_is_enabled(
    database: str, hook: Receiver, clients: Clients
) -> None:
    hook.answers = [410]
    world = World(database, clients, signed(hook))
    await world.outbox.put(EVENT.alert(world.now()))
    await world.outbox.look()
    await world.outbox.put(Event("b", 1, "ledger.away", "It is away.").alert(world.now()))
    world.passed = 100_000
    assert await world.outbox.look() == 0
    assert (await world.states())[0][0] == "disabled"
    assert len(hook.messages) == 1
    assert world.store.enable("ops")
    await world.outbox.put(Event("c", 1, "ledger.away", "It is away.").alert(world.now()))
    await world.outbox.look()
    assert len(hook.messages) == 2
    world.store.close()


async def test_a_full_queue_drops_what_comes_and_says_so(
    database: str, hook: Receiver, clients: Clients, caplog: pytest.LogCaptureFixture
) -> None:
    world = World(database, clients, signed(hook), waiting=2)
    for name in "abc":
        await world.outbox.put(Event(name, 1, "ledger.away", name).alert(world.now()))
    assert world.outbox.counts["ops", "dropped"] == 1
    assert "an alert is dropped: too many wait for their destination" in caplog.text
    assert await world.outbox.look() == 2
    world.store.close()


async def test_slack_is_written_to_without_markup_of_others(
    database: str, hook: Receiver, clients: Clients
) -> None:
    world = World(database, clients, {"chat": {"slack": hook.url}})
    evil = Event("x", 1, "budget.threshold", "<!channel> & <http://x|click>", "evil")
    await world.outbox.put(evil.alert(world.now()))
    await world.outbox.look()
    told = hook.messages[0].json()
    assert told["text"] == "Budget used: &lt;!channel&gt; &amp; &lt;http://x|click&gt;"
    assert "<" not in told["blocks"][0]["text"]["text"]
    world.store.close()


async def test_each_destination_gets_what_it_asked_for(
    database: str, hook: Receiver, clients: Clients
) -> None:
    to = {
        "ledger": {"slack": hook.url, "only": ["ledger"]},
        "acme": {"slack": hook.url, "organizations": ["acme"]},
    }
    world = World(database, clients, to)
    await world.outbox.put(EVENT.alert(world.now()))
    await world.outbox.put(Event("b", 1, "ledger.away", "It is away.").alert(world.now()))
    await world.outbox.look()
    recent = await asyncio.to_thread(world.store.recent, 10)
    assert {alert.kind: [w.destination for w in ways] for alert, ways in recent} == {
        "budget.threshold": ["acme"],
        "ledger.away": ["ledger"],
    }
    world.store.close()
