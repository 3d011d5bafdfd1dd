"""The one answer that is given: a body, or a stream that has had its first byte."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Final

from policies.value import value
from router.ask import Ask
from router.backends.backend import Backend, Deployment
from router.backends.dispatch.attempt_log import AttemptLog
from router.backends.dispatch.bounds import PLENTY, bounded
from router.backends.dispatch.refusals import failure_of
from router.backends.health.health import DeploymentState
from router.backends.health.slots import Slot
from router.backends.transport.transport import HttpAnswer, TransportError
from router.domain import Usage
from router.errors import StreamBroken
from router.protocols.endings import ending_of_body
from router.protocols.headers import Pairs
from router.protocols.passage import AnswerStream, Ending, ErrorInside, MalformedReply, Reply
from router.protocols.table import PROTOCOLS
from router.protocols.usage import estimate_usage


@value
class BilledAnswer:
    """An answer that was paid for and not delivered: whose, what it used, which verifier fired.

    Not `rejected` is what a judge answered about another's answer.
    """

    backend: Backend
    usage: Usage
    verifier: str
    reason: str
    rejected: bool = True


Put = Callable[[bytes], bool]
_BREAKS: Final = (TransportError, MalformedReply, ErrorInside)
_SHOWN_THOUGHTS: Final = (b'"reasoning_content":"', b'"reasoning":"', b'"thinking":"')
_LEAST_UNSEEN: Final = 256  # tokens more than were seen: less is the difference of two counts
LAST_READ: Final = 0.2  # seconds for a server to close the answer whose end it has told


class Upstream:
    """What a backend answers to one request, valid inside the `open` block that gave it.

    Not streamed: `body` is whole and client-ready. Streamed: iterate `stream()` once; `body` is
    empty. `usage` is None until known: of a stream that ends well it is known at its end; of one
    that is cut, charge `output_tokens_seen`.
    """

    __slots__ = (
        *("_answer", "_disbelieved", "_first", "_release", "_log", "_state", "_reported", "_told"),
        "_translator",
        *("backend", "billed", "body", "content_type", "first_byte_seconds", "headers", "model"),
        *("orphaned", "passed", "slot", "usage"),
    )
    first_byte_seconds: float  # set by whoever made the try
    _first: bytes  # of a stream, that is
    _release: Callable[[], None]  # of a slot

    def __init__(
        self, backend: Backend, log: AttemptLog, answer: HttpAnswer, state: DeploymentState
    ) -> None:
        """`state` is told once how it ends: well, badly, or neither."""
        self.backend = backend
        self.body = b""
        self.content_type = ""  # the answer's own, where it is neither JSON nor events
        self.headers: Pairs = ()  # the answer's own headers that belong to the protocol
        self.usage: Usage | None = None
        self.model: str | None = None
        self.billed: tuple[BilledAnswer, ...] = ()  # what a cascade paid for beside it
        self.passed = False  # the checks of a cascade
        self.orphaned = False  # its client left before it began: it is read for its use alone
        self.slot: Slot | None = None  # where it waited for its slot, if slots are scarce
        self._log = log
        self._answer = answer
        self._state = state
        self._reported = self._disbelieved = False
        self._told: Usage | None = None  # of a stream, as its server told it
        self._translator: AnswerStream | None = None

    @property
    def request(self) -> Ask:
        """What is answered."""
        return self._log.request

    def replied(self, reply: Reply) -> None:
        """A whole body came."""
        self.body, self.model = reply.body, reply.model
        self.usage = self._believed(reply.usage)
        self._reported = True
        self._state.over(True, self._log)

    def streams(self, translator: AnswerStream, first: bytes) -> None:
        """The first block of a stream came."""
        self._translator, self._first = translator, first

    @property
    def failures(self) -> Sequence[tuple[str, Exception]]:
        """Who was asked before it in vain, and why."""
        return self._log.failures

    @property
    def streamed(self) -> bool:
        """Whether it comes in pieces."""
        return self._translator is not None

    @property
    def output_tokens_seen(self) -> int:
        """Output tokens handed out so far, counted by the gateway."""
        if self._translator is not None:
            return self._translator.output_tokens_seen
        return self.usage.output_tokens if self.usage is not None else 0

    @property
    def deployment(self) -> Deployment:
        """Who gave it."""
        return self._state.deployment

    @property
    def status(self) -> int:
        """The HTTP status of the answer."""
        return self._answer.status

    @property
    def seconds_left(self) -> float:
        """How long the answer may still take, when its first byte has come."""
        return self.backend.timeouts.total - self.first_byte_seconds

    @property
    def ending(self) -> Ending:
        """What the answer is called, and why it ended: worked out when somebody asks."""
        if self._translator is not None:
            return self._translator.ending
        return ending_of_body(PROTOCOLS[self.request.protocol].ending, self.body)

    @property
    def unseen(self) -> int:
        """Tokens of thoughts that were counted and shown to nobody; 0 where that is not known."""
        usage = self.usage
        if usage is None or usage.estimated or not usage.output_tokens:
            return 0
        if not self.streamed:
            thought = usage.reasoning_tokens
            return 0 if thought and any(map(self.body.__contains__, _SHOWN_THOUGHTS)) else thought
        gap = usage.output_tokens - self.output_tokens_seen
        if usage.reasoning_tokens:
            return max(0, min(gap, usage.reasoning_tokens))
        return gap if gap > self.output_tokens_seen + _LEAST_UNSEEN else 0

    def _believed(self, usage: Usage) -> Usage:
        """What is told, as far as it can be true; the operator is told of what cannot."""
        if usage[0] + usage[1] <= PLENTY and not usage.units and usage.reported_pico is None:
            return usage
        seen = 0 if self._translator is None else self._translator.output_tokens_seen
        taken = bounded(usage, self.backend, self.request, seen=seen, whole=len(self.body))
        if taken is not usage and not self._disbelieved:
            self._disbelieved = True
            self._log.disbelieve(self._state, usage, taken)
        return taken

    async def hold_back(self, tokens: int) -> bytes:
        """Wait for so many tokens, or the end, before any is handed out; return what came.

        StreamBroken where the stream breaks off before. `stream()` hands it out first.
        """
        translator = self._translator
        if translator is None:
            return b""
        while not translator.finished and translator.output_tokens_seen < tokens:
            self._first += await self._next(translator)
        if translator.finished:
            self.usage = self._final_usage(translator)
        return self._first

    async def stream(self, put: Put | None = None) -> AsyncIterator[bytes]:
        """Client-ready bytes, one block for each upstream read; StreamBroken where it breaks off.

        Blocks that `put` takes, and it says so, are not handed out: while it does, nobody is woken
        for them. The last block always is. Leaving it early is fine: the `open` block closes the
        connection.
        """
        translator = self._translator
        if translator is None:
            return
        block = self._first
        while not translator.finished:
            if block:
                self._note(translator)
                yield block
            block = await (self._next(translator) if put is None else self._pour(translator, put))
        self.usage = self._final_usage(translator)
        self.model = translator.model
        self._settle(answered=True)
        yield block
        await self._read_to_the_end()

    def cut(self, request_id: str, why: str) -> bytes:
        """Return how the stream ends that the gateway ends here, well formed."""
        translator = self._translator
        if translator is None:
            return b""
        return translator.cut(request_id, translator.model or self.backend.model, why)

    async def _next(self, translator: AnswerStream) -> bytes:
        """The next block, maybe empty."""
        try:
            data = await self._answer.read()
            return translator.feed(data) if data else translator.finish()
        except _BREAKS as error:
            raise await self._broken(error) from None

    async def _pour(self, translator: AnswerStream, put: Put) -> bytes:
        """The next block that `put` does not take, or the last one."""
        left = b""

        def take(data: bytes) -> bool:
            nonlocal left
            block = translator.feed(data)
            if translator.finished:
                left = block
                return False
            self._note(translator)
            if block and not put(block):
                left = block
                return False
            return True

        try:
            return translator.finish() if await self._answer.flow(take) else left
        except _BREAKS as error:
            raise await self._broken(error) from None

    def _note(self, translator: AnswerStream) -> None:
        """Take note of who answers, and of what was used as soon as that is told."""
        self.model, told = translator.model, translator.usage
        if told is not self._told:
            self._told = told
            self.usage = told and self._believed(told)

    def _final_usage(self, translator: AnswerStream) -> Usage:
        output_tokens = translator.output_tokens_seen
        told = translator.usage
        if told is None:
            return estimate_usage(self._log.request, output_tokens)
        return self._believed(told)

    async def finish(self, goes_on: Callable[[], Awaitable[bool]]) -> None:
        """Read on for nobody while `goes_on`, so that the usage is known; StreamBroken where the
        answer breaks off."""
        translator = self._translator
        if translator is None:
            return
        while not translator.finished:
            await self._next(translator)
            self._note(translator)
            if not await goes_on():
                return
        self.usage = self._final_usage(translator)
        self._settle(answered=True)
        await self._read_to_the_end()

    async def _read_to_the_end(self) -> None:
        """The answer is over; a server that says so too gets its connection back to the pool."""
        try:
            if self._answer.rest() is not None:
                return  # it did, with the last bytes
            async with asyncio.timeout(LAST_READ):
                while await self._answer.read():
                    pass
        except (TimeoutError, TransportError, MalformedReply):
            return  # `close` ends it

    def hold(self, slot: Slot, release: Callable[[], None]) -> None:
        """Keep a slot of the backend until the close, where `release` gives it back."""
        self.slot, self._release = slot, release

    def close(self) -> None:
        """Let go of the connection: back to the pool if the answer was read to its end."""
        if not self._reported:
            self._settle(answered=False)
        self._answer.close()
        if self.slot is not None:
            self._release()

    async def _broken(self, error: TransportError | MalformedReply | ErrorInside) -> StreamBroken:
        """The answer breaks off after it was begun: too late for anybody else to be asked."""
        failed = await failure_of(error, self._state, self._log.request)
        if not self._reported:
            self._reported = True
            self._state.in_flight -= 1
            self._log.broke(self._state, failed)
        reason = "reported an error" if isinstance(error, ErrorInside) else str(error)
        words = failed.words
        return StreamBroken(
            f"The answer broke off: backend '{self.backend.name}' {reason}"
            f"{': ' + words if words else ''}."
        )

    def _settle(self, *, answered: bool) -> None:
        if not self._reported:
            self._reported = True
            self._state.over(answered, self._log)


# What a dispatched request is told to pay for, in order: an answer that is being given, or one that
# was paid for and passed over.
Event = Upstream | BilledAnswer
