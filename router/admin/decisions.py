"""Why a request went where it went, or was denied: decisions of any gateway, and their outcome."""

from typing import Annotated, Any, Final

from fastapi import Path, Query

from router.admin.call import Answer, Call, Calling
from router.admin.models import Name, Told
from router.admin.pages import PageQuery
from router.admin.problems import not_found, unprocessable
from router.admin.routing import AdminRoutes
from router.decisions.store import DecisionStore, Wanted
from router.decisions.told import decision_document, decision_page

routes: Final = AdminRoutes("decisions")
Id = Annotated[str, Path(pattern=r"^[0-9a-zA-Z._-]{1,64}$")]


class DecisionQuery(PageQuery):
    """Which decisions; `denied`: those alone that were refused, or those alone that were not."""

    organization: Name | None = None
    team: Name | None = None
    key: Name | None = None
    denied: bool | None = None


class Decision(Told):
    """One decision: what was decided and each try, with the outcome; or why it was denied. Money is
    decimal USD as text."""

    id: str
    at: str
    organization: str
    team: str | None
    key: str | None
    tier: str | None
    operation: str
    model: str
    policy: str | None
    prices: str | None
    classifier: str | None
    decision: dict[str, Any] | None
    denial: dict[str, Any] | None
    outcome: dict[str, Any] | None
    attempts: list[dict[str, Any]]


class DecisionPage(Told):
    """A page of decisions, newest first. `next_cursor` is null behind the last one."""

    items: list[Decision]
    next_cursor: str | None = None


@routes.serve("GET", "/decisions", "decisions.read", DecisionPage)
def list_decisions(call: Calling, asked: Annotated[DecisionQuery, Query()]) -> Answer:
    """The latest decisions, newest first, taken at any gateway."""
    wanted = Wanted(
        organization=call.scope(asked.organization),
        team=asked.team,
        key_id=asked.key,
        denied=asked.denied,
        limit=asked.limit,
    )
    try:
        found, following = decision_page(_store(call), wanted, asked.cursor)
    except ValueError:
        told = "is no cursor of this list; begin without one"
        raise unprocessable("query.cursor", told) from None
    items = [Decision.model_validate(each) for each in found]
    return Answer(DecisionPage(items=items, next_cursor=following))


@routes.serve("GET", "/decisions/{decision}", "decisions.read", Decision)
def get_decision(call: Calling, decision: Id) -> Answer:
    """The whole truth of one decision, by the id that its answer carried."""
    found = decision_document(_store(call), decision, call.who.organization)
    if found is None:
        raise not_found(f"decision {decision!r}")
    return Answer(Decision.model_validate(found))


def _store(call: Call) -> DecisionStore:
    """Where decisions are. Raises a 404 where this gateway keeps none."""
    recorder = call.parts.gateway.decisions
    if recorder is None:
        raise not_found("decision: this gateway keeps none (`decisions.store`)")
    return recorder.store
