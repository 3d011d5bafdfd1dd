"""Who asks, where FastAPI answers: by the same headers as inference."""

from fastapi import Request

from router.api.gateway import Gateway
from router.domain import Principal


def principal_of(request: Request) -> Principal:
    """Return who asks. Raises Unauthenticated."""
    gateway: Gateway = request.app.state.gateway
    header = request.headers.get("authorization")
    if header is None and (key := request.headers.get("x-api-key")):
        header = f"Bearer {key}"  # Anthropic's way to send a key
    return gateway.serving.authenticator.authenticate(header.encode("latin-1") if header else None)
