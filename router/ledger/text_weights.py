"""How many tokens a text may have, without a tokenizer: by each byte and the one before it.

Words of the languages that models are trained on take a token for four bytes; digits, base64, rare
scripts take one for each. A third of the bytes is therefore no bound. Here each pair of neighbours
has a weight, in sixtieths of a token, and the sum bounds what eight tokenizers of the field make of
some ninety kinds of text (ADR 127 has the list, and the few kinds that go beyond).

The Python below is the definition; native/weigh.c does the same many times faster where installing
found a C compiler.
"""

from array import array
from collections import Counter
from collections.abc import Callable, Iterator
from sys import byteorder
from typing import Final

try:
    from router import _weigh
except ImportError:
    _weigh = None  # type: ignore[assignment]

TOKEN: Final = 60  # what a token weighs
# What usually follows a letter within a word, of English and of code.
_FOLLOWERS: Final = (
    "abcdgiklmnprstuvwy baeijloruy caehiklortu dadegiorsuy eacdefglmnpqrstvwxy faefilortu gaehinrsu"
    " haeiot iabcdefglmnoprstvxz jes keins ladefilostuy mabeiopsu nacdefgiknopstuvy"
    " oabcdfgiklmnoprstuvw paeiloprstuy qu racdegiklmnorstuvy sacehiklopstuwy tacehiloprstuwy"
    " ucdeilmnprst vaei waehinors xct ynpst ze"
)
_COMMON, _RARE, _SAME = (
    13,
    54,
    20,
)  # a letter after one that it usually follows, or not; a run of it
# A whole character that is no ASCII, by its first byte: up to which byte, and what it weighs.
_CHARACTERS: Final = (
    (0xC1, 60),
    (0xC2, 96),  # signs of Latin-1
    (0xCD, 120),  # Latin with accents
    (0xCF, 78),  # Greek
    (0xD3, 57),  # Cyrillic
    (0xD7, 84),  # Armenian, Hebrew
    (0xDB, 72),  # Arabic
    (0xDF, 120),
    (0xE0, 114),  # Indic scripts, Thai
    (0xE2, 180),
    (0xE3, 78),  # kana
    (0xE9, 96),  # ideographs
    (0xED, 96),  # Hangul
    (0xEF, 180),
    (0xFF, 240),  # emoji and all rare scripts: a token for each byte
)
# What a byte weighs by its kind, after one of another kind: lower case, upper case, digit, space,
# line break or tab, punctuation, control, backslash. `other` is no ASCII.
_KINDS: Final = ("lower", "upper", "digit", "space", "line", "mark", "control", "slash", "other")
_AFTER: Final = {
    #           lower upper digit space line mark control slash
    "lower":   (_RARE,  60,   60,    0,   60,  60,   60,    60),
    "upper":   (_RARE,  43,   60,    0,   60,  60,   60,    60),
    "digit":   (60,     60,   60,    0,   60,  60,   60,    60),
    "space":   (60,     60,  120,    4,   60,  60,   60,    60),
    "line":    (36,     54,   60,   45,   60,  60,   60,    60),
    "mark":    (36,     54,   60,   12,   60,  47,   60,    47),
    "control": (36,     54,   60,    0,   60,  60,   60,    60),
    "slash":   (30,     60,   60,   12,   60,  30,   60,     30),
    "other":   (36,     36,   60,   18,   60,  60,   60,    60),
}  # fmt: skip


def _kind(byte: int) -> str:
    if byte >= 0x80:
        return "other"
    character = chr(byte)
    if character.isalpha():
        return "lower" if character.islower() else "upper"
    if character.isdigit():
        return "digit"
    if character in "\n\r\t":
        return "line"
    if byte < 0x20 or byte == 0x7F:
        return "control"
    return {" ": "space", "\\": "slash"}.get(character, "mark")


def _beyond_ascii() -> Iterator[int]:
    """What bytes from 0x80 on weigh: a character's first one all of it, the others nothing."""
    yield from [0] * 0x40
    first = 0xC0
    for last, weight in _CHARACTERS:
        yield from [weight] * (last + 1 - first)
        first = last + 1


def _pairs() -> bytes:
    kinds = [_kind(byte) for byte in range(256)]
    beyond = bytes(_beyond_ascii())
    rows = {
        kind: bytes([row[_KINDS.index(each)] for each in kinds[:0x80]]) + beyond
        for kind, row in _AFTER.items()
    }
    table = bytearray(b"".join([rows[kind] for kind in kinds]))
    for word in _FOLLOWERS.split():
        for before in (word[0], word[0].upper()):
            for after in word[1:]:
                table[ord(before) << 8 | ord(after)] = _COMMON
    for letter in range(0x80):
        if kinds[letter] in ("lower", "upper"):
            table[letter << 8 | letter] = _SAME
    return bytes(table)


WEIGHTS: Final = _pairs()


def weigh_in_python(text: bytes, weights: bytes, /) -> int:
    """The sum of what each byte weighs after the one before it, the first after a space."""
    pairs: Counter[int] = Counter()
    whole = b" " + text
    for start in (0, 1):
        piece = array("H", whole[start : start + (len(whole) - start) // 2 * 2])
        if byteorder == "little":
            piece.byteswap()
        pairs.update(piece)
    return sum(weights[pair] * times for pair, times in pairs.items())


def _in_c() -> Callable[[bytes, bytes], int] | None:
    if _weigh is None:
        return None
    return _weigh.weigh


weigh: Final[Callable[[bytes, bytes], int]] = _in_c() or weigh_in_python


def weight(text: bytes) -> int:
    """What a text weighs. Of a long one other threads run meanwhile."""
    return weigh(text, WEIGHTS)


def most_tokens(text: bytes) -> int:
    """An upper bound of the tokens of a text in UTF-8, escapes of JSON included: see ADR 127."""
    return -(-weigh(text, WEIGHTS) // TOKEN)
