"""What the gateway asks of the ledger, and what it is given."""

from collections.abc import Mapping

from policies.value import value
from router.domain import Estimate, Principal
from router.ledger.quotas.compiled_quotas import CompiledQuotas
from router.ledger.quotas.dimensions import Quota


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


@value
class Admission:
    """A request that was admitted: the x-ratelimit headers of its answer, and what is left; None
    where the ledger was not asked.
    """

    headers: tuple[tuple[str, str], ...]
    budget: Budget | None
