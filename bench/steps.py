"""What a request costs in each package, on real parts, in this process.

The request arrives at the real HTTP connection and takes the gateway's own way to its bill: nothing
here writes the corridor out again, so nothing here is left behind when the corridor changes. Only
the client's socket is missing. Interpreter instructions are told apart by the package that the code
belongs to; CPU time is of the whole, sixteen in flight, the best of several rounds (what disturbs a
round only ever adds). The ledger and the upstream are processes of their own: what they burn is not
counted here.
"""

import asyncio
import contextlib
import copy
import gc
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, Final

import uvicorn
import uvloop

from bench.instructions import by_package
from bench.native import upstream
from bench.payloads import MODEL, chat
from bench.systems import new_keys, turnout_config
from router.api.connection import Connection
from router.api.gateway import Gateway
from router.api.inference import Inference
from router.api.rest import public_application
from router.api.server_state import DatedState
from router.app import running
from router.learning import load_classifier
from router.world.documents import read_documents

IN_FLIGHT: Final = 16
STREAMED: Final = 50  # events of a relayed answer
_TRIES: Final = 50
_REST_SECONDS: Final = 0.25
WHOLE: Final = "whole request"

Step = Callable[[], Awaitable[Any]]
Figures = dict[str, dict[str, float]]


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
        await step()


class NoAnswer(RuntimeError):
    """The gateway did not answer as it should; the text is what it sent."""


class _Nowhere(asyncio.Transport):
    """A client's socket that keeps only the beginning of what it was given."""

    began = b""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not self.began:
            self.began = bytes(data)

    def is_closing(self) -> bool:
        return False

    def close(self) -> None:
        return


class Requests:
    """Requests of one kind, from their first byte to their bill: `walk` is one of them."""

    def __init__(self, gateway: Gateway, key: str, body: bytes) -> None:
        self._config = uvicorn.Config(public_application(gateway), log_config=None)
        self._config.load()
        self._inference = Inference(gateway)
        self._body = body
        self._raw = self._over_http(key)
        self._lines: list[tuple[Connection, _Nowhere]] = []  # at rest

    def of_customer(self, key: str) -> "Requests":
        """The same requests of another customer."""
        other = copy.copy(self)
        other._raw = self._over_http(key)  # noqa: SLF001 # a copy of our own
        return other

    async def walk(self) -> None:
        """One request; asked again where a busy machine kept its ledger. Raises NoAnswer."""
        for _ in range(_TRIES):
            began = await self._ask()
            if began.startswith(b"HTTP/1.1 200"):
                return
            if not began.startswith(b"HTTP/1.1 503"):
                break
            await asyncio.sleep(_REST_SECONDS)
        raise NoAnswer(began[:500].decode())

    async def _ask(self) -> bytes:
        connection, client = self._lines.pop() if self._lines else self._line()
        client.began = b""
        connection.data_received(self._raw)
        await asyncio.wait(connection.tasks)
        self._lines.append((connection, client))
        return client.began

    def _over_http(self, key: str) -> bytes:
        head = "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"
        head += f"Authorization: Bearer {key}\r\nContent-Type: application/json\r\n"
        return f"{head}Content-Length: {len(self._body)}\r\n\r\n".encode() + self._body

    def _line(self) -> tuple[Connection, _Nowhere]:
        """A client's connection without a network."""
        made, client = (
            Connection(
                self._inference, config=self._config, server_state=DatedState(), app_state={}
            ),
            _Nowhere(),
        )
        made.connection_made(client)
        return made, client


@contextlib.contextmanager
def folder_of_steps() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="turnout-steps-") as folder:
        yield Path(folder)


@contextlib.asynccontextmanager
async def gateway_in_process(
    folder: Path, port: int, **more: Any
) -> AsyncIterator[tuple[Gateway, str]]:
    """A gateway of our own process with a key of the measured tier."""
    # Counting makes a request tens of times slower, and a busy neighbour too: it still is scored.
    patient = {"classifier": {"deadline": "10s"}}
    documents = read_documents(turnout_config(folder, port, 0, **(patient | more)), {})
    key = new_keys(folder, ["measured"])["measured"]
    async with running(documents, load_classifier(documents), {}) as started:
        yield started.gateway, key


KINDS: Final = {
    "everything on": chat(model=MODEL),
    "explicit model": chat(model="moe"),
    "everything on, 20 KB": chat(20_000, model=MODEL),
    f"everything on, {STREAMED} events": chat(model=MODEL, stream=True, tokens=STREAMED),
}


async def counts(step: Step) -> dict[str, float]:
    """Instructions of one call by package, the dearest first, and of the whole."""
    packages = Counter(await by_package(step))
    return dict(packages.most_common()) | {WHOLE: packages.total()}


async def _measure(port: int, kinds: dict[str, bytes], rounds: int) -> tuple[Figures, Figures]:
    times: Figures = {}
    counted: Figures = {}
    with folder_of_steps() as folder:
        async with gateway_in_process(folder, port) as (gateway, key):
            for kind, raw in kinds.items():
                requests = Requests(gateway, key, raw)
                times[kind] = {WHOLE: await cost(requests.walk, rounds=rounds)}
                counted[kind] = await counts(requests.walk)
    return times, counted


def measure(kinds: dict[str, bytes] | None = None, rounds: int = 7) -> tuple[Figures, Figures]:
    """By kind of request: microseconds of CPU of the whole; instructions by package."""
    with upstream() as port:
        return uvloop.run(_measure(port, kinds or KINDS, rounds))


def table(times: Figures, counted: Figures) -> str:
    """The figures as a text table, one column a kind of request."""
    names = list(dict.fromkeys(name for packages in counted.values() for name in packages))
    width = max(map(len, names))
    lines = [" " * width + "".join(f"  {kind:>26}" for kind in counted)]
    for name in names:
        cells = (cell(times[kind], counted[kind], name) for kind in counted)
        lines.append(f"{name:<{width}}" + "".join(f"  {text:>26}" for text in cells))
    return "\n".join(lines)


def cell(times: dict[str, float], counted: dict[str, float], name: str) -> str:
    """Instructions, after the microseconds where time was measured."""
    if name not in counted:
        return "-"
    time_spent = f"{times[name]:,.0f} us, " if name in times else ""
    return f"{time_spent}{counted[name]:,.0f}"
