"""The codec's layouts and codes as text for the scripts: each NAME in a script is written as its
literal. No script repeats one of these numbers (a test reads them all).

A number that is looked up by its name costs a script 50 ns each time, a literal nothing.
"""

import struct
from collections.abc import Iterable
from typing import Final

from router.ledger import codec, keys

_MOST_NUMBERS: Final = 160  # of a hold that is read by a format made before
_MOST_INTEGERS: Final = 156  # of a reply
# For how long what is over is known at least. The server's own clock ends it, so this is what that
# clock may jump ahead before anything is counted twice: more than any two time zones are apart.
_KEPT_MS: Final = 16 * 3_600_000
_LUA_LETTERS: Final = {"q": "i8", "I": "I4", "c": "B"}
_NUMBER_BYTES: Final = 8
_RESTING: Final = {letter: len(row.resting) for letter, row in codec.ALGORITHMS.items()}
_CHANGING: Final = {letter: len(row.changing) for letter, row in codec.ALGORITHMS.items()}


def lua_constants() -> dict[str, str]:
    """Every name that the scripts may say, and its literal."""
    numbers = {**_NUMBERS, **_sizes()}
    return {
        **{name: str(number) for name, number in numbers.items()},
        **{name: _quoted(text) for name, text in {**_FORMATS, **_TEXTS}.items()},
        "CHANGING_BYTES": _by_algorithm(_CHANGING),
        "RESTING_BYTES": _by_algorithm(_RESTING),
    }


_NUMBERS: Final = {
    # Replies.
    "DENIED": codec.DENIED, "RESERVED_BEFORE": codec.RESERVED_BEFORE, "STALE": codec.STALE,
    "MANY_RUNS": codec.MANY_RUNS,
    "GRANTED": codec.GRANTED, "RENEWED": codec.RENEWED, "GONE": codec.GONE,
    "SETTLED": codec.SETTLED, "SETTLED_BEFORE": codec.SETTLED_BEFORE, "ADJUSTED": codec.ADJUSTED,
    "UNKNOWN": codec.UNKNOWN, "NEVER": codec.NEVER,
    # Keys of reserve before its scopes; digits of a hold's id.
    "KEYS_BEFORE_SCOPES": keys.KEYS_BEFORE_SCOPES,
    "MARK_NAME_FIRST": keys.MARK_NAME.start + 1, "MARK_NAME_LAST": keys.MARK_NAME.stop,
    "MARK_BIT_FIRST": keys.MARK_BIT.start + 1, "HEXADECIMAL": 16,
    # Of the vector of what a call wants, and of what it needs at least: places before the first.
    "WANT": len(codec.ASK_FIELDS), "NEED": len(codec.ASK_FIELDS) + len(codec.METRICS),
    "METRICS": len(codec.METRICS),
    # A plan and its scopes begin with so many bytes; a hold, its items and pieces have so many
    # numbers.
    "PLAN_HEAD": 2, "SCOPE_HEAD": 3, "HOLD_NUMBERS": 2, "ITEM_NUMBERS": 2, "PIECE_NUMBERS": 3,
    # Arguments: of each hold of a heartbeat; where a pool's classes and slot ids begin.
    "RENEW_ARGUMENTS": 4, "LOOK_FIRST_SCOPE": 4, "POOL_CLASSES": 7, "POOL_CLASS": 3,
    "POOL_RENEWED": 3,
    "MOST_NUMBERS": _MOST_NUMBERS, "NUMBER_BYTES": _NUMBER_BYTES,
    "RING_SLOTS": codec.RING_SLOTS, "ECHO_PLACES": codec.ECHO_PLACES,
    # Time.
    "SECOND_MS": 1_000, "DAY_MS": 86_400_000, "LEASES_WAIT_MS": 1_000,
    "CLOCK_REST_MS": 1_000, "CLOCK_SLEW": 10, "EXPIRED_KEPT_MS": _KEPT_MS,
    # Marks: a bit for each hold behind an instant.
    "MARK_FIRST_BYTE": _NUMBER_BYTES + 1, "MARK_FIRST_BIT": _NUMBER_BYTES * 8, "BYTE_BITS": 8,
    "MARK_BYTES": 32, "MARK_FRESH_MS": 300_000, "MARK_LIFE_MS": _KEPT_MS + 1_560_000,
}  # fmt: skip

