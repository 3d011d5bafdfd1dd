"""Everything but inference, on FastAPI: models, health, metrics; errors in OpenAI's envelope."""

from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from router.api import health, models
from router.api.gateway import Gateway
from router.api.request_id import new_request_id, sent_request_id
from router.errors import BadRequest, MethodNotAllowed, NotFound, TurnoutError
from router.protocols.envelope import error_body


def _reply(error: TurnoutError) -> Response:
    return Response(
        error_body(error), error.status, dict(error.headers), media_type="application/json"
    )


async def _our_error(_: Request, error: Exception) -> Response:
    return _reply(error if isinstance(error, TurnoutError) else TurnoutError("internal error"))


async def _http_error(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    if status == 404:
        return _reply(NotFound(f"Unknown path: {request.method} {request.url.path}"))
    if status == 405:
        allowed = tuple((getattr(error, "headers", None) or {}).items())
        words = f"Not allowed: {request.method} {request.url.path}"
        return _reply(MethodNotAllowed(words, headers=allowed))
    refusal = BadRequest(str(getattr(error, "detail", "Bad request")))
    return Response(error_body(refusal), status, media_type="application/json")


async def _invalid(_: Request, error: Exception) -> Response:
    places = (
        [".".join(str(part) for part in item["loc"]) for item in error.errors()]
        if isinstance(error, RequestValidationError)
        else []
    )
    return _reply(BadRequest(f"Invalid request: {', '.join(places)}"))


class _Named:
    """Puts `x-request-id` on every answer, as inference does: the client's own, or a fresh one."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        sent = dict(scope.get("headers", ())).get(b"x-request-id")
        name = sent_request_id(sent) or new_request_id()

        async def named(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["x-request-id"] = name
            await send(message)

        await self._app(scope, receive, named)


def bare_application(title: str) -> FastAPI:
    """Return a FastAPI application with our errors and without pages of its own."""
    handlers: dict[Any, Any] = {
        TurnoutError: _our_error,
        HTTPException: _http_error,
        RequestValidationError: _invalid,
    }
    application = FastAPI(
        title=title,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        exception_handlers=handlers,
        redirect_slashes=False,
    )
    application.add_middleware(_Named)
    return application


def public_application(gateway: Gateway) -> FastAPI:
    """Return what stands behind the inference front.

    Its handlers ask the application for the gateway: FastAPI remembers every handler that it ever
    saw, and a gateway that was closed must not be remembered with them.
    """
    application = bare_application("Turnout")
    application.state.gateway = gateway
    for module in (models, health):
        application.include_router(module.router)
    return application
