"""What the corridor works with: a handful of collaborators, each behind a protocol.

The composition root builds them once; unit tests of the corridor hand in fakes.
"""

from asyncio import Task
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

from policies.decision import Decision
from router.ask import Ask
from router.backends.backend import Backend
from router.backends.counting.counter import Counted
from router.backends.dispatch.trace import Trace
from router.backends.dispatch.upstream import Event, Upstream
from router.backends.health.health import Health
from router.domain import Charge, Principal
from router.ledger.estimate import OutputHistory
from router.ledger.reserve_request import Admission, ReserveRequest
from router.operations.operation import Parse
from router.pipeline.caller import Caller
from router.pipeline.conversing import ConversationShelf
from router.pipeline.observers.observer import Observer
from router.pipeline.plan import Plan
from router.pipeline.request_context import RequestContext, Senses
from router.pipeline.stored_chats import ChatShelf
from router.pipeline.tracing import Tracing
from router.pipeline.waiting_lines import Lines
from router.protocols.headers import Fields
from router.stored.response import StoredResponse
from router.stored.run import Beat, Chunk, Ending, Told
from router.world.snapshot import Snapshot


class Authenticates(Protocol):
    """Credentials -> Principal, in memory. Its length is how many keys it knows."""

    def __len__(self) -> int:
        """Return how many keys are known."""

    def authenticate(self, authorization: bytes | None) -> Principal:
        """Return who asks. Raises Unauthenticated."""


class Shelf(Protocol):
    """Where responses are kept: see `router.stored.shelf`. Every method raises Unavailable."""

    async def get(self, organization: str, id_: str) -> StoredResponse:
        """Return a response. Raises MissingResponse."""

    async def chain(
        self, organization: str, id_: str, *, most: int, most_bytes: int
    ) -> list[StoredResponse]:
        """Return a response and those that it continues, the oldest first.

        Raises MissingResponse, TooMuch.
        """

    async def items(
        self, organization: str, names: Sequence[str], *, most_bytes: int
    ) -> dict[str, bytes]:
        """Return those of these items that are there, each as JSON. Raises TooMuch."""

    async def delete(self, organization: str, id_: str) -> bool:
        """Erase a response; False where there is none."""

    async def add(self, organization: str, response: StoredResponse) -> bool:
        """Store a response; False where that was not possible in time. Never raises."""

    def start(self) -> None:
        """Begin to erase what expires."""

    async def close(self) -> None:
        """Stop."""


class RunShelf(Shelf, Protocol):
    """Where responses are kept that are still worked on: see `router.stored.run_shelf`."""

    async def begin(
        self, organization: str, response: StoredResponse, opening: Chunk, *, most: int
    ) -> bool:
        """Store a response that is begun; False where there is no room. Raises TooManyRuns."""

    async def beat(self, beats: Sequence[Beat], *, renew: bool) -> frozenset[str] | None:
        """Store what is new; return those that are gone, None where that was not possible."""

    async def finish(self, organization: str, id_: str, ending: Ending) -> bool:
        """End a response by what is stored of it; False where it is over."""

    async def lapse(self, ending: Ending) -> int:
        """End the responses whose gateways are gone."""

    async def events(self, organization: str, id_: str, after: int) -> Told:
        """Return what was told behind a number. Raises MissingResponse."""


class RunsOn(Protocol):
    """Responses in the background: see `router.pipeline.background`."""

    async def detach(
        self,
        caller: Caller,
        organization: str,
        ask: Ask,
        walk: Callable[[Caller], Awaitable[None]],
    ) -> None:
        """Let the corridor walk on by itself, and tell the client what was begun.

        Raises what the corridor raises until the request is admitted, BadRequest, LimitExceeded.
        """

    async def current(self, organization: str, id_: str) -> StoredResponse:
        """Return a response as it stands. Raises MissingResponse, Unavailable."""

    async def cancel(self, organization: str, id_: str) -> StoredResponse:
        """End a response where it is not over; return it as it then stands.

        Raises MissingResponse, Unavailable; BadRequest where its client waited for it.
        """

    def drop(self, id_: str) -> None:
        """Stop work on a response that was erased."""

    def follow(self, organization: str, id_: str, after: int) -> AsyncGenerator[bytes]:
        """Tell the events behind a number as they come, until it is over; empty ones in between.

        Raises Unavailable.
        """

    def attend(self, tasks: set[Task[None]]) -> None:
        """Put the task of each response in this set too: the server waits for them at its end."""

    def __contains__(self, id_: str) -> bool:
        """Whether a response is worked on here."""

    def __len__(self) -> int:
        """How many are."""


