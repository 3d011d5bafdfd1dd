"""What the learner tells in metrics: a row each, and how it is read."""

from collections.abc import Callable
from typing import Final

from router.loop.learner import Learner
from router.telemetry.metric import Metric, Values

METERS: Final[tuple[tuple[Metric, Callable[[Learner], Values]], ...]] = (
    (
        Metric(
            "turnout_calibration_error",
            "gauge",
            ("ability",),
            "Expected calibration error of the classifier on the latest outcomes.",
        ),
        lambda learner: {(key,): drift.error for key, drift in learner.drift.items()},
    ),
    (
        Metric(
            "turnout_drift_alarm",
            "gauge",
            ("ability",),
            "1 while that error is larger than chance explains, and large enough to matter.",
        ),
        lambda learner: {(key,): float(drift.alarm) for key, drift in learner.drift.items()},
    ),
)
