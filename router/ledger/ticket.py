"""What the gateway asks of the ledger, and what it is given."""

from collections.abc import Mapping
from dataclasses import field

from policies.value import value
from router.domain import Estimate, Principal
from router.ledger.dimensions import Quota


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


@value
class Admission:
    """A request that was let in: the x-ratelimit headers of its answer."""

    hold_id: str
    headers: tuple[tuple[str, str], ...]
    used: Mapping[str, float] = field(
        default_factory=dict
    )  # share used, by "minute", "day", "month"
