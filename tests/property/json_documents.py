"""JSON documents as text and what is true of them, made without the code under test."""

import json
from random import Random
from typing import Any

from hypothesis import strategies as st

# Spellings of which some fold or decode to the same key, and texts that look like JSON.
KEYS = (
    *("a", "b", "A", "a_", "_a", "a-b", "ab", "model", "Model", "max_tokens", "MAX_TOKENS"),
    *("", "é", "É", "e\u0301", "ß", "SS", "k", "\u212a", "s", "\u017f", "\u0130", "i\u0307"),
    *('"', "\\", "\\u0061", "/", "\x00", "\n", "\x7f", "😀", "\ud7ff", "{", "}:,[]", "key " * 9),
)
NUMBERS = (
    *("0", "-0", "-0.0", "1.0000000000000000001", "1E5", "1e-400", "12345678901234567890123"),
    *("0.1", "2.5e+3", "-" + "9" * 300, "1" * 30 + ".5", "3e0"),
)
WORDS = ("null", "true", "false")
SPACES = ("", "", "", "", " ", "\n", "\t\r\n  ")

# Key, and in bytes: where key and value start, where the value ends.
Found = list[tuple[str, int, int, int]]


class Object(tuple[tuple[str, Any], ...]):
    """Members in their order; a key may stand twice."""

    __slots__ = ()


class Writer:
    """Writes a random document, noting where the members at its top stand."""

    def __init__(self, seed: int) -> None:
        self.pick = Random(seed)
        self.careless = self.pick.random() < 0.25  # whether twins may come about
        self.most = self.pick.choice([2, 4, 8])  # members of an object, items of an array
        self.text = bytearray()
        self.members: Found = []
        self.depth = 0

    def body(self) -> None:
        """Write the document."""
        self.space()
        self.object(self.members)
        self.space()

    def space(self) -> None:
        self.text += self.pick.choice(SPACES).encode()

    def key(self) -> str:
        if self.pick.random() < 0.7:
            return self.pick.choice(KEYS)
        tops = (0x7F, 0x7FF, 0xD7FF, 0x10FFFF)
        points = [
            self.pick.randint(0, self.pick.choice(tops)) for _ in range(self.pick.randint(0, 9))
        ]
        return "".join(chr(point) for point in points if not 0xD800 <= point < 0xE000)

    def string(self, text: str) -> None:
        """Write a string that means `text`, each character spelled in one of its ways."""
        odd = self.pick.choice([0, 0, 0.3, 1])
        out = ""
        for char in text:
            utf16 = char.encode("utf-16-be")
            escape = "".join(f"\\u{utf16[k : k + 2].hex()}" for k in range(0, len(utf16), 2))
            plain = json.dumps(char, ensure_ascii=False)[1:-1]
            out += escape if self.pick.random() < odd else plain
        self.text += b'"%b"' % out.encode()

    def value(self) -> None:
        kind = self.pick.random()
        if kind < 0.45 and self.depth < 5:
            (self.object if kind < 0.25 else self.array)()
        elif kind < 0.7:
            self.string(self.key())
        else:
            self.text += self.pick.choice((*NUMBERS, *WORDS)).encode()

    def array(self) -> None:
        self.depth += 1
        self.text += b"["
        for number in range(self.pick.randint(0, self.most)):
            self.text += b"," if number else b""
            self.space()
            self.value()
            self.space()
        self.text += b"]"
        self.depth -= 1

    def object(self, members: Found | None = None) -> None:
        """Write an object of a few members, seldom of more than the scan compares one by one."""
        self.depth += 1
        self.text += b"{"
        self.space()
        often = 0.3 if self.depth == 1 else 0.1
        many = self.pick.randint(12, 20) if self.pick.random() < often else self.most
        keys = [self.key() for _ in range(self.pick.randint(0, many))]
        if not self.careless:
            keys = list({folded(key): key for key in keys}.values())
        for number, key in enumerate(keys):
            self.text += b"," if number else b""
            self.space()
            start = len(self.text)
            self.string(key)
            self.space()
            self.text += b":"
            self.space()
            value_start = len(self.text)
            self.value()
            if members is not None:
                members.append((key, start, value_start, len(self.text)))
            self.space()
        self.text += b"}"
        self.depth -= 1


def document(seed: int) -> tuple[bytes, Found]:
    """A body and its members."""
    writer = Writer(seed)
    writer.body()
    return bytes(writer.text), writer.members


DOCUMENTS = st.integers(0, 2**48).map(document)


def pairs_of(raw: bytes) -> Any:
    """A document with each object as an Object and each number as it is spelled."""
    return json.loads(raw, object_pairs_hook=Object, parse_int=_number, parse_float=_number)


def _number(spelling: str) -> tuple[str, str]:
    return "number", spelling


def folded(key: str) -> str:
    """What a server that folds takes a key for."""
    return key.casefold().translate({ord("_"): None, ord("-"): None})


def has_twins(value: Any, members: frozenset[str], level: int = 0, name: str = "") -> bool:
    """Whether an object has a key twice, that at the top and those of `members` after folding."""
    if isinstance(value, list):
        return any(has_twins(item, members, level + 1) for item in value)
    if not isinstance(value, Object):
        return False
    keys = [key for key, _ in value]
    if level == 0 or (level == 1 and name in members):
        keys = [folded(key) for key in keys]
    if len(set(keys)) < len(keys):
        return True
    return any(has_twins(item, members, level + 1, key) for key, item in value)


def depth_of(value: Any) -> int:
    """Levels of objects and arrays."""
    if isinstance(value, Object):
        return 1 + max((depth_of(item) for _, item in value), default=0)
    return 1 + max(map(depth_of, value), default=0) if isinstance(value, list) else 0
