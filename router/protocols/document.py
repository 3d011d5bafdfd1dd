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
from router.protocols.known_keys import EXTRA_BODY, IN_EXTRA_BODY
from router.protocols.scan import Members, scan
from router.protocols.tolerant_json import without_halves
from router.protocols.twins import UnsafeBody

MAX_KEY: Final = 1_024  # characters of a key of the body itself
MAX_HALVES: Final = 100_000  # escapes that may be halves of characters, where any is
_TOO_FINE: Final = (
    f"The body holds too much to be read at once: more than {MAX_PIECES:,} texts, keys, objects "
    "and arrays, or as much in numbers and escapes. Send less in one request."
)


def parse_members(
    raw: bytes, known: KnownKeys, metered: AbstractSet[str]
) -> tuple[dict[str, Any], Members]:
    """The JSON object of a request body, and where its members stand.

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
    if not members.keys() <= known.keys:
        refuse_aliases(members, known)
        extra = body.get(EXTRA_BODY)
        if isinstance(extra, dict):
            refuse_aliases(extra, IN_EXTRA_BODY)
    return body, members


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
