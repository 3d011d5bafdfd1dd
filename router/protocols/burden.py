"""How much work a JSON body is, found out before anything parses it.

Parsers cost by the piece, not by the byte: 32 MB that are one text take some ten milliseconds, and
32 MB of `{}` take seconds, in which nobody else is served. So each body that is not small is
weighed in one pass, and one that is cut too finely is refused. What a piece costs was measured with
orjson and the readers of `router.operations` behind it (ADR 133); in units of about 3 nanoseconds:

- 120 for each text, key, object and array;
- 12 for each number or word (true, false, null);
- 4 for each escape in a text;
- 1 for each byte of a key, and outside of texts.

The Python below is the definition; native/burden.c does the same many times faster where installing
found a C compiler.
"""

import re
from collections.abc import Callable
from typing import Final

try:
    from router import _burden
except ImportError:
    _burden = None  # type: ignore[assignment]

EDITION: Final = 1  # of what is weighed: rises whenever native/burden.c must be built anew
PIECE: Final = 120  # and what else weighs: see above
_WORD: Final = 12
_ESCAPE: Final = 4
MAX_PIECES: Final = 50_000  # texts, keys, objects and arrays; ten numbers count as one of them
UNWEIGHED: Final = 65_536  # bytes: a smaller body is little work, whatever it holds
_STRING: Final = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+'
_STRINGS: Final = re.compile(_STRING + rb'(?:"|\\?\Z)', re.DOTALL)
_IS_KEY: Final = re.compile(rb"[ \t\n\r]*:")
_ESCAPES: Final = re.compile(rb"\\(?:.|\Z)", re.DOTALL)
_WORDS: Final = re.compile(rb'[^ \t\n\r,:\[\]{}"]+')


def burden_in_python(raw: bytes, most: int, /) -> int:
    """What `raw` weighs; where that is more than `most`, perhaps only some number above it."""
    outside, strings = _STRINGS.subn(b'"', raw)
    weight = len(outside) - strings + _WORD * len(_WORDS.findall(outside))
    weight += PIECE * (strings + outside.count(b"{") + outside.count(b"["))
    if weight > most:
        return weight
    for string in _STRINGS.finditer(raw):
        weight += _ESCAPE * len(_ESCAPES.findall(string[0]))
        if _IS_KEY.match(raw, string.end()) and string[0][-1:] == b'"' and len(string[0]) > 1:
            weight += len(string[0]) - 2
    return weight


def _in_c() -> Callable[[bytes, int], int] | None:
    """The extension's, where it was built."""
    if _burden is None:
        return None
    if _burden.EDITION != EDITION:
        raise ImportError(
            f"router/_burden was built for edition {_burden.EDITION}, and the source beside it is "
            f"of edition {EDITION}. Build it anew: pip install --editable ."
        )
    return _burden.burden


burden: Final[Callable[[bytes, int], int]] = _in_c() or burden_in_python


def is_too_fine(raw: bytes) -> bool:
    """Whether a body that is not small is cut into more than MAX_PIECES pieces."""
    most = MAX_PIECES * PIECE
    return burden(raw, most) > most
