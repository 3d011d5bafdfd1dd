"""Reading a client's JSON body: strictly where an attacker could hide something, else tolerantly.

Accepted: one UTF-8 JSON object (RFC 8259), at most 200 levels deep, in which no key stands twice:
its bytes can go on to a backend, and every reader of them reads the same (ADR 60). An escape that
is half a character goes on as it came; here it is read as U+FFFD. A body that would keep everybody
waiting while it is read is refused before it is (ADR 133).
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any, Final

import orjson

from router.errors import BadRequest
from router.protocols.ahead import LARGE, MAX_HALVES, Ahead, Outlined, taken
from router.protocols.aliases import KnownKeys
from router.protocols.burden import MAX_PIECES, UNWEIGHED, is_too_fine
from router.protocols.known_keys import EXTRA_BODY, IN_EXTRA_BODY, LABELS, PLACES
from router.protocols.parameters import DOCUMENTED
from router.protocols.scan import Members, scan
from router.protocols.tolerant_json import without_halves
from router.protocols.twins import UnsafeBody

if TYPE_CHECKING:
    from router._cut import Cuts

Names = tuple[str, ...]
NO_NAMES: Final[Names] = ()
MAX_KEY: Final = 1_024  # characters of a key of the body itself
_TOO_FINE: Final = (
    f"The body holds too much to be read at once: more than {MAX_PIECES:,} texts, keys, objects "
    "and arrays, or as much in numbers and escapes. Send less in one request."
)
_LONG_KEY: Final = f"A key of the body has more than {MAX_KEY:,} characters."


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
    if not small and len(raw) > LARGE and (ahead := taken(raw)) is not None:
        return members_ahead(ahead, known, metered)
    if not small and is_too_fine(raw):
        raise BadRequest(_TOO_FINE, code="body_too_complex")
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        whole = raw if not small and _may_be_halves(raw) > MAX_HALVES else without_halves(raw)
        if whole is raw:
            raise BadRequest(f"The body is not valid JSON: {_reason(error)}.") from None
        return parse_members(whole, known, metered)  # what stands where is the same in both
    members = _scanned(raw, body, metered)
    if not small and max(map(len, members), default=0) > MAX_KEY:
        raise BadRequest(_LONG_KEY)
    if members.keys() <= known.plain:  # most bodies
        return body, members, NO_NAMES
    return body, members, _unknown(body, known)


def members_ahead(
    ahead: Ahead, known: KnownKeys, metered: AbstractSet[str]
) -> tuple[dict[str, Any], Members, Names]:
    """The same of a body that was read ahead (`router.protocols.ahead`)."""
    cuts = ahead.cuts
    if cuts is None:
        raise BadRequest(_TOO_FINE, code="body_too_complex")
    small, body = _loaded(cuts, ahead.raw)
    members = _scanned(small, body, metered)
    if max(map(len, members), default=0) > MAX_KEY:
        raise BadRequest(_LONG_KEY)
    cuts.put_back(body)
    for key, (start, value, end) in members.items():
        moved = (at + cuts.missing(at) for at in (start, value, end))
        members[key] = next(moved), next(moved), next(moved)
    members = Outlined(members, cuts.outline, ahead.weight, ahead.texts)
    return body, members, NO_NAMES if members.keys() <= known.plain else _unknown(body, known)


def _loaded(cuts: "Cuts", raw: bytes) -> tuple[bytes, Any]:
    """What is left of a body without its long texts, and what orjson reads of it.

    Halves of characters are mended where they would be if it had not been read ahead.
    """
    small = cuts.small
    try:
        return small, orjson.loads(small)
    except orjson.JSONDecodeError as error:
        many = cuts.halves or cuts.surrogates + _may_be_halves(small) > MAX_HALVES
        whole = small if many or b"\0" in raw else without_halves(small)
        if whole is small:
            raise BadRequest(f"The body is not valid JSON: {_reason(error, cuts)}.") from None
    try:
        return whole, orjson.loads(whole)
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"The body is not valid JSON: {_reason(error, cuts)}.") from None


def _scanned(raw: bytes, body: Any, metered: AbstractSet[str]) -> Members:
    """Where the members of a body stand that orjson read."""
    if not isinstance(body, dict):
        raise BadRequest("The body must be a JSON object.")
    try:
        return scan(raw, metered)
    except UnsafeBody as error:
        raise BadRequest(str(error), param=error.param) from None


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


def _reason(error: orjson.JSONDecodeError, cuts: "Cuts | None" = None) -> str:
    """What orjson says, without any of the body: it names the place only."""
    column = error.colno
    if cuts is not None:
        before = error.doc[: error.pos]
        line, at = before[: before.rfind("\n") + 1], len(before.encode())
        column += cuts.gone(len(line.encode()), at)
    return f"{error.msg} (line {error.lineno}, column {column})".replace("\n", " ")
