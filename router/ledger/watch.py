"""A running gateway notices within a minute that its ledger lost what it held, or that its
server's clock is not what it was.

Every twenty seconds it reads the witness of each virtual shard, in one write for all that a node
keeps, judges them (`router.ledger.loss`), and moves on those that nobody has for a while. It works
off the path of requests. A loss is told once: in the log, in `losses`, and in `lost` until it is
repaired.
"""

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, Protocol

from router.database import DatabaseError
from router.ledger.keys import Shard
from router.ledger.ledger_clock import LedgerClock
from router.ledger.loss import Cause, Known, Loss, Witness, judge, loss_words
from router.ledger.server.errors import Disconnected, StartupError
from router.ledger.server.nodes import Nodes

_LOG: Final = logging.getLogger("turnout")
_LOOK_SECONDS: Final = 20.0
_FRESH_MS: Final = 15_000  # a witness that somebody moved on so lately is left alone
_SECONDS: Final = 1.0


class Books(Protocol):
    """What the books know of a ledger: see `router.usage.books`. They block, and may raise
    DatabaseError.
    """

    def epoch(self) -> str:
        """The epoch of the ledger that they belong to; empty where none was seen yet."""

    def keep_epoch(self, epoch: str) -> None:
        """Let them belong to a ledger, if they belong to none."""

    def newest(self) -> Mapping[int, int]:
        """When the newest rows were closed, by virtual shard."""


