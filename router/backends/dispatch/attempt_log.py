"""The failures of one request on its way along the candidates, and the error they amount to."""

from typing import Final

from router.ask import Ask
from router.backends.backend import Backend
from router.backends.dispatch.failures import FAILURE_POLICIES, AttemptFailed, Kind
from router.backends.health.slots import Priority
from router.errors import (
    Overloaded,
    TurnoutError,
    UpstreamFailed,
    UpstreamRejected,
    UpstreamTimeout,
    retry_after,
)

NOTHING: Final[frozenset[str]] = frozenset()


class AttemptLog:
    """The tries of one request so far: what failed, and why."""

    __slots__ = ("failures", "priority", "request", "request_id", "tried")

    def __init__(self, request: Ask, request_id: str, priority: Priority) -> None:
        self.priority = priority
        self.request = request
        self.request_id = request_id
        self.failures: list[tuple[str, AttemptFailed]] = []
        self.tried = NOTHING

    def note(self, backend: Backend, deployment: str, failed: AttemptFailed) -> None:
        """Remember a failure; raise it at once where no other backend can do better."""
        self.failures.append((backend.name, failed))
        self.tried |= {deployment}
        if not FAILURE_POLICIES[failed.kind].falls_back:
            raise _rejected(failed)

    def another_deployment_may_help(self) -> bool:
        """Whether the last failure was the deployment's own, not the model's or the request's."""
        return self.failures[-1][1].kind not in _SAME_ON_EVERY_DEPLOYMENT

    def worth_another_round(self) -> bool:
        """Whether some failure may be over within a moment."""
        return any(FAILURE_POLICIES[failed.kind].again for _, failed in self.failures)

    def error(self, rest: float) -> TurnoutError:
        """The error for the client when all failed."""
        kinds = {failed.kind for _, failed in self.failures}
        if kinds and kinds <= {Kind.TOO_LONG, Kind.UNSUPPORTED}:
            return _rejected(self.failures[-1][1])
        story = "; ".join(dict.fromkeys(f"{name} {f.reason}" for name, f in self.failures))
        if kinds and kinds <= {Kind.TIMEOUT}:
            return UpstreamTimeout(f"No backend answered in time: {story}.")
        if kinds <= _OVERLOAD:
            seconds = max(1, round(rest + 0.5))
            return Overloaded(
                f"Every backend is busy or resting: {story}. Try again in {seconds} s.",
                headers=retry_after(seconds * 1000),
            )
        return UpstreamFailed(f"No backend could answer: {story}.")


_SAME_ON_EVERY_DEPLOYMENT = frozenset({Kind.TOO_LONG, Kind.TIMEOUT, Kind.UNSUPPORTED})
_OVERLOAD = frozenset({Kind.RATE_LIMITED, Kind.QUOTA, Kind.BUSY, Kind.RESTING, Kind.FULL})


def _rejected(failed: AttemptFailed) -> UpstreamRejected:
    failure = failed.failure
    if failure is None:
        return UpstreamRejected("The backend refused the request.", status=400)
    return UpstreamRejected(
        failure.message,
        status=failed.status,
        type_=failure.type,
        code=failure.code,
        param=failure.param,
    )
