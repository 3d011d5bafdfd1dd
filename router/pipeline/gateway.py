"""The collaborators of the corridor, built once by the composition root."""

from collections.abc import Mapping
from dataclasses import dataclass

from classifiers.serving import Classifier
from router.auth.authenticate import Authenticator
from router.backends.cascade.cascade import Cascades
from router.backends.dispatch.dispatch import Dispatcher
from router.ledger.conversations import Conversations
from router.ledger.estimate import OutputHistory
from router.ledger.ledger import Ledger
from router.ledger.reserve_request import Budget
from router.loop.learning import Learner
from router.loop.recorder import OutcomeRecorder
from router.loop.shadow_audit import Auditor
from router.loop.store import OutcomeStore
from router.telemetry import names
from router.telemetry.decisions import DecisionLog
from router.telemetry.metrics import Labels, Metrics
from router.telemetry.names import Metric
from router.telemetry.worker_metrics import Siblings
from router.world.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Limits:
    """What the edge accepts: bytes of a body, seconds until it is there."""

    body: int
    body_timeout: float


@dataclass(slots=True)
class Gateway:
    """Everything a request meets. `snapshot` is swapped whole by a reload; the rest stays."""

    snapshot: Snapshot
    authenticator: Authenticator
    classifier: Classifier
    ledger: Ledger
    dispatcher: Dispatcher
    cascades: Cascades
    limits: Limits
    metrics: Metrics
    decisions: DecisionLog
    outcomes: OutcomeStore
    recorder: OutcomeRecorder
    auditor: Auditor
    learner: Learner
    conversations: Conversations
    history: OutputHistory
    budgets: dict[str, Budget | None]  # organization -> as its last request was let in
    siblings: Siblings | None = None  # the other workers, where there are any
    ready: bool = False


def gauges(gateway: Gateway) -> Mapping[Metric, Mapping[Labels, float]]:
    """Return what is read off the collaborators at scrape time."""
    view = gateway.dispatcher.view()
    classifier = gateway.classifier
    cascades = gateway.cascades
    checks = {
        **cascades.fired,
        "passed": cascades.passed,
        "no_opinion": cascades.no_opinion,
    }
    drift = gateway.learner.drift
    active = (gateway.snapshot.policy.version, classifier.version, classifier.provider)
    return {
        names.BACKEND_HEALTHY: {(name,): float(state.healthy) for name, state in view.items()},
        names.BACKEND_IN_FLIGHT: {(name,): state.in_flight for name, state in view.items()},
        names.CALIBRATION_ERROR: {(key,): found.error for key, found in drift.items()},
        names.DRIFT_ALARM: {(key,): float(found.alarm) for key, found in drift.items()},
        names.AUDITS: {(key,): count for key, count in gateway.auditor.counts.items()},
        names.LEDGER: {(key,): count for key, count in gateway.ledger.counts.items()},
        names.CASCADE: {(key,): count for key, count in checks.items()},
        names.CLASSIFICATIONS: {(key,): count for key, count in classifier.counts.items()},
        names.INFO: {active: 1.0},
    }
