"""What the corridor works with: a handful of collaborators, each behind a protocol.

The composition root builds them once; unit tests of the corridor hand in fakes.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from router.ask import Ask
from router.backends.backend import Backend
from router.backends.dispatch.trace import Trace
from router.backends.dispatch.upstream import Event, Upstream
from router.backends.health.health import Health
from router.domain import Charge, Principal
from router.ledger.estimate import OutputHistory
from router.ledger.reserve_request import Admission, ReserveRequest
from router.pipeline.observers.observer import Observer
from router.pipeline.plan import Plan
from router.pipeline.request_context import Senses
from router.pipeline.tracing import Tracing
from router.world.snapshot import Snapshot


class Authenticates(Protocol):
    """Credentials -> Principal, in memory. Its length is how many keys it knows."""

    def __len__(self) -> int:
        """Return how many keys are known."""

    def authenticate(self, authorization: bytes | None) -> Principal:
        """Return who asks. Raises Unauthenticated."""


class Held(Protocol):
    """What the corridor sees of an open hold. `lost`: the ledger no longer knows it."""

    admission: Admission
    lost: bool

    def dispatched(self) -> None:
        """Note that a backend was reached: a crash is now charged at least for the prompt."""

    def covers(self, output_tokens: int) -> bool:
        """Return whether it is known to cover so many output tokens: if not, ask `cover`."""

    async def cover(self, output_tokens: int) -> bool:
        """Make sure that it covers so many output tokens; false where its limits refuse."""


class Holds(Protocol):
    """The ledger: what a request may use is held from its admission to its settlement."""

    def hold(
        self, request: ReserveRequest, charge: Callable[[], Charge]
    ) -> AbstractAsyncContextManager[Held]:
        """Return the block in which the hold is open; leaving it settles `charge()`.

        Entering raises LimitExceeded or LedgerUnavailable.
        """


class Sends(Protocol):
    """The backends: a plan goes to the first that answers, or down a cascade."""

    def open(
        self, plan: Plan, ask: Ask, events: list[Event], trace: Trace | None = None
    ) -> AbstractAsyncContextManager[Upstream]:
        """Return the block in which an answer is open; `events` learns what is paid for,
        `trace` of every try.

        Entering raises UpstreamRejected, UpstreamTimeout, Overloaded or UpstreamFailed.
        """

    def view(self) -> Mapping[str, Health]:
        """Return the health of every backend by name, live."""

    def adopt(self, backends: list[Backend]) -> None:
        """Know these backends from now on, and forget others."""


@dataclass(slots=True)
class Serving:
    """The collaborators of the corridor. `snapshot` is swapped whole by a reload; `tracing` is set
    where requests are traced.
    """

    snapshot: Snapshot
    authenticator: Authenticates
    senses: Senses
    ledger: Holds
    backends: Sends
    history: OutputHistory
    observers: tuple[Observer, ...]
    tracing: Tracing | None = None

    def adopt(self, snapshot: Snapshot) -> None:
        """Serve by this snapshot from the next request on."""
        self.backends.adopt(list(snapshot.backends.values()))
        self.snapshot = snapshot
