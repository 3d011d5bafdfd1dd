import json
import shutil
import sysconfig
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest

from router.protocols.scan import SCANS_IN, Scan, scan, scan_in_python
from router.protocols.twins import (
    MAX_DEPTH,
    MAX_KEYS,
    MAX_PARAMETERS,
    TooDeep,
    TooManyKeys,
    TwinKeys,
    UnsafeBody,
    refuse_twins,
)

_HEADERS = Path(sysconfig.get_path("include")) / "Python.h"
BOTH = pytest.mark.parametrize("scan", [scan, scan_in_python], ids=["as installed", "in python"])
SCANNER: Any = type(getattr(scan, "__self__", None))  # the extension's type, where it was built
IN_C = pytest.mark.skipif(SCANS_IN != "c", reason="no C compiler when this was installed")


def refusal(scan: Scan, raw: bytes, folded: frozenset[str] = frozenset()) -> UnsafeBody:
    orjson.loads(raw)  # what is refused here is valid JSON
    with pytest.raises(UnsafeBody) as caught:
        scan(raw, folded)
    return caught.value


def test_where_there_is_a_compiler_bodies_are_scanned_in_c() -> None:
    able = shutil.which("cc") is not None and _HEADERS.exists()
    assert SCANS_IN == "c" or not able, "installing did not build router/native"


@BOTH
def test_members_are_found_in_order_with_their_places_in_bytes(scan: Scan) -> None:
    raw = '\n{ "é" : [{"é":"😀"}, {}] ,"\\u006dodel":\t"😀"\r\n, "n":-0}\t'.encode()
    members = scan(raw)
    assert list(members) == ["é", "model", "n"]
    values = [raw[start:end] for _, start, end in members.values()]
    assert values == ['[{"é":"😀"}, {}]'.encode(), '"😀"'.encode(), b"-0"]
    keys = [raw[start : start + 3] for start, _, _ in members.values()]
    assert keys == ['"é'.encode(), b'"\\u', b'"n"']


@BOTH
@pytest.mark.parametrize("raw", [b"{}", b" { } ", b"\n{\t}\r\n"])
def test_an_empty_object_has_no_members(scan: Scan, raw: bytes) -> None:
    assert scan(raw) == {}


@BOTH
@pytest.mark.parametrize(
    ("raw", "key", "param"),
    [
        (b'{"model":1,"model":2}', "model", "model"),
        (b'{"model":1,"\\u006dodel":2}', "model", "model"),
        (b'{"\\u006dodel":1,"m\\u006Fdel":2}', "model", "model"),
        (b'{"a":[[{"b":{"type":1,"x":[],"type":1}}]]}', "type", "a"),
        (b'{"x":{"y":{}},"a":{"\\/":1,"/":2}}', "/", "a"),
        (b'{"a":{"\\ud83d\\ude00":1,"\xf0\x9f\x98\x80":2}}', "\\U0001f600", "a"),
        (b'{"a":{"":1,"":2}}', "", "a"),
        (b'{"a":{"\\u0000":1,"\\u0000":2}}', "\\x00", "a"),
        (b'{"a":{' + b",".join(b'"%d":0' % (n % 99) for n in range(100)) + b"}}", "0", "a"),
    ],
)
def test_a_key_that_stands_twice_is_refused_by_name(
    scan: Scan, raw: bytes, key: str, param: str
) -> None:
    error = refusal(scan, raw)
    assert isinstance(error, TwinKeys)
    assert (error.key, error.beside, error.param) == (key, key, param)
    assert f"'{key}' stands twice" in str(error)


@BOTH
def test_the_same_key_may_stand_in_different_objects(scan: Scan) -> None:
    raw = b'{"a":{"a":{"a":1},"b":[{"a":1},{"a":{"a":2}}]},"b":{"a":1,"\\u0062":1}}'
    assert list(scan(raw)) == ["a", "b"]


@BOTH
@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("max_tokens", "MAX_TOKENS"),
        ("max_tokens", "maxTokens"),
        ("max_tokens", "max-tokens"),
        ("max_tokens", "max_to\u212aens"),
        ("max_tokens", "max_token\u017f"),
        ("_", ""),
    ],
)
def test_keys_that_a_server_in_go_takes_for_one_are_twins_at_the_top(
    scan: Scan, first: str, second: str
) -> None:
    raw = orjson.dumps({first: 1, "messages": [], second: 2})
    error = refusal(scan, raw)
    assert isinstance(error, TwinKeys)
    assert (error.beside, error.key) == (first, ascii(second)[1:-1])
    many = orjson.dumps({f"key{n}": 0 for n in range(50)} | {first: 1, second: 2})
    assert isinstance(refusal(scan, many), TwinKeys)


@BOTH
def test_deeper_keys_are_folded_only_where_the_caller_says_so(scan: Scan) -> None:
    options = b'{"include_usage":true,"x":{"a":1,"A":2},"Include_Usage":false}'
    raw = b'{"stream_options":%b,"metadata":%b,"list":[%b]}' % (options, options, options)
    assert list(scan(raw, frozenset({"list"}))) == ["stream_options", "metadata", "list"]
    error = refusal(scan, raw, frozenset({"stream_options"}))
    assert error.param == "stream_options"
    assert "'include_usage' and 'Include_Usage' in 'stream_options'" in str(error)
    escaped = raw.replace(b"stream_", b"\\u0073tream_")
    assert refusal(scan, escaped, frozenset({"stream_options"})).param == "stream_options"


