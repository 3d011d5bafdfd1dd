"""A gateway whose corridor is made of fakes: what the HTTP edge serves from."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from fakes.corridor import FakeCorridor
from router.api.gateway import Gateway, Limits
from router.ledger.quotas.dimensions import Quota
from router.ledger.used import Used, Whose, used_in
from router.telemetry.metrics import Metrics


@dataclass(slots=True)
class FakeGateway:
    """`gateway` over a corridor; `ledger_answers` is whether its ledger can be reached,
    `trouble` what that one lost, `clock_trouble` what is amiss with its clock, `ready_without`
    whether it serves nevertheless.
    """

    corridor: FakeCorridor = field(default_factory=FakeCorridor.answering)
    ledger_answers: bool = True
    trouble: str | None = None
    clock_trouble: str | None = None
    ready_without: bool = True
    body_limit: int = 10_000
    ready: bool = True
    gateway: Gateway = field(init=False)

    def __post_init__(self) -> None:
        """Build the gateway over the corridor."""
        classifier: Any = SimpleNamespace(version="fake1", provider="none")
        nothing: Any = SimpleNamespace()
        self.gateway = Gateway(
            serving=self.corridor.serving(),
            limits=Limits(self.body_limit, 5.0),
            metrics=Metrics(),
            classifier=classifier,
            ledger=self,
            watch=self,
            ready_without=self.ready_without,
            recorder=nothing,
            outcomes=nothing,
            ready=self.ready,
        )

    async def used_of(self, asked: Iterable[tuple[Whose, Sequence[Quota]]]) -> list[list[Used]]:
        """Nothing is used of any limit."""
        return [[used_in(None, quota, 0) for quota in quotas] for _, quotas in asked]

    def pseudonym(self, user: str) -> str:
        """The name backwards."""
        return user[::-1]

    async def ping(self) -> bool:
        """Whether the ledger answers."""
        return self.ledger_answers
