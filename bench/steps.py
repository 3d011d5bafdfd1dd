"""What each step of the corridor costs: its parts called by themselves, in process, on real parts.

CPU time of this process, sixteen calls in flight where a step waits for somebody, the best of
several rounds (what disturbs a round only ever adds). The ledger and the upstream are processes of
their own: what they burn is not counted here.
"""

import asyncio
import contextlib
import copy
import gc
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import uvicorn
import uvloop

from bench.instructions import instructions
from bench.native import upstream
from bench.payloads import MODEL, chat
from bench.systems import new_keys, turnout_config
from policies.signals import Signals
from router.api.connection import Connection
from router.api.exchange import Exchange
from router.api.gateway import Gateway
from router.api.inference import Inference
from router.api.rest import public_application
from router.api.server_state import DatedState
from router.app import load_classifier, running
from router.errors import LedgerUnavailable
from router.operations.table import OPERATIONS
from router.pipeline.meter import Meter
from router.pipeline.plan import Plan, plan_of
from router.pipeline.relay import Relay
from router.pipeline.request_context import RequestContext, Senses, gather
from router.pipeline.serve import serve
from router.pipeline.signals import read_signals
from router.pipeline.watch import Watch
from router.world.documents import read_documents

IN_FLIGHT: Final = 16
STREAMED: Final = 50  # events of a relayed answer


@dataclass(slots=True)
class Caller:
    """A caller without a network: hands out one body, throws the answer away."""

    raw: bytes
    authorization: bytes | None
    id: str = "0123456789abcdef0123456789abcdef"
    headers: list[tuple[str, str]] = field(default_factory=list)
    fields: dict[bytes, bytes] = field(default_factory=dict)
    route: str = ""
    backend: str = ""

    def hint_headers(self) -> dict[str, str]:
        return {}

    async def body(self) -> bytes:
        return self.raw

    async def start(self) -> None:
        return

    async def write(self, data: bytes) -> None:
        return

    def put(self, data: bytes) -> bool:
        return True

    async def end(self) -> None:
        return

    async def send(self, body: bytes) -> None:
        return


Step = Callable[[], Awaitable[Any]]


async def cost(step: Step, *, rounds: int = 7, calls: int = 640) -> float:
    """Microseconds of CPU time for one call, the best of several rounds."""
    best = float("inf")
    for number in range(rounds + 1):
        gc.collect()
        began = time.process_time_ns()
        await burst(step, calls)
        spent = (time.process_time_ns() - began) / calls / 1000
        best = min(best, spent) if number else best  # the first warms up
    return best


