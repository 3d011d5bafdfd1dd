"""What is read off the parts of a gateway when its metrics are scraped."""

from collections.abc import Callable

from classifiers.serving import Classifier
from router.backends.cascade.cascade import Cascades
from router.ledger.ledger import Ledger
from router.loop.learning import Learner
from router.loop.shadow_audit import Auditor
from router.pipeline.serving import Serving
from router.telemetry import names
from router.telemetry.metrics import Readings


def gauges_of(
    serving: Serving,
    *,
    classifier: Classifier,
    cascades: Cascades,
    ledger: Ledger,
    auditor: Auditor,
    learner: Learner,
) -> Callable[[], Readings]:
    """Return what reads these parts."""

    def read() -> Readings:
        view = serving.backends.view()
        checks = {
            **cascades.fired,
            "passed": cascades.passed,
            "no_opinion": cascades.no_opinion,
        }
        drift = learner.drift
        active = (serving.snapshot.policy.version, classifier.version, classifier.provider)
        return {
            names.BACKEND_HEALTHY: {(name,): float(state.healthy) for name, state in view.items()},
            names.BACKEND_IN_FLIGHT: {(name,): state.in_flight for name, state in view.items()},
            names.CALIBRATION_ERROR: {(key,): found.error for key, found in drift.items()},
            names.DRIFT_ALARM: {(key,): float(found.alarm) for key, found in drift.items()},
            names.AUDITS: {(key,): count for key, count in auditor.counts.items()},
            names.LEDGER: {(key,): count for key, count in ledger.counts.items()},
            names.CASCADE: {(key,): count for key, count in checks.items()},
            names.CLASSIFICATIONS: {(key,): count for key, count in classifier.counts.items()},
            names.INFO: {active: 1.0},
        }

    return read
