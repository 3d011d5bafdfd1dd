import orjson
import pytest

from bench.instructions import instructions
from router.protocols.scan import scan
from router.protocols.splice import Edits, Renames, splice

RAW = b'{ "model" : "auto",\n  "seed":12345678901234567890123, "t" : 1.0000000000000000001 }\n'


def spliced(raw: bytes, edits: Edits, renames: Renames | None = None) -> bytes:
    return splice(raw, scan(raw), edits, renames or {})


def test_a_value_gives_way_and_nothing_else_changes() -> None:
    assert spliced(RAW, {"model": b'"gpt"'}) == RAW.replace(b'"auto"', b'"gpt"')


def test_numbers_and_strings_keep_their_spelling() -> None:
    raw = b'{"a":1e400,"b":-0,"c":"\\u00e9\\/","model":"auto","d":1.0E+0,"e":[ 1.50 ]}'
    assert spliced(raw, {"model": b'"m"', "new": b"1"}) == (
        b'{"a":1e400,"b":-0,"c":"\\u00e9\\/","model":"m","d":1.0E+0,"e":[ 1.50 ],"new":1}'
    )


def test_without_edits_the_body_is_the_clients_own() -> None:
    assert spliced(RAW, {}) is RAW


@pytest.mark.parametrize(
    ("dropped", "left"),
    [
        ("a", b'{ "b" : 2 , "c":3 }'),
        ("b", b'{ "a":1 , "c":3 }'),
        ("c", b'{ "a":1 , "b" : 2 }'),
        ("ab", b'{ "c":3 }'),
        ("bc", b'{ "a":1 }'),
        ("ac", b'{ "b" : 2 }'),
        ("abc", b"{  }"),
        ("z", b'{ "a":1 , "b" : 2 , "c":3 }'),
    ],
)
def test_a_member_is_dropped_with_one_comma(dropped: str, left: bytes) -> None:
    raw = b'{ "a":1 , "b" : 2 , "c":3 }'
    assert spliced(raw, dict.fromkeys(dropped)) == left


@pytest.mark.parametrize(
    ("raw", "edits", "result"),
    [
        (b"{}", {"n": b"1"}, b'{"n":1}'),
        (b" { } ", {"n": b"1", "m": b"2"}, b' {"n":1,"m":2 } '),
        (b'{"a":1}', {"n": b"1"}, b'{"a":1,"n":1}'),
        (b'{"a":1 }', {"n": b"1", "a": b"2"}, b'{"a":2,"n":1 }'),
        (b'{"a":1 }', {"n": b"1", "a": None}, b'{"n":1 }'),
        (b'{"a":1,"b":2}', {"n": b"1", "b": None}, b'{"a":1,"n":1}'),
        (b'{"a":1,"b":2}', {"n": b"1", "b": None, "a": None}, b'{"n":1}'),
        (b'{"a":"{"}', {'"': b"1"}, b'{"a":"{","\\"":1}'),
    ],
)
def test_a_new_member_stands_behind_the_last(raw: bytes, edits: Edits, result: bytes) -> None:
    assert spliced(raw, edits) == result
    assert orjson.loads(result) is not None


def test_a_key_is_renamed_where_it_stands() -> None:
    raw = b'{"max_to\\u006bens" : 5, "s":"\\"max_tokens\\":"}'
    renamed = b'{"max_completion_tokens" : 5, "s":"\\"max_tokens\\":"}'
    assert spliced(raw, {}, {"max_tokens": "max_completion_tokens", "seed": "x"}) == renamed
    both = spliced(raw, {"max_tokens": b"9", "s": None}, {"max_tokens": "n"})
    assert both == b'{"n" : 9}'


@pytest.mark.parametrize(
    ("edits", "renames"),
    [({}, {"a": "b"}), ({"n": b"1"}, {"a": "n"}), ({}, {"a": "x", "b": "x"})],
)
def test_no_edit_makes_a_key_stand_twice(edits: Edits, renames: Renames) -> None:
    with pytest.raises(ValueError, match="twice"):
        spliced(b'{"a":1,"b":2}', edits, renames)


def test_a_rename_may_take_the_place_of_what_is_dropped_or_renamed_away() -> None:
    raw = b'{"a":1,"b":2}'
    assert spliced(raw, {"b": None}, {"a": "b"}) == b'{"b":1}'
    assert spliced(raw, {}, {"a": "b", "b": "a"}) == b'{"b":1,"a":2}'


async def test_another_model_costs_a_handful_of_instructions() -> None:
    members, edits = scan(RAW), {"model": b'"gpt"'}

    async def step() -> bytes:
        return splice(RAW, members, edits)

    async def nothing() -> bytes:
        return RAW

    assert await instructions(step) - await instructions(nothing) <= 75
