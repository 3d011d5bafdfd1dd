"""The fault drill: many requests at once over backends that fail in every known way.

Every request gets an answer, or an error of the right kind, within its timeouts; afterwards nothing
is left open. `run` returns what it saw; the caller judges.
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from modelservers import in_thread
from patience import LONGEST_SECONDS
from rawserver import RawServer, raw_server, writes
from transports import Client, Counted

from router.ask import Ask
from router.backends.backend import Backend, Capacity, Timeouts
from router.backends.cascade.cascade import Cascade, Cascades
from router.backends.dispatch.dispatch import Dispatcher
from router.backends.dispatch.retry import RetryPolicy
from router.backends.health.breaker import BreakerPolicy
from router.errors import TurnoutError
from router.operations.chat import parse_chat
from router.protocols.envelope import error_body
from router.simulator.faults import FAULTS
from router.simulator.server import Simulator

LIMITS = Timeouts(connect=0.5, first_byte=0.3, between_chunks=0.3, total=3.0)
SSE = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
HINTS = b"HTTP/1.1 103 Early Hints\r\n\r\n"
WIRE_FAULTS = {
    "closed at once": (b"", "close"),
    "reset at once": (b"", "reset"),
    "cut head": (b"HTTP/1.1 200 OK\r\ncont", "reset"),
    "no http": (b"SSH-2.0-hello\r\n\r\n", "close"),
    "header flood": (b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 4000, "close"),
    "two lengths": (
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 9\r\n\r\n{}",
        "close",
    ),
    "bad chunk": (SSE + b"nonsense\r\n", "close"),
    "short body": (b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{", "close"),
    "early hints": (HINTS + b"HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n", "close"),
    "silence": (b"", "silence"),
    "silent stream": (SSE, "silence"),
}  # fmt: skip


@dataclass
class Report:
    """What a drill saw."""

    requests: int
    seconds: float = 0.0
    outcomes: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    slowest: float = 0.0
    offered: Counter[str] = field(default_factory=Counter)
    tries: Counter[str] = field(default_factory=Counter)
    left_in_flight: int = 0
    left_waiting: int = 0
    left_open: int = 0

    @property
    def amplification(self) -> float:
        """Tries over requests offered, of all backends together."""
        return self.tries.total() / self.offered.total()

    @property
    def worst_amplification(self) -> float:
        """Tries over requests offered, of the backend where it is largest."""
        return max(self.tries[name] / self.offered[name] for name in self.tries)


async def run(transport: Client, requests: int, at_once: int = 64, seed: int = 1) -> Report:
    """Drill with so many requests over this transport, which is closed in the end."""
    report = Report(requests)
    rand = random.Random(seed)
    with in_thread(Simulator("instant")) as base_url:
        async with AsyncExitStack() as stack:
            servers: list[RawServer] = []
            faulty = [
                Backend(f"sim-{fault or 'none'}", base_url, _model(fault), timeouts=LIMITS)
                for fault in FAULTS
            ]
            for name, (data, then) in WIRE_FAULTS.items():
                server = await stack.enter_async_context(raw_server(writes(data, then=then)))
                servers.append(server)
                faulty.append(Backend(f"wire-{name}", server.base_url, "m", timeouts=LIMITS))
            sound = Backend("sound", base_url, "m", capacity=Capacity(32, queue=64, max_wait=2.0))
            began = time.monotonic()
            dispatcher = Dispatcher(
                Counted(transport, report.tries),
                retry=RetryPolicy(base=0.005, longest=0.02),
                breaker=BreakerPolicy(threshold=50, rest=0.05, max_rest=0.2),
            )
            workers = asyncio.Semaphore(at_once)
            jobs = [
                _one(dispatcher, workers, _candidates(rand, faulty, sound), rand.random(), report)
                for _ in range(requests)
            ]
            await asyncio.gather(*jobs)
            report.seconds = time.monotonic() - began
            for health in dispatcher.view().values():
                report.left_in_flight += health.in_flight
                report.left_waiting += health.queued
            await dispatcher.close()
            await asyncio.sleep(0)
            report.left_open = await _open_connections(servers)
    return report


def _model(fault: str) -> str:
    return f"m?fault={fault}&after=2&seconds=30&status=503" if fault else "m"


def _candidates(rand: random.Random, faulty: Sequence[Backend], sound: Backend) -> list[Backend]:
    """One to three faulty ones, with or without a sound one behind them."""
    chosen = rand.sample(list(faulty), rand.randint(1, 3))
    return [*chosen, sound] if rand.random() < 0.6 else chosen


async def _one(
    dispatcher: Dispatcher,
    workers: asyncio.Semaphore,
    candidates: list[Backend],
    dice: float,
    report: Report,
) -> None:
    async with workers:
        began = time.monotonic()
        try:
            async with asyncio.timeout(LONGEST_SECONDS):
                outcome = await _ask(dispatcher, candidates, dice, report)
        except TimeoutError:
            outcome = "hang"
            report.wrong.append(f"hang: {[backend.name for backend in candidates]}")
        except TurnoutError as error:
            outcome = type(error).__name__
            if not error_body(error) or error.status not in (400, 502, 503, 504):
                report.wrong.append(f"{outcome} {error.status}")
        report.outcomes[outcome] += 1
        report.slowest = max(report.slowest, time.monotonic() - began)


async def _ask(
    dispatcher: Dispatcher, candidates: list[Backend], dice: float, report: Report
) -> str:
    for backend in candidates:
        report.offered[backend.name] += 1
    request = _request(stream=dice < 0.5)
    opened = (
        Cascades(dispatcher).open(candidates, request, "r", Cascade(("not_empty", "not_refusal")))
        if dice < 0.2
        else dispatcher.open(candidates, request, "r")
    )
    async with opened as upstream:
        received = b""
        async for block in upstream.stream():
            received += block
            if 0.45 < dice < 0.5:
                return "left"  # a client that goes away in the middle
        if request.stream and not received.endswith(b"data: [DONE]\n\n"):
            report.wrong.append(f"no end from {upstream.backend.name}")
        if upstream.usage is None:
            report.wrong.append(f"no usage from {upstream.backend.name}")
        return f"answered by {'sound' if upstream.backend.name == 'sound' else 'another'}"


def _request(*, stream: bool) -> Ask:
    messages = b'"messages":[{"role":"user","content":"drill"}],"max_tokens":40'
    return parse_chat(b'{"model":"a","stream":%s,%s}' % (b"true" if stream else b"false", messages))


async def _open_connections(servers: Sequence[RawServer]) -> int:
    """Connections that the scripted servers still see open, once those that close have closed."""
    try:
        async with asyncio.timeout(LONGEST_SECONDS):
            for server in servers:
                if server.connections:
                    await server.all_closed()
    except TimeoutError:
        pass
    return sum(server.open for server in servers)
