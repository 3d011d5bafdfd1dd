"""The administrators' application: its routes, and how what fails is told."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from router.admin import (
    alerts,
    audit,
    backends,
    credentials,
    decisions,
    documents,
    keys,
    organizations,
    policies,
    prepaid,
    provider_credentials,
    sessions,
    status,
    teams,
    usage,
)
from router.admin.admission import Admission
from router.admin.call import stale
from router.admin.document import document_of
from router.admin.parts import Parts
from router.admin.paths import name_in
from router.admin.problems import Problem, response_of
from router.admin.routing import AdminRoutes
from router.api.rest_edge import RestEdge
from router.customers.errors import Conflict, CustomerError, Exists, Invalid, Missing, NoKey
from router.database import DatabaseError
from router.errors import TurnoutError, Unavailable, retry_after
from router.ledger.server.errors import Disconnected

PREFIX: Final = "/admin/v1"
RESOURCES: Final[Sequence[AdminRoutes]] = (
    status.routes,
    backends.routes,
    policies.routes,
    organizations.routes,
    teams.routes,
    keys.routes,
    provider_credentials.routes,
    prepaid.routes,
    usage.routes,
    credentials.routes,
    sessions.routes,
    audit.routes,
    alerts.routes,
    decisions.routes,
    documents.routes,
)
_TITLE: Final = "Turnout admin API"
_NO_DATABASE: Final = "The database does not answer; nothing was changed."
_NO_LEDGER: Final = "The ledger does not answer in time. Send it again: it is done once."
_OWN_WORDS: Final = "Value error, "  # what pydantic writes before those of a validator of ours
_KINDS: Final = frozenset({"number", "rate"})  # ways to write a limit, which are no fields
_SHOWN: Final = 200  # characters of a path


def admin_application(parts: Parts | None) -> FastAPI:
    """The application that the administrators' listener serves; without parts, to look at."""
    application = FastAPI(
        title=_TITLE,
        version="1",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        exception_handlers=_HANDLERS,
        redirect_slashes=False,
    )
    application.state.parts = parts
    for routes in RESOURCES:
        application.include_router(routes, prefix=PREFIX)
    application.include_router(status.older, prefix="/admin")
    application.openapi = lambda: document_of(application)  # type: ignore[method-assign]
    if parts is not None:
        _stand_in_front(application, parts)
    return application


def _stand_in_front(application: FastAPI, parts: Parts) -> None:
    def admission(app: ASGIApp) -> Admission:
        return Admission(app, parts)

    def edge(app: ASGIApp) -> RestEdge:
        return RestEdge(app, None)

    application.add_middleware(admission)
    application.add_middleware(edge)  # the outermost


def _told(request: Request, error: TurnoutError) -> Response:
    return response_of(error, request.scope["request_id"])


async def _ours(request: Request, error: Exception) -> Response:
    return _told(request, error if isinstance(error, TurnoutError) else TurnoutError("It failed."))


async def _no_database(request: Request, _error: Exception) -> Response:
    return _told(request, Unavailable(_NO_DATABASE, headers=retry_after(1000)))


async def _refused(request: Request, error: Exception) -> Response:
    """What the stores of customers refuse, in their own words."""
    if not isinstance(error, CustomerError):
        raise error
    if isinstance(error, Conflict):
        return _told(request, stale())
    status, code = _REFUSALS[type(error)]
    words = f"{error.field}: {error.message}" if status == 422 else f"{error.message}."
    return _told(request, Problem(status, code, words, [(error.field, error.message)]))


async def _late(request: Request, _error: Exception) -> Response:
    return _told(request, Unavailable(_NO_LEDGER, headers=retry_after(1000)))


async def _invalid(request: Request, error: Exception) -> Response:
    found = error.errors() if isinstance(error, RequestValidationError) else []
    errors = [_wrong(item) for item in found]
    detail = "; ".join(f"{field}: {message}" for field, message in errors)
    return _told(request, Problem(422, "invalid", detail or "It is not valid.", errors))


def _wrong(item: Mapping[str, Any]) -> tuple[str, str]:
    """Where a request is wrong, and how, in words for people."""
    if item["type"] == "json_invalid":  # its place is a character's number
        return "body", f"is no JSON: wrong at character {item['loc'][-1]}"
    return _place(item["loc"]), str(item["msg"]).removeprefix(_OWN_WORDS)


def _place(where: Sequence[Any]) -> str:
    """Where in a request: the body's fields by their names, others behind `query`, `path`."""
    parts = [str(part) for part in where if part not in _KINDS]
    return ".".join(parts[1:] if parts[0] == "body" and len(parts) > 1 else parts)


async def _http(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    asked = f"{request.method} {name_in(request.scope['path'])[:_SHOWN]}"
    if status == 404:
        return _told(request, Problem(404, "not_found", f"There is nothing at {asked}."))
    if status == 405:
        allow = (("allow", ", ".join(_methods(request))),)
        return _told(
            request, Problem(405, "method_not_allowed", f"Not allowed: {asked}.", headers=allow)
        )
    return _told(request, Problem(status, "bad_request", str(getattr(error, "detail", ""))))


def api_routes() -> Iterator[tuple[str, APIRoute]]:
    """Every route with the beginning of its path."""
    for prefix, resources in ((PREFIX, RESOURCES), ("/admin", (status.older,))):
        for resource in resources:
            for route in resource.routes:
                if isinstance(route, APIRoute):
                    yield prefix, route


def _methods(request: Request) -> list[str]:
    """The methods of a path: each is a route of its own."""
    path = request.scope["path"]
    found = {
        method
        for prefix, route in api_routes()
        if path.startswith(prefix) and route.path_regex.match(path.removeprefix(prefix))
        for method in route.methods or ()
    }
    return sorted(found)


_REFUSALS: Final[Mapping[type[CustomerError], tuple[int, str]]] = {
    Invalid: (422, "invalid"),
    Missing: (404, "not_found"),
    Exists: (409, "exists"),
    NoKey: (409, "no_secrets_key"),
}
_HANDLERS: Final[dict[Any, Any]] = {
    TurnoutError: _ours,
    HTTPException: _http,
    RequestValidationError: _invalid,
    DatabaseError: _no_database,
    TimeoutError: _late,
    Disconnected: _late,
    CustomerError: _refused,
}
