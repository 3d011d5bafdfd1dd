"""Routes of the admin API: each names its action in the table of rights, or there is no route."""

import inspect
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel

from policies.headers import PREFIX
from router.admin.call import call_of
from router.admin.conduct import Handler, conduct
from router.admin.paths import name_in
from router.admin.problems import not_found
from router.admin.rights import RIGHTS, check

ACTION: Final = f"{PREFIX}action"
SCOPE: Final = "organization"  # a parameter of a path


class AdminRoute(APIRoute):
    """Checks who may, before anything of the request is looked at: the role by the table of rights,
    then the organization of the path, which does not exist for credentials of another one."""

    @property
    def action(self) -> str:
        """The row of the table of rights. Raises KeyError where the route names none."""
        name: str = (self.openapi_extra or {})[ACTION]
        return name

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return what answers a request."""
        handle, action = super().get_route_handler(), self.action
        if action not in RIGHTS:
            raise KeyError(f"{self.path}: no row of RIGHTS is named {action!r}")

        async def checked(request: Request) -> Response:
            call = call_of(request)
            given = {name: name_in(value) for name, value in request.path_params.items()}
            request.scope["path_params"] = given
            for name, value in given.items():
                if not value.isprintable():
                    raise not_found(f"such {name}")
            if SCOPE in given:
                call.see(given[SCOPE])
            check(call.who, action)
            return await handle(request)

        return checked


class AdminRoutes(APIRouter):
    """Routes of one resource."""

    def __init__(self, tag: str) -> None:
        super().__init__(route_class=AdminRoute, tags=[tag])

    def serve(
        self,
        method: str,
        path: str,
        action: str,
        answers: type[BaseModel] | str,
        *,
        status: int = 200,
        alone: bool = False,
    ) -> Callable[[Handler], Handler]:
        """Serve a path by a handler, which blocks and gets a `call: Calling`.

        `answers` is a model, or the media type of a text. What changes something runs in one
        transaction, but where it makes its own (`alone`).
        """

        def added(handler: Handler) -> Handler:
            self.add_api_route(
                path,
                _endpoint(handler, alone=alone),
                methods=[method],
                response_model=None if isinstance(answers, str) else answers,
                responses=_text(answers) if isinstance(answers, str) else None,
                status_code=status,
                openapi_extra={ACTION: action},
                operation_id=handler.__name__,
                summary=(handler.__doc__ or "").split(".")[0],
                description=handler.__doc__,
            )
            return handler

        return added


def _text(media_type: str) -> dict[int | str, dict[str, Any]]:
    return {200: {"content": {media_type: {"schema": {"type": "string"}}}}}


def _endpoint(handler: Handler, *, alone: bool) -> Callable[..., Coroutine[Any, Any, Response]]:
    async def endpoint(**given: Any) -> Response:
        work = partial(conduct, handler, given, alone=alone)
        response: Response = await given["call"].parts.threads.run(work)
        return response

    endpoint.__signature__ = inspect.signature(handler)  # type: ignore[attr-defined] # FastAPI reads it
    endpoint.__name__ = handler.__name__
    return endpoint
