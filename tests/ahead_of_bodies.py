"""What comes of a body that is read ahead, and of one that is parsed at once: for comparison."""

from typing import Any, Final

from router.errors import BadRequest
from router.protocols import ahead as read
from router.protocols import known_keys
from router.protocols.document import members_ahead, parse_members

Outcome = tuple[Any, ...]
LEAST: Final = 12  # bytes of a text that is cut out here: as few as may be
_RULES: Final = (known_keys.CHAT, known_keys.METERED_OF_CHAT)


def at_once(raw: bytes) -> Outcome:
    """The body and where its members stand, or why it is refused."""
    try:
        return parse_members(raw, *_RULES)
    except BadRequest as error:
        return _told(error)


def ahead(raw: bytes) -> Outcome:
    """The same of a body that is read ahead; at once where there is no compiler."""
    if read._CUT is None:
        return at_once(raw)
    try:
        return members_ahead(read.ahead_of(read._CUT, raw, LEAST), *_RULES)
    except BadRequest as error:
        return _told(error)


def _told(error: BadRequest) -> Outcome:
    return str(error), error.param, error.code
