"""A translated chat body as one particular server takes it, by its quirks: the last of all."""

from typing import Any

from router.protocols.hub.writing import Dropped, left_out
from router.protocols.quirks import Quirks, has_long_ids, reshape, reshape_messages
from router.protocols.unsupported import Unsupported


def fit(body: dict[str, Any], quirks: Quirks, limit: int | None, dropped: Dropped) -> None:
    """Make `body` what a server of these quirks takes; what it refuses is left out and named.

    `limit` is the output limit. Unsupported where the server takes fewer stop sequences: with some
    of them the answer would be another.
    """
    body |= quirks.extra
    if not quirks.touched.isdisjoint(body):
        left_out(body, quirks.drop, dropped)
        reshape(body, quirks, limit)
    most = quirks.most_stops
    if most is not None and "stop" in body and len(body["stop"]) > most:
        raise Unsupported("stop")
    messages, longest = body["messages"], quirks.longest_call_id
    if quirks.reshapes_messages or (longest is not None and has_long_ids(messages, longest)):
        body["messages"] = reshape_messages(messages, quirks)
