"""The failures of one request on its way along the candidates, and the error they amount to."""

from collections.abc import Sequence
from typing import Final

from router.ask import Ask
from router.backends.backend import Backend
from router.backends.dispatch.failures import (
    ELSEWHERE,
    FAILURE_POLICIES,
    OF_THE_ACCOUNT,
    AttemptFailed,
    Evidence,
    Fault,
    Kind,
)
from router.backends.dispatch.reports import Reports
from router.backends.dispatch.trace import Given, Trace
from router.backends.health.health import DeploymentState
from router.backends.health.slots import Priority
from router.backends.health.voice import Voice, kind_of, subject_of
from router.domain import Usage
from router.errors import (
    Overloaded,
    OwnCredentialRefused,
    TurnoutError,
    UpstreamFailed,
    UpstreamRejected,
    UpstreamTimeout,
    retry_after,
)

NOTHING: Final[frozenset[str]] = frozenset()
_OWN_REFUSED: Final = "Your organization's own credential was refused by its provider"
_OWN_USED_UP: Final = "The account of your organization's own credential is used up"


class AttemptLog:
    """The tries of one request so far: what failed, and why.

    `customer` is whose request it is; `doubts` are failures that may be the request's own, counted
    against nobody until it is known what became of the request elsewhere. `outlasts` is whether a
    try may go on when its client leaves. `trace` notes the tries too, where there is one;
    `upstream` is the answer once there is one, and `closed` when its connection was let go, where
    that is noted.
    """

    __slots__ = (
        *("_reports", "_voice", "_window", "customer", "doubts", "failures", "outlasts"),
        *("priority", "request", "request_id", "tried"),
    )
    trace: Trace | None = None
    upstream: Given | None = None
    closed: float | None = None

    def __init__(
        self,
        request: Ask,
        request_id: str,
        priority: Priority,
        customer: str,
        reports: Reports,
        *,
        outlasts: bool = False,
    ) -> None:
        self.priority = priority
        self.request = request
        self.request_id = request_id
        self.customer = customer
        self.failures: list[tuple[str, AttemptFailed]] = []
        self.doubts: list[tuple[DeploymentState, Kind]] = []
        self.tried = NOTHING
        self.outlasts = outlasts
        self._reports = reports
        self._voice: Voice | None = None
        self._window = 0  # tokens: the largest context window that was too short

    @property
    def voice(self) -> Voice:
        """Who asks, and what kind of request: worked out where something went wrong."""
        if self._voice is None:
            self._voice = Voice(self.customer, kind_of(self.request))
        return self._voice

    def note(self, backend: Backend, deployment: str, failed: AttemptFailed) -> None:
        """Remember a failure; raise it at once where no other backend can do better."""
        failed.__traceback__ = failed.__context__ = None  # their frames hold this log
        failed.own = backend.own is not None
        self.failures.append((backend.name, failed))
        self.tried |= {deployment}
        if failed.kind is Kind.TOO_LONG and backend.context_window:
            self._window = max(self._window, backend.context_window)
        if not FAILURE_POLICIES[failed.kind].falls_back:
            self.doubts.clear()  # somebody understood the request, and found it wrong
            raise self._with_tries(_rejected(failed))

    def _with_tries(self, error: TurnoutError) -> TurnoutError:
        error.tries = self.failures
        return error

    def forget(self) -> None:
        """Let go of the answer, which knows this log: what was asked is free with its request."""
        self.upstream = None

    def lay_bare(self) -> bool:
        """From now on, ask without the thoughts of models; whether that is any news."""
        before, self.request = self.request.bare, self.request._replace(bare=True)
        return not before

    def learn(self, state: DeploymentState, failed: AttemptFailed) -> None:
        """Tell the deployment and the operator of a failure; doubtful ones wait for `judge`."""
        state.learn(failed, self.voice)
        self._reports.tell(state.deployment, failed, self.request, self.request_id)
        if FAILURE_POLICIES[failed.kind].evidence is Evidence.DOUBTFUL:
            self.doubts.append((state, failed.kind))

    def disbelieve(self, state: DeploymentState, told: Usage, taken: Usage) -> None:
        """A server told more use than can be true: count that, and tell the operator."""
        state.disbelieved += 1
        self._reports.disbelieved(state.deployment, told, taken, self.request_id)

    def broke(self, state: DeploymentState, failed: AttemptFailed) -> None:
        """An answer that had begun broke off: nobody else will be asked."""
        self.learn(state, failed)
        self.judge(answered=True)

    def judge(self, *, answered: bool) -> None:
        """What became of the request is known: count the doubtful failures, or let them go.

        Where nobody answered and all whom it reached failed in one way, the request is why, unless
        many different ones fare alike.
        """
        doubts, self.doubts = self.doubts, []
        if not answered and len({state.deployment.id for state, _ in doubts}) > 1:
            kinds = {failed.kind for _, failed in self.failures} - _NOT_ASKED
            if len(kinds) == 1:
                subject = subject_of(self.request)
                for state, _ in doubts:
                    state.failed_alike(self.voice, subject)
                return
        for state, _ in doubts:
            state.doubt(self.voice)

    def another_deployment_may_help(self) -> bool:
        """Whether the last failure was the deployment's own, not the model's or the request's."""
        return self.failures[-1][1].kind not in _SAME_ON_EVERY_DEPLOYMENT

    def worth_another_round(self) -> bool:
        """Whether some failure may be over within a moment."""
        return any(FAILURE_POLICIES[failed.kind].again for _, failed in self.failures)

    def passes_over(self, backend: Backend) -> bool:
        """Whether this backend need not be asked: a larger context window was too short already, or
        it is the operator's, and not for the customer's own account it failed before."""
        if backend.own is None and self._failed_otherwise(backend.name):
            return True
        if not self._window or (backend.context_window or self._window) >= self._window:
            return False
        reason = "has a smaller context window"
        self.note(backend, backend.name, AttemptFailed(Kind.TOO_LONG, reason))
        return True

    def _failed_otherwise(self, name: str) -> bool:
        """Whether a backend failed for a customer, and would with the operator's credential too."""
        last = next((each for of, each in reversed(self.failures) if of == name), None)
        return last is not None and last.own and last.kind not in ELSEWHERE

    def error(self, rest: float) -> TurnoutError:
        """The error for the client when all failed."""
        return self._with_tries(self._error(rest))

    def _error(self, rest: float) -> TurnoutError:
        kinds = {failed.kind for _, failed in self.failures}
        if kinds and all(FAILURE_POLICIES[kind].status for kind in kinds):
            answered = [failed for _, failed in self.failures if failed.failure is not None]
            return _rejected((answered or [self.failures[-1][1]])[-1])
        if all(failed.own and failed.kind in OF_THE_ACCOUNT for _, failed in self.failures):
            return refused_own(self.failures)
        story = "; ".join(dict.fromkeys(_story_of(name, failed) for name, failed in self.failures))
        if kinds and kinds <= {Kind.TIMEOUT}:
            return UpstreamTimeout(f"No backend answered in time: {story}.")
        if kinds <= _OVERLOAD:
            seconds = max(1, round(rest + 0.5))
            return Overloaded(
                f"Every backend is busy or resting: {story}. Try again in {seconds} s.",
                headers=retry_after(seconds * 1000),
            )
        return UpstreamFailed(f"No backend could answer: {story}.")


