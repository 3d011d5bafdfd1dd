"""GET /v1/usage: what was used with a key, or by its team or organization, in sums."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from policies.money import usd
from router.api.authorized import principal_of
from router.api.gateway import Gateway
from router.domain import Principal
from router.errors import BadRequest, NotFound, PermissionDenied
from router.usage.store import SUMS, UsageStore

router: Final = APIRouter()
_METHODS: Final = ["GET", "HEAD"]
_BASES: Final = ("/v1/usage", "/usage", "/v1/v1/usage")  # as for inference
_MOST_DAYS: Final = 366
_USUAL_DAYS: Final = 30
_MOST_ROWS: Final = 5_000
# What a customer may tell apart, and the column of it: nothing that an answer does not show.
GROUPS: Final[Mapping[str, str]] = {
    "day": "day",
    "month": "period",
    "model": "asked",
    "route": "route",
    "backend": "backend",
    "operation": "operation",
    "status": "status",
    "key": "key_id",
    "team": "team",
    "user": "end_user",
}
_NOTHING: Final = "This gateway keeps no usage."
_NARROWER: Final = "This key may read the usage of its team or its own: `scope` is `team` or `key`."


class Asked(BaseModel):
    """Which usage, in days of the customer's own calendar: [since, until)."""

    model_config = ConfigDict(extra="forbid")

    since: date | None = None
    until: date | None = None
    group_by: Annotated[str, Field(max_length=100)] = "day"
    scope: Literal["key", "team", "organization"] = "key"
    key: Annotated[str, Field(min_length=1, max_length=128)] | None = None
    user: Annotated[str, Field(min_length=1, max_length=512)] | None = None


async def usage(request: Request, asked: Annotated[Asked, Query()]) -> dict[str, Any]:
    """Tell it."""
    principal = principal_of(request)
    gateway: Gateway = request.app.state.gateway
    readings = gateway.readings
    if readings is None:
        raise NotFound(_NOTHING)
    readings.admit(principal)
    by, (since, until) = _groups(asked), _days(asked)
    where = _where(gateway, principal, asked)
    look = partial(_look, readings.usage, by, where, since.isoformat(), until.isoformat())
    rows = await readings.look(principal.organization, look)
    if len(rows) > _MOST_ROWS:
        raise BadRequest(
            f"That is {len(rows)} rows; at most {_MOST_ROWS} are told at once. Ask for fewer days,"
            " or tell less apart in `group_by`.",
            param="group_by",
        )
    return {
        "object": "list",
        "scope": asked.scope,
        "since": since.isoformat(),
        "until": until.isoformat(),
        "group_by": list(by),
        "data": [_told(row, by) for row in rows],
        "total": _sums({name: sum(row[name] for row in rows) for name in (*SUMS, "cost_pico")}),
    }


def _groups(asked: Asked) -> tuple[str, ...]:
    """What is told apart. Raises BadRequest."""
    names = tuple(dict.fromkeys(name.strip() for name in asked.group_by.split(",")))
    for name in names:
        if name not in GROUPS:
            known = ", ".join(GROUPS)
            raise BadRequest(f"group_by: write some of {known}, by commas.", param="group_by")
    return names


def _days(asked: Asked) -> tuple[date, date]:
    """The days asked for, or the last thirty. Raises BadRequest."""
    until = asked.until or datetime.now(UTC).date() + timedelta(days=2)  # wherever the customer is
    since = asked.since or until - timedelta(days=_USUAL_DAYS)
    if not timedelta(0) < until - since <= timedelta(days=_MOST_DAYS):
        raise BadRequest(
            f"since: it begins before `until`, at most {_MOST_DAYS} days.", param="since"
        )
    return since, until


def _where(gateway: Gateway, principal: Principal, asked: Asked) -> dict[str, str]:
    """Which rows: none but the organization's own, of a key in a team none but the team's.

    Raises PermissionDenied.
    """
    where = {"organization": principal.organization}
    if asked.scope == "organization":
        if principal.team is not None:
            raise PermissionDenied(_NARROWER)
    elif asked.scope == "team":
        if principal.team is None:
            raise BadRequest("scope: this key has no team.", param="scope")
        where["team"] = principal.team
    else:
        where["key_id"] = principal.key_id
    if asked.key is not None and where.setdefault("key_id", asked.key) != asked.key:
        raise PermissionDenied("key: ask with `scope=team` or `scope=organization` for another.")
    if asked.user is not None:
        where["end_user"] = gateway.ledger.pseudonym(asked.user)
    return where


def _look(
    store: UsageStore, by: tuple[str, ...], where: dict[str, str], since: str, until: str
) -> list[dict[str, Any]]:
    return store.totals([GROUPS[name] for name in by], where, since, until)


def _told(row: dict[str, Any], by: tuple[str, ...]) -> dict[str, Any]:
    return {"object": "usage"} | {name: row[GROUPS[name]] for name in by} | _sums(row)


def _sums(row: Mapping[str, Any]) -> dict[str, Any]:
    """The sums that are not nothing, and always the usual ones; money as decimal text of USD."""
    usual = SUMS[:4]
    sums = {name: row[name] for name in SUMS if name in usual or row[name]}
    return sums | {"cost_usd": usd(row["cost_pico"])}


for _base in _BASES:
    router.add_api_route(_base, usage, methods=_METHODS)
