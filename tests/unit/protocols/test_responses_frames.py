"""Events of a response as messages: bytes go through but for what must be told."""

import json

import pytest

from router.protocols.responses.frames import Earlier, Telling, read_message
from router.protocols.sse import encode

DELTA = b'{"type":"response.output_text.delta","delta":"response.completed","sequence_number":4}'
RESPONSE = b'{"id":"resp_1","output":[],  "previous_response_id":null}'
DONE = b'{"type":"response.completed","response":%b}' % RESPONSE


def test_an_event_without_a_lane_is_told_byte_for_byte():
    telling = Telling("", None)
    block = encode(DELTA, b"response.output_text.delta") + encode(DONE, b"response.completed")
    assert telling.messages(block) == [DELTA, DONE]
    assert telling.final == RESPONSE


def test_words_of_an_answer_do_not_end_it():
    telling = Telling("", None)
    quoted = json.dumps({"type": "response.output_text.delta", "delta": '{"type": "error"}'})
    assert telling.messages(encode(DELTA) + encode(quoted.encode())) == [DELTA, quoted.encode()]
    assert not telling.ended


def test_what_it_continues_is_told_as_the_client_named_it_and_nothing_else_changes():
    (told,) = Telling("a", "resp_0").messages(encode(DONE))
    assert told == DONE.replace(b":null", b':"resp_0"')[:-1] + b',"stream_id":"a"}'


def test_the_first_event_has_the_headers_of_an_answer_unless_it_has_some():
    telling = Telling("a", None)
    telling.headers = (("x-request-id", "r"),)
    first, second = telling.messages(encode(DELTA) * 2)
    assert first == DELTA[:-1] + b',"headers":{"x-request-id":"r"},"stream_id":"a"}'
    assert b"headers" not in second
    telling = Telling("", None)
    telling.headers = (("x-request-id", "r"),)
    (told,) = telling.messages(encode(b'{"type":"response.metadata","headers":{}}'))
    assert json.loads(told)["headers"] == {}


@pytest.mark.parametrize("block", [b": keepalive\n\n", b"data: [DONE]\n\n", b"event: ping\n\n"])
def test_what_only_fills_a_stream_is_not_told(block):
    assert Telling("", None).messages(block) == []


def test_data_in_several_lines_is_one_message():
    (told,) = Telling("", None).messages(b'data: {"type":\ndata: "response.queued"}\n\n')
    assert json.loads(told) == {"type": "response.queued"}


def test_an_end_that_cannot_be_read_is_one_all_the_same():
    data = rb'{"type":"response.completed","response":{"id":"resp_1","x":"\ud800"}}'
    telling = Telling("", "resp_0")
    assert telling.messages(encode(data, b"response.completed")) == [data]
    assert telling.ended
    assert telling.final is None


@pytest.mark.parametrize(
    ("said", "status", "kind"),
    [
        ({"code": "rate_limit_exceeded", "message": "Slow down."}, 429, "invalid_request_error"),
        ({"error": {"type": "server_error", "message": "Ouch."}}, 502, "server_error"),
        ({"error": {"code": "invalid_prompt", "message": "No."}}, 400, "invalid_request_error"),
    ],
)
def test_an_error_of_a_stream_has_the_members_of_one_in_a_message(said, status, kind):
    event = encode(json.dumps({"type": "error", "sequence_number": 3} | said).encode(), b"error")
    (told,) = Telling("", None).messages(event)
    error = json.loads(told)
    assert (error["status"], error["error"]["type"]) == (status, kind)
    assert error["error"]["message"].endswith(".")
    assert error["sequence_number"] == 3


def test_a_body_keeps_the_bytes_of_its_message():
    raw = b'{"type":"response.create", "model":"m" , "input":[ {"a":1.0} ],"stream_id":"x"}'
    assert read_message(raw).body(Earlier()) == (
        b'{"model":"m" , "input":[ {"a":1.0} ],"stream":true}'
    )


def test_what_was_earlier_comes_before_what_is_new():
    create = read_message(b'{"type":"response.create","model":"m","input":"two"}')
    body = json.loads(create.body(Earlier("resp_0", (b'{"n":1}', b'{"n":2}'))))
    assert body["previous_response_id"] == "resp_0"
    assert body["input"] == [{"n": 1}, {"n": 2}, {"role": "user", "content": "two"}]


def test_an_input_that_is_none_is_left_to_be_refused():
    create = read_message(b'{"type":"response.create","model":"m","input":7}')
    assert json.loads(create.body(Earlier(None, (b"{}",))))["input"] == 7
