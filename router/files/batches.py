"""Batches: admitted like a request, held for as long as they run, begun in the operator's account.

The order of what happens, so that nothing is lost wherever a gateway dies:

    hold -> row (pending) -> the hold is kept for days -> the provider is asked -> row (open)

A hold without a row is given back within seconds, when its lease ends. What dies after the row was
written is found by whoever looks after batches (`router.files.watcher`).
"""

import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final

from policies.headers import ASK_RUN
from policies.language.limits import RUN
from router.backends.backend import BATCHES, Backend
from router.backends.dispatch.account import AccountCall
from router.errors import (
    BadRequest,
    LedgerUnavailable,
    LimitExceeded,
    PermissionDenied,
    UpstreamFailed,
    UpstreamTimeout,
    retry_after,
)
from router.files.bound import Bound
from router.files.desk import Asker, Desk, read_json, shown
from router.files.requests import screened_body
from router.files.screening import Screening
from router.ledger.long_holds import NOTHING, LongHolds
from router.ledger.reserve_request import ReserveRequest
from router.ledger.server.errors import Disconnected
from router.pipeline.runs import run_of_headers
from router.protocols.fields import missing_run
from router.protocols.headers import Pairs
from router.stored.owned import Owned, OwnedKind, OwnedState
from router.world.offered import ANTHROPIC, OPENAI

_JSON: Final = "application/json"
_LOST_MS: Final = 300_000  # after which a batch whose creation was sent is looked for
_NO_LEDGER: Final = "The usage ledger does not answer, and no batch is begun without it. Try again."
_UNSURE: Final = (UpstreamFailed, UpstreamTimeout)


class Batches:
    """Begins batches."""

    def __init__(self, desk: Desk, holds: LongHolds) -> None:
        self._desk = desk
        self._holds = holds

    async def create(self, asker: Asker, raw: bytes) -> tuple[bytes, Pairs, str]:
        """Begin a batch; return what the server says of it, headers for the client, and who it is.

        Raises BadRequest, NotFound and PermissionDenied for what is asked, LimitExceeded where a
        quota or the number of batches refuses it, LedgerUnavailable, Unavailable, and what
        accounts raise.
        """
        backend = self._desk.offering(asker, BATCHES)
        answer, headers = await _CREATE[asker.family.name](self, asker, backend, raw)
        return answer, headers, backend.name

    async def from_file(self, asker: Asker, backend: Backend, raw: bytes) -> tuple[bytes, Pairs]:
        """Begin a batch of the requests in a file: their sum stands in the file's row."""
        body = read_json(raw, ("input_file_id", "endpoint"))
        name = body["input_file_id"]
        if not isinstance(name, str):
            raise BadRequest("input_file_id: expected an id", param="input_file_id")
        file = await self._desk.owned(asker, OwnedKind.FILE, name)
        if not file.bound:
            message = f"{name} was not uploaded with the purpose `batch`, so it holds no requests."
            raise BadRequest(message, param="input_file_id")
        bound = Bound.read(file.bound)
        if body["endpoint"] != bound.path:
            message = f"endpoint: the requests of {name} are for {bound.path}"
            raise BadRequest(message, param="endpoint")
        self._allowed(asker, bound)
        return await self._begun(asker, backend, raw, bound, source=file.id)

    async def from_body(self, asker: Asker, backend: Backend, raw: bytes) -> tuple[bytes, Pairs]:
        """Begin a batch of the requests in its body."""
        screening = Screening(self._desk, asker, backend)
        raw = await screened_body(raw, screening, most=self._desk.batches.requests)
        screening.bound.path = "/v1/messages"
        return await self._begun(asker, backend, raw, screening.bound)

    def _allowed(self, asker: Asker, bound: Bound) -> None:
        """Refuse what another key of the organization uploaded and this one may not ask."""
        world = self._desk.serving.snapshot
        visible = world.visible(asker.principal)
        own = self._desk.own(asker.principal)
        for name in bound.backends:
            if name in own:
                raise PermissionDenied(
                    f"The file asks `{name}`, for which your organization has a credential of its"
                    " own: its batches are asked of the provider itself."
                )
            if name not in visible:
                raise PermissionDenied(f"Your tier may not use `{name}`, which the file asks.")

    async def _begun(
        self, asker: Asker, backend: Backend, raw: bytes, bound: Bound, source: str = ""
    ) -> tuple[bytes, Pairs]:
        desk, version = self._desk, self._desk.serving.snapshot.batch_prices.version
        hold, headers = await self._holds.begin(self._request(asker, bound))
        pending = desk.pending(asker, backend, OwnedKind.BATCH, bound=bound.document())
        pending = replace(pending, source=source, hold=hold, look_at=pending.at + _LOST_MS)
        try:
            await desk.begin(pending, most=desk.batches.most)
        except LimitExceeded:
            await self._dropped(pending)
            raise
        try:
            kept = await self._holds.keep(hold, bound.charge(backend.name, version))
        except Disconnected:
            kept = False
        if not kept:
            raise LedgerUnavailable(_NO_LEDGER, headers=retry_after(1000))
        return await self._asked(asker, backend, raw, pending), headers

    async def _asked(self, asker: Asker, backend: Backend, raw: bytes, pending: Owned) -> bytes:
        """Ask the provider; what it surely did not begin is given back at once."""
        desk = self._desk
        call = AccountCall(asker.family.batches, "POST", raw, _JSON, asker.headers())
        try:
            answer = await desk.accounts.account(backend).ask(call)
        except _UNSURE as error:
            error.headers += (("x-should-retry", "false"),)  # it may have begun
            raise
        except Exception:
            await self._dropped(pending)
            raise
        batch = shown(answer)
        if not batch:
            raise UpstreamFailed(f"{backend.name} named no batch.")
        look_at = desk.registry.now() + round(desk.batches.look * 1000)
        made = replace(pending, id=batch["id"], state=OwnedState.OPEN, look_at=look_at)
        if not await desk.registry.ask(lambda store: store.finish(pending, made)):
            await self._dropped(pending)  # a client repeated itself: it is held for already
        return answer

    async def _dropped(self, pending: Owned) -> None:
        """Nothing was begun: what was held is given back. Where the ledger is away, whoever looks
        after batches does it."""
        with contextlib.suppress(Disconnected):
            await self._holds.settle(pending.hold, NOTHING)
            await self._desk.registry.ask(lambda store: store.forget(pending))

    def _request(self, asker: Asker, bound: Bound) -> ReserveRequest:
        """What the ledger is asked to hold: against the limits of days, months, balances and runs.

        Raises BadRequest where it must name its run, or names it wrongly.
        """
        standing = self._desk.serving.snapshot.standing_of(asker.principal)
        run = None if standing.runs is None else run_of_headers(asker.values, standing.runs)
        if run is None and RUN in standing.require:
            raise missing_run(ASK_RUN)
        return ReserveRequest(
            asker.request_id,
            asker.principal,
            next(iter(bound.backends)),
            None,
            standing.lasting,
            bound.estimate(),
            run=run,
        )


_Create = Callable[[Batches, Asker, Backend, bytes], Awaitable[tuple[bytes, Pairs]]]
_CREATE: Final[dict[str, _Create]] = {OPENAI: Batches.from_file, ANTHROPIC: Batches.from_body}
