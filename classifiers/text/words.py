"""Texts to words, and words to numbers.

A word is a run of letters and digits, or one sign; one Chinese, Japanese or Korean character is a
word too. Words are lower case, digits are zeros. The words seen lately are remembered with what is
known of them, so that a word is hashed and looked up in its classes once and not in every prompt.
"""

import re
import struct
from collections.abc import Iterable, Mapping
from typing import Final
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

WORDS: Final = 1 << 16  # word numbers run from 1 to WORDS - 1; 0 is padding

REMEMBERED: Final = 100_000  # words; some 20 MB
_LONGEST: Final = 64  # characters of a word worth remembering
_WORD: Final = re.compile(
    r"[\u2e80-\u9fff\uac00-\ud7af]|[^\W_\u2e80-\u9fff\uac00-\ud7af]+|[^\w\s]|_"
)
_FOREIGN: Final = re.compile(r"[^\x00-\x7f]+")
# What stands alone beyond ASCII: signs, and characters that are words.
_ALONE: Final = re.compile(r"[^\w\s\x00-\x7f]|[\u2e80-\u9fff\uac00-\ud7af]")
_WIDE_SPACE: Final = "\u3000"  # counts as a Chinese character
_FEW: Final = 16  # different ones; with more the regular expression is quicker
_SIGNS: Final = b"!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
_CONTROLS: Final = bytes([*range(9), *range(14, 28), 127])
_GAP: Final = b"\xff"  # never part of UTF-8
LONG_WORD: Final = 10  # characters
_MOST_CLASSES: Final = 8
_RECORD: Final = struct.Struct(f"=I{_MOST_CLASSES}s")  # number, classes, the rest zeros
_LONG: Final = b"\x01"  # the class of long words


def _spaced(signs: bytes) -> NDArray[np.uint32]:
    """Four bytes for one: a sign between spaces, a digit as a zero, and gaps to be taken out."""
    table = np.full((256, 4), _GAP[0], dtype=np.uint8)
    table[:, 0] = np.arange(256)
    table[list(b"123456789"), 0] = ord("0")
    for sign in signs:
        table[sign] = (ord(" "), sign, ord(" "), _GAP[0])
    return table.view(np.uint32).ravel()


_SPACED: Final = _spaced(_SIGNS)
_SPACED_FOREIGN: Final = _spaced(_SIGNS + _CONTROLS)  # control characters are signs there


def words_of(text: str) -> list[str]:
    """The words and signs of a text, lower case, digits flattened to zeros.

    Setting spaces around signs and splitting says what the regular expression says. A table does it
    for all of ASCII at once, in a quarter of the expression's time.
    """
    flat = text.lower()
    if flat.isascii():
        return _split(flat, _SPACED)
    alone = _ALONE.findall("".join(set("".join(_FOREIGN.findall(flat)))))
    if len(alone) <= _FEW and _WIDE_SPACE not in alone:
        for sign in alone:
            flat = flat.replace(sign, f" {sign} ")
        return _split(flat, _SPACED_FOREIGN)
    for digit in "123456789":  # translate() looks every foreign character up and fails
        flat = flat.replace(digit, "0")
    return _WORD.findall(flat)


def _split(flat: str, table: NDArray[np.uint32]) -> list[str]:
    letters = np.frombuffer(flat.encode("utf-8", "surrogatepass"), dtype=np.uint8)
    spaced = table.take(letters).tobytes().translate(None, _GAP)
    return spaced.decode("utf-8", "surrogatepass").split()


def number_of(word: str) -> int:
    """The number of a word, 1 to WORDS - 1, the same in every process."""
    return crc32(word.encode("utf-8", "surrogatepass")) % (WORDS - 1) + 1


class KnownWords(dict[str, bytes]):
    """Word to number and classes, packed; remembered for the words seen lately.

    `classes` says which classes a word is in, as numbers from 1 to 255: at most seven, since long
    words are one more. Raises ValueError for more.
    """

    def __init__(self, classes: Mapping[str, tuple[int, ...]]) -> None:
        super().__init__()
        if any(len(numbers) >= _MOST_CLASSES for numbers in classes.values()):
            raise ValueError(f"a word is in {_MOST_CLASSES} classes or more")
        self._classes = {word: bytes(numbers) for word, numbers in classes.items()}

    def __missing__(self, word: str) -> bytes:
        classes = self._classes.get(word, b"") + _LONG * (len(word) >= LONG_WORD)
        record = _RECORD.pack(number_of(word), classes)
        if len(word) <= _LONGEST:
            if len(self) >= REMEMBERED:
                self.clear()
            self[word] = record
        return record


class LookedUp:
    """What is known of each of `words`.

    Joining bytes that are packed already costs half of turning as many integers into an array.
    """

    __slots__ = ("_packed", "numbers")

    def __init__(self, known: KnownWords, words: Iterable[str]) -> None:
        self._packed = b"".join(map(known.__getitem__, words))
        table = np.frombuffer(self._packed, dtype=np.uint32).reshape(-1, _RECORD.size // 4)
        self.numbers: NDArray[np.uint32] = table[:, 0]

    def counts(self, start: int, end: int, classes: int) -> list[int]:
        """How many words from `start` to `end` are in each class: 0 means nothing, 1 long words."""
        records = np.frombuffer(self._packed, dtype=np.uint8).reshape(-1, _RECORD.size)
        counted: list[int] = np.bincount(records[start:end, 4:].ravel(), minlength=classes).tolist()
        return counted
