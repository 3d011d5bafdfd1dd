"""What a batch really used, read from its results: line by line, as single answers are metered.

A result is believed as a single answer is, and there is one for each request at most: what a server
tells beyond that is not charged, and the operator is told.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from router.ask import KEPT_ELSEWHERE
from router.backends.backend import Backend
from router.backends.dispatch.bounds import bounded
from router.backends.transport.transport import HttpAnswer, TransportError
from router.domain import Charge, Outcome, Usage
from router.errors import UpstreamFailed
from router.files.bound import Bound
from router.operations.operation import Operation
from router.operations.paths import ROUTES
from router.operations.plain import PLAIN_ASK
from router.pipeline.meter import together
from router.protocols.passage import ErrorInside, MalformedReply, Reply
from router.protocols.risks import HOSTED
from router.protocols.table import PROTOCOLS
from router.protocols.usage import BYTES_PER_TOKEN
from router.world.snapshot import Snapshot

_LONGEST: Final = 64 * 1024 * 1024  # bytes of a line
# What was asked is not known any more: it may have had all that makes an answer's use large.
_ANY_ASK: Final = PLAIN_ASK._replace(features=KEPT_ELSEWHERE | {f"{HOSTED}any"})


async def lines_of(answer: HttpAnswer) -> AsyncGenerator[bytes, None]:
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
                raise TooMuchToRead("A result is longer than is read here.")
    except TransportError as error:
        raise UpstreamFailed(f"The results broke off: {error.reason}.") from None
    finally:
        answer.close()
    yield b"".join(rest)


class TooMuchToRead(Exception):
    """Results that nobody can read, however often they are asked for: told to no client."""


@dataclass(slots=True)
class Tally:
    """The sum of what results tell. `told` is what they claim in all, `usage` what of that can be
    true, `beyond` whether there are more of them than the batch has requests.
    """

    world: Snapshot
    bound: Bound
    usage: Usage = field(default_factory=Usage)
    cost_pico: int = 0
    requests: int = 0
    model: str | None = None
    told: Usage = field(default_factory=Usage)
    beyond: bool = False

    async def read(self, answer: HttpAnswer) -> None:
        """Add all results of an answer, up to one for each request of the batch.

        Raises UpstreamFailed where it breaks off, TooMuchToRead where a result is too long.
        """
        lines, results, most = lines_of(answer), 0, self.bound.requests
        async with aclosing(lines):
            async for line in lines:
                if not line.strip():
                    continue
                results += 1
                used_up = self.requests == most and _answered(line) is not None
                if results > most or used_up:
                    self.beyond = True
                    return
                self.add(line)
                await asyncio.sleep(0)  # others are served meanwhile

    @property
    def disbelieved(self) -> bool:
        """Whether they tell more than can be true."""
        return self.beyond or self.told != self.usage

    def add(self, line: bytes) -> None:
        """Add one result; one that is no answer cost nothing."""
        body = _answered(line)
        if body is None:
            return
        told = self._metered(body)
        if told is None:
            return
        self.requests += 1
        asked = self._asked(told)
        usage = told.usage._replace(reported_pico=None)
        taken = usage
        if asked:
            widest = max(asked, key=lambda one: one.context_window or 0)
            taken = bounded(usage, widest, _ANY_ASK, seen=0, whole=len(told.body))
        self.told = together([self.told, usage])
        self.usage = together([self.usage, taken])
        self.model = told.model or self.model
        self.cost_pico += self._cost(asked, taken)

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

    def _asked(self, told: Reply) -> list[Backend]:
        """Whose a result is: those with the model that it names, else any of the batch's."""
        backends = [self.world.backends[n] for n in self.bound.backends if n in self.world.backends]
        named = [each for each in backends if told.model == each.model]
        named = named or [b for b in backends if told.model and told.model.startswith(b.model)]
        return named or backends

    def _cost(self, backends: Sequence[Backend], usage: Usage) -> int:
        """What a result cost, at the dearest of those whose it may be."""
        prices = [self.world.batch_prices.price(each.name) for each in backends]
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
