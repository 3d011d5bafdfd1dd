"""What the gateway knows of its backends at this moment: blame, requests in flight, queues.

It outlives a reload of the configuration: a deployment that did not change keeps its breakers.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol

from router.ask import Ask
from router.backends.backend import Backend, Deployment
from router.backends.credentials.authorizing import Authorized, Authorizer
from router.backends.credentials.keyring import Keyring
from router.backends.dispatch.failures import FAILURE_POLICIES, AttemptFailed, Evidence, Kind
from router.backends.health.affinity import preference
from router.backends.health.blame import Blame
from router.backends.health.breaker import BreakerPolicy
from router.backends.health.ejection import Pace, outliers
from router.backends.health.slots import SlotQueue
from router.backends.health.voice import Voice
from router.backends.transport.transport import Transport, Transports
from router.conversation import prefix_of


class Attempting(Protocol):
    """Who asks, as far as the health of a deployment is concerned."""

    @property
    def request(self) -> Ask:
        """What is asked."""

    @property
    def tried(self) -> frozenset[str]:
        """The ids of the deployments that failed it already."""

    @property
    def voice(self) -> Voice:
        """The customer, and the kind of its request."""


class DeploymentState:
    """One deployment, what is held against it, its pace, and how many requests run on it.

    `failures` counts its failed tries by the name of their kind, `disbelieved` its answers that
    told more use than can be true.
    """

    __slots__ = (
        *("_clock", "authorizer", "blame", "client", "deployment", "failures", "in_flight"),
        "disbelieved",
        *("pace", "paced"),
    )
    client: Transport  # the transport of its calls; a reload may change it
    authorizer: Authorizer | None  # by whom they are authorized, where it is not by a key

    def __init__(
        self, deployment: Deployment, policy: BreakerPolicy, clock: Callable[[], float]
    ) -> None:
        self._clock = clock
        self.deployment = deployment
        self.blame = Blame(policy)
        self.failures: Counter[str] = Counter()
        self.disbelieved = 0
        self.pace = Pace()
        self.paced = False  # whether there are others to compare it with
        self.in_flight = 0

    @property
    def secrets(self) -> tuple[str, ...]:
        """What a server may echo and nobody else may read: its key, or the present token."""
        key = self.deployment.api_key
        held = () if self.authorizer is None else self.authorizer.secrets
        return held if key is None else (key, *held)

    def over(self, answered: bool, log: Attempting) -> None:
        """An answer is over: it came to its end (`answered`), or the client left. Call it once."""
        self.in_flight -= 1
        if not self.blame.all_clear:
            if answered:
                self.blame.succeeded(self._clock(), log.voice)
            else:
                self.blame.abandoned(log.voice)

    def learn(self, failed: AttemptFailed, voice: Voice) -> None:
        """A try failed: what that says of the server at once.

        Doubtful failures say nothing yet: see `doubt`.
        """
        now, kind = self._clock(), failed.kind
        self.failures[kind.name] += 1
        policy = FAILURE_POLICIES[kind]
        rest = failed.rest if policy.obeys and failed.rest is not None else policy.rest
        if rest and failed.of_all:
            self.blame.rest_for(rest, now, voice)
        elif rest:
            self.blame.told_to_rest(rest, now, voice)
        elif policy.evidence is Evidence.SURE:
            self.blame.unreachable(now)
        elif policy.evidence is Evidence.DOUBTFUL or kind is Kind.UNSUPPORTED:
            self.blame.abandoned(voice)
        else:  # it answered; that the request was wrong is not its fault
            self.blame.succeeded(now, voice)

    def doubt(self, voice: Voice) -> None:
        """A failure that the request may have caused is counted, with that in mind."""
        self.blame.failed(self._clock(), voice)

    def failed_alike(self, voice: Voice, subject: int) -> None:
        """The same of one that failed alike wherever it was asked."""
        self.blame.failed_alike(self._clock(), voice, subject)


class Health:
    """A live view of one backend: always of this moment.

    `only` is its one deployment, where it has one and slots are not scarce.
    """

    __slots__ = ("_clock", "backend", "deployments", "only", "queue")

    def __init__(
        self,
        backend: Backend,
        deployments: Sequence[DeploymentState],
        queue: SlotQueue | None,
        clock: Callable[[], float],
    ) -> None:
        self.backend = backend
        self.deployments = tuple(deployments)
        self.queue = queue
        self.only = deployments[0] if len(deployments) == 1 and queue is None else None
        self._clock = clock

    @property
    def queued(self) -> int:
        """Requests that wait for a slot."""
        return self.queue.queued if self.queue is not None else 0

    @property
    def wait_ms(self) -> int:
        """Milliseconds a newcomer would wait for a slot."""
        return self.queue.wait_ms if self.queue is not None else 0

    @property
    def load(self) -> float:
        """Part of the slots in use, over 1 where requests wait; 0 where slots are not scarce."""
        return self.queue.load if self.queue is not None else 0.0

    @property
    def healthy(self) -> bool:
        """Whether any deployment may be asked now."""
        now = self._clock()
        for state in self.deployments:  # noqa: SIM110 # asked for every request: no generator
            if state.blame.answers(now):
                return True
        return False

    @property
    def in_flight(self) -> int:
        """Requests that run there now."""
        running = 0
        for state in self.deployments:
            running += state.in_flight
        return running

    def open_deployments(self, log: Attempting) -> list[DeploymentState]:
        """Deployments that may be asked now and were not tried, the best for this request first."""
        now = self._clock()
        free = [
            state
            for state in self.deployments
            if state.deployment.id not in log.tried
            and (state.blame.all_clear or state.blame.allows(now, log.voice))
        ]
        return free if len(free) < 2 else _ordered(free, log.request)

    def resting(self, voice: Voice) -> float:
        """Seconds until a deployment may be asked this again."""
        now = self._clock()
        return min((state.blame.resting(now, voice) for state in self.deployments), default=0.0)

    @property
    def disbelieved(self) -> int:
        """Answers that told more use than can be true."""
        return sum([state.disbelieved for state in self.deployments])

    @property
    def failures(self) -> Mapping[str, int]:
        """Failed tries by the name of their kind."""
        return sum((state.failures for state in self.deployments), Counter())


def _ordered(free: list[DeploymentState], request: Ask) -> list[DeploymentState]:
    """The conversation's own replica first; outliers last; of equal addresses the idlest key."""
    addresses = sorted({state.deployment.base_url for state in free})
    loads = [
        sum(state.in_flight for state in free if state.deployment.base_url == address)
        for address in addresses
    ]
    order = preference(prefix_of(request.prompt), addresses, loads)
    ranks = {addresses[at]: rank for rank, at in enumerate(order)}
    avoided = outliers([state.pace for state in free])
    ranked = sorted(
        range(len(free)),
        key=lambda at: (avoided[at], ranks[free[at].deployment.base_url], free[at].in_flight),
    )
    return [free[at] for at in ranked]


