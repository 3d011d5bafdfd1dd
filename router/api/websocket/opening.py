"""Opening a WebSocket: who may, where, from which page. What is refused is refused over HTTP."""

import logging
from collections.abc import Mapping
from typing import Final, NamedTuple

from websockets.datastructures import Headers
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol

from router.api.inference import Inference
from router.api.request_id import new_request_id, sent_request_id
from router.errors import BadRequest, PermissionDenied
from router.operations.operation import Operation
from router.operations.paths import row_at
from router.operations.table import OPERATIONS
from router.protocols.headers import credential_of, join_lists

_WEBSOCKET: Final = b"websocket"
_UPGRADE: Final = b"upgrade"
_PLACES: Final = " and ".join(row.path for row in OPERATIONS if row.over_websocket)
_OPENED: Final = 101
_HEADERS: Final = (("sec-websocket-version", "13"),)
# It would tell frames, which hold prompts, where the root logger is asked for everything.
_LOG: Final = logging.getLogger(__name__)
_LOG.setLevel(logging.WARNING)

Pairs = list[tuple[bytes, bytes]]


class Opening(NamedTuple):
    """A WebSocket that is about to be opened: what is asked over it, by which headers, what head
    answers the offer, and what reads and writes its frames."""

    row: Operation
    fields: dict[bytes, bytes]
    head: bytes
    frames: ServerProtocol


def opening(method: bytes, url: bytes, headers: Pairs, inference: Inference) -> Opening | None:
    """Return the WebSocket that a request offers to open.

    None where it offers none, or asks for what inference does not serve: it is then a request like
    any other. Raises BadRequest, Unauthenticated, PermissionDenied.
    """
    fields = dict(reversed(headers))  # the first header of a name wins
    if method != b"GET" or fields.get(_UPGRADE, b"").lower() != _WEBSOCKET:
        return None
    path, _, query = url.partition(b"?")
    row = row_at(path, query)
    if row is None:
        return None
    if not isinstance(row, Operation) or not row.over_websocket:
        raise BadRequest(f"There is no WebSocket mode at {row.path}; there is at {_PLACES}.")
    join_lists(fields, headers)
    _refuse_strange_pages(fields, inference)
    inference.authenticate(credential_of(fields))
    head = _handshake(url, headers, fields)
    most = inference.limits.body
    return Opening(row, fields, head, ServerProtocol(state=State.OPEN, max_size=most, logger=_LOG))


def _refuse_strange_pages(fields: Mapping[bytes, bytes], inference: Inference) -> None:
    """PermissionDenied for a page of an origin that may not call: browsers do not ask before they
    open a WebSocket. Some clients that are no browsers name the gateway's own."""
    origin = fields.get(b"origin")
    if origin is None or origin.partition(b"://")[2] == fields.get(b"host"):
        return
    if inference.cors is None or not inference.cors.allows(origin):
        raise PermissionDenied(
            "Pages of this origin may not call this gateway; its operator names those that may in "
            "`cors.origins`.",
            code="origin_not_allowed",
        )


def _handshake(url: bytes, headers: Pairs, fields: Mapping[bytes, bytes]) -> bytes:
    """The head that answers it. Raises BadRequest."""
    given = Headers((name.decode("latin-1"), sent.decode("latin-1")) for name, sent in headers)
    shakes = ServerProtocol(logger=_LOG)
    response = shakes.accept(Request(url.decode("latin-1"), given))
    if response.status_code != _OPENED:
        raise BadRequest(
            f"This is not how a WebSocket is opened: {shakes.handshake_exc}.", headers=_HEADERS
        )
    known = sent_request_id(fields.get(b"x-request-id")) or new_request_id()
    response.headers["x-request-id"] = known
    return response.serialize()