@BOTH
def test_what_is_told_of_a_key_is_short_and_printable(scan: Scan) -> None:
    for key in ("\n" * 500, "\u202e\x00" * 300, "k" * 5_000):
        spelled = orjson.dumps(key)
        for raw in (b"{%b:1,%b:2}" % (spelled, spelled), b'{%b:{"a":1,"a":2}}' % spelled):
            error = refusal(scan, raw)
            assert error.param is not None
            assert len(error.param) <= 64
            assert error.param.isascii()
            assert str(error).isprintable()
            assert len(str(error)) < 250


@BOTH
@pytest.mark.parametrize(("opening", "closing"), [(b'{"a":', b"}"), (b"[", b"]")])
def test_a_body_may_be_as_deep_as_the_bound_and_no_deeper(
    scan: Scan, opening: bytes, closing: bytes
) -> None:
    def nested(levels: int) -> bytes:
        return b'{"x":' + opening * (levels - 1) + b"0" + closing * (levels - 1) + b"}"

    assert list(scan(nested(MAX_DEPTH))) == ["x"]
    assert isinstance(refusal(scan, nested(MAX_DEPTH + 1)), TooDeep)
    with pytest.raises(UnsafeBody):
        scan(nested(100_000))


@BOTH
def test_brackets_in_strings_are_not_depth(scan: Scan) -> None:
    text = '[{"\\' * 300
    assert list(scan(json.dumps({"a" + text: [text, {text: text}]}).encode())) == ["a" + text]


@BOTH
def test_an_object_may_have_as_many_keys_as_the_bound_and_no_more(scan: Scan) -> None:
    def keys(count: int) -> bytes:
        return b"{" + b",".join(b'"%d":0' % n for n in range(count)) + b"}"

    def inside(count: int) -> bytes:
        return b'{"logit_bias":' + keys(count) + b"}"

    assert list(scan(inside(MAX_KEYS))) == ["logit_bias"]
    error = refusal(scan, inside(MAX_KEYS + 1))
    assert isinstance(error, TooManyKeys)
    assert error.param == "logit_bias"
    assert isinstance(refusal(scan, inside(100_000)), TooManyKeys)
    assert len(scan(keys(MAX_PARAMETERS))) == MAX_PARAMETERS
    for many in (MAX_PARAMETERS + 1, MAX_KEYS + 1):
        assert str(refusal(scan, keys(many))) == "The body has more than 1,024 keys."
    folded = frozenset({"logit_bias"})
    assert list(scan(inside(MAX_PARAMETERS), folded)) == ["logit_bias"]
    assert isinstance(refusal(scan, inside(MAX_PARAMETERS + 1), folded), TooManyKeys)
    together = b'{"a":[' + b",".join([keys(999)] * 101) + b"]}"
    assert list(scan(together)) == ["a"]


@BOTH
def test_a_body_of_ten_megabytes_is_scanned(scan: Scan) -> None:
    text = 'é "quoted" \\ line\n' * 500_000
    raw = orjson.dumps({"messages": [{"role": "user", "content": text}], "model": "m"})
    assert len(raw) > 10_000_000
    _, start, end = scan(raw)["model"]
    assert raw[start:end] == b'"m"'


@BOTH
def test_numbers_of_any_size_are_stepped_over(scan: Scan) -> None:
    raw = b'{"a":' + b"9" * 100_000 + b',"b":[-0.' + b"1" * 100_000 + b'e-7],"c":1e400}'
    assert [raw[start:end][-3:] for _, start, end in scan(raw).values()] == [
        b"999",
        b"-7]",
        b"400",
    ]


@BOTH
@pytest.mark.parametrize(
    "raw",
    [
        *(b"", b" ", b"[]", b'"a"', b"{", b'{"', b'{"a', b'{"a"', b'{"a":', b'{"a":1', b'{"a":"'),
        *(b'{"a":"\\', b'{"a":"\\"', b'{"a":[', b'{"a":[1,', b'{"a":{"b":1}', b'{"a" 1}', b"{a:1}"),
        *(b'{"a":}', b"{1:2}", b"{[]:2}", b'{"\\ud83":{"a":1}}', b'{"a":"\\u"', b"\x00", b"{\x00}"),
    ],
)
def test_what_is_no_object_is_a_value_error(scan: Scan, raw: bytes) -> None:
    with pytest.raises(ValueError, match=r"(?s)."):
        scan(raw)


@IN_C
@pytest.mark.parametrize("given", [(), ("{}",), (bytearray(b"{}"),), (b"{}", frozenset(), 1)])
def test_the_extension_refuses_what_are_no_bytes(given: tuple[Any, ...]) -> None:
    with pytest.raises(TypeError):
        scan(*given)


@IN_C
def test_the_extension_is_built_with_bounds_that_it_can_keep() -> None:
    for depth, keys in ((0, 1), (255, 1), (1, -1)):
        with pytest.raises(ValueError, match="bound"):
            SCANNER(refuse_twins, TooDeep, orjson.loads, depth, keys)
    with pytest.raises(ValueError, match="rules"):
        SCANNER.__new__(SCANNER).scan(b"{}")


@IN_C
def test_python_is_shown_each_key_once_and_only_where_keys_may_be_twins() -> None:
    shown: list[list[str]] = []

    def judge(keys: Sequence[str], folded: bool, param: str | None) -> None:
        shown.append(list(keys))
        refuse_twins(keys, folded, param)

    watched = SCANNER(judge, TooDeep, orjson.loads, MAX_DEPTH, MAX_KEYS).scan
    plain = b'{"model":"m","messages":[{"role":"user","content":"a\\n"},{"role":"a","content":""}]}'
    watched(plain)
    assert shown == []
    many = {f"k{n}": {f"k{m}": m for m in range(200)} for n in range(200)}
    watched(orjson.dumps(many | {"plain": {"a": 1}}))
    assert sorted(map(len, shown)) == [200] * 200 + [201]
