"""What the gateway asks of the ledger, and what it is given."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from policies.value import value
from router.domain import Estimate, Principal
from router.ledger.dimensions import Quota
from router.ledger.plan import Plan


@value
class Ticket:
    """One request at the ledger's window.

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


@dataclass(slots=True, eq=False)
class Admission:
    """A request that was let in: the x-ratelimit headers of its answer, and the ledger's reply.

    `_used`: the shares used, once they are found out; none where the ledger was not asked.
    """

    headers: tuple[tuple[str, str], ...]
    _plan: Plan
    _reply: Sequence[int]
    _used: Mapping[str, float] | None = None

    @property
    def used(self) -> Mapping[str, float]:
        """The share used of the customer's quotas, by "minute", "day", "month": found out when a
        policy first asks, since most ask never.
        """
        if self._used is None:
            self._used = self._plan.used_shares(self._reply)
        return self._used
