"""Who asks, where FastAPI answers: by the same headers as inference."""

from fastapi import Request

from router.api.door import Door
from router.api.gateway import Gateway
from router.api.heads import FORWARDED
from router.domain import Principal
from router.errors import TurnoutError, Unauthenticated
from router.protocols.headers import credential_of


def principal_of(request: Request) -> Principal:
    """Return who asks. Raises Unauthenticated; LimitExceeded where too many did in vain."""
    gateway: Gateway = request.app.state.gateway
    fields = dict(reversed(request.headers.raw))  # the first header of a name wins
    try:
        return gateway.serving.authenticator.authenticate(credential_of(fields))
    except Unauthenticated as error:
        raise doubted(request, gateway.door, error) from None


def doubted(request: Request, door: Door, error: Unauthenticated) -> TurnoutError:
    """Return what a client is told that has no key: too many of its address have to wait."""
    said = request.headers.getlist(FORWARDED.decode())
    peer = request.client.host if request.client else ""
    limited = door.wrong_key(peer, ",".join(said).encode("latin-1"))
    if limited is None:
        return error
    limited.headers += (("connection", "close"),)
    return limited
