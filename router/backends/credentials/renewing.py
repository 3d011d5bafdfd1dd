"""Something that is valid for a while, and fetched anew before it is not.

It is fetched in a thread, since the clouds' libraries wait for their servers; one fetch serves
everybody who waits. In the last fifth of its life (at most five minutes) the next one is fetched
while the old one is still handed out. It is looked at only when it is asked for: a gateway at rest
sleeps. A fetch that failed is not repeated at once, however many ask.
"""

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from router.backends.credentials.authorizing import CredentialFailed

_LOG: Final = logging.getLogger("turnout")
PATIENCE: Final = 15.0  # seconds that a request waits for a fetch
_AHEAD, _AHEAD_AT_MOST = 0.2, 300.0  # of its life; seconds
_REST, _REST_AT_MOST = 1.0, 60.0  # seconds after the first failure, doubled each time
_YOUNG: Final = 30.0  # seconds: what is refused so early would be refused again
_TOLD: Final = 300  # characters of a library's words

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Leased(Generic[T]):
    """What was fetched, and for how many seconds from now it is valid."""

    held: T
    seconds: float


class Renewing(Generic[T]):
    """Holds one value; `name` is whose it is, for the log."""

    def __init__(
        self,
        fetch: Callable[[], Leased[T]],
        name: str,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`fetch` is called in a thread; whatever it raises is a failure, told in the log."""
        self._fetch = fetch
        self._name = name
        self._clock = clock
        self.held: T | None = None
        self._since = self._until = self._ahead = 0.0
        self._not_before = 0.0  # when a failed fetch may be repeated
        self._rest = _REST
        self._fetching: asyncio.Task[None] | None = None

    async def get(self) -> T:
        """Return a valid value; raises CredentialFailed where there is none and none can be had."""
        now = self._clock()
        if self.held is not None and now < self._until:
            if now >= self._ahead and now >= self._not_before:
                self._begin()
            return self.held
        if self._fetching is None and now < self._not_before:
            raise self._failed()
        fetching = self._begin()
        await asyncio.wait([fetching], timeout=PATIENCE)  # cancels nothing: others wait too
        if self.held is None or self._clock() >= self._until:
            raise self._failed()
        return self.held

    def prepare(self) -> None:
        """Begin to fetch where nothing was fetched yet."""
        if self.held is None and self._clock() >= self._not_before:
            self._begin()

    def drop(self) -> bool:
        """Forget a value that was refused; False where it is so young that another is no better."""
        if self.held is None or self._clock() < self._since + _YOUNG:
            return False
        self._until = 0.0
        return True

    async def close(self) -> None:
        """Give up a fetch that is under way."""
        if self._fetching is not None:
            self._fetching.cancel()
            await asyncio.gather(self._fetching, return_exceptions=True)

    def _begin(self) -> asyncio.Task[None]:
        if self._fetching is None:
            self._fetching = asyncio.create_task(self._renew(), name=f"credential {self._name}")
        return self._fetching

    async def _renew(self) -> None:
        try:
            leased = await _in_a_thread(self._fetch)
        except Exception as error:  # noqa: BLE001 # of three libraries, and of what they stand on
            self._not_before = self._clock() + self._rest
            self._rest = min(_REST_AT_MOST, self._rest * 2)
            words = f"{type(error).__name__}: {error}".partition("\n")[0][:_TOLD]
            _LOG.warning("no credential", extra={"credential": self._name, "reason": words})
        else:
            self.held = leased.held
            self._since = self._clock()
            self._until = self._since + leased.seconds
            self._ahead = self._until - min(_AHEAD_AT_MOST, leased.seconds * _AHEAD)
            self._rest = _REST
        finally:
            self._fetching = None

    def _failed(self) -> CredentialFailed:
        rest = max(_REST, self._not_before - self._clock())
        return CredentialFailed("cannot be asked: it has no valid credential now", rest=rest)


def _in_a_thread(fetch: Callable[[], T]) -> asyncio.Future[T]:
    """What `fetch` returns or raises. Its thread is one that nobody waits for at the end: a server
    of tokens that hangs must not keep the gateway from stopping."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def run() -> None:
        result: T | None = None
        failure: BaseException | None = None
        try:
            result = fetch()
        except BaseException as error:  # noqa: BLE001 # it is raised in the loop
            failure = error
        with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile
            loop.call_soon_threadsafe(_settle, future, result, failure)

    threading.Thread(target=run, name="credential", daemon=True).start()
    return future


def _settle(future: asyncio.Future[Any], result: Any, failure: BaseException | None) -> None:
    if future.done():
        return
    if failure is not None:
        future.set_exception(failure)
    else:
        future.set_result(result)
