"""What is in force on this gateway, and reading the documents again."""

from typing import Any, Final

from fastapi import APIRouter, Request, Response

from router.admin.backends import BackendState, states
from router.admin.call import Answer, Call, Calling, call_of
from router.admin.models import Told, maybe_instant
from router.admin.problems import Problem
from router.admin.rights import check
from router.admin.routing import AdminRoutes
from router.world.reload import Reloaded

routes: Final = AdminRoutes("status")
older: Final = APIRouter(include_in_schema=False)  # as they were before there were versions


class Status(Told):
    """What is in force on this gateway."""

    ready: bool
    policy: str
    prices: str
    classifier: str
    device: str
    in_flight: int
    ledger: str | None
    backends: dict[str, BackendState]


class Reload(Told):
    """A reload that put the documents in force: `policy` is the version now; `report` says, a line
    a tier, how many organizations and keys have one that is gone, and are refused."""

    reloaded: bool
    policy: str
    report: str


class Self(Told):
    """Who asks: `credential` is an id, of a person or machine that an identity provider knows too.
    `session` is that of a person who signed in."""

    credential: str
    name: str
    role: str
    organization: str | None
    expires_at: str | None
    session: str | None


@routes.serve("GET", "/status", "status.read", Status)
def get_status(call: Calling) -> Answer:
    """What is in force on this gateway.

    `ledger` says what is amiss with the ledger; null where nothing is.
    """
    gateway = call.parts.gateway
    world = gateway.serving.snapshot
    return Answer(
        Status(
            ready=gateway.ready,
            policy=world.policy.version,
            prices=world.prices.version,
            classifier=gateway.classifier.version,
            device=gateway.classifier.provider,
            in_flight=gateway.metrics.in_flight,
            ledger=None if gateway.watch is None else gateway.watch.trouble,
            backends=call.parts.look(lambda: states(gateway)),
        )
    )


@routes.serve("GET", "/self", "self.read", Self)
def get_self(call: Calling) -> Answer:
    """Whose credential this is, and what it is for."""
    who = call.who
    return Answer(
        Self(
            credential=who.credential,
            name=who.name,
            role=who.role.value,
            organization=who.organization,
            expires_at=maybe_instant(who.until),
            session=who.session,
        )
    )


@routes.serve("POST", "/reload", "policies.reload", Reload, alone=True)
def reload_documents(call: Calling) -> Answer:
    """Read turnout.yaml, the policy and the prices again.

    They go into force whole, or not at all: 422 with the report that `turnout check` gives.
    """
    result = call.parts.look(call.parts.reloader.reload)
    if not result.done:
        more = {"policy": result.policy, "report": result.report}
        raise Problem(422, "documents_refused", "The documents have mistakes.", more=more)
    _note(call, result)
    return Answer(Reload(reloaded=True, policy=result.policy, report=result.report))


@older.get("/status")
async def older_status(request: Request) -> dict[str, Any]:
    """What is in force, at the path that it had before."""
    call = call_of(request)
    check(call.who, "status.read")
    gateway = call.parts.gateway
    world = gateway.serving.snapshot
    return {
        "ready": gateway.ready,
        "policy": world.policy.version,
        "prices": world.prices.version,
        "classifier": gateway.classifier.version,
        "device": gateway.classifier.provider,
        "in_flight": gateway.metrics.in_flight,
        "backends": {
            name: {"healthy": state.healthy, "in_flight": state.in_flight}
            for name, state in gateway.serving.backends.view().items()
        },
    }


@older.post("/reload")
async def older_reload(request: Request, response: Response) -> dict[str, Any]:
    """Read the documents again, at the path that it had before: 200 and the version in force, or
    422 and the report."""
    call = call_of(request)
    check(call.who, "policies.reload")
    result = call.parts.reloader.reload()
    if result.done:
        await call.parts.threads.run(lambda: _note(call, result))
    response.status_code = 200 if result.done else 422
    return {"reloaded": result.done, "policy": result.policy, "report": result.report}


def _note(call: Call, result: Reloaded) -> None:
    with call.change("policies.reload", "policies") as told:
        told.after = {"policy": result.policy} | (
            {"report": result.report} if result.report else {}
        )
