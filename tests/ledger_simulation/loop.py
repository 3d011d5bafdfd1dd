"""A loop without sockets on virtual time, whose gateways can die in the middle of anything."""

import asyncio
import contextvars
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

Connect = Callable[[Callable[[], asyncio.BaseProtocol]], asyncio.Transport]


class Mortal:
    """Something that runs in the loop until it dies: from then on none of its callbacks runs, but
    when the schedule is over, to be taken down in order.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.alive = True
        self.stands = False
        self._waiting: list[Callable[[], None]] = []

    def does(self, callback: Callable[..., Any], *args: Any) -> None:
        """Do something: now, when it stands still no more, or never."""
        if self.alive and not self.stands:
            callback(*args)
        else:
            self._waiting.append(lambda: callback(*args))

    def goes_on(self, loop: asyncio.AbstractEventLoop) -> None:
        """Stand still no more, and do what waited, in its order."""
        self.stands = False
        waiting, self._waiting = self._waiting, []
        for callback in waiting:
            loop.call_soon(self.does, callback)


OWNER: contextvars.ContextVar[Mortal | None] = contextvars.ContextVar("owner", default=None)


@contextmanager
def owned_by(owner: Mortal) -> Iterator[None]:
    """What is started here belongs to `owner`."""
    token = OWNER.set(owner)
    try:
        yield
    finally:
        OWNER.reset(token)


class _Passing:
    """Nothing is ever ready: where all wait, time passes."""

    now = 0.0

    def select(self, timeout: float | None) -> list[Any]:
        if timeout is None:
            raise RuntimeError("everybody waits for something that never comes")
        self.now += max(0.0, timeout)
        return []

    def close(self) -> None:
        """Nothing to close."""


class SimulatedLoop(asyncio.BaseEventLoop):
    """Time passes only while everybody waits. `connect` is what unix sockets lead to."""

    def __init__(self) -> None:
        super().__init__()
        self._selector = _Passing()
        self.connect: Connect | None = None

    def time(self) -> float:
        """Virtual seconds since the start."""
        return self._selector.now

    def call_soon(self, callback: Any, *args: Any, context: Any = None) -> asyncio.Handle:
        """As asyncio's, for the living."""
        return super().call_soon(_while_alive(callback, context), *args, context=context)

    def call_at(
        self, when: float, callback: Any, *args: Any, context: Any = None
    ) -> asyncio.TimerHandle:
        """As asyncio's, for the living."""
        return super().call_at(when, _while_alive(callback, context), *args, context=context)

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> asyncio.Future[Any]:
        """There are no threads: it is done now."""
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # noqa: BLE001  # whatever it is, is the caller's
            future.set_exception(error)
        return future

    async def create_unix_connection(
        self, protocol_factory: Any, path: Any = None, **_: Any
    ) -> Any:
        """A connection over the simulated network."""
        assert self.connect is not None
        await asyncio.sleep(0)
        transport = self.connect(protocol_factory)
        return transport, transport.get_protocol()

    def _process_events(self, event_list: list[Any]) -> None:
        """There are none."""

    def _write_to_self(self) -> None:
        """Nobody sleeps outside of virtual time."""


def _while_alive(callback: Any, context: contextvars.Context | None) -> Any:
    owner = OWNER.get() if context is None else context.get(OWNER)
    if owner is None:
        return callback

    return lambda *args: owner.does(callback, *args)