class LedgerWatch:
    """Watches one ledger for one gateway process. `lost` is what each virtual shard lacks now,
    `losses` counts by cause what was noticed since the start. `epoch` is that of a ledger which has
    none yet; `now`: the ledger's time in milliseconds; `sleep` passes the time between two looks.
    """

    def __init__(
        self,
        nodes: Nodes,
        shards: Sequence[Shard],
        books: Books,
        *,
        epoch: str,
        now: Callable[[], int],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._nodes = nodes
        self._shards = shards
        self._books = books
        self._fresh = epoch
        self._now = now
        self._sleep = sleep
        self._known: dict[int, Known] | None = None  # None: before the first look
        self._kept = False  # whether the books know the epoch
        self._task: asyncio.Task[None] | None = None
        self.clock = LedgerClock(nodes, shards)
        self.lost: dict[int, Loss] = {}
        self.losses: Counter[Cause] = Counter(dict.fromkeys(Cause, 0))

    @property
    def trouble(self) -> str | None:
        """What the ledger lost, in a sentence; None where nothing."""
        return loss_words(self.lost.values(), len(self._shards)) if self.lost else None

    @property
    def clock_trouble(self) -> str | None:
        """What is amiss with the server's clock; None where nothing."""
        return self.clock.state.trouble

    async def start(self) -> None:
        """Look once, so that a loss is known before the first request, and go on looking."""
        await self._look_patiently()
        self._task = asyncio.get_running_loop().create_task(self._watch())

    async def close(self) -> None:
        """Stop."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def look(self) -> None:
        """Look at every virtual shard now. Raises Disconnected, DatabaseError."""
        if self._known is None:
            self._known = await asyncio.to_thread(self._recall)
        known = self._known
        server = await self._nodes.look_at_clocks()
        stored = await self._read()
        await self.clock.judge(server, [clock for _, clock in stored.values()])
        found = {number: Witness.read(raw) for number, (raw, _) in stored.items()}
        lost = {
            number: loss
            for number, (_, clock) in stored.items()
            if (loss := judge(known[number], found[number], clock)) is not None
        }
        epoch = self._epoch(found)
        written = await asyncio.gather(
            *(
                self._write(number, stored[number][0], witness)
                for number, witness in self._due(found, lost, epoch).items()
            )
        )
        self._remember(found, lost, dict(written))
        await self._tell(lost)
        if not self._kept and not lost:
            await asyncio.to_thread(self._books.keep_epoch, epoch)
            self._kept = True

    def _recall(self) -> dict[int, Known]:
        """What the books know."""
        epoch, newest = self._books.epoch(), self._books.newest()
        return {
            shard.number: Known(epoch, newest=newest.get(shard.number, 0)) for shard in self._shards
        }

    async def _read(self) -> dict[int, tuple[bytes | None, bytes | None]]:
        """The witness and the clock of each shard, as they are stored."""
        asked = [
            (shard.number, ("GET", key))
            for shard in self._shards
            for key in (shard.witness, shard.clock)
        ]
        replies: list[Any] = await self._nodes.ask_all(asked)
        pairs = zip(replies[::2], replies[1::2], strict=True)
        return dict(zip((shard.number for shard in self._shards), pairs, strict=True))

    def _epoch(self, found: Mapping[int, Witness | None]) -> str:
        """The epoch that shards without one get: what is known, else what the first shard has."""
        known = next((each.epoch for each in (self._known or {}).values() if each.epoch), "")
        there = next((each.epoch for each in found.values() if each is not None), "")
        return known or there or self._fresh

    def _due(
        self, found: Mapping[int, Witness | None], lost: Mapping[int, Loss], epoch: str
    ) -> dict[int, Witness]:
        """The witnesses to write: of what is newly lost, and those that nobody moved on lately.

        One of another ledger is its own gateways' to write.
        """
        now, due = self._now(), {}
        for number, witness in found.items():
            loss = lost.get(number)
            if loss is None and (witness is None or witness.seen < now - _FRESH_MS):
                due[number] = Witness(witness.epoch if witness else epoch, now)
            elif (
                loss is not None
                and loss.cause is not Cause.FOREIGN
                and (witness is None or witness.cause is None)
            ):
                kept = witness or Witness(epoch, 0)
                due[number] = Witness(kept.epoch, kept.seen, loss.cause, loss.since)
        return due

    async def _write(
        self, number: int, before: bytes | None, witness: Witness
    ) -> tuple[int, Witness | None]:
        """Write a witness, unless somebody else has meanwhile."""
        args = (before or b"", witness.write())
        key = self._shards[number].witness
        done = await self._nodes.run("repair", number, (key,), args, seconds=_SECONDS)
        return number, witness if done else None

    def _remember(
        self,
        found: Mapping[int, Witness | None],
        lost: Mapping[int, Loss],
        written: Mapping[int, Witness | None],
    ) -> None:
        """Know the shards that are whole as they are now. Where a loss is written down, whoever
        repairs it says when the shard is whole again.
        """
        known = self._known or {}
        for number, witness in found.items():
            latest = written.get(number) or witness
            if latest is None or (number in lost and latest.cause is None):
                continue
            known[number] = Known(latest.epoch, 0 if number in lost else latest.seen)

    async def _tell(self, lost: dict[int, Loss]) -> None:
        """Tell what is new, once; and that everything is whole again."""
        new = [loss for number, loss in lost.items() if self.lost.get(number) != loss]
        for cause in {loss.cause for loss in new}:
            self.losses[cause] += 1
        if new:
            _LOG.error(
                "%s Limits count from what is left, so customers may spend more than theirs."
                " `turnout ledger check` says what is missing, `turnout ledger repair` puts it"
                " right.",
                loss_words(new, len(self._shards)),
            )
            with contextlib.suppress(StartupError, OSError):
                await self._nodes.check()  # the key of its pseudonyms is known here alone
        elif self.lost and not lost:
            _LOG.warning("The ledger is whole again: what it had lost is repaired.")
        self.lost = lost

    async def _look_patiently(self) -> None:
        try:
            await self.look()
        except Disconnected:
            pass  # whoever asks the ledger says so
        except DatabaseError as error:
            _LOG.warning("Whether the ledger lost anything is not known yet: %s", error)

    async def _watch(self) -> None:
        while True:
            await self._sleep(_LOOK_SECONDS)
            await self._look_patiently()
