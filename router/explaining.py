"""What explains decisions, started: the log, the rows in SQL, and what customers read of both."""

from contextlib import AsyncExitStack
from dataclasses import dataclass

from router.api.readings import Readings
from router.decisions.recorder import DecisionRecorder
from router.decisions.store import DecisionStore
from router.pipeline.observers.decision_log import open_decision_log
from router.telemetry.decisions import DecisionLog
from router.usage.store import UsageStore
from router.world.documents import Documents


@dataclass(frozen=True, slots=True)
class Explaining:
    """The decision log of this process, where decisions are kept for all, and who reads them."""

    log: DecisionLog
    recorder: DecisionRecorder
    readings: Readings


def start_explaining(
    stack: AsyncExitStack, documents: Documents, worker: int | None, usage: UsageStore
) -> Explaining:
    """Start what explains; `stack` stops it. Raises OSError where the log cannot be opened,
    DatabaseError.
    """
    log = open_decision_log(documents, worker)
    stack.callback(log.close)
    section = documents.config.decisions
    store = DecisionStore(documents.database)
    stack.callback(store.close)
    recorder = DecisionRecorder(
        store,
        keeps=section.store,
        keep_seconds=section.store_for,
        log=log.add if log.on else None,
    )
    recorder.start()
    stack.push_async_callback(recorder.close)
    readings = Readings(usage, store, per_minute=documents.config.limits.readings_per_minute)
    stack.callback(readings.close)
    return Explaining(log, recorder, readings)
