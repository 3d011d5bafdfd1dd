"""A finished request and its tries, as the table of spans reads them."""

from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Final
from urllib.parse import urlsplit

from policies.decision import Denial
from router.backends.dispatch.failures import Kind
from router.backends.dispatch.trace import Attempt, Given, Trace
from router.domain import Charge, Usage
from router.errors import StreamBroken, TurnoutError
from router.operations.table import OPERATIONS
from router.pipeline.observers.observer import Finished
from router.protocols.passage import Ending
from router.telemetry.traces.sampling import Kept

_KNOWN_AS: Final = MappingProxyType({row.name: row.known_as or row.name for row in OPERATIONS})


def known_as(operation: str) -> str:
    """An operation in the conventions' words, or its own name where they have none for it."""
    return _KNOWN_AS.get(operation, operation)


_DEFAULT_PORTS: Final = MappingProxyType({"http": 80, "https": 443})
_NOTHING_USED: Final = Usage()
_LONGEST: Final = 128  # characters of what a client or a server made up


def bounded(text: str | None) -> str | None:
    """Return a text that others made up, no longer than is good for a name."""
    return text and text[:_LONGEST]


@cache
def _address_of(url: str) -> tuple[str | None, int | None]:
    parts = urlsplit(url)
    return parts.hostname, parts.port or _DEFAULT_PORTS.get(parts.scheme)


@dataclass(frozen=True, slots=True)
class Request:
    """A finished request whose trace is kept, and why. It is over `now`, which is `now_ns`: seconds
    of time.monotonic, and nanoseconds of Unix time.
    """

    finished: Finished
    trace: Trace
    kept: Kept
    now: float
    now_ns: int

    def unix_ns(self, at: float) -> int:
        """Return when a second of time.monotonic was, in nanoseconds of Unix time."""
        return self.now_ns - round((self.now - at) * 1e9)

    @property
    def gathered(self) -> float:
        """When everything was known that it was decided by: to the millisecond."""
        ago = (self.now_ns - self.finished.context.at_ms * 1_000_000) / 1e9
        return min(max(self.trace.began, self.now - ago), self.decided)

    @property
    def decided(self) -> float:
        """When it was decided."""
        return self.now - self.finished.seconds

    @property
    def charge(self) -> Charge | None:
        """What it came to; None where it was not admitted."""
        return self.finished.charge

    @property
    def path(self) -> str:
        """The endpoint; what differs from request to request stands there as `{model}`."""
        return self.trace.operation.path

    @property
    def method(self) -> str:
        """The method of the request."""
        declared = self.finished.context.ask.declared
        return "POST" if declared is None else str(declared.method)

    @property
    def operation(self) -> str:
        """What was asked, in the conventions' words."""
        return known_as(self.finished.context.ask.operation)

    @property
    def units(self) -> tuple[str, ...]:
        """What it is charged for besides tokens."""
        used = () if self.charge is None else self.charge.usage.units
        return tuple([f"{name}={count}" for name, count in used])

    @property
    def classified(self) -> bool:
        """Whether the classifier was asked about its prompt."""
        return self.finished.context.needs.classifier and self.finished.context.ask.classified

    @property
    def candidates(self) -> tuple[str, ...]:
        """The backends that it might have gone to, best first; none where it was denied."""
        decision = self.finished.decision
        return () if isinstance(decision, Denial) else decision.candidates

    @property
    def odds(self) -> tuple[str, ...]:
        """P(success) of each of them that has one."""
        decision = self.finished.decision
        known = {} if isinstance(decision, Denial) else decision.success
        return tuple([f"{name}={odds:.2f}" for name, odds in known.items()])

    @property
    def _said(self) -> int:
        """200, but where an operator's own operation passed on what its backend said."""
        attempts = self.trace.attempts
        if self.finished.context.ask.declared is None or not attempts or not attempts[-1].answer:
            return 200
        return attempts[-1].answer.status

    @property
    def status(self) -> int | None:
        """The HTTP status of its answer; None where the client left before the head."""
        error = self.finished.error
        if error is None or (self.finished.backend and self.finished.context.ask.stream):
            return self._said  # a stream's head was sent before it broke off
        if isinstance(error, TurnoutError):
            return error.status
        return 500 if isinstance(error, Exception) else None

    @property
    def error(self) -> str | None:
        """The class of the error that it ended with; a client that leaves is none."""
        error = self.finished.error
        return type(error).__name__ if isinstance(error, Exception) else None

    @property
    def fault(self) -> str | None:
        """The same where the fault is not the client's."""
        error = self.finished.error
        return None if isinstance(error, TurnoutError) and error.status < 500 else self.error


