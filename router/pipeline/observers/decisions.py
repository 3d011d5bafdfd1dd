"""Keeping each decision with its outcome where every gateway finds it, and counting denials."""

from functools import partial
from typing import Final

from policies.decision import Denial
from router.backends.dispatch.failures import AttemptFailed
from router.decisions.entry import Entry, Failure, Refused, Versions
from router.decisions.recorder import DecisionRecorder
from router.errors import TurnoutError
from router.pipeline.denials import labels_of, refused_by
from router.pipeline.observers.decision_log import Lines
from router.pipeline.observers.evidence import Versioned
from router.pipeline.observers.observer import Finished, Observer
from router.telemetry.metrics import Metrics
from router.world.snapshot import Snapshot

_MOST_FAILURES: Final = 50  # of one request; there are as many as backends and rounds


def keeps_decisions(
    recorder: DecisionRecorder, metrics: Metrics, classifier: Versioned, lines: Lines | None
) -> Observer:
    """Return the observer that keeps each decision; `lines` writes those of the decision log."""
    every, entry_of = recorder.keeps == "all", Entries(classifier).of

    def observe(finished: Finished) -> None:
        error = finished.error
        if error is not None:
            refused = _refused(finished, error)
            if refused is not None:
                error.noted = True  # type: ignore[attr-defined] # what refuses is an error of ours
                metrics.denials[labels_of(refused, finished.context.world)] += 1
                line = None if lines is None else partial(lines.line, finished)
                recorder.deny(entry_of(finished), refused, line)
                return
        if every or (error is not None and recorder.keeps != "off"):
            recorder.add(entry_of(finished))
        if lines is not None:
            lines.write(finished)

    return observe


def _refused(finished: Finished, error: BaseException) -> Refused | None:
    decision = finished.decision
    denial = decision if isinstance(decision, Denial) else None
    return refused_by(error, finished.context.principal.tier, denial)


class Entries:
    """What is kept of finished requests: references to what nobody changes, and no body."""

    def __init__(self, classifier: Versioned) -> None:
        self._classifier = classifier
        self._world: Snapshot | None = None
        self._versions = Versions("", "", "")

    def of(self, finished: Finished) -> Entry:
        """The entry of a request that is over."""
        context, error, failures = finished.context, finished.error, finished.failures
        ask, world = context.ask, context.world
        if world is not self._world:
            self._learn(world)
        return Entry(
            context.id,
            context.at_ms,
            context.principal,
            ask.operation,
            ask.model,
            self._versions,
            finished.decision,
            finished.charge,
            finished.first_byte_seconds,
            finished.seconds,
            None if error is None else _end_of(error),
            tuple(map(_failure_of, failures[:_MOST_FAILURES])) if failures else (),
        )

    def _learn(self, world: Snapshot) -> None:
        self._world = world
        version = self._classifier.version
        self._versions = Versions(world.policy.version, world.prices.version, version)


def _end_of(error: BaseException) -> tuple[int, str]:
    """The status and code of an error; 499 where the client left."""
    if isinstance(error, TurnoutError):
        return error.status, error.code or type(error).__name__
    return (500, type(error).__name__) if isinstance(error, Exception) else (499, "client_left")


def _failure_of(one: tuple[str, Exception]) -> Failure:
    name, failed = one
    if not isinstance(failed, AttemptFailed):
        return Failure(name, type(failed).__name__, "", None)
    ms = None if failed.seconds is None else round(1_000 * failed.seconds)
    return Failure(name, failed.kind.name.lower(), failed.reason, ms)