class _Known(dict[str, Health]):
    """Health by name; a backend that was taken out is still found, though not listed."""

    def __init__(self) -> None:
        super().__init__()
        self.retired: dict[str, Health] = {}

    def __missing__(self, name: str) -> Health:
        return self.retired[name]


class HealthBoard:
    """The health of every backend, by name."""

    def __init__(
        self,
        policy: BreakerPolicy,
        clock: Callable[[], float],
        transports: Transports,
        keyring: Keyring | None = None,
    ) -> None:
        self._policy = policy
        self._clock = clock
        self._transports = transports
        self._keyring = keyring or Keyring()
        self._known = _Known()

    def of(self, backend: Backend) -> Health:
        """The health of this backend; a new or changed one begins healthy."""
        health = self._known.get(backend.name)
        if health is None or health.backend is not backend:
            if backend.own is not None:  # it is about to be asked
                backend.own.tell(backend.own.organization, backend.name, None)
                return self.own(backend)
            health = self._describe(backend)
        return health

    def own(self, backend: Backend) -> Health:
        """The health of a backend that is asked with a customer's own credential; the slots are its
        server's, so all share them."""
        own = backend.own
        if own is None:
            return self.of(backend)
        if own.health is None:
            house = self._known.get(backend.name)
            queue = None if house is None else house.queue
            own.health = Health(backend, self._states(backend, {}), queue, self._clock)
        health: Health = own.health
        return health

    def adopt(self, backends: Sequence[Backend]) -> None:
        """Know these backends, and forget the others."""
        for backend in backends:
            self.of(backend)
        names = {backend.name for backend in backends}
        for name in [name for name in self._known if name not in names]:
            self._known.retired[name] = self._known.pop(name)
        self._keyring.keep(backends)

    def view(self) -> Mapping[str, Health]:
        """Every backend's health by name: live. One that a reload took away is no longer listed,
        but still found by name: requests that began before it go on to ask for it."""
        return self._known

    def watched(self) -> Iterator[tuple[Backend, SlotQueue]]:
        """The backends whose servers tell their load, each with its queue."""
        for health in self._known.values():
            backend, queue = health.backend, health.queue
            if queue is not None and backend.capacity is not None and backend.capacity.load_url:
                yield backend, queue

    def _describe(self, backend: Backend) -> Health:
        old = self._known.get(backend.name) or self._known.retired.get(backend.name)
        kept = {state.deployment: state for state in old.deployments} if old else {}
        deployments = self._states(backend, kept)
        queue = old.queue if old is not None else None
        if queue is not None and queue.capacity != backend.capacity:
            queue = None
        if queue is None and backend.capacity is not None:
            queue = SlotQueue(backend.capacity, self._clock)
        health = self._known[backend.name] = Health(backend, deployments, queue, self._clock)
        return health

    def _states(
        self, backend: Backend, kept: Mapping[Deployment, DeploymentState]
    ) -> list[DeploymentState]:
        """The deployments of a backend, those that are kept as they are."""
        deployments = [
            kept.get(deployment) or DeploymentState(deployment, self._policy, self._clock)
            for deployment in backend.deployments()
        ]
        for state in deployments:
            state.paced = len(deployments) > 1
            client = self._transports.client_for(backend, state.deployment.base_url)
            state.authorizer = self._keyring.of(backend)
            state.client = (
                client if state.authorizer is None else Authorized(client, state.authorizer)
            )
        return deployments
