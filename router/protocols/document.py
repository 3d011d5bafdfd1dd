"""Reading a client's JSON body: strictly where an attacker could hide something, else tolerantly.

Accepted: one UTF-8 JSON object (RFC 8259), at most 200 levels deep, in which no key stands twice:
its bytes can go on to a backend, and every reader of them reads the same (ADR 60). An escape that
is half a character goes on as it came; here it is read as U+FFFD.
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any, Final

import orjson

from router.errors import BadRequest
from router.protocols.aliases import KnownKeys
from router.protocols.known_keys import EXTRA_BODY, IN_EXTRA_BODY, LABELS, PLACES
from router.protocols.parameters import DOCUMENTED
from router.protocols.scan import Members, scan
from router.protocols.tolerant_json import without_halves
from router.protocols.twins import UnsafeBody

Names = tuple[str, ...]
NO_NAMES: Final[Names] = ()


def parse_members(
    raw: bytes, known: KnownKeys, metered: AbstractSet[str]
) -> tuple[dict[str, Any], Members, Names]:
    """The JSON object of a request body, where its members stand, and which of them are parameters
    that nobody knows (`router.protocols.parameters`).

    Raises BadRequest where it is none, where a key stands twice, and where a key is one that
    `known` refuses or that `extra_body` must not hold. Keys of the body itself and of the objects
    that `metered` names are the same where a server that ignores case and `_` takes them for it.
    """
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        whole = without_halves(raw)
        if whole is raw:
            raise BadRequest(f"The body is not valid JSON: {_reason(error)}.") from None
        return parse_members(whole, known, metered)  # what stands where is the same in both
    if not isinstance(body, dict):
        raise BadRequest("The body must be a JSON object.")
    try:
        members = scan(raw, metered)
    except UnsafeBody as error:
        raise BadRequest(str(error), param=error.param) from None
    if members.keys() <= known.plain:  # most bodies
        return body, members, NO_NAMES
    return body, members, _unknown(body, known)


def _unknown(body: dict[str, Any], known: KnownKeys) -> Names:
    """The parameters that nobody knows; BadRequest for one that no server may be sent."""
    refuse_aliases(body, known)
    extra = body.get(EXTRA_BODY)
    if isinstance(extra, dict):
        refuse_aliases(extra, IN_EXTRA_BODY)
    labels = body.get(LABELS)
    if isinstance(labels, dict):
        refuse_aliases(labels, PLACES)
    return unknown_names(body, known)


def unknown_names(given: Mapping[str, Any], known: KnownKeys) -> Names:
    """Those of the parameters that neither the protocol nor any server is known to have."""
    if given.keys() <= known.keys:
        return NO_NAMES
    return tuple([name for name in given if name not in known.keys and name not in DOCUMENTED])


def refuse_aliases(members: Mapping[str, Any], known: KnownKeys) -> None:
    """BadRequest where a key is only another word for a known one, or not allowed."""
    try:
        known.refuse_aliases(members)
    except UnsafeBody as error:
        raise BadRequest(str(error), param=error.param, code=error.code) from None


def _reason(error: orjson.JSONDecodeError) -> str:
    """What orjson says, without any of the body: it names the place only."""
    return f"{error.msg} (line {error.lineno}, column {error.colno})".replace("\n", " ")
