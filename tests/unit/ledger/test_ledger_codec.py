"""The ledger's language has one home: what the codec says, no Lua file says again."""

import re
import struct

import pytest

from router.ledger import codec
from router.ledger.codec import CalendarState, read_hold, read_row, read_scope, write_scope
from router.ledger.lua_constants import lua_constants
from router.ledger.server.scripts import NAMES, compile_scripts, read_sources

SOURCES = read_sources()
CONSTANTS = lua_constants()
# What a script may count with: itself, its neighbour, a pair.
PLAIN_NUMBERS = {"0", "1", "2"}
ARGUMENT = re.compile(r"\b(KEYS|ARGV|keys|args)\[\d+\]")
# Made for every algorithm and every field, whether or not a script asks for it.
OF_EACH = re.compile(r"(IS|RING|CALENDAR|BUCKET|LEASES|ASK)_")
STRING = re.compile(r"'(?:[^'\\]|\\.)*'")


def code(source: str) -> str:
    """A Lua file without comments."""
    return re.sub(r"--.*", "", source)


@pytest.mark.parametrize("name", SOURCES)
def test_no_script_repeats_a_number_that_the_codec_owns(name: str) -> None:
    text = ARGUMENT.sub("", STRING.sub("''", code(SOURCES[name])))
    numbers = set(re.findall(r"(?<![\w.])\d+\b", text))
    assert numbers <= PLAIN_NUMBERS, f"{name}.lua: {sorted(numbers - PLAIN_NUMBERS)}"


@pytest.mark.parametrize("name", SOURCES)
def test_no_script_repeats_a_layout_or_a_word_of_the_codec(name: str) -> None:
    strings = {text.strip("'") for text in STRING.findall(code(SOURCES[name]))}
    owned = {text.strip("'") for text in CONSTANTS.values() if text.startswith("'")}
    assert not strings & owned
    assert not {text for text in strings if re.fullmatch(r"[<>].+", text)}


def test_every_name_that_a_script_says_is_one_of_the_codec_and_none_is_idle() -> None:
    text = set()
    for source in SOURCES.values():
        text |= set(re.findall(r"\b[A-Z][A-Z_]*[A-Z]\b", STRING.sub("''", code(source))))
    assert text - {"KEYS", "ARGV"} <= CONSTANTS.keys()
    assert not {name for name in CONSTANTS.keys() - text if not OF_EACH.match(name)}


def test_no_compiled_script_says_a_name() -> None:
    for script in compile_scripts().values():
        left = STRING.sub("''", script.source.decode())
        assert not set(re.findall(r"\b[A-Z][A-Z_]*[A-Z]\b", left)) - {"KEYS", "ARGV"}


@pytest.mark.parametrize("name", NAMES)
def test_every_script_opens_with_its_keys_and_what_it_returns(name: str) -> None:
    opening = SOURCES[name][: SOURCES[name].index("local ")]
    assert opening.startswith("-- ")
    assert re.search(r"^-- KEYS ", opening, re.MULTILINE)
    assert re.search(r"^-- returns ", opening, re.MULTILINE)
    if "include: clock" in SOURCES[name]:
        assert re.search(r"^-- time +milliseconds", opening, re.MULTILINE)


def test_a_scope_is_read_as_it_was_written() -> None:
    calendar = CalendarState(10, 20, 3, 4, 5, 100, 7, 1, 2, 3, 4)
    states = {
        "Stpm": (200, *range(13)),
        "Ctpo": calendar.numbers(),
        "Btpm.b": (600_000, 1_700_000_000_000),
        "Lconc": (3,),
    }
    assert read_scope(write_scope(states)) == states
    assert CalendarState.of(read_scope(write_scope(states))["Ctpo"]) == calendar
    assert read_scope(b"") == {}


def test_states_that_no_plan_names_any_more_follow_in_further_strings() -> None:
    two = write_scope({"Lconc": (3,)}) + write_scope({"Btpm.b": (5, 6)})
    assert read_scope(two) == {"Lconc": (3,), "Btpm.b": (5, 6)}


def test_a_hold_is_read_with_its_pieces_and_what_it_reported() -> None:
    item = codec.ITEM.pack(b"S", 2, 1, 100.0, 5_000.0, 0.0, 0.0, 0.0)
    lease = codec.ITEM.pack(b"L", 1, 1, 5.0, 0.0, 0.0, 0.0, 0.0)
    plan = codec.pack_plan([(("Stpm", "Lconc"), (item, lease))], 0)
    keys, progress = b"lg:{v07}:s:k:acme/key1", codec.VECTOR.pack(1, 30, 10, 20, 900)
    numbers = (9_000, 1_000, 60, 200, 1, 0, 1, 40, 201)  # item 1 took 40 more in the next slot
    record = codec.HOLD_HEAD.pack(2, 1) + struct.pack(f"<{len(numbers)}d", *numbers)
    record += codec.BODY.pack(1, len(progress), 2, len(keys))
    record += codec.VECTOR.pack(1, 10, 10, 0, 300) + keys + plan + progress + b"{}" + b'{"a":1}'
    hold = read_hold(record)
    assert (hold.lease_ends, hold.admitted_at, hold.dispatched) == (9_000, 1_000, True)
    assert [(item.place, item.amounts) for item in hold.items] == [
        ("Stpm", ((60, 200), (40, 201))),
        ("Lconc", ((1, 0),)),
    ]
    assert (hold.progress, hold.crash) == ((1, 30, 10, 20, 900), (1, 10, 10, 0, 300))
    assert (hold.payload, hold.meta) == (b"{}", b'{"a":1}')
    assert codec.lease_ends(record) == 9_000


def test_a_row_is_read_as_settling_wrote_it() -> None:
    end = codec.pack_row_end(codec.VECTOR.pack(1, 2, 3, 4, 5), "0" * 28, "completed", b"{}")
    row = read_row([codec.ROW_FIELD, codec.ROW.pack(1, 100, 200, 7) + b'{"m":1}' + end])
    assert row == ("0" * 28, 1, "completed", 100, 200, (1, 2, 3, 4, 5), b'{"m":1}', b"{}")


@pytest.mark.parametrize("fields", [[], [b"row", b"short"], [b"other", b"x" * 90], [b"row"]])
def test_a_foreign_entry_of_the_journal_is_refused(fields: list[bytes]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        read_row(fields)


def test_another_plan_of_the_same_size_takes_the_place_of_the_first() -> None:
    keys = b"k1\nk2"
    body = codec.body_begin(keys) + codec.NOTHING + keys + b"PLAN" + b"{}"
    assert codec.replace_plan(body, b"next") == body.replace(b"PLAN", b"next")
    assert codec.crash_cost(body) == codec.NOTHING
