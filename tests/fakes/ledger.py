"""A ledger in memory: it lets in or refuses, and keeps what is settled."""

from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType

from router.domain import Charge
from router.errors import TurnoutError
from router.ledger.reserve_request import Admission, Budget, ReserveRequest

HEADERS = (("x-ratelimit-remaining-tokens", "900"),)


class FakeHold:
    """The block in which a request is served. `lost`: the ledger no longer knows it."""

    def __init__(
        self, ledger: "FakeLedger", request: ReserveRequest, charge: Callable[[], Charge]
    ) -> None:
        self._ledger = ledger
        self._charge = charge
        self._covered = -1
        self.request = request
        self.admission = Admission(HEADERS, ledger.budget)
        self.lost = False
        self.is_dispatched = False

    async def __aenter__(self) -> "FakeHold":
        """Reserve. Raises what the ledger was told to refuse with."""
        if self._ledger.refusal is not None:
            raise self._ledger.refusal
        self._ledger.reserved.append(self.request)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Settle, without waiting."""
        self._ledger.settled.append(self._charge())

    def dispatched(self) -> None:
        """Note that a backend was reached."""
        self.is_dispatched = True

    def covers(self, output_tokens: int) -> bool:
        """Whether the hold is known to cover so many output tokens."""
        return output_tokens <= self._covered and not self.lost

    async def cover(self, output_tokens: int) -> bool:
        """Make sure that it covers so many; false where the ledger has no more to give."""
        self._covered = max(self._covered, self.request.estimate.output_tokens)
        if output_tokens <= self._covered:
            return True
        missing = output_tokens - self._covered
        if missing > self._ledger.spare_tokens:
            return False
        self._ledger.spare_tokens -= missing
        self._ledger.topped_up.append(missing)
        self._covered = output_tokens
        return True


@dataclass(slots=True)
class FakeLedger:
    """What it lets in is in `reserved`, what it was told in `settled`, both in order.

    `refusal` is raised in place of an admission; `spare_tokens` is what a stream may be topped up
    by; `budget` goes with each admission.
    """

    refusal: TurnoutError | None = None
    spare_tokens: int = 0
    budget: Budget | None = None
    reserved: list[ReserveRequest] = field(default_factory=list)
    settled: list[Charge] = field(default_factory=list)
    topped_up: list[int] = field(default_factory=list)
    holds: list[FakeHold] = field(default_factory=list)

    def hold(self, request: ReserveRequest, charge: Callable[[], Charge]) -> FakeHold:
        """Return the block in which the hold is open."""
        self.holds.append(FakeHold(self, request, charge))
        return self.holds[-1]
