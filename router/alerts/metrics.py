"""The metrics of alerts, and how they are read."""

from collections.abc import Callable
from typing import Final

from router.alerts.alerts import Alerts
from router.telemetry.metric import Metric, Values

ALERT_METRICS: Final[tuple[tuple[Metric, Callable[[Alerts], Values]], ...]] = (
    (
        Metric("turnout_alerts", "counter", ("kind",), "Alerts that this process told, by kind."),
        lambda alerts: alerts.told,
    ),
    (
        Metric(
            "turnout_alert_deliveries",
            "counter",
            ("destination", "result"),
            "Tries to deliver an alert, by destination and result: sent, retried, failed (given "
            "up), dropped (too many waited), disabled (the destination said that it is gone).",
        ),
        lambda alerts: alerts.deliveries,
    ),
    (
        Metric(
            "turnout_alerts_waiting",
            "gauge",
            ("destination",),
            "Deliveries of alerts that wait, of all gateways that share the database.",
        ),
        lambda alerts: alerts.waiting,
    ),
)
