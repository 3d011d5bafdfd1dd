"""Everything but inference, on FastAPI: models, health, metrics; errors in their envelope."""

from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp

from router.api import (
    chats,
    conversations,
    files,
    health,
    models,
    own_limits,
    own_usage,
    responses,
)
from router.api.cors import Cors
from router.api.envelopes import envelope
from router.api.gateway import Gateway
from router.api.request_id import new_request_id
from router.api.rest_edge import RestEdge
from router.errors import BadRequest, MethodNotAllowed, TurnoutError, UnknownPath
from router.protocols.headers import credential_of

_SHOWN = 200  # characters of a path
_CLIENT_LEFT = 499  # as inference counts them


def _reply(request: Request, error: TurnoutError) -> Response:
    scope = request.scope
    body = envelope(scope["path"].encode(), dict(scope["headers"]))(error)
    return Response(body, error.status, dict(error.headers), media_type="application/json")


async def _our_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, TurnoutError):
        return _reply(request, TurnoutError("internal error"))
    gateway: Gateway | None = getattr(request.app.state, "gateway", None)
    if gateway is not None and gateway.denials is not None:
        fields = dict(reversed(request.headers.raw))  # the first header of a name wins
        path = getattr(request.scope.get("route"), "path", "")
        gateway.denials.note(error, new_request_id(), path, credential_of(fields))
    return _reply(request, error)


async def _http_error(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    asked = f"{request.method} {request.scope['path'][:_SHOWN]}"
    if status == 404:
        return _reply(request, unknown_path(asked))
    if status == 405:
        allowed = (getattr(error, "headers", None) or {}).get("Allow", "")
        methods = sorted({*allowed.replace(",", " ").split(), "OPTIONS"})
        allow = (("allow", ", ".join(methods)),)
        if request.method == "OPTIONS":
            return Response(status_code=204, headers=dict(allow))
        return _reply(request, MethodNotAllowed(f"Not allowed: {asked}", headers=allow))
    refusal = BadRequest(str(getattr(error, "detail", "Bad request")))
    refusal.status = status
    return _reply(request, refusal)


def unknown_path(asked: str) -> UnknownPath:
    """Return what a client is told that asked for nothing that is there."""
    return UnknownPath(
        f"Unknown request URL: {asked}. Please check it for typos: base URLs end with /v1 (those "
        "of Anthropic's clients without it), and docs/api.md lists what is served."
    )


async def _left(_request: Request, _error: Exception) -> Response:
    """A client that left amid its body is nobody's failure, and reads nothing."""
    return Response(status_code=_CLIENT_LEFT)


async def _invalid(request: Request, error: Exception) -> Response:
    """Which parameter is wrong, and how: never what was sent."""
    found = error.errors() if isinstance(error, RequestValidationError) else []
    told = [
        f"{'.'.join(map(str, item['loc'][1:] or item['loc']))}: {item['msg']}" for item in found
    ]
    name = str(found[0]["loc"][-1]) if found else None
    return _reply(request, BadRequest("; ".join(told) or "Invalid request", param=name))


def bare_application(title: str, cors: Cors | None = None) -> FastAPI:
    """Return a FastAPI application with our errors and without pages of its own."""
    handlers: dict[Any, Any] = {
        TurnoutError: _our_error,
        HTTPException: _http_error,
        RequestValidationError: _invalid,
        ClientDisconnect: _left,
    }
    application = FastAPI(
        title=title,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        exception_handlers=handlers,
        redirect_slashes=False,
    )

    def edge(app: ASGIApp) -> RestEdge:
        return RestEdge(app, cors)

    application.add_middleware(edge)
    return application


def public_application(gateway: Gateway) -> FastAPI:
    """Return what stands behind the inference front.

    Its handlers ask the application for the gateway: FastAPI remembers every handler that it ever
    saw, and a gateway that was closed must not be remembered with them.
    """
    application = bare_application("Turnout", gateway.cors)
    application.state.gateway = gateway
    for module in (
        models, responses, conversations, chats, files, own_limits, own_usage, health
    ):  # fmt: skip
        application.include_router(module.router)
    return application