_TEXTS: Final = {
    "EXPIRED_KEY": keys.EXPIRED, "MARK_KEY": keys.MARK, "ROW_FIELD": codec.ROW_FIELD.decode(),
    "FORCED": codec.FORCED, "EXPIRED": codec.EXPIRED_STATUS, "NOTHING": "\0" * codec.VECTOR.size,
    "EMPTY_RING": "\0" * _NUMBER_BYTES * codec.RING_SLOTS,
}  # fmt: skip


def _lua_format(layout: str) -> str:
    """A layout of Python's struct as Lua's struct writes it: letters repeated, integers sized."""
    order, count, letters = layout[0], "", ""
    for character in layout[1:]:
        if character.isdigit():
            count += character
        else:
            letters += _LUA_LETTERS.get(character, character) * int(count or 1)
            count = ""
    return order + letters


_FORMATS: Final = {
    name: _lua_format(layout)
    for name, layout in {
        "VECTOR": codec.VECTOR.format,
        "CLOCK_PAIR": codec.CLOCK_PAIR.format,
        "ITEM": codec.ITEM.format,
        "ASK": codec.ASK_FRAME.format + codec.ASK_SIZES.format[1:],
        "RUN": codec.RUN.format,
        "HOLD_HEAD": codec.HOLD_HEAD.format,
        "HOLD": f"{codec.HOLD_HEAD.format}{_MOST_NUMBERS}d",
        "BODY": codec.BODY.format,
        "ADDRESSES_SIZE": "<H",
        "ROW": codec.ROW.format,
        "NUMBER": "<d",
        "TWO_NUMBERS": "<2d",
        "THREE_NUMBERS": "<3d",
        "NUMBERS": f"<{_MOST_NUMBERS}d",
        "INTEGERS": f"<{_MOST_INTEGERS}q",
        "RING": f"<{codec.RING_SLOTS}d",
        "CALENDAR": f"<{_RESTING['C']}d",
        "CALENDAR_NOW": "<4d",
        "CALENDAR_BEFORE": "<4d",
    }.items()
}


def _sizes() -> dict[str, int]:
    """Sizes, and where numbers lie in a state: bytes before each resting number of a calendar."""
    constants = {
        "VECTOR_BYTES": codec.VECTOR.size,
        "ITEM_BYTES": codec.ITEM.size,
        "HOLD_HEAD_BYTES": codec.HOLD_HEAD.size,
        "BODY_HEAD_BYTES": codec.BODY.size,
        "BODY_BYTES": codec.BODY_BYTES,
        "ADDRESSES_FIRST_BYTE": codec.BODY.size - struct.calcsize("<H") + 1,
    }
    for letter, row in codec.ALGORITHMS.items():
        name = row.name.upper()
        constants[f"IS_{name}"] = ord(letter)
        constants[f"{name}_VALUES"] = len(row.changing)
        constants[f"{name}_BYTES"] = _NUMBER_BYTES * len(row.resting)
    for number, field in enumerate(codec.ALGORITHMS["C"].resting):
        constants[f"CALENDAR_{field.upper()}_AT"] = _NUMBER_BYTES * number
    for number, field in enumerate(codec.ASK_FIELDS, 1):
        constants[f"ASK_{field.upper()}"] = number
    for number, field in enumerate(codec.RUN_FIELDS, 1):
        constants[f"RUN_{field.upper()}"] = number
    # Keys that come with a run, behind that of the open runs.
    constants |= {"RUN_ALIAS": 1, "RUN_PARENT_SCOPE": 3}
    constants["RUN_CEILINGS"] = len(codec.RUN_FIELDS)
    return constants


def _by_algorithm(counts: dict[str, int]) -> str:
    """A Lua table: the byte that names an algorithm -> how many bytes its numbers take."""
    pairs: Iterable[str] = (f"[{ord(n)}]={_NUMBER_BYTES * count}" for n, count in counts.items())
    return "{" + ",".join(pairs) + "}"


def _quoted(text: str) -> str:
    return "'" + text.replace("\0", "\\0") + "'"
