"""What the HTTP edge serves from: the corridor's collaborators, and what is shown of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from classifiers.serving import Classifier
from router.alerts.alerts import Alerts
from router.api.body_room import BodyRoom
from router.api.cors import Cors
from router.api.door import Door
from router.api.readings import Readings
from router.decisions.recorder import DecisionRecorder
from router.files.services import FileServices
from router.ledger.quotas.dimensions import Quota
from router.ledger.used import Used, Whose
from router.loop.outcome_recorder import OutcomeRecorder
from router.loop.outcome_store import OutcomeStore
from router.pipeline.denials import EdgeDenials
from router.pipeline.serving import Serving
from router.telemetry.metrics import Metrics
from router.telemetry.worker_metrics import WorkerMetrics


@dataclass(frozen=True, slots=True)
class Limits:
    """What the edge accepts: bytes of a body, seconds until it is there, and the room that all have
    together. And how long a client that awaits a stream gets nothing: seconds until its head goes
    out, and between bytes after it; and how many seconds a client that is behind may take
    nothing."""

    body: int
    body_timeout: float
    head_after: float = 4.0
    keepalive: float = 15.0
    unread: float = 60.0
    room: BodyRoom | None = None  # None: without end


@dataclass(frozen=True, slots=True)
class SocketLimits:
    """What a WebSocket may be: seconds in all, seconds in which nothing is asked, bytes of
    responses that it remembers, and that all of a process remember together."""

    lifetime: float = 3600.0
    idle: float = 600.0
    memory: int = 16_000_000
    total_memory: int = 500_000_000


class Answers(Protocol):
    """The ledger, as far as it is asked for itself."""

    async def ping(self) -> bool:
        """Return whether it answers."""

    async def used_of(
        self, asked: Iterable[tuple[Whose, Sequence[Quota]]]
    ) -> Sequence[Sequence[Used]]:
        """Return what each of these has used of its quotas. Raises Disconnected."""

    def pseudonym(self, user: str) -> str:
        """Return how usage names an end user."""


class Watches(Protocol):
    """What notices that the ledger lost what it held."""

    @property
    def trouble(self) -> str | None:
        """What the ledger lost, in a sentence; None where nothing."""

    @property
    def clock_trouble(self) -> str | None:
        """What is amiss with the clock of the ledger's server; None where nothing."""


@dataclass(slots=True)
class Gateway:
    """A started gateway, as the edge sees it. `ready` says whether it wants new requests,
    `ready_without` whether it does while its ledger lacks what it lost.
    """

    serving: Serving
    limits: Limits
    metrics: Metrics
    classifier: Classifier
    ledger: Answers
    recorder: OutcomeRecorder
    outcomes: OutcomeStore
    watch: Watches | None = None
    ready_without: bool = True
    worker_metrics: WorkerMetrics | None = None  # the other workers, where there are any
    cors: Cors | None = None  # where browsers may call
    sockets: SocketLimits = SocketLimits()
    door: Door = field(default_factory=Door)
    alerts: Alerts | None = None  # where turnout.yaml asks for them
    denials: EdgeDenials | None = None
    decisions: DecisionRecorder | None = None
    readings: Readings | None = None
    files: FileServices | None = None  # where a backend offers files or batches
    ready: bool = False
