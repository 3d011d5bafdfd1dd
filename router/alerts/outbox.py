"""Deliveries: a queue in SQL, tried until it is over, patiently and with chance in the pauses.

A pause doubles from five seconds to an hour; a part of it is left to chance, so that many who
failed together do not come back together. After `retry_for` a delivery has failed for good, and
that is told: in the log, in the counts, and on the page of alerts.
"""

import asyncio
import contextlib
import logging
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import partial
from typing import Final

from router.alerts.alert import KINDS, Alert
from router.alerts.outcome import Sent
from router.alerts.sending import Destination
from router.alerts.store import DROPPED, FAILED, OFF, SENT, AlertStore, Delivery
from router.database import DatabaseError
from router.world.config_alerts import AlertSection

_LOG: Final = logging.getLogger("turnout")
FIRST_PAUSE: Final = 5.0
LONGEST_PAUSE: Final = 3600.0
_LOOK_SECONDS: Final = 5.0
_AT_ONCE: Final = 8  # deliveries of a destination in one look
_LEASE_MS: Final = 600_000  # for which a look may take


class Outbox:
    """Keeps alerts and delivers them. `now` is Unix milliseconds, `chance` from 0 to 1; `sleep`
    passes the time between two looks. `counts` are by destination and result: `sent`, `retried`,
    `failed`, `dropped`, `disabled`.
    """

    def __init__(
        self,
        store: AlertStore,
        section: AlertSection,
        destinations: Iterable[Destination],
        *,
        now: Callable[[], int],
        chance: Callable[[], float] = random.random,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._store = store
        self._section = section
        self._destinations = {each.name: each for each in destinations}
        self._now = now
        self._chance = chance
        self._sleep = sleep
        self._wanted = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._troubled: set[str] = set()
        self.counts: Counter[tuple[str, ...]] = Counter()
        self.waiting: Mapping[str, int] = {}

    def start(self) -> None:
        """Begin to deliver, what an earlier process left first."""
        self._task = asyncio.create_task(self._run(), name="alerts: deliveries")

    async def close(self) -> None:
        """Stop; what waits stays in the queue."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def put(self, alert: Alert) -> bool:
        """Keep an alert, and deliver it to whom it concerns; false where it was kept before.

        Raises DatabaseError, and then nothing was kept.
        """
        places = {
            name: each.place
            for name, each in self._destinations.items()
            if self._wants(name, alert)
        }
        add = partial(self._store.add, alert, places, most=self._section.waiting)
        states = await asyncio.to_thread(add)
        for name, state in (states or {}).items():
            if state == DROPPED:
                facts = {"destination": name, "alert": alert.id, "waiting": self._section.waiting}
                _LOG.error("an alert is dropped: too many wait for their destination", extra=facts)
            if state in (DROPPED, OFF):
                self.counts[name, state] += 1
        self._wanted.set()
        return states is not None

    def _wants(self, name: str, alert: Alert) -> bool:
        chosen = self._section.to[name]
        mine = chosen.organizations is None or alert.organization in chosen.organizations
        return mine and KINDS[alert.kind].family in chosen.only

    async def look(self) -> int:
        """Try what is due; returns how many deliveries that were. Raises DatabaseError."""
        tried = await asyncio.gather(*map(self._deliver, self._destinations.values()))
        self.waiting = await asyncio.to_thread(self._store.waiting)
        return sum(tried)

    async def _run(self) -> None:
        while True:
            self._wanted.clear()
            tried = 0
            try:
                tried = await self.look()
            except DatabaseError as error:
                _LOG.warning("alerts wait, since their database does not work: %s", error)
            except Exception:  # noqa: BLE001 # the next look may do better; nobody else looks
                _LOG.exception("alerts could not be delivered")
            if not tried:
                await self._rest()

    async def _rest(self) -> None:
        waits = [
            asyncio.ensure_future(self._sleep(_LOOK_SECONDS)),
            asyncio.ensure_future(self._wanted.wait()),
        ]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waits:
                each.cancel()

    async def _deliver(self, to: Destination) -> int:
        take = partial(self._store.take, to.name, self._now(), lease_ms=_LEASE_MS, most=_AT_ONCE)
        taken = await asyncio.to_thread(take)
        for delivery in taken:
            sent = await to.send(delivery.alert)
            if sent.ok:
                await self._sent(to, delivery, sent)
            elif sent.gone:
                await self._gone(to, sent)
                break
            else:
                await self._failed(to, delivery, sent)
        return len(taken)

    async def _sent(self, to: Destination, delivery: Delivery, sent: Sent) -> None:
        self.counts[to.name, SENT] += 1
        if to.name in self._troubled:
            self._troubled.discard(to.name)
            _LOG.info("alerts are delivered again", extra={"destination": to.name})
        await asyncio.to_thread(self._store.done, delivery, SENT, sent.said, self._now())

    async def _failed(self, to: Destination, delivery: Delivery, sent: Sent) -> None:
        now = self._now()
        facts = {"destination": to.name, "alert": delivery.alert.id, "reason": sent.said}
        pause = max(pause_after(delivery.tries, self._chance()), sent.wait)
        at = now + round(1000 * pause)
        if at > delivery.begun_at + round(1000 * self._section.retry_for):
            self.counts[to.name, FAILED] += 1
            _LOG.error("an alert could not be delivered, and is given up", extra=facts)
            await asyncio.to_thread(self._store.done, delivery, FAILED, sent.said, now)
            return
        self.counts[to.name, "retried"] += 1
        if to.name not in self._troubled:
            self._troubled.add(to.name)
            _LOG.warning("an alert could not be delivered, and is tried again", extra=facts)
        await asyncio.to_thread(self._store.later, delivery, sent.said, at)

    async def _gone(self, to: Destination, sent: Sent) -> None:
        self.counts[to.name, OFF] += 1
        _LOG.error(
            "a destination of alerts wants no more, and gets none: `turnout alerts enable`, or take"
            " it out of turnout.yaml",
            extra={"destination": to.name, "reason": sent.said},
        )
        disable = partial(self._store.disable, to.name, to.place, sent.said, self._now())
        await asyncio.to_thread(disable)


def pause_after(tries: int, chance: float) -> float:
    """Seconds until the next try, after `tries` that failed before this one: half of it is sure,
    the other left to chance.
    """
    whole = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(tries, 30))
    return whole * (0.5 + 0.5 * chance)
