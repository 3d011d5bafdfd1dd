"""The administrators' application, on a listener and with a credential of its own."""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from fastapi import APIRouter, FastAPI, Request, Response

from router.api.authorized import doubted
from router.api.door import Door
from router.api.gateway import Gateway
from router.api.inference import Inference
from router.api.rest import bare_application
from router.domain import Principal
from router.errors import Unauthenticated, UnknownPath
from router.operations.operation import Row
from router.world.config import AdminSection
from router.world.reload import Reloader

router: Final = APIRouter(prefix="/admin")
_NOTHING: Final[Mapping[bytes, Row]] = {}


@dataclass(frozen=True, slots=True)
class Administration:
    """What the handlers ask the application for, as `state.administration`."""

    gateway: Gateway
    reloader: Reloader
    token: str = field(repr=False)


class Administered(Inference):
    """What a connection of the administrators' listener asks: nothing of inference is there, and
    its door is another one, so that no crowd at the public one keeps administrators out."""

    row = staticmethod(_NOTHING.get)

    def __init__(self, gateway: Gateway) -> None:
        super().__init__(gateway)
        self.cors = None
        self.door = Door(gateway.door.limits)

    def row_at(self, path: bytes, query: bytes, method: bytes) -> None:
        """There is none."""

    def authenticate(self, authorization: bytes | None) -> Principal:
        """Nobody opens a WebSocket here."""
        raise UnknownPath("There are no WebSockets here.")


def _admitted(request: Request) -> Administration:
    """Return what is administered. Raises Unauthenticated."""
    administration: Administration = request.app.state.administration
    expected = f"Bearer {administration.token}".encode()
    sent = request.headers.get("authorization", "").encode("latin-1")
    if not hmac.compare_digest(sent, expected):
        error = Unauthenticated("Send the admin token of turnout.yaml as a bearer token.")
        raise doubted(request, administration.gateway.door, error)
    return administration


@router.get("/status")
async def status(request: Request) -> dict[str, Any]:
    """Say what is in force on this replica."""
    gateway = _admitted(request).gateway
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


@router.post("/reload")
async def reload(request: Request, response: Response) -> dict[str, Any]:
    """Read the documents again: 200 and the version in force, or 422 and the report."""
    result = _admitted(request).reloader.reload()
    response.status_code = 200 if result.done else 422
    return {"reloaded": result.done, "policy": result.policy, "report": result.report}


def admin_application(section: AdminSection, gateway: Gateway, reloader: Reloader) -> FastAPI:
    """The application that the administrators' listener serves."""
    application = bare_application("Turnout admin")
    token = section.token.get_secret_value()
    application.state.administration = Administration(gateway, reloader, token)
    application.include_router(router)
    return application
