"""Both scans find the members that stand there, and refuse exactly what has twins."""

import random
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from json_documents import DOCUMENTS, depth_of, has_twins, pairs_of

from router.protocols.scan import Members, Scan, scan, scan_in_python
from router.protocols.splice import splice
from router.protocols.twins import MAX_DEPTH, UnsafeBody

SCANS = pytest.mark.parametrize("scan", [scan, scan_in_python], ids=["as installed", "in python"])
MANY = settings(suppress_health_check=list(HealthCheck))
FOLDED = frozenset({"a", "model", "é"})


def outcome(scan: Scan, raw: bytes) -> Members | tuple[type[UnsafeBody], str, str | None]:
    try:
        return scan(raw, FOLDED)
    except UnsafeBody as error:
        return type(error), str(error), error.param


def spans(members: Members) -> list[tuple[str, int, int, int]]:
    return [(key, *span) for key, span in members.items()]


@SCANS
@MANY
@given(document=DOCUMENTS)
def test_a_scan_finds_every_member_where_it_was_written(scan: Scan, document: Any) -> None:
    raw, members = document
    try:
        assert spans(scan(raw, FOLDED)) == members
    except UnsafeBody:
        assert has_twins(pairs_of(raw), FOLDED)
    else:
        assert not has_twins(pairs_of(raw), FOLDED)


@MANY
@given(document=DOCUMENTS)
@example(document=(b'{"a":{"b":1,"\\u0062":2},"c":[{"d":1,"d":1}]}', None))
def test_both_scans_say_the_same_of_a_document(document: Any) -> None:
    assert outcome(scan, document[0]) == outcome(scan_in_python, document[0])


@MANY
@given(document=DOCUMENTS, pick=st.randoms(use_true_random=False))
def test_both_scans_say_the_same_of_whatever_orjson_accepts(
    document: Any, pick: random.Random
) -> None:
    raw = bytearray(document[0])
    for _ in range(pick.randint(1, 3)):
        at = pick.randrange(len(raw))
        raw[at : at + pick.randint(0, 2)] = pick.choice([b"", b'"', b"\\", b",", b"1", b"{", b"}"])
        raw = raw or bytearray(b"{}")
    agree_where_accepted(bytes(raw))


@MANY
@given(
    raw=st.lists(
        st.sampled_from([b'"a"', b'"b"', b'"\\u0061"', b":", b",", b"{", b"}", b"[", b"]", b"1"])
    ).map(b"".join)
)
def test_pieces_of_json_in_any_order_are_scanned_alike(raw: bytes) -> None:
    agree_where_accepted(b'{"k":' + raw + b"}")


def agree_where_accepted(raw: bytes) -> None:
    """Compare where orjson accepts an object; else nothing but an orderly answer is asked."""
    try:
        accepted = isinstance(orjson.loads(raw), dict)
    except orjson.JSONDecodeError:
        accepted = False
    if accepted:
        assert outcome(scan, raw) == outcome(scan_in_python, raw)
        members = scan_or_none(raw)
        assert (members is None) == has_twins(pairs_of(raw), FOLDED)
        if members is not None:
            read = orjson.loads(raw)
            assert list(members) == list(read)
            for key, (_, start, end) in members.items():
                assert pairs_of(raw[start:end]) == dict(pairs_of(raw))[key]
        return
    for either in (scan, scan_in_python):
        try:
            either(raw, FOLDED)
        except ValueError:
            continue


def scan_or_none(raw: bytes) -> Members | None:
    result = outcome(scan, raw)
    return result if isinstance(result, dict) else None


@MANY
@given(raw=st.binary(max_size=60))
def test_any_bytes_get_an_answer_or_a_value_error(raw: bytes) -> None:
    agree_where_accepted(raw)


@MANY
@given(depths=st.lists(st.integers(190, 206), min_size=1, max_size=3), objects=st.booleans())
def test_both_scans_refuse_the_same_depth(depths: list[int], objects: bool) -> None:
    opening, closing = (b'{"]":', b"}") if objects else (b'["[{",', b"]")
    values = [opening * (depth - 1) + b"0" + closing * (depth - 1) for depth in depths]
    raw = b"{" + b",".join(b'"%d":%b' % item for item in enumerate(values)) + b"}"
    too_deep = depth_of(pairs_of(raw)) > MAX_DEPTH
    assert too_deep == (max(depths) > MAX_DEPTH)
    for either in (scan, scan_in_python):
        assert isinstance(outcome(either, raw), tuple) == too_deep


EDITED = st.dictionaries(
    st.sampled_from(["a", "b", "model", "max_tokens", "é", "new", '"', "newer"]),
    st.none() | st.sampled_from([b"1", b'"x"', b"{}", b"1e400", b" [1, 2] "]),
    max_size=4,
)
RENAMED = st.dictionaries(
    st.sampled_from(["a", "max_tokens", "é", '"', "nobody"]),
    st.sampled_from(["renamed", 'quo"ted', "b", "ü"]),
    max_size=2,
)


@MANY
@given(document=DOCUMENTS, edits=EDITED, renames=RENAMED)
def test_a_splice_does_what_it_is_told(
    document: Any, edits: dict[str, bytes | None], renames: dict[str, str]
) -> None:
    raw = document[0]
    members = scan_or_none(raw)
    if members is None:
        return
    stay = {key: edits.get(key, raw[start:end]) for key, (_, start, end) in members.items()}
    wanted = [
        (renames.get(key, key) if key in members else key, value)
        for key, value in (stay | edits).items()
        if value is not None
    ]
    if len(dict(wanted)) < len(wanted):
        with pytest.raises(ValueError, match="twice"):
            splice(raw, members, edits, renames)
        return
    spliced = splice(raw, members, edits, renames)
    assert pairs_of(spliced) == tuple((key, pairs_of(value)) for key, value in wanted)


@MANY
@given(document=DOCUMENTS, edits=EDITED)
def test_a_splice_leaves_every_other_byte_as_it_was(
    document: Any, edits: dict[str, bytes | None]
) -> None:
    raw = document[0]
    members = scan_or_none(raw)
    if not members:
        return
    spliced = splice(raw, members, edits)
    at = 0
    for key, (key_start, start, end) in members.items():
        if edits.get(key, b"") is not None:
            at = spliced.index(raw[key_start:start], at) + start - key_start
            value = edits.get(key) or raw[start:end]
            assert spliced[at : at + len(value)] == value
            at += len(value)
    first, last = min(members.values()), max(members.values())
    assert spliced.startswith(raw[: first[0]])
    assert spliced.endswith(raw[last[2] :])
    if None not in edits.values():
        assert between(spliced, edits, members) == between(raw, {}, members)


def between(raw: bytes, edits: dict[str, bytes | None], members: Members) -> list[bytes]:
    """What stands before each value that was there, values left out."""
    pieces, at, grown = [], 0, 0
    for key, (_, start, end) in members.items():
        pieces.append(raw[at : start + grown])
        grown += len(edits.get(key) or b"." * (end - start)) - (end - start)
        at = end + grown
    return pieces
