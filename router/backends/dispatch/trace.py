"""What is noted of a request while it is traced: when it was sent on, and each try of it.

Nothing is noted, and nothing sent along, where nobody traces: then there is no `Trace`. A try's
place goes to the backend in `traceparent`, so that the backend's own spans hang below it. Notes are
few and plain, since most of them are thrown away: what can be worked out afterwards is. All times
are seconds of time.monotonic.
"""

import time
from typing import Protocol

from router.ask import Ask
from router.backends.backend import Backend, Deployment
from router.backends.dispatch.failures import FAILURE_POLICIES, AttemptFailed, Fault
from router.domain import Usage
from router.operations.operation import Operation
from router.protocols.passage import Ending
from router.telemetry.traces.context import Bits, TraceContext


class Given(Protocol):
    """What a trace tells of an answer."""

    first_byte_seconds: float

    @property
    def deployment(self) -> Deployment:
        """Who gave it."""

    @property
    def status(self) -> int:
        """Its HTTP status."""

    @property
    def usage(self) -> Usage | None:
        """What the backend says it used, once it said so."""

    @property
    def model(self) -> str | None:
        """The model as the answer names it."""

    @property
    def ending(self) -> Ending:
        """Its id, and why it ended."""


class Opened(Protocol):
    """The block in which an answer is open, or was: `closed` is when its connection was let go."""

    closed: float | None

    @property
    def request(self) -> Ask:
        """What was asked: the client's question, or one to a judge."""

    @property
    def upstream(self) -> Given | None:
        """Its answer."""

    def forget(self) -> None:
        """Let go of the answer."""


class Attempt:
    """One try of one deployment. `failed_at` is when it `failed`."""

    failed: AttemptFailed | None = None
    failed_at: float | None = None

    def __init__(self, span_id: int, backend: Backend, deployment: Deployment, opened: Opened):
        self.began = time.monotonic()
        self.span_id = span_id
        self.backend = backend
        self.deployment = deployment
        self.opened = opened

    @property
    def answer(self) -> Given | None:
        """The answer that it brought; None where it failed, or was called off."""
        given = self.opened.upstream
        if given is None or self.failed is not None or given.deployment is not self.deployment:
            return None
        return given

    @property
    def ended(self) -> float | None:
        """When it failed, or its answer was over: a whole one when it had come, a stream when it
        was closed. None where it was called off, or is not over.
        """
        given = self.answer
        if given is None:
            return self.failed_at
        if self.opened.request.stream:
            return self.opened.closed
        return self.began + given.first_byte_seconds


class Trace:
    """One request's notes, the `attempts` in order. `operation` is what was asked, `parent` the
    caller's own span, `began` when the request came.

    `sent_on` is when its hold was given and it went to the backends; `passed_over` are candidates
    that were not asked, each with the reason; `faulty`: some try failed by a backend's fault.
    """

    sent_on: float | None = None
    passed_over: tuple[str, ...] = ()
    faulty = False

    def __init__(
        self,
        operation: Operation,
        trace_id: int,
        flags: int,
        parent: TraceContext | None,
        bits: Bits,
    ) -> None:
        """`bits` makes the spans' ids."""
        self.began = time.monotonic()
        self.operation = operation
        self.trace_id = trace_id
        self.flags = flags
        self.parent = parent
        self.bits = bits
        self.attempts: list[Attempt] = []

    def begins(self, backend: Backend, deployment: Deployment, opened: Opened) -> str:
        """Note that a try begins; return its place in the trace, as `traceparent` says it."""
        span_id = self.bits(64) or 1
        self.attempts.append(Attempt(span_id, backend, deployment, opened))
        return f"00-{self.trace_id:032x}-{span_id:016x}-{self.flags:02x}"

    def failed(
        self, backend: Backend, deployment: str, opened: Opened, failed: AttemptFailed
    ) -> None:
        """Note that a try failed, or that a candidate was not even asked."""
        for attempt in reversed(self.attempts):
            asked = attempt.opened is opened and attempt.deployment.id == deployment
            if asked and attempt.failed is None:
                attempt.failed, attempt.failed_at = failed, time.monotonic()
                theirs = FAILURE_POLICIES[failed.kind].fault is Fault.CLIENT
                self.faulty = self.faulty or not theirs
                return
        self.passed_over += (f"{backend.name} {failed.reason}",)

    def over(self) -> None:
        """Let go of what was asked and answered: the spans were made."""
        for attempt in self.attempts:
            attempt.opened.forget()
        self.attempts = []
