"""Ends of responses by what is stored of them, where their own gateway has no part in it."""

from typing import Any

import orjson

from router.protocols.responses import running
from router.stored.response import StoredResponse
from router.stored.run import Chunk, Ended


def response_of(stored: StoredResponse) -> dict[str, Any]:
    """A stored response as its client is told it."""
    response: dict[str, Any] = orjson.loads(stored.document)["response"]
    return response


def cancelled(begun: StoredResponse, told: bytes) -> Ended:
    """Its client ended it: no event tells that."""
    return _over(begun, running.cancelled(begun.document, told), None)


def killed(begun: StoredResponse, told: bytes) -> Ended:
    """Its gateway is gone."""
    document, number, event = running.killed(begun.document, told)
    return _over(begun, document, Chunk(number, number, event))


def _over(begun: StoredResponse, document: bytes, last: Chunk | None) -> Ended:
    ended = StoredResponse(begun.id, begun.previous, document)
    instead = StoredResponse(begun.id, begun.previous, running.without_output(document))
    return Ended(ended, last, instead)
