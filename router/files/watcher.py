"""Looks after batches that run: whoever finds one at its end settles its hold by what it used.

Theory of operation. A batch has a row in SQL and a hold in the ledger, and neither knows a gateway.
Each gateway asks at an interval which rows want looking after, and claims them one by one: a claim
moves the time of the next look, so nobody else takes it meanwhile, and somebody does if we die. A
batch that runs has its hold prolonged. One that ended is settled, from the results of its requests;
that happens once whoever tries, and how often: the ledger keeps that promise, and the row is marked
only afterwards. A batch whose creation was sent and never answered is looked for at the provider:
it is taken over, or what was held for it is given back.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import Any, Final

import orjson

from router.backends.dispatch.account import Account, AccountCall
from router.domain import Charge
from router.errors import TurnoutError, UpstreamRejected
from router.files.bound import Bound
from router.files.desk import Desk, shown
from router.files.family import FAMILIES, Family
from router.files.results import Tally, TooMuchToRead
from router.ledger.long_holds import NOTHING, LongHolds
from router.ledger.server.errors import Disconnected
from router.stored.owned import NEVER, Owned, OwnedKind, OwnedState
from router.stored.ownership import OwnershipStore

_LOG = logging.getLogger(__name__)
_CLAIM_MS: Final = 600_000  # for which a look may take
_AT_ONCE: Final = 10
_LISTED: Final = 100  # batches of a provider's that are looked through for a lost one


class Watcher:
    """`start` it, and `close` it; or ask it to look after one batch."""

    def __init__(
        self,
        desk: Desk,
        holds: LongHolds,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`sleep` passes the time between two looks."""
        self._desk = desk
        self._holds = holds
        self._sleep = sleep
        self._wanted = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look after batches."""
        self._task = asyncio.create_task(self._watch(), name="batches")

    async def close(self) -> None:
        """Stop; what was begun is done by another gateway."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def look(self) -> int:
        """Look after what wants it now; returns how many that were."""
        claimed = await self._desk.registry.ask(
            lambda store: store.claim(rest_ms=_CLAIM_MS, most=_AT_ONCE)
        )
        for owned in claimed:
            try:
                await self._look_after(owned)
            except (TurnoutError, Disconnected) as error:
                _LOG.warning(
                    "a batch could not be looked after",
                    extra={"batch": owned.id, "backend": owned.backend, "reason": str(error)},
                )
            except Exception:  # noqa: BLE001 # one that cannot be understood costs no other
                _LOG.exception("a batch could not be looked after", extra={"batch": owned.id})
        return len(claimed)

    async def noted(self, owned: Owned, batch: dict[str, Any]) -> None:
        """A batch was shown: its results are its customer's, and its end is settled soon."""
        family = FAMILIES[owned.family]
        for name in family.files_of(batch):
            its = replace(
                owned, id=name, kind=OwnedKind.FILE, state=OwnedState.DONE, size=0, bound=b"",
                source=owned.id, hold="", purpose="batch_output", look_at=NEVER,
            )  # fmt: skip
            await self._desk.registry.ask(partial(_added, its))
        if owned.state is OwnedState.OPEN and family.has_ended(batch):
            await self._desk.registry.ask(lambda store: store.look_now(owned))
            self._wanted.set()

    async def settle_before(self, owned: Owned) -> None:
        """Settle what something is needed for that is about to be erased."""
        batch: Owned | None = owned
        if owned.kind is OwnedKind.FILE:
            of, family, name = owned.organization, owned.family, owned.source
            batch = await self._desk.registry.ask(
                lambda store: store.get(of, family, OwnedKind.BATCH, name)
            )
        if batch is not None and batch.state is OwnedState.OPEN:
            await self._look_after(batch)

    async def _watch(self) -> None:
        while True:
            self._wanted.clear()
            busy = 0
            with contextlib.suppress(TurnoutError):  # the database is away
                busy = await self.look()
            if not busy:
                await self._rest()

    async def _rest(self) -> None:
        """Wait for the next look, or for a batch that is known to have ended."""
        waits = [asyncio.ensure_future(self._sleep(self._desk.batches.look))]
        waits.append(asyncio.ensure_future(self._wanted.wait()))  # type: ignore[arg-type]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waits:
                each.cancel()

    async def _look_after(self, owned: Owned) -> None:
        if owned.kind is OwnedKind.FILE:  # an upload that nobody finished
            await self._desk.registry.ask(lambda store: store.forget(owned))
        elif owned.state is OwnedState.PENDING:
            await self._find(owned)
        else:
            await self._look_at(owned)

    async def _look_at(self, owned: Owned) -> None:
        """See how far a batch is, and do what follows."""
        family, account = FAMILIES[owned.family], self._desk.account_of(owned)
        try:
            raw = await account.ask(AccountCall(f"{family.batches}/{owned.id}"))
        except UpstreamRejected as error:
            if error.status != 404:
                raise
            await self._settle(owned, self._whole(owned))  # erased behind our back
            return
        batch = shown(raw)
        if family.has_ended(batch):
            await self.noted(replace(owned, state=OwnedState.DONE), batch)
            await self._settle(owned, await self._used(owned, family, account, batch))
            return
        await self._holds.renew(owned.hold)
        await self._rested(owned)

    async def _used(
        self, owned: Owned, family: Family, account: Account, batch: dict[str, Any]
    ) -> Charge:
        """What a batch used, by its results; all it may have used, where they are gone."""
        tally = Tally(self._desk.serving.snapshot, Bound.read(owned.bound))
        paths = family.results_of(batch)
        for path in paths:
            try:
                await tally.read(await account.open(AccountCall(path)))
            except UpstreamRejected as error:
                if error.status not in (404, 410):
                    raise
                return self._whole(owned)
            except TooMuchToRead as error:
                self._doubt(account, owned, tally, str(error))
                return self._whole(owned)
        if tally.disbelieved:
            self._doubt(account, owned, tally, "more than can be true")
        return tally.charge(owned.backend)

    @staticmethod
    def _doubt(account: Account, owned: Owned, tally: Tally, why: str) -> None:
        """Tell the operator of results that cannot be true, or read."""
        account.disbelieve(tally.told, tally.usage, owned.id)
        facts = {"batch": owned.id, "backend": owned.backend, "reason": why}
        most = tally.bound.requests
        _LOG.warning("the results of a batch are not believed", extra={**facts, "requests": most})

    def _whole(self, owned: Owned) -> Charge:
        version = self._desk.serving.snapshot.batch_prices.version
        return Bound.read(owned.bound).charge(owned.backend, version)

    async def _settle(self, owned: Owned, charge: Charge) -> None:
        known = await self._holds.settle(owned.hold, charge)
        told = {"batch": owned.id, "backend": owned.backend, "requests": charge.requests}
        await self._desk.registry.ask(lambda store: store.done(owned))
        if not known:
            _LOG.error(
                "the ledger knows the hold of a batch no longer, so its use was not settled",
                extra={**told, "hold": owned.hold},
            )
        else:
            _LOG.info("a batch was settled", extra=told)

    async def _find(self, owned: Owned) -> None:
        """Look for a batch that was asked for and whose answer nobody got."""
        family, account = FAMILIES[owned.family], self._desk.account_of(owned)
        raw = await account.ask(AccountCall(f"{family.batches}?limit={_LISTED}"))
        charge, now = NOTHING, self._desk.registry.now()
        for batch in _data_of(raw):
            name = batch["id"]
            if family.is_of(batch, owned):
                made = replace(owned, id=name, state=OwnedState.OPEN, look_at=now)
                if await self._desk.registry.ask(partial(_finished, owned, made)):
                    return
            elif family.may_be_of(batch, owned):
                known = await self._desk.registry.ask(partial(_is_known, owned.family, name))
                charge = charge if known else self._whole(owned)
        await self._holds.settle(owned.hold, charge)
        await self._desk.registry.ask(lambda store: store.forget(owned))

    async def _rested(self, owned: Owned) -> None:
        at = self._desk.registry.now() + round(self._desk.batches.look * 1000)
        await self._desk.registry.ask(lambda store: store.look_later(owned, at))


def _finished(pending: Owned, made: Owned, store: OwnershipStore) -> bool:
    return store.finish(pending, made)


def _added(owned: Owned, store: OwnershipStore) -> bool:
    return store.add(owned)


def _is_known(family: str, name: str, store: OwnershipStore) -> bool:
    return store.is_known(family, name)


def _data_of(raw: bytes) -> list[dict[str, Any]]:
    """What a server lists."""
    try:
        told = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return []
    data = told.get("data") if isinstance(told, dict) else None
    listed = data if isinstance(data, list) else []
    return [each for each in listed if shown(orjson.dumps(each))]
