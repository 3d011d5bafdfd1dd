"""Every metric there is: its name, its labels and what it tells. Documented in docs/metrics.md."""

from dataclasses import dataclass
from typing import Final, Literal


@dataclass(frozen=True, slots=True)
class Metric:
    """One exported family. Counters get `_total` appended by the exposition format."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    labels: tuple[str, ...]
    help: str


REQUESTS: Final = Metric(
    "turnout_requests",
    "counter",
    ("route", "backend", "status"),
    "Inference requests answered, by HTTP status; backend is empty where none was chosen.",
)
OUTCOMES: Final = Metric(
    "turnout_outcomes",
    "counter",
    ("backend", "outcome"),
    "Admitted requests by how they ended: completed, disconnected, failed, cut.",
)
TOKENS: Final = Metric(
    "turnout_tokens",
    "counter",
    ("backend", "direction"),
    "Tokens used: direction is input or output.",
)
COST: Final = Metric(
    "turnout_cost_usd", "counter", ("backend",), "Cost of what was served, in USD, by price book."
)
DURATION: Final = Metric(
    "turnout_request_seconds",
    "histogram",
    ("backend",),
    "From the first byte in to the last byte out, the backend's time included.",
)
RELOADS: Final = Metric(
    "turnout_reloads",
    "counter",
    ("result",),
    "Reloads of the documents: done, or refused while the old ones stay in force.",
)
CASCADE: Final = Metric(
    "turnout_cascade_checks",
    "counter",
    ("verifier",),
    "Answers that a cascade checked: by the verifier that refused them, or `passed`; "
    "`no_opinion` of a judge that was asked.",
)
AUDITS: Final = Metric(
    "turnout_audits", "counter", ("result",), "Shadow audits: done, failed, skipped."
)
LEDGER: Final = Metric(
    "turnout_ledger",
    "gauge",
    ("what",),
    "What this process saw of the ledger: open holds, unsettled and settled ones, leases reaped.",
)
CALIBRATION_ERROR: Final = Metric(
    "turnout_calibration_error",
    "gauge",
    ("ability",),
    "Expected calibration error of the classifier on the latest outcomes.",
)
DRIFT_ALARM: Final = Metric(
    "turnout_drift_alarm",
    "gauge",
    ("ability",),
    "1 while that error is larger than chance explains, and large enough to matter.",
)
IN_FLIGHT: Final = Metric("turnout_in_flight", "gauge", (), "Inference requests being served.")
BACKEND_HEALTHY: Final = Metric(
    "turnout_backend_healthy", "gauge", ("backend",), "1 while the backend's breaker lets it work."
)
BACKEND_IN_FLIGHT: Final = Metric(
    "turnout_backend_in_flight", "gauge", ("backend",), "Requests open at the backend."
)
CLASSIFICATIONS: Final = Metric(
    "turnout_classifications",
    "counter",
    ("result",),
    "What the classifier did: prompts scored, late, failed; batches; reloads. They overlap.",
)
INFO: Final = Metric(
    "turnout_active",
    "gauge",
    ("policy", "classifier", "provider"),
    "Always 1; the labels name the policy version, the classifier and its device in use.",
)

METRICS: Final = (
    REQUESTS,
    OUTCOMES,
    TOKENS,
    COST,
    DURATION,
    RELOADS,
    CASCADE,
    AUDITS,
    CALIBRATION_ERROR,
    DRIFT_ALARM,
    LEDGER,
    IN_FLIGHT,
    BACKEND_HEALTHY,
    BACKEND_IN_FLIGHT,
    CLASSIFICATIONS,
    INFO,
)