@dataclass(frozen=True, slots=True)
class Try:
    """One try of a request, and what it brought; `number` counts them from 1."""

    request: Request
    attempt: Attempt
    number: int
    answer: Given | None
    ending: Ending

    @property
    def times(self) -> tuple[float, float]:
        """When it began and ended; what was called off ended when another's answer came, if any."""
        attempt, trace = self.attempt, self.request.trace
        ended = attempt.ended
        if ended is None:
            given = [(one, one.answer) for one in trace.attempts if one.opened is attempt.opened]
            came = [one.began + it.first_byte_seconds for one, it in given if it is not None]
            ended = min([*came, self.request.now])
        ended = min(max(attempt.began, ended), self.request.now)
        if self.answer is None:
            return attempt.began, ended
        # The wait for its first byte began a moment before the call was sent.
        return min(attempt.began, ended - self.answer.first_byte_seconds), ended

    @property
    def status(self) -> int | None:
        """The HTTP status of its answer, if one came."""
        failed = self.attempt.failed
        if self.answer is not None:
            return self.answer.status
        return (failed.answered or None) if failed is not None else None

    @property
    def operation(self) -> str:
        """What was asked, in the conventions' words."""
        return known_as(self.attempt.opened.request.operation)

    @property
    def role(self) -> str:
        """What the answer was for: a judge is asked about another's."""
        asked = self.request.finished.context.ask
        return "answer" if self.attempt.opened.request is asked else "judge"

    @property
    def address(self) -> tuple[str | None, int | None]:
        """The host and port that was asked."""
        return _address_of(self.attempt.deployment.base_url)

    @property
    def model(self) -> str | None:
        """The model as its answer names it."""
        return None if self.answer is None else bounded(self.answer.model)

    @property
    def first_chunk(self) -> float | None:
        """Seconds until a stream began to answer."""
        if self.answer is None or not self.attempt.opened.request.stream:
            return None
        return self.answer.first_byte_seconds

    @property
    def usage(self) -> Usage:
        """What its answer used, as far as it is known."""
        usage = None if self.answer is None else self.answer.usage
        return _NOTHING_USED if usage is None else usage

    @property
    def rejected_by(self) -> str | None:
        """The verifier that found its answer not good enough."""
        name, billed = self.attempt.backend.name, self.request.finished.billed
        fired = [one.verifier for one in billed if one.rejected and one.backend.name == name]
        return fired[0] if fired else None

    @property
    def _broke_off(self) -> bool:
        finished = self.request.finished
        given = self.answer is not None and self.attempt.backend.name == finished.backend
        return given and isinstance(finished.error, StreamBroken)

    @property
    def cause(self) -> str | None:
        """Why it failed, in one word."""
        if self.attempt.failed is not None:
            return self.attempt.failed.kind.name.lower()
        return Kind.BROKEN.name.lower() if self._broke_off else None

    @property
    def fault(self) -> str | None:
        """Why it failed, in our own words."""
        if self.attempt.failed is not None:
            return self.attempt.failed.reason
        return Kind.BROKEN.value if self._broke_off else None


def try_of(request: Request, attempt: Attempt, number: int) -> Try:
    """Return a try with what it brought, worked out once."""
    answer = attempt.answer
    return Try(request, attempt, number, answer, Ending() if answer is None else answer.ending)
