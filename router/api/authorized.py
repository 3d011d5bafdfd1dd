"""Who asks, where FastAPI answers: by the same headers as inference."""

from fastapi import Request

from router.api.gateway import Gateway
from router.domain import Principal
from router.protocols.headers import credential_of


def principal_of(request: Request) -> Principal:
    """Return who asks. Raises Unauthenticated."""
    gateway: Gateway = request.app.state.gateway
    return gateway.serving.authenticator.authenticate(credential_of(dict(request.headers.raw)))