async def burst(step: Step, calls: int) -> None:
    """Make so many calls (a multiple of IN_FLIGHT), as many as that in flight."""
    await asyncio.gather(*(_repeat(step, calls // IN_FLIGHT) for _ in range(IN_FLIGHT)))


async def _repeat(step: Step, times: int) -> None:
    for _ in range(times):
        with contextlib.suppress(LedgerUnavailable):  # on a machine that is far too busy
            await step()


class _Answered(Inference):
    """The edge without the corridor: every request gets the same short answer."""

    async def serve(self, exchange: Exchange) -> None:
        await exchange.body()
        exchange.headers += [("x-turnout-route", "auto")] * 10
        await exchange.send(b"{}")


class _Nowhere(asyncio.Transport):
    """A client's socket that swallows what it is given."""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        return

    def is_closing(self) -> bool:
        return False

    def close(self) -> None:
        return


def line(gateway: Gateway) -> Connection:
    """A client's connection without a network."""
    config = uvicorn.Config(public_application(gateway), log_config=None)
    config.load()
    inference = _Answered(gateway)
    made = Connection(inference, config=config, server_state=DatedState(), app_state={})
    made.connection_made(_Nowhere())
    return made


@dataclass(frozen=True, slots=True)
class _Known:
    """A classifier that has answered already: the steps after it, without its work."""

    answer: Any

    async def classify(self, _prompt: Any) -> Any:
        return self.answer


class Corridor:
    """The steps of one kind of request through one gateway."""

    def __init__(self, gateway: Gateway, key: str, raw: bytes) -> None:
        self._gateway = gateway
        self._serving = gateway.serving
        self._endpoint = OPERATIONS[0]
        self._raw = raw
        self._authorization = f"Bearer {key}".encode()
        head = f"POST {self._endpoint.path} HTTP/1.1\r\nHost: localhost\r\n"
        head += f"Authorization: Bearer {key}\r\nContent-Type: application/json\r\n"
        self._over_http = f"{head}Content-Length: {len(raw)}\r\n\r\n".encode() + raw
        self._lines: list[Connection] = []  # at rest
        self._principal = self._serving.authenticator.authenticate(self._authorization)
        self._ask = self._endpoint.parse(raw, {})
        self._scored = self._serving.senses  # once it is prepared: with a classifier that knows
        self._context: RequestContext
        self._plan: Plan

    async def prepare(self) -> None:
        """Walk to the decision once, so that the later steps have something to start from."""
        context = self._context = await self._gather(self._serving.senses)
        known = _Known(context.classification)
        self._scored = replace(self._serving.senses, classifier=known)
        answer = context.world.policy.decide(self._signals(), context.hints)
        self._plan = plan_of(answer, context, self._serving.history)

    def _signals(self) -> Signals:
        context = self._context
        return read_signals(context, self._serving.backends.view(), context.needs)

    def steps(self) -> dict[str, Step]:
        """Every step by name, in the order of the corridor."""
        found: dict[str, Step] = {
            "edge": self._edge,
            "authenticate": self._authenticate,
            "parse": self._parse,
        }
        if self._context.needs.classifier:
            found["classify"] = self._classify
        return found | {
            "gather": self._gather_without_classifier,
            "decide": self._decide,
            "plan": self._planned,
            "reserve and settle": self._hold,
            "dispatch and relay": self._dispatch,
            "whole corridor": self.walk,
        }

    def of_customer(self, key: str) -> "Corridor":
        """The same request of another customer: only the whole corridor is his."""
        other = copy.copy(self)
        other._authorization = f"Bearer {key}".encode()  # noqa: SLF001 # a copy of our own
        return other

    async def walk(self) -> None:
        """One request, from its parsing to its bill."""
        await serve(self._serving, self._endpoint, self._caller())

    def _caller(self) -> Caller:
        return Caller(self._raw, self._authorization)

    async def _edge(self) -> None:
        connection = self._lines.pop() if self._lines else line(self._gateway)
        connection.data_received(self._over_http)
        await asyncio.sleep(0)  # the task that it started runs
        self._lines.append(connection)

    async def _authenticate(self) -> None:
        self._serving.authenticator.authenticate(self._authorization)

    async def _parse(self) -> None:
        self._endpoint.parse(self._raw, {})

    async def _classify(self) -> None:
        await self._gateway.classifier.classify(self._ask.prompt)

    async def _gather(self, senses: Senses) -> RequestContext:
        world = self._serving.snapshot
        return await gather(senses, world, self._principal, self._ask, self._caller())

    async def _gather_without_classifier(self) -> None:
        await self._gather(self._scored)

    async def _decide(self) -> None:
        self._context.world.policy.decide(self._signals(), self._context.hints)

    async def _planned(self) -> None:
        plan_of(self._plan.decision, self._context, self._serving.history).headers()

    def _meter(self) -> Meter:
        return Meter(self._plan, self._context.world.prices, self._serving.backends.view())

    async def _hold(self) -> None:
        meter = self._meter()
        async with self._serving.ledger.hold(self._plan.ticket, meter.charge) as hold:
            hold.dispatched()

    async def _dispatch(self) -> None:
        caller, context, plan = self._caller(), self._context, self._plan
        with Watch(self._serving.observers, context, self._signals(), plan.decision) as watch:
            meter = watch.meter = self._meter()
            with meter:
                opening = self._serving.backends.open(plan, context.ask, meter.events)
                async with opening as watch.upstream:
                    meter.events.append(watch.upstream)
                    relay = Relay(caller, context, plan, None)  # type: ignore[arg-type]
                    await relay.deliver(watch.upstream, meter)


@contextlib.contextmanager
def folder_of_steps() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="turnout-steps-") as folder:
        yield Path(folder)


@contextlib.asynccontextmanager
async def gateway_in_process(
    folder: Path, port: int, **more: Any
) -> AsyncIterator[tuple[Gateway, str]]:
    """A gateway of our own process with a key of the measured tier."""
    documents = read_documents(turnout_config(folder, port, 0, **more), {})
    key = new_keys(folder, ["measured"])["measured"]
    async with running(documents, load_classifier(documents), {}) as started:
        yield started.gateway, key


KINDS: Final = {
    "everything on": chat(model=MODEL),
    "explicit model": chat(model="moe"),
    "everything on, 20 KB": chat(20_000, model=MODEL),
    f"everything on, {STREAMED} events": chat(model=MODEL, stream=True, tokens=STREAMED),
}


Figures = dict[str, dict[str, float]]


async def _measure(port: int, kinds: dict[str, bytes], rounds: int) -> tuple[Figures, Figures]:
    times: Figures = {}
    counts: Figures = {}
    with folder_of_steps() as folder:
        async with gateway_in_process(folder, port) as (gateway, key):
            for kind, raw in kinds.items():
                corridor = Corridor(gateway, key, raw)
                await corridor.prepare()
                steps = corridor.steps().items()
                times[kind] = {name: await cost(step, rounds=rounds) for name, step in steps}
                counts[kind] = {name: await instructions(step) for name, step in steps}
    return times, counts


def measure(kinds: dict[str, bytes] | None = None, rounds: int = 7) -> tuple[Figures, Figures]:
    """By kind of request and step: microseconds of CPU, and interpreter instructions."""
    with upstream() as port:
        return uvloop.run(_measure(port, kinds or KINDS, rounds))


def table(times: Figures, counts: Figures) -> str:
    """The figures as a text table, one column a kind of request: CPU, and instructions."""
    names = list(dict.fromkeys(name for steps in times.values() for name in steps))
    width = max(map(len, names))
    lines = [" " * width + "".join(f"  {kind:>26}" for kind in times)]
    for name in names:
        cells = (
            f"{times[kind][name]:,.1f} us {counts[kind][name]:8,}" if name in times[kind] else "-"
            for kind in times
        )
        lines.append(f"{name:<{width}}" + "".join(f"  {cell:>26}" for cell in cells))
    return "\n".join(lines)
