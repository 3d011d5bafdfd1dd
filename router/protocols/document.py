"""Reading a client's JSON body: strictly where an attacker could hide something, else tolerantly.

Accepted: one UTF-8 JSON object (RFC 8259), at most 200 levels deep, in which no key stands twice:
its bytes can go on to a backend, and every reader of them reads the same (ADR 60). An escape that
is half a character goes on as it came; here it is read as U+FFFD. A body that would keep everybody
waiting while it is read is refused before it is (ADR 133).
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any, Final

import orjson

from router.errors import BadRequest
from router.protocols.aliases import KnownKeys
from router.protocols.burden import MAX_PIECES, UNWEIGHED, is_too_fine
from router.protocols.known_keys import EXTRA_BODY, IN_EXTRA_BODY, LABELS, PLACES
from router.protocols.parameters import DOCUMENTED
from router.protocols.scan import Members, scan
from router.protocols.tolerant_json import without_halves
from router.protocols.twins import UnsafeBody

Names = tuple[str, ...]
NO_NAMES: Final[Names] = ()
MAX_KEY: Final = 1_024  # characters of a key of the body itself
MAX_HALVES: Final = 100_000  # escapes that may be halves of characters, where any is
_TOO_FINE: Final = (
    f"The body holds too much to be read at once: more than {MAX_PIECES:,} texts, keys, objects "
    "and arrays, or as much in numbers and escapes. Send less in one request."
)


def parse_members(
    raw: bytes, known: KnownKeys, metered: AbstractSet[str]
) -> tuple[dict[str, Any], Members, Names]:
    """The JSON object of a request body, where its members stand, and which of them are parameters
    that nobody knows (`router.protocols.parameters`).

    Raises BadRequest where it is none, where a key stands twice, and where a key is one that
    `known` refuses or that `extra_body` must not hold; and where it is cut too finely (`burden`).
    Keys of the body itself and of the objects that `metered` names are the same where a server that
    ignores case and `_` takes them for it.
    """
    small = len(raw) <= UNWEIGHED
    if not small and is_too_fine(raw):
        raise BadRequest(_TOO_FINE, code="body_too_complex")
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        whole = raw if not small and _may_be_halves(raw) > MAX_HALVES else without_halves(raw)
        if whole is raw:
            raise BadRequest(f"The body is not valid JSON: {_reason(error)}.") from None
        return parse_members(whole, known, metered)  # what stands where is the same in both
    if not isinstance(body, dict):
        raise BadRequest("The body must be a JSON object.")
    try:
        members = scan(raw, metered)
    except UnsafeBody as error:
        raise BadRequest(str(error), param=error.param) from None
    if not small and max(map(len, members), default=0) > MAX_KEY:
        raise BadRequest(f"A key of the body has more than {MAX_KEY:,} characters.")
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


def _may_be_halves(raw: bytes) -> int:
    return raw.count(b"\\ud") + raw.count(b"\\uD")


def _reason(error: orjson.JSONDecodeError) -> str:
    """What orjson says, without any of the body: it names the place only."""
    return f"{error.msg} (line {error.lineno}, column {error.colno})".replace("\n", " ")
