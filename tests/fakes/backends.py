"""Backends that answer from a script."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import orjson

from router.ask import Ask
from router.backends.backend import Backend
from router.backends.dispatch.trace import Trace
from router.backends.dispatch.upstream import BilledAnswer, Event, Put, Upstream
from router.backends.health.breaker import BreakerPolicy
from router.backends.health.health import Health, HealthBoard
from router.backends.health.slots import Slot
from router.backends.own import OwnHealth
from router.backends.transport.clients import Clients
from router.domain import Usage
from router.errors import StreamBroken, TurnoutError
from router.pipeline.plan import Plan
from router.protocols.headers import Pairs


def whole(text: str = "Hi.", **fields: Any) -> bytes:
    """Return the body of a chat completion with this text."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}}
    return orjson.dumps(
        {"object": "chat.completion", "model": "m", "choices": [choice | {"finish_reason": "stop"}]}
        | fields
    )


def chunk(text: str) -> bytes:
    """Return one event of a chat stream."""
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": None}
    body = {"object": "chat.completion.chunk", "model": "m", "choices": [choice]}
    return b"data: %b\n\n" % orjson.dumps(body)


DONE = b"data: [DONE]\n\n"
CUT = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"length"}]}\n\n' + DONE


class FakeUpstream(Upstream):
    """One answer: `body`, or `blocks` of a stream, each of `tokens` output tokens.

    `usage` is what the backend says at the end, None where it never says; `breaks` ends the stream
    in StreamBroken after its last block. `closed` tells whether its block was left.
    """

    def __init__(  # it is no real one: nothing of the parent's is needed but its promises
        self,
        backend: Backend | None = None,
        *,
        body: bytes = b"",
        blocks: tuple[bytes, ...] = (),
        usage: Usage | None = None,
        model: str | None = "m",
        tokens: int = 1,
        breaks: bool = False,
        billed: tuple[BilledAnswer, ...] = (),
        passed: bool = False,
        slot: Slot | None = None,
        headers: Pairs = (),
        content_type: str = "",
    ) -> None:
        """`backend` None: the first that is asked."""
        self._blocks = blocks
        self._tokens = tokens
        self._breaks = breaks
        self._usage = usage
        self._seen = 0
        if backend is not None:
            self.backend = backend
        self.body = body
        self.headers = headers
        self.content_type = content_type
        self.usage = usage if body else None
        self.model = model
        self.billed = billed
        self.passed = passed
        self.orphaned = False
        self.slot = slot
        self.first_byte_seconds = 0.25
        self.closed = False

    @property
    def failures(self) -> Sequence[tuple[str, Exception]]:
        """Nobody was asked before it."""
        return ()

    @property
    def streamed(self) -> bool:
        """Whether it comes in blocks."""
        return not self.body

    @property
    def output_tokens_seen(self) -> int:
        """Output tokens handed out so far."""
        if self.body and self.usage is not None:
            return self.usage.output_tokens
        return self._seen

    def cut(self, request_id: str, why: str) -> bytes:
        """Return how a stream ends that is ended early."""
        return CUT

    async def stream(self, put: Put | None = None) -> AsyncIterator[bytes]:
        """Hand out the first block, the last one, and those between that `put` does not take."""
        last = None if self._breaks else len(self._blocks) - 1
        for number, block in enumerate(self._blocks):
            self._seen += self._tokens
            if number == last:
                self.usage = self._usage or Usage(0, self._seen, estimated=True)
            if put is None or number in {0, last} or not put(block):
                yield block
        if self._breaks:
            raise StreamBroken(f"The answer broke off: backend '{self.backend.name}' stopped.")

    def close(self) -> None:
        """Note that its block was left."""
        self.closed = True


Scripted = FakeUpstream | TurnoutError | BaseException


class FakeBackends:
    """Answers each plan with the next of `script`; an error is raised before any answer.

    `passed_over` is what a cascade pays for first. `asked` are the names of each plan's backends,
    `sent` what they were sent.
    """

    def __init__(self, *script: Scripted, passed_over: tuple[BilledAnswer, ...] = ()) -> None:
        self.script = list(script)
        self.passed_over = passed_over
        self.asked: list[tuple[str, ...]] = []
        self.sent: list[Ask] = []
        self.adopted: list[str] = []
        self._board = HealthBoard(BreakerPolicy(), lambda: 0.0, Clients())

    def view(self) -> Mapping[str, Health]:
        """Return the health of every backend by name."""
        return self._board.view()

    def view_of(self, backends: Mapping[str, Backend]) -> Mapping[str, Health]:
        """Return the same as a customer meets them whose own credentials some are asked with."""
        return OwnHealth(self._board, backends)

    def adopt(self, backends: list[Backend]) -> None:
        """Know these backends and forget others."""
        self.adopted = [backend.name for backend in backends]
        self._board.adopt(backends)

    @asynccontextmanager
    async def open(
        self, plan: Plan, ask: Ask, events: list[Event], trace: Trace | None = None
    ) -> AsyncIterator[Upstream]:
        """Return the block in which the answer is open."""
        self.asked.append(tuple(backend.name for backend in plan.backends))
        self.sent.append(ask)
        events.extend(self.passed_over)
        answer = self.script.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        if not hasattr(answer, "backend"):
            answer.backend = plan.backends[0]
        if self.passed_over:
            answer.billed = self.passed_over
        try:
            yield answer
        finally:
            answer.close()