_NOT_ASKED: Final = frozenset({Kind.RESTING, Kind.FULL})
_SAME_ON_EVERY_DEPLOYMENT = frozenset(
    {
        *(Kind.TOO_LONG, Kind.TOO_LARGE, Kind.TIMEOUT, Kind.UNSUPPORTED, Kind.MODEL),
        *(Kind.MALFORMED_CALL, Kind.REGION),
    }
)
_OVERLOAD = frozenset({Kind.RATE_LIMITED, Kind.QUOTA, Kind.BUSY, Kind.RESTING, Kind.FULL})


def _story_of(name: str, failed: AttemptFailed) -> str:
    """What one backend did, with its own words where they are the client's to know."""
    words = failed.words
    return f"{name} {failed.reason}: {words}" if words else f"{name} {failed.reason}"


def refused_own(failures: Sequence[tuple[str, AttemptFailed]]) -> OwnCredentialRefused:
    """What a customer is told whose own credentials were refused, wherever it might be served."""
    told = dict.fromkeys(f"{_story_of(name, failed)}." for name, failed in failures)
    used_up = all(failed.kind is Kind.QUOTA for _, failed in failures)
    return OwnCredentialRefused(
        f"{_OWN_USED_UP if used_up else _OWN_REFUSED}: {' '.join(told)}",
        code="provider_credential_exhausted" if used_up else None,
    )


def _rejected(failed: AttemptFailed) -> UpstreamRejected:
    """What the client is told where its request is why."""
    policy, failure = FAILURE_POLICIES[failed.kind], failed.failure
    status = policy.status or failed.status
    if failure is None:
        return UpstreamRejected("The backend refused the request.", status=status or 400)
    if policy.fault is Fault.OPERATOR:
        words = f"The backend refused the request: it is {failed.kind.value}."
    else:
        words = failure.message or f"The backend answered with status {failed.status}."
    return UpstreamRejected(
        words,
        status=status,
        type_=failure.type,
        code=policy.code or failure.code,
        param=failure.param,
    )
