"""The load that model servers tell of themselves, so that a gateway which shares one with others
does not take it for idle. Reading is pure; `LoadWatch` asks every backend that names an address."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import orjson

from router.backends.backend import Backend, Timeouts
from router.backends.dispatch.attempt import read_all
from router.backends.health.slots import SlotQueue
from router.backends.transport.transport import (
    HttpCall,
    Target,
    Transport,
    TransportError,
    Transports,
)
from router.protocols.passage import MalformedReply

EVERY: Final = 1.0  # seconds
_CAP: Final = 1024 * 1024  # bytes of a page of metrics
_PATIENCE: Final = Timeouts(connect=1.0, first_byte=1.0, between_chunks=1.0, total=2.0)
# server: (requests that run, requests that wait), by the names of their metrics
METRICS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "vllm": ("vllm:num_requests_running", "vllm:num_requests_waiting"),
        "sglang": ("sglang:num_running_reqs", "sglang:num_queue_reqs"),
        "llama.cpp": ("llamacpp:requests_processing", "llamacpp:requests_deferred"),
    }
)
_SAMPLE: Final = re.compile(
    rb"^([a-zA-Z_:][\w:]*)(?:\{[^}\n]*\})?\s+([0-9.eE+-]+)(?:\s|$)", re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class Load:
    """Requests that a server runs, and that wait in it."""

    running: int
    waiting: int


def read_load(page: bytes) -> Load | None:
    """The load in a page of Prometheus metrics, or in llama.cpp's `/slots`; None if there is none.

    A metric that comes with several labels (one for each engine) counts as their sum.
    """
    if page.lstrip().startswith(b"["):
        return _read_slots(page)
    sums: dict[str, float] = {}
    for name, value in _SAMPLE.findall(page):
        try:
            sums[name.decode()] = sums.get(name.decode(), 0.0) + float(value)
        except ValueError:
            continue
    for running, waiting in METRICS.values():
        if running in sums:
            return Load(int(sums[running]), int(sums.get(waiting, 0.0)))
    return None


def _read_slots(page: bytes) -> Load | None:
    try:
        slots: Any = orjson.loads(page)
    except orjson.JSONDecodeError:
        return None
    busy = [slot for slot in slots if isinstance(slot, Mapping) and slot.get("is_processing")]
    return Load(len(busy), 0)


class LoadWatch:
    """Asks servers for their load and tells their queues. `run` goes on until it is cancelled."""

    def __init__(
        self, transports: Transports, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._transports = transports
        self._sleep = sleep

    async def run(self, watched: Callable[[], Iterable[tuple[Backend, SlotQueue]]]) -> None:
        """Ask, once a second, all servers that `watched` then names."""
        while True:
            await asyncio.gather(*(self.ask(backend, queue) for backend, queue in watched()))
            await self._sleep(EVERY)

    async def ask(self, backend: Backend, queue: SlotQueue) -> None:
        """Ask one server; where it does not answer, its last report is forgotten."""
        address = backend.capacity.load_url if backend.capacity is not None else None
        if address is None:
            return
        client = self._transports.client_for(backend, address)
        queue.reported = await self._read(client, address)

    async def _read(self, client: Transport, address: str) -> int | None:
        call = HttpCall(Target(address, (("Accept-Encoding", "identity"),), "GET"), b"", _PATIENCE)
        try:
            answer = await client.send(call)
            try:
                page = await read_all(answer, _CAP)
            finally:
                answer.close()
        except (TransportError, MalformedReply):
            return None
        load = read_load(page) if answer.status == 200 else None
        return None if load is None else load.running + load.waiting
