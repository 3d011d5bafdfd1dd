"""A hold: the part of its quotas that a request keeps from admission to settlement.

It lives in the ledger, so that it outlives its gateway (router.ledger.hold_life). Here it is an
async block around the serving of one request.
"""

import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final

from router.domain import Charge, Outcome, Usage
from router.ledger.codec import NOTHING
from router.ledger.estimate import CHUNK
from router.ledger.keys import Shard
from router.ledger.outage import LocalAdmission
from router.ledger.quotas.compiled_quotas import covered_output
from router.ledger.reserve_call import CallFrame, ReserveCall
from router.ledger.reserve_request import Admission, ReserveRequest
from router.ledger.vectors import pack_charge
from router.usage_row import served_json

log = logging.getLogger(__name__)
LATE: Final = float("inf")


@dataclass(frozen=True, slots=True)
class HoldService:
    """What a hold asks of its ledger.

    `reserve` raises LimitExceeded or LedgerUnavailable; `settle` neither raises nor waits; `top_up`
    holds for more output tokens, false where a limit refuses; `renew_soon` renews shortly.
    """

    reserve: Callable[["Hold"], Coroutine[Any, Any, "Hold"]]
    settle: Callable[["Hold"], None]
    top_up: Callable[["Hold", int], Coroutine[Any, Any, bool]]
    renew_soon: Callable[["Hold"], None]


class Hold:
    """An async block around the serving of one request.

    Entering reserves, in one round trip, and raises LimitExceeded or LedgerUnavailable. Leaving, in
    whatever way, settles: the command is written before the block is left, without an await that a
    cancellation could cut, and acknowledged behind the scenes.
    """

    __slots__ = (
        "_charge",
        "_covered",
        "_dispatched",
        "_service",
        "admission",
        "call",
        "due",
        "frame",
        "hold_id",
        "local",
        "lost",
        "request",
        "shard",
    )

    def __init__(
        self, service: HoldService, request: ReserveRequest, charge: Callable[[], Charge]
    ) -> None:
        self._service = service
        self._charge = charge
        self._dispatched = False
        self.request = request
        self.admission: Admission
        self.frame: CallFrame
        self.shard: Shard
        self.hold_id: str
        self.call: ReserveCall
        self.due = LATE  # when its lease must be renewed
        self.lost = False
        self.local: LocalAdmission | None = None
        self._covered = -1

    def __aenter__(self) -> Coroutine[Any, Any, "Hold"]:
        return self._service.reserve(self)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._service.settle(self)

    @property
    def is_dispatched(self) -> bool:
        """Whether a backend was reached."""
        return self._dispatched

    def dispatched(self) -> None:
        """Note that a backend was reached: a crash is now charged at least for the prompt."""
        if not self._dispatched:
            self._dispatched = True
            self._service.renew_soon(self)

    def covers(self, output_tokens: int) -> bool:
        """Whether the hold is known to cover so many output tokens: if not, ask `cover`."""
        return output_tokens <= self._covered and not self.lost

    async def cover(self, output_tokens: int) -> bool:
        """Make sure that the hold covers so many output tokens; false where its limits refuse.

        Costs nothing while it does; else one round trip tops it up by the next chunk. A refused
        stream should end with finish_reason `length`. While the ledger is away a stream goes on:
        what it uses is charged.
        """
        if self._covered < 0:
            self._covered = covered_output(self.call.quotas, self.request.estimate)
        if output_tokens <= self._covered:
            return True
        missing = output_tokens - self._covered
        for more in dict.fromkeys((max(CHUNK, missing), missing)):
            if await self._service.top_up(self, more):
                self._covered += more
                return True
        return False

    def progress(self) -> tuple[bytes, bytes]:
        """The use so far: vector and payload, empty before a backend was reached."""
        return self.bill()[1:] if self._dispatched else (b"", b"")

    def bill(self) -> tuple[str, bytes, bytes]:
        """The request's outcome, its vector of use, and the payload of its journal row.

        A request that reached no backend is refunded in full; one whose use is unknown is
        charged for its prompt.
        """
        try:
            charge = self._charge()
        except Exception:  # a broken meter must neither cost the answer nor leak the hold
            log.exception("A request's charge could not be computed; its prompt is charged")
            charge = self._prompt_only()
        used = pack_charge(charge) if self._dispatched else NOTHING
        return str(charge.outcome), used, served_json(charge)

    def _prompt_only(self) -> Charge:
        prompt, cost = self.request.estimate.likely_prompt()
        return Charge(Usage(prompt, 0, estimated=True), cost, Outcome.CUT)
