"""The metrics of alerts, and how they are read."""

from collections.abc import Callable
from typing import Final, Protocol

from router.alerts.alerts import Alerts
from router.telemetry.metric import Metric, Values


class Alerting(Protocol):
    """What has alerts, or none."""

    @property
    def alerts(self) -> Alerts | None:
        """They."""


def _told(parts: Alerting) -> Values:
    return {} if parts.alerts is None else parts.alerts.told


def _deliveries(parts: Alerting) -> Values:
    return {} if parts.alerts is None else parts.alerts.deliveries


def _waiting(parts: Alerting) -> Values:
    return {} if parts.alerts is None else parts.alerts.waiting


ALERT_METRICS: Final[tuple[tuple[Metric, Callable[[Alerting], Values]], ...]] = (
    (
        Metric("turnout_alerts", "counter", ("kind",), "Alerts that this process told, by kind."),
        _told,
    ),
    (
        Metric(
            "turnout_alert_deliveries",
            "counter",
            ("destination", "result"),
            "Tries to deliver an alert, by destination and result: sent, retried, failed (given "
            "up), dropped (too many waited), disabled (the destination said that it is gone).",
        ),
        _deliveries,
    ),
    (
        Metric(
            "turnout_alerts_waiting",
            "gauge",
            ("destination",),
            "Deliveries of alerts that wait, of all gateways that share the database.",
        ),
        _waiting,
    ),
)
