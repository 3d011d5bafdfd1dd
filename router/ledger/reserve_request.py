"""What the gateway asks of the ledger, and what it is given."""

from collections.abc import Mapping

from policies.value import value
from router.domain import Estimate, Principal
from router.ledger.quotas.compiled_quotas import CompiledQuotas
from router.ledger.quotas.dimensions import Quota


@value
class Run:
    """A run of an agent, of which a request is a part.

    `name` is the client's, bounded; `parent` that of the run whose purse it shares where it has
    none of its own. `ceilings` are what the request lowers the run's purse to: requests, tokens and
    nano-USD, -1 where it does not. The purse is forgotten when nothing came for `idle_ms`; an
    organization has at most `most_open` runs. `body` tells equal requests of a run: only a keyed
    hash of it is kept.
    """

    name: str
    parent: str | None
    ceilings: tuple[int, int, int]
    idle_ms: int
    most_open: int
    body: bytes


@value
class RunLeft:
    """How a run stood when a request of its was admitted: the largest used share of its purse, 0 to
    1, and how often it had sent this very request, this time included.
    """

    used_share: float = 0.0
    repeats: int = 0


@value
class ReserveRequest:
    """What one request wants to hold.

    `route_or_model` names the scope of limits per model; `end_user` is the client's own name for
    its user: the ledger keeps only a keyed hash of it. `outage_share`: the part of its limits that
    may be used while the ledger is away (0: none, the request is refused).
    """

    request_id: str
    principal: Principal
    route_or_model: str
    end_user: str | None
    quotas: tuple[Quota, ...]
    estimate: Estimate
    outage_share: float = 0.0
    run: Run | None = None


@value
class Budget:
    """What was left of a customer's quotas when a request of its was admitted, as the ledger packed
    it: it is kept for each customer, and most policies never ask.
    """

    _quotas: CompiledQuotas
    _reply: bytes

    def used(self) -> Mapping[str, float]:
        """The share used, by "minute", "day", "month"."""
        return self._quotas.used_shares(self._quotas.read(self._reply))

    def run(self) -> RunLeft:
        """How the request's run stands."""
        return RunLeft(*self._quotas.run_left(self._quotas.read(self._reply)))


@value
class Admission:
    """A request that was admitted: the x-ratelimit headers of its answer, and what is left; None
    where the ledger was not asked.
    """

    headers: tuple[tuple[str, str], ...]
    budget: Budget | None
