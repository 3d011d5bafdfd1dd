"""What a batch really used, read from its results: line by line, as single answers are metered."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from router.backends.transport.transport import HttpAnswer, TransportError
from router.domain import Charge, Outcome, Usage
from router.errors import UpstreamFailed
from router.files.bound import Bound
from router.operations.operation import Operation
from router.operations.paths import ROUTES
from router.operations.plain import PLAIN_ASK
from router.pipeline.meter import together
from router.protocols.passage import ErrorInside, MalformedReply, Reply
from router.protocols.table import PROTOCOLS
from router.protocols.usage import BYTES_PER_TOKEN
from router.world.snapshot import Snapshot

_LONGEST: Final = 64 * 1024 * 1024  # bytes of a line


async def lines_of(answer: HttpAnswer) -> AsyncIterator[bytes]:
    """The lines of an answer; closes it. Raises UpstreamFailed where it breaks off."""
    rest: list[bytes] = []
    size = 0
    try:
        while piece := await answer.read():
            *whole, last = piece.split(b"\n")
            for line in whole:
                yield b"".join((*rest, line))
                rest, size = [], 0
            rest.append(last)
            size += len(last)
            if size > _LONGEST:
                raise UpstreamFailed("A result is longer than is read here.")
    except TransportError as error:
        raise UpstreamFailed(f"The results broke off: {error.reason}.") from None
    finally:
        answer.close()
    yield b"".join(rest)


@dataclass(slots=True)
class Tally:
    """The sum of what results tell. `path` is where each request was asked."""

    world: Snapshot
    bound: Bound
    usage: Usage = field(default_factory=Usage)
    cost_pico: int = 0
    requests: int = 0
    model: str | None = None

    async def read(self, answer: HttpAnswer) -> None:
        """Add all results of an answer."""
        async for line in lines_of(answer):
            if line.strip():
                self.add(line)
                await asyncio.sleep(0)  # others are served meanwhile

    def add(self, line: bytes) -> None:
        """Add one result; one that is no answer cost nothing."""
        body = _answered(line)
        if body is None:
            return
        told = self._metered(body)
        if told is None:
            return
        self.requests += 1
        self.usage = together([self.usage, told.usage])
        self.model = told.model or self.model
        self.cost_pico += self._cost(told)

    def charge(self, backend: str) -> Charge:
        """What is charged for all of it."""
        return Charge(
            self.usage,
            self.cost_pico,
            Outcome.COMPLETED if self.requests else Outcome.FAILED,
            backend=backend,
            model=self.model,
            route=self.bound.route,
            price_version=self.world.batch_prices.version,
            requests=self.requests,
            operation=self.bound.operation,
        )

    def _metered(self, body: dict[str, Any]) -> Reply | None:
        row = ROUTES[self.bound.path.encode()]
        if not isinstance(row, Operation):
            raise TypeError(f"{self.bound.path} is no operation")
        raw = orjson.dumps(body)
        ask = PLAIN_ASK._replace(operation=row.name, protocol=row.protocol, raw=raw)
        try:
            return PROTOCOLS[row.protocol].passage.reply(raw, ask._replace(max_output_tokens=None))
        except ErrorInside:
            return None
        except MalformedReply:  # it was worked on: counted by its length
            usage = Usage(0, -(-len(raw) // BYTES_PER_TOKEN), estimated=True)
            return Reply(raw, usage, None)

    def _cost(self, told: Reply) -> int:
        """What a result cost: by the model that it names, else by the dearest of the batch's."""
        backends = [self.world.backends[n] for n in self.bound.backends if n in self.world.backends]
        named = [each for each in backends if told.model == each.model]
        named = named or [b for b in backends if told.model and told.model.startswith(b.model)]
        prices = [self.world.batch_prices.price(each.name) for each in named or backends]
        usage = told.usage._replace(reported_pico=None)
        return max((price.cost(usage) for price in prices), default=0)


def _answered(line: bytes) -> dict[str, Any] | None:
    """The answer in a line of results; None where the request was not answered."""
    try:
        told = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(told, dict):
        return None
    response, result = told.get("response"), told.get("result")
    if isinstance(response, dict) and response.get("status_code") == 200:
        body = response.get("body")
    elif isinstance(result, dict) and result.get("type") == "succeeded":
        body = result.get("message")
    else:
        body = None
    return body if isinstance(body, dict) else None
