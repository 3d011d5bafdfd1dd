"""GET /v1/models: what this key may put in `model`."""

from typing import Any, Final

from fastapi import APIRouter, Request

from router.api.gateway import Gateway
from router.domain import Principal
from router.errors import NotFound
from router.protocols.headers import credential_of

router: Final = APIRouter()


def _entry(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "turnout"}


def _names(request: Request) -> list[str]:
    gateway: Gateway = request.app.state.gateway
    credential = credential_of(dict(request.headers.raw))
    principal: Principal = gateway.serving.authenticator.authenticate(credential)
    return list(gateway.serving.snapshot.policy.visible(principal.tier))


@router.get("/v1/models")
async def list_models(request: Request) -> dict[str, Any]:
    """List them."""
    return {"object": "list", "data": [_entry(name) for name in _names(request)]}


@router.get("/v1/models/{name:path}")
async def one_model(request: Request, name: str) -> dict[str, Any]:
    """Describe one. Raises NotFound."""
    if name not in _names(request):
        raise NotFound(f"The model '{name}' does not exist or you do not have access to it.")
    return _entry(name)