class Keeps(Protocol):
    """Responses that the gateway keeps: see `router.pipeline.stored`."""

    @property
    def shelf(self) -> Shelf:
        """Where responses are kept."""

    @property
    def background(self) -> RunsOn:
        """Those that are still worked on."""

    @property
    def conversations(self) -> ConversationShelf:
        """Where conversations are."""

    def allows(self, world: Snapshot, principal: Principal) -> bool:
        """Whether anything is kept for a customer of this tier."""

    async def conversation(self, organization: str, id_: str) -> list[dict[str, Any]]:
        """Return what was asked and answered up to a response. Raises BadRequest, Unavailable."""

    async def resumed(
        self, parse: Parse, world: Snapshot, principal: Principal, ask: Ask, fields: Fields
    ) -> Ask:
        """Return the request with what it names put in its place.

        Raises BadRequest where that is not there, Unavailable.
        """

    async def begin(self, context: RequestContext, decision: Decision) -> RequestContext:
        """Begin what was asked in the background; return it as backends are asked for it.

        Raises BadRequest, LimitExceeded, Unavailable.
        """

    def keeping(self, caller: Caller, context: RequestContext, decision: Decision) -> Caller:
        """Return the caller as an answer meets it that is to be kept."""


class KeepsChats(Protocol):
    """Chats that the gateway keeps: see `router.pipeline.stored_chats`."""

    shelf: ChatShelf

    async def asked(self, ask: Ask, world: Snapshot, principal: Principal) -> Ask:
        """Return a request that asks to be kept as backends see it. Raises BadRequest."""

    def keeping(self, caller: Caller, context: RequestContext, decision: Decision) -> Caller:
        """Return the caller as an answer meets it that is to be kept."""


class Owns(Protocol):
    """Files that customers keep at backends: see `router.files`."""

    async def pinned(self, world: Snapshot, principal: Principal, ask: Ask) -> Ask:
        """Return the request, sent to the account that keeps the files it names, if it names any.

        Raises NotFound where one of them is not the organization's, Unavailable.
        """


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

    def view_of(self, backends: Mapping[str, Backend]) -> Mapping[str, Health]:
        """Return the same as a customer meets them whose own credentials some are asked with."""

    def adopt(self, backends: list[Backend]) -> None:
        """Know these backends from now on, and forget others."""


class Counts(Protocol):
    """Who asks backends for the sizes of requests: see `router.backends.counting.counter`."""

    async def count(
        self, backend: Backend, ask: Ask, request_id: str, customer: str
    ) -> Counted | None:
        """Return the size of a request at this backend; None where its server does not tell."""


class SeesOwn(Protocol):
    """The worlds of customers that have credentials of their own: see `router.world.own`."""

    def of(self, organization: str, world: Snapshot) -> Snapshot:
        """Return the world as this customer asks it."""


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
    kept: Keeps | None = None  # None: the gateway keeps no responses
    chats: KeepsChats | None = None  # None: it keeps no chats
    counter: Counts | None = None  # None: sizes are estimated
    files: Owns | None = None  # None: no backend offers files
    own: SeesOwn | None = None  # None: no customer may have credentials of its own
    lines: Lines = field(default_factory=Lines)  # of who waits for a limit

    def world_of(self, principal: Principal) -> Snapshot:
        """Return the world in force, as this customer asks it."""
        world = self.snapshot
        return world if self.own is None else self.own.of(principal.organization, world)

    def health_of(self, world: Snapshot) -> Mapping[str, Health]:
        """Return the health of the backends of a world, live."""
        if world.owned:
            return self.backends.view_of(world.backends)
        return self.backends.view()

    def adopt(self, snapshot: Snapshot) -> None:
        """Serve by this snapshot from the next request on."""
        self.backends.adopt(list(snapshot.backends.values()))
        self.snapshot = snapshot
