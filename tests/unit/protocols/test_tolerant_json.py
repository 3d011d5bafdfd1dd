"""JSON with halves of characters in it is read, and nothing else is forgiven."""

import json

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.errors import BadRequest
from router.operations.chat import parse_chat
from router.operations.completion import parse_completion
from router.protocols.chat.passage import ChatPassage
from router.protocols.scan import scan
from router.protocols.tolerant_json import loads, without_halves

HALVES = [
    (rb'"a \ud83d"', "a \ufffd"),
    (rb'"\uDE00 b"', "\ufffd b"),
    (rb'"\ud83d\ude00"', "\N{GRINNING FACE}"),
    (rb'"\ud83d\ud83d\ude00\ude00"', "\ufffd\N{GRINNING FACE}\ufffd"),
    (rb'"\\ud83d"', r"\ud83d"),
    (rb'"\\\ud83d"', "\\\ufffd"),
    (rb'"\ud83d\\ude00"', "\ufffd\\ude00"),
]


@pytest.mark.parametrize(("raw", "said"), HALVES)
def test_half_a_character_is_read_as_the_sign_of_one_that_is_missing(raw, said):
    assert loads(raw) == loads(raw.decode()) == said
    assert len(without_halves(raw)) == len(raw)


@pytest.mark.parametrize("raw", [b"", b"{", b'"\\ud83', b'"\\ud83d', b'"\\ud83d\0"', b"[\\ud83d]"])
def test_what_is_no_json_stays_none(raw):
    with pytest.raises(orjson.JSONDecodeError):
        loads(raw)


@given(st.text(st.characters(codec=None), max_size=40))
def test_any_text_that_javascript_may_write_is_read(text):
    raw = json.dumps(text).encode()
    assert loads(raw) == text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


MESSAGE = rb'"messages":[{"role":"user","content":"cut \ud83d"}]'


def test_a_request_with_half_a_character_goes_on_as_it_came():
    raw = rb'{"model":"auto","k\ud83d":"\ud83d",%b}' % MESSAGE
    ask = parse_chat(raw)
    assert ask.raw is raw
    assert ask.prompt.last_text == "cut \ufffd"
    _, start, end = ask.members["model"]
    assert raw[start:end] == b'"auto"'


def test_a_completion_with_half_a_character_is_told_its_limit_all_the_same():
    ask = parse_completion(rb'{"model":"auto","a":{"\ud83d":1},"prompt":"cut \ud83d"}')
    assert ask.raw.endswith(rb'"prompt":"cut \ud83d","max_tokens":16}')
    assert ask.members == scan(without_halves(ask.raw))


def test_a_key_that_stands_twice_is_found_whatever_halves_are_in_it():
    for key in (rb"\ud83d", rb"\uFFFD\ud83d"):
        with pytest.raises(BadRequest, match="twice"):
            parse_chat(rb'{"model":"auto","%b":1,"%b":1,%b}' % (key, key, MESSAGE))


def test_an_answer_with_half_a_character_goes_back_as_it_came():
    ask = parse_chat(rb'{"model":"auto",%b}' % MESSAGE)
    raw = rb'{"model":"m","choices":[{"index":0,"message":{"content":"smile \ud83d"}}]}'
    assert ChatPassage().reply(raw, ask).body == raw
