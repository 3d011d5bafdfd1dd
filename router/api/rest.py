"""Everything but inference, on FastAPI: models, health, metrics; errors in OpenAI's envelope."""

from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from router.api import feedback, health, models
from router.errors import BadRequest, NotFound, TurnoutError
from router.pipeline.gateway import Gateway
from router.wire.envelope import error_body


def _reply(error: TurnoutError) -> Response:
    return Response(
        error_body(error), error.status, dict(error.headers), media_type="application/json"
    )


async def _our_error(_: Request, error: Exception) -> Response:
    return _reply(error if isinstance(error, TurnoutError) else TurnoutError("internal error"))


async def _http_error(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    if status == 404:
        return _reply(NotFound(f"Unknown path: {request.method} {request.url.path}", code=None))
    refusal = BadRequest(str(getattr(error, "detail", "Bad request")))
    return Response(error_body(refusal), status, media_type="application/json")


async def _invalid(_: Request, error: Exception) -> Response:
    places = (
        [".".join(str(part) for part in item["loc"]) for item in error.errors()]
        if isinstance(error, RequestValidationError)
        else []
    )
    return _reply(BadRequest(f"Invalid request: {', '.join(places)}"))


def bare_application(title: str) -> FastAPI:
    """Return a FastAPI application with our errors and without pages of its own."""
    handlers: dict[Any, Any] = {
        TurnoutError: _our_error,
        HTTPException: _http_error,
        RequestValidationError: _invalid,
    }
    return FastAPI(
        title=title,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        exception_handlers=handlers,
        redirect_slashes=False,
    )


def public_application(gateway: Gateway) -> FastAPI:
    """Return what stands behind the inference front.

    Its handlers ask the application for the gateway: FastAPI remembers every handler that it ever
    saw, and a gateway that was closed must not be remembered with them.
    """
    application = bare_application("Turnout")
    application.state.gateway = gateway
    for module in (models, feedback, health):
        application.include_router(module.router)
    return application
