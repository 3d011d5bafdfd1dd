"""Responses in the background: those that this gateway works on, and all others of the database.

Theory of operation. The corridor walks on in a task of its own while its client is told the queued
response (`detach`). Once a second, and at each end, one beat stores what is new of all of them in
one transaction, says that they are alive, and finds those that were ended elsewhere: these stop,
and are settled as the corridor unwinds. A gateway that works on nothing does not beat. What a
killed gateway leaves is ended by whoever asks for it, by every gateway that works on anything, and
by each at its start and now and then.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Final

import orjson

from router.ask import Ask
from router.errors import BadRequest, LimitExceeded, TurnoutError, Unavailable, retry_after
from router.pipeline.caller import Caller
from router.pipeline.run import Run
from router.pipeline.run_endings import cancelled, killed, response_of
from router.pipeline.serving import RunShelf
from router.protocols.responses.kept import kept_id
from router.protocols.responses.running import RunningResponse, behind, is_running
from router.stored.response import MissingResponse, StoredResponse
from router.stored.run import TooManyRuns

_LOG = logging.getLogger(__name__)
BEAT_SECONDS: Final = 1.0
RENEW_SECONDS: Final = 4.0  # well within a lease
SWEEP_SECONDS: Final = 600.0
_CLOSING_SECONDS: Final = 5.0
_CANCEL_SECONDS: Final = 2.0
_FAILED: Final = "The gateway failed on this request; it has been logged."
_STOPPING: Final = "The gateway stopped and could not finish this. Please send it again."
_NO_END: Final = "The backend's answer ended without its last event."


class Background:
    """The responses that this gateway works on. `close` after `start`, and before the shelf."""

    def __init__(
        self, shelf: RunShelf, *, most: int, most_each: int, beat: float = BEAT_SECONDS
    ) -> None:
        """At most `most` run here, and `most_each` of an organization at all gateways together;
        `beat` is in seconds.
        """
        self._shelf = shelf
        self._most = most
        self._most_each = most_each
        self._seconds = beat
        self._runs: dict[str, Run] = {}  # by the response's id
        self._tasks: set[asyncio.Task[None]] = set()
        self._beating: asyncio.Task[None] | None = None
        self._sweeping: asyncio.Task[None] | None = None
        self._lock = asyncio.Lock()
        self._urgent = asyncio.Event()
        self._renew_at = 0.0

    def __len__(self) -> int:
        """How many run here."""
        return len(self._runs)

    def __contains__(self, id_: str) -> bool:
        return id_ in self._runs

    def start(self) -> None:
        """Begin to end what killed gateways left."""
        self._sweeping = asyncio.create_task(self._sweep(), name="responses of killed gateways")

    def attend(self, tasks: set[asyncio.Task[None]]) -> None:
        """Put the task of each response in this set too: the server waits for them at its end."""
        self._tasks = tasks

    async def detach(
        self,
        caller: Caller,
        organization: str,
        ask: Ask,
        walk: Callable[[Caller], Awaitable[None]],
    ) -> None:
        """Let the corridor walk on by itself, and tell the client what was begun.

        Raises what the corridor raises until the request is admitted, LimitExceeded. A client that
        leaves before that ends it.
        """
        if self._most == 0:
            raise BadRequest(
                "This gateway answers nothing in the background (its operator's"
                " `responses.background` is 0). Leave 'background' out, or stream the response.",
                param="background",
            )
        if len(self._runs) >= self._most:
            raise _too_many(f"{self._most} responses run in the background at this gateway")
        id_ = kept_id(caller.id)
        response = RunningResponse(ask, ask.kept, id_, int(time.time()))
        run = self._runs[id_] = Run(caller, organization, id_, response)
        run.task = asyncio.create_task(self._work(run, walk), name="response in the background")
        self._tasks.add(run.task)
        run.task.add_done_callback(self._tasks.discard)
        try:
            await asyncio.wait([run.admitted])
        except asyncio.CancelledError:
            if not run.begun:
                run.admitted.cancel()
                run.task.cancel()
            raise
        run.admitted.result()
        caller.route = run.route
        caller.headers += run.headers
        if not ask.stream:
            await caller.send(orjson.dumps(run.response.head))
            return
        caller.awaits_stream()
        await caller.start()
        async with contextlib.aclosing(self.follow(organization, id_, -1)) as told:
            async for block in told:
                await caller.write(block)
        await caller.end()

    async def begin(self, request_id: str) -> None:
        """Store what is about to be worked on; its client is told then.

        Raises LimitExceeded, BadRequest where there is no room for it, Unavailable.
        """
        run = self._runs[kept_id(request_id)]
        begun = run.stored(run.response.document())
        try:
            there = await self._shelf.begin(
                run.organization, begun, run.opening(), most=self._most_each
            )
        except TooManyRuns:
            raise _too_many(f"{self._most_each} responses of yours run in the background") from None
        if not there:
            raise BadRequest(
                "The input is larger than what this gateway keeps of one organization, so it cannot"
                " be answered in the background.",
                param="background",
            )
        run.admit()
        if self._beating is None or self._beating.done():
            self._beating = asyncio.create_task(self._beat_on(), name="beats of responses")

    async def current(self, organization: str, id_: str) -> StoredResponse:
        """Return a response as it stands. Raises MissingResponse, Unavailable."""
        found = await self._shelf.get(organization, id_)
        elsewhere = id_ not in self._runs and is_running(response_of(found))
        if elsewhere and await self._shelf.lapse(killed):
            found = await self._shelf.get(organization, id_)
        return found

    async def cancel(self, organization: str, id_: str) -> StoredResponse:
        """End a response where it is not over, whoever works on it; return it as it then stands.

        Raises MissingResponse, Unavailable; BadRequest where its client waited for it.
        """
        found = await self.current(organization, id_)
        if not response_of(found).get("background"):
            raise BadRequest("Cannot cancel a synchronous response.")
        if id_ in self._runs:
            await self._beat_within(_CANCEL_SECONDS)  # what was told by now is part of the end
        if await self._shelf.finish(organization, id_, cancelled):
            self.drop(id_)
        return await self._shelf.get(organization, id_)

    def drop(self, id_: str) -> None:
        """Stop work on a response that is over or erased; at another gateway, its beat does."""
        run = self._runs.pop(id_, None)
        if run is not None:
            run.leave()
            run.task.cancel()

    async def follow(self, organization: str, id_: str, after: int) -> AsyncGenerator[bytes]:
        """Tell the events behind a number as they come, until it is over; empty ones in between,
        so that whoever follows can look around. Raises Unavailable.

        What another gateway works on is read from the database once a beat.
        """
        while True:
            run = self._runs.get(id_)
            mine = run is not None and run.organization == organization
            held = run.log.since(after) if run is not None and mine else None
            if run is None or held is None:
                try:
                    told = await self._shelf.events(organization, id_, after)
                except MissingResponse:  # erased meanwhile
                    return
                for chunk in told.chunks:
                    yield behind(chunk.events, chunk.first, after)
                    after = chunk.last
                if told.over:
                    return
                if not told.chunks:
                    await asyncio.sleep(self._seconds)
                    yield b""
            elif held:
                after += len(held)
                yield b"".join(held)
            elif not await run.log.news(self._seconds):
                yield b""

    async def close(self) -> None:
        """End what still runs, each as failed; store that, within some seconds."""
        tasks = [run.task for run in self._runs.values()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=_CLOSING_SECONDS)
        await self._beat_within(_CLOSING_SECONDS)
        for looking in (self._beating, self._sweeping):
            if looking is not None:
                looking.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await looking

    async def _work(self, run: Run, walk: Callable[[Caller], Awaitable[None]]) -> None:
        """Walk; whatever happens, the response has its end."""
        error = TurnoutError(_NO_END)
        try:
            await walk(run)
        except asyncio.CancelledError:
            error = Unavailable(_STOPPING)
        except TurnoutError as told:
            error = told
        except Exception:  # noqa: BLE001 - the last resort: logged, told to the client, survived
            _LOG.exception("a request failed inside the gateway", extra={"request_id": run.id})
            error = TurnoutError(_FAILED)
        run.fail(error)
        if run.response.unread:
            _LOG.warning("some events could not be read", extra={"request_id": run.id})
        if not run.begun:
            self._runs.pop(run.response_id, None)
        self._urgent.set()

    async def _beat_on(self) -> None:
        """Beat while there is anything to work on."""
        while self._runs:
            await self._beat()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._seconds):
                    await self._urgent.wait()
            self._urgent.clear()

    async def _sweep(self) -> None:
        while True:
            await self._end_lapsed()
            await asyncio.sleep(SWEEP_SECONDS)

    async def _end_lapsed(self) -> None:
        with contextlib.suppress(Unavailable):
            await self._shelf.lapse(killed)

    async def _beat_within(self, seconds: float) -> None:
        """Beat, unless the database lets us wait for so long: it comes again then."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._beat()

    async def _beat(self) -> None:
        async with self._lock:
            runs = [run for run in self._runs.values() if run.begun]
            beats = [run.beat() for run in runs]
            if not beats:
                return
            now = asyncio.get_running_loop().time()
            renew = now >= self._renew_at
            gone = await self._shelf.beat(beats, renew=renew)
            if gone is None:
                return
            if renew:
                self._renew_at = now + RENEW_SECONDS
                await self._end_lapsed()
        for run, beat in zip(runs, beats, strict=True):
            if run.response_id in gone:
                self.drop(run.response_id)
            else:
                run.taken(beat)
                if run.over:
                    self._runs.pop(run.response_id, None)


def _too_many(what: str) -> LimitExceeded:
    return LimitExceeded(
        f"{what}, which is the most. Please wait until one has ended, or cancel one.",
        headers=retry_after(5_000),
    )
