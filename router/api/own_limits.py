"""GET /v1/limits: every limit in force for the key that asks, what is used of it, last denials."""

from collections.abc import Sequence
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from policies.language.tiers import UNBOUNDED
from policies.money import PICO_PER_NANO, usd
from router.api.authorized import principal_of
from router.api.gateway import Gateway
from router.decisions.store import Wanted
from router.decisions.told import denial_of, instant
from router.domain import Principal
from router.errors import LedgerUnavailable, retry_after
from router.ledger.codec import METRICS
from router.ledger.quotas.dimensions import DIMENSIONS, EXHAUSTED
from router.ledger.server.errors import Disconnected
from router.ledger.used import Used, Whose
from router.pipeline.runs import kept_name

router: Final = APIRouter()
_METHODS: Final = ["GET", "HEAD"]
_BASES: Final = ("/v1/limits", "/limits", "/v1/v1/limits")  # as for inference
_ORGANIZATIONS: Final = ("organization", EXHAUSTED)


class Asked(BaseModel):
    """For whom within the key's own: an end user, what is put in `model`, an agent's run; and how
    many denials are wanted.
    """

    model_config = ConfigDict(extra="forbid")

    user: Annotated[str, Field(min_length=1, max_length=512)] | None = None
    model: Annotated[str, Field(min_length=1, max_length=512)] | None = None
    run: Annotated[str, Field(min_length=1, max_length=512)] | None = None
    denials: Annotated[int, Field(ge=0, le=100)] = 10


async def limits(request: Request, asked: Annotated[Asked, Query()]) -> dict[str, Any]:
    """Tell them. One round trip to the ledger, one look into the database for the denials."""
    principal = principal_of(request)
    gateway: Gateway = request.app.state.gateway
    if gateway.readings is not None:
        gateway.readings.admit(principal)
    return {
        "object": "list",
        "organization": principal.organization,
        "team": principal.team,
        "key": principal.key_id,
        "tier": principal.tier,
        "data": [_told(used) for used in await _used(gateway, principal, asked)],
        "denials": await _denials(gateway, principal, asked.denials),
    }


async def _used(gateway: Gateway, principal: Principal, asked: Asked) -> Sequence[Used]:
    """What is used of each limit. Raises LedgerUnavailable."""
    world = gateway.serving.snapshot
    alias = world.policy.aliases.get(asked.model or "")
    whose = Whose(
        principal.organization,
        team=principal.team,
        key=principal.key_id,
        user=asked.user,
        model=asked.model if alias is None else alias.route,
        run=None if asked.run is None else kept_name(asked.run),
    )
    try:
        ((*found,),) = await gateway.ledger.used_of([(whose, world.standing_of(principal).quotas)])
    except Disconnected:
        raise LedgerUnavailable(
            "The usage ledger does not answer. Please try again.", headers=retry_after(1_000)
        ) from None
    return [used for used in found if used.limit < UNBOUNDED]


async def _denials(gateway: Gateway, principal: Principal, most: int) -> list[dict[str, Any]]:
    """The key's own, the newest first."""
    readings = gateway.readings
    if not most or readings is None:
        return []
    wanted = Wanted(principal.organization, key_id=principal.key_id, denied=True, limit=most)
    store = readings.decisions
    found = await readings.look(principal.organization, lambda: store.page(wanted))
    return [denial_of(stored) for stored in found]


def _told(used: Used) -> dict[str, Any]:
    """One limit; amounts of money as decimal strings of USD."""
    row = DIMENSIONS[used.dimension]

    def amount(number: int | None) -> int | str | None:
        return usd(number * PICO_PER_NANO) if number is not None and row.money else number

    return {
        "object": "limit",
        "level": used.level,
        "limit": used.dimension,
        "unit": _unit(row.metric, money=row.money),
        "most": amount(used.limit),
        "used": amount(used.used),
        "held": amount(used.held),
        "remaining": amount(used.remaining),
        "rolled_over": amount(used.rolled_over),
        "since": _at(used.since),
        "until": _at(used.until),
        "resets_at": _at(used.reset_at),
        "forecast": amount(used.forecast),
        "exhausted_at": _at(used.exhausted_at),
    }


def _unit(metric: int, *, money: bool) -> str:
    return "usd" if money else METRICS[metric - 1]


def _at(ms: int | None) -> str | None:
    return None if ms is None else instant(ms)


for _base in _BASES:
    router.add_api_route(_base, limits, methods=_METHODS)
