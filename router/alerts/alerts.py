"""The alerts of one gateway, put together: who is noted, who looks, who delivers."""

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Protocol

from router.alerts.active import Active
from router.alerts.conditions import Conditions, Sources
from router.alerts.expiring_keys import ExpiringKeys
from router.alerts.expiry import ExpiringKey
from router.alerts.outbox import Outbox
from router.alerts.sending import destination_of
from router.alerts.store import AlertStore
from router.alerts.teller import Teller
from router.alerts.watch import AlertWatch, Look
from router.backends.health.health import Health
from router.backends.transport.clients import Clients
from router.ledger.ledger import Ledger
from router.ledger.watch import LedgerWatch
from router.loop.learner import Learner
from router.world.config_alerts import AlertSection
from router.world.documents import Documents

Expiring = Callable[[int, int], list[ExpiringKey]]


class Keeps(Protocol):
    """The ledger, and what watches it."""

    @property
    def ledger(self) -> Ledger:
        """The ledger."""

    @property
    def watch(self) -> LedgerWatch:
        """What notices what it lost."""


class Views(Protocol):
    """The backends."""

    def view(self) -> Mapping[str, Health]:
        """The health of each, by name."""


@dataclass(frozen=True, slots=True)
class Alerts:
    """Started alerts. `active` is told of each request after its end."""

    active: Active
    store: AlertStore
    outbox: Outbox
    teller: Teller
    watch: AlertWatch

    @property
    def told(self) -> Mapping[tuple[str, ...], float]:
        """How many this process told, by kind."""
        return {(kind,): count for kind, count in self.teller.told.items()}

    @property
    def deliveries(self) -> Mapping[tuple[str, ...], float]:
        """How tries to deliver ended, by destination and result."""
        return dict(self.outbox.counts)

    @property
    def waiting(self) -> Mapping[tuple[str, ...], float]:
        """How many deliveries wait, by destination."""
        return {(name,): count for name, count in self.outbox.waiting.items()}


def alerts_of(
    section: AlertSection,
    store: AlertStore,
    ledger: Ledger,
    clients: Clients,
    *,
    sources: Sources,
    expiring: Expiring,
    now: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
) -> Alerts:
    """Alerts as configured, not started. `now` is Unix milliseconds."""
    destinations = [destination_of(name, each, clients) for name, each in section.to.items()]
    outbox = Outbox(store, section, destinations, now=now)
    once, active = ledger.once(), Active()
    teller = Teller(once, store, outbox, now=now)
    conditions = Conditions(
        sources, after_ms=round(1000 * section.after), again_ms=round(1000 * section.again)
    )
    look = Look(section, active, ledger, once, conditions, teller, store, expiring, now)
    return Alerts(active, store, outbox, teller, AlertWatch(look))


async def start_alerts(
    stack: AsyncExitStack,
    documents: Documents,
    clients: Clients,
    watched: tuple[Keeps, Views, Learner],
) -> Alerts | None:
    """Start alerts, where turnout.yaml asks for them; `stack` stops them. `watched`: the ledger's
    books, the backends, what learns. Raises DatabaseError.
    """
    books, backends, learner = watched
    section = documents.config.alerts
    if section is None:
        return None
    store = await asyncio.to_thread(AlertStore, documents.database)
    keys = ExpiringKeys(documents.database)
    stack.callback(store.close)
    stack.callback(keys.close)
    watch = books.watch
    sources = Sources(
        backends=backends.view,
        ledger_answers=books.ledger.ping,
        lost=lambda: watch.trouble,
        clock=lambda: watch.clock_trouble,
        drift=lambda: learner.drift,
    )
    alerts = alerts_of(
        section, store, books.ledger, clients, sources=sources, expiring=keys.between
    )
    for part in (alerts.outbox, alerts.watch):
        part.start()
        stack.push_async_callback(part.close)
    return alerts
