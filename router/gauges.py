"""The gauges that are read from a gateway's parts when its metrics are scraped: one row each."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import starmap
from typing import Any, Final

from classifiers.serving import Classifier
from router.alerts.alerts import Alerts
from router.alerts.metrics import ALERT_METRICS
from router.api.door import Door
from router.api.guards import METERS, Guards
from router.backends.cascade.cascade import Cascades
from router.backends.dispatch.failures import FAILURE_POLICIES, Kind
from router.decisions.recorder import DecisionRecorder
from router.keeping.keeper import Keeper
from router.keeping.meters import METERS as KEEPER
from router.ledger.ledger import Ledger
from router.ledger.loss import Cause
from router.ledger.watch import LedgerWatch
from router.loop.learner import Learner
from router.loop.meters import METERS as LEARNER
from router.loop.shadow_audit import Auditor
from router.pipeline.second_reading import METERS as PRESIDIO
from router.pipeline.second_reading import SecondReading
from router.pipeline.serving import Serving
from router.telemetry.decisions import DecisionLog
from router.telemetry.metric import Metric, Values


@dataclass(frozen=True, slots=True)
class Watched:
    """The parts that gauges read."""

    serving: Serving
    classifier: Classifier
    cascades: Cascades
    ledger: Ledger
    auditor: Auditor
    learner: Learner
    watch: LedgerWatch
    decisions: DecisionLog
    door: Door
    guards: Guards
    decided: DecisionRecorder
    keeper: Keeper
    alerts: Alerts | None = None


@dataclass(frozen=True, slots=True)
class Gauge:
    """A metric, and how it is read."""

    metric: Metric
    read: Callable[[Watched], Values]


def _of(part: str) -> Callable[[Metric, Callable[[Any], Values]], Gauge]:
    """What makes gauges of rows that read one part."""
    return lambda metric, read: Gauge(metric, lambda parts: read(getattr(parts, part)))


def _of_presidio(metric: Metric, read: Callable[[SecondReading], Values]) -> Gauge:
    def values(parts: Watched) -> Values:
        second = parts.serving.senses.detectors.second
        return {} if second is None else read(second)

    return Gauge(metric, values)


def _checks(parts: Watched) -> Values:
    cascades = parts.cascades
    counts = {**cascades.fired, "passed": cascades.passed, "no_opinion": cascades.no_opinion}
    return {(name,): count for name, count in counts.items()}


def _spans(parts: Watched) -> Values:
    tracing = parts.serving.tracing
    counts = {} if tracing is None else tracing.sink.counts
    return {(result,): count for result, count in counts.items()}


def _detectors(parts: Watched) -> Values:
    turns = parts.serving.senses.detectors.turns
    return {("reading",): turns.taken, ("waiting",): turns.waiting}


def _lost(parts: Watched) -> Values:
    lost = [loss.cause for loss in parts.watch.lost.values()]
    return {(cause.value,): lost.count(cause) for cause in Cause}


def _clocks(parts: Watched) -> Values:
    state = parts.watch.clock.state
    return {("ahead",): state.ahead / 1000, ("skew",): state.skew / 1000}


def _active(parts: Watched) -> Values:
    classifier = parts.classifier
    policy = parts.serving.snapshot.policy.version
    return {(policy, classifier.version, classifier.provider): 1.0}


def _failures(parts: Watched) -> Values:
    return {
        (name, kind.lower(), FAILURE_POLICIES[Kind[kind]].fault.value): count
        for name, health in parts.serving.backends.view().items()
        for kind, count in health.failures.items()
    }


GAUGES: Final = (
    Gauge(
        Metric(
            "turnout_cascade_checks",
            "counter",
            ("verifier",),
            "Answers that a cascade checked: by the verifier that refused them, or `passed`; "
            "`no_opinion` of a judge that was asked.",
        ),
        _checks,
    ),
    Gauge(
        Metric(
            "turnout_rate_missing",
            "gauge",
            ("backend", "counter"),
            "1 where an answer counted what usually costs more and the price does not say; it was "
            "charged as what it is a part of.",
        ),
        lambda parts: dict.fromkeys(parts.serving.snapshot.prices.unsaid, 1.0),
    ),
    Gauge(
        Metric("turnout_audits", "counter", ("result",), "Shadow audits: done, failed, skipped."),
        lambda parts: {(key,): count for key, count in parts.auditor.counts.items()},
    ),
    *starmap(_of("learner"), LEARNER),
    Gauge(
        Metric(
            "turnout_ledger",
            "gauge",
            ("what",),
            "What this process saw of the ledger: open holds, unsettled and settled ones, leases "
            "reaped.",
        ),
        lambda parts: {(key,): count for key, count in parts.ledger.counts.items()},
    ),
    *starmap(_of("keeper"), KEEPER),
    Gauge(
        Metric(
            "turnout_ledger_lost",
            "gauge",
            ("cause",),
            "Virtual shards of the ledger that lack what they held, until they are repaired: "
            "empty, older (than they were), foreign.",
        ),
        _lost,
    ),
    Gauge(
        Metric(
            "turnout_ledger_losses",
            "counter",
            ("cause",),
            "Losses of the ledger that this process noticed.",
        ),
        lambda parts: {(cause.value,): count for cause, count in parts.watch.losses.items()},
    ),
    Gauge(
        Metric(
            "turnout_ledger_clock_seconds",
            "gauge",
            ("what",),
            "The ledger's time before its server's clock (`ahead`; negative: behind), and that "
            "clock before this machine's (`skew`).",
        ),
        _clocks,
    ),
    Gauge(
        Metric(
            "turnout_ledger_clock_jumps",
            "counter",
            ("direction",),
            "Jumps of the clocks of the ledger's servers that this process noticed: ahead, back.",
        ),
        lambda parts: {(way,): count for way, count in parts.watch.clock.jumps.items()},
    ),
    Gauge(
        Metric(
            "turnout_decisions_lost",
            "counter",
            (),
            "Lines of the decision log that could not be written: a full disk.",
        ),
        lambda parts: {(): parts.decisions.lost},
    ),
    Gauge(
        Metric(
            "turnout_decisions_not_stored",
            "counter",
            (),
            "Decisions that the database did not take: it was away, or could not keep up.",
        ),
        lambda parts: {(): parts.decided.lost},
    ),
    Gauge(
        Metric(
            "turnout_backend_healthy",
            "gauge",
            ("backend",),
            "1 while the backend's breaker lets it work.",
        ),
        lambda parts: {
            (name,): float(state.healthy) for name, state in parts.serving.backends.view().items()
        },
    ),
    Gauge(
        Metric(
            "turnout_backend_failures",
            "counter",
            ("backend", "kind", "fault"),
            "Tries that failed, by why and by whose fault: server, operator, model, client.",
        ),
        _failures,
    ),
    Gauge(
        Metric(
            "turnout_usage_disbelieved",
            "counter",
            ("backend",),
            "Answers that told more use than can be true; charged is the bound.",
        ),
        lambda parts: {
            (name,): state.disbelieved
            for name, state in parts.serving.backends.view().items()
            if state.disbelieved
        },
    ),
    Gauge(
        Metric("turnout_backend_in_flight", "gauge", ("backend",), "Requests open at the backend."),
        lambda parts: {
            (name,): state.in_flight for name, state in parts.serving.backends.view().items()
        },
    ),
    Gauge(
        Metric("turnout_connections", "gauge", (), "Connections of clients that are open."),
        lambda parts: {(): parts.door.inside},
    ),
    Gauge(
        Metric(
            "turnout_turned_away",
            "counter",
            ("reason",),
            "Whom the door refused: connections, where it was full, their address had its share or "
            "descriptors ran out (full, address, descriptors); requests of an address that sent "
            "too many wrong keys (wrong_keys).",
        ),
        lambda parts: {(why,): count for why, count in parts.door.turned_away.items()},
    ),
    Gauge(
        Metric(
            "turnout_background_responses",
            "gauge",
            (),
            "Responses that this process works on in the background.",
        ),
        lambda parts: {(): 0 if parts.serving.kept is None else len(parts.serving.kept.background)},
    ),
    *starmap(_of("guards"), METERS),
    Gauge(
        Metric(
            "turnout_classifications",
            "counter",
            ("result",),
            "What the classifier did: prompts scored, late, failed; batches; reloads. They "
            "overlap.",
        ),
        lambda parts: {(key,): count for key, count in parts.classifier.counts.items()},
    ),
    Gauge(
        Metric(
            "turnout_detections",
            "counter",
            ("result",),
            "Requests that the detectors of private data read, by what came of it: nothing, found, "
            "unread (over the budget, or unreadable).",
        ),
        lambda parts: {
            (name.lower(),): count for name, count in parts.serving.senses.detectors.found.items()
        },
    ),
    Gauge(
        Metric(
            "turnout_run_repeats",
            "counter",
            (),
            "Requests that their run had sent twice or oftener before.",
        ),
        lambda parts: {(): parts.serving.senses.runs.repeated},
    ),
    Gauge(
        Metric(
            "turnout_redactions",
            "counter",
            ("kind",),
            "Values that placeholders stood for in requests that left, by kind.",
        ),
        lambda parts: {
            (kind,): count for kind, count in parts.serving.senses.detectors.redactions.items()
        },
    ),
    Gauge(
        Metric(
            "turnout_detectors",
            "gauge",
            ("state",),
            "Long requests that detectors are reading, and those that wait for their turn.",
        ),
        _detectors,
    ),
    *starmap(_of_presidio, PRESIDIO),
    Gauge(
        Metric(
            "turnout_spans",
            "counter",
            ("result",),
            "Spans of traces: exported, failed (the collector did not take them), dropped (too "
            "many waited).",
        ),
        _spans,
    ),
    Gauge(
        Metric(
            "turnout_active",
            "gauge",
            ("policy", "classifier", "provider"),
            "Always 1; the labels name the policy version, the classifier and its device in use.",
        ),
        _active,
    ),
    *starmap(Gauge, ALERT_METRICS),
)


def read_gauges(parts: Watched) -> Iterator[tuple[Metric, Values]]:
    """Yield every gauge with its values now."""
    for gauge in GAUGES:
        yield gauge.metric, gauge.read(parts)
