"""What a connection of the administrators' listener asks: nothing of inference is there."""

from collections.abc import Mapping
from typing import Final

from router.admin.problems import MEDIA_TYPE, document_of
from router.api.door import Door
from router.api.gateway import Gateway
from router.api.inference import Inference
from router.api.refusal import last_answer
from router.api.request_id import new_request_id
from router.domain import Principal
from router.errors import TurnoutError, UnknownPath
from router.operations.operation import Row

_NOTHING: Final[Mapping[bytes, Row]] = {}


def _refusal(url: bytes, error: TurnoutError) -> bytes:
    """Return the last answer of a connection whose request never became one."""
    del url  # all are told alike
    name = new_request_id()
    return last_answer(error, document_of(error, name), name.encode(), MEDIA_TYPE.encode())


class Administered(Inference):
    """Its door is another one, so that no crowd at the public one keeps administrators out."""

    row = staticmethod(_NOTHING.get)
    refusal = staticmethod(_refusal)

    def __init__(self, gateway: Gateway) -> None:
        super().__init__(gateway)
        self.cors = None
        self.door = Door(gateway.door.limits)

    def row_at(self, path: bytes, query: bytes, method: bytes) -> None:
        """There is none."""

    def authenticate(self, authorization: bytes | None) -> Principal:
        """Nobody opens a WebSocket here."""
        raise UnknownPath("There are no WebSockets here.")
