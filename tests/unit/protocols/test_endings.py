"""What an answer is called and why it ended, natively and translated, whole and streamed."""

from typing import Any

import orjson
import pytest

from router.ask import Ask
from router.backends.dialects.translated import dialect_of
from router.operations.chat import parse_chat
from router.operations.message import parse_message
from router.operations.response import parse_response
from router.protocols.endings import LARGEST, chat_ending, ending_of_body, message_ending
from router.protocols.passage import Ending
from router.protocols.sse import encode
from router.protocols.table import PROTOCOLS

BODY = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]}
CHUNK = {"id": "c-1", "object": "chat.completion.chunk", "model": "m"}


def asked(parse: Any, **fields: Any) -> Ask:
    body = {"model": "m"} if "input" in fields else BODY
    ask: Ask = parse(orjson.dumps(body | fields))
    return ask


def chunks(*finishes: dict[str, Any], **more: Any) -> bytes:
    """Chunks of a chat stream, one for each choice that finishes, the text before them."""
    text = {"index": 0, "delta": {"content": "one"}, "finish_reason": None}
    ends = [{"delta": {}} | finish for finish in finishes]
    bodies = [CHUNK | more | {"choices": [choice]} for choice in [text, *ends]]
    return b"".join(encode(orjson.dumps(body)) for body in bodies) + b"data: [DONE]\n\n"


def ending_of_stream(dialect: str, ask: Ask, sent: bytes) -> Ending:
    stream = dialect_of(dialect, ask)[1].stream(ask)
    stream.feed(sent)
    return stream.ending


MESSAGE_EVENTS: list[dict[str, Any]] = [
    {"type": "message_start", "message": {"id": "msg_1", "model": "m", "usage": {}}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hi"}},
    {"type": "content_block_stop", "index": 0},
    {
        "type": "message_delta",
        "delta": {"stop_reason": "max_tokens", "stop_sequence": None},
        "usage": {"input_tokens": 1, "output_tokens": 1},
    },
    {"type": "message_stop"},
]
MESSAGE = b"".join(encode(orjson.dumps(one), one["type"].encode()) for one in MESSAGE_EVENTS)


def test_a_chat_stream_tells_its_id_and_why_each_choice_ended() -> None:
    ask = asked(parse_chat, stream=True, n=2)
    sent = chunks({"index": 1, "finish_reason": "length"}, {"index": 0, "finish_reason": "stop"})
    assert ending_of_stream("openai", ask, sent) == Ending("c-1", ("stop", "length"))


def test_a_messages_stream_tells_its_id_and_why_it_ended() -> None:
    ask = asked(parse_message, stream=True)
    assert ending_of_stream("anthropic", ask, MESSAGE) == Ending("msg_1", ("max_tokens",))


def test_a_translated_stream_tells_it_in_the_words_of_the_client() -> None:
    ask = asked(parse_message, stream=True)
    sent = chunks({"index": 0, "finish_reason": "length"})
    assert ending_of_stream("openai", ask, sent) == Ending("c-1", ("max_tokens",))
    ask = asked(parse_chat, stream=True)
    assert ending_of_stream("anthropic", ask, MESSAGE) == Ending("msg_1", ("length",))
    ask = asked(parse_response, stream=True, input="Hi")
    assert ending_of_stream("anthropic", ask, MESSAGE) == Ending("msg_1", ("max_output_tokens",))


RESPONSE = {"id": "resp_1", "object": "response", "model": "m", "output": []}


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"status": "completed"}, "completed"),
        (
            {"status": "incomplete", "incomplete_details": {"reason": "content_filter"}},
            "content_filter",
        ),
    ],
)
def test_a_response_tells_its_id_and_its_status_or_why_it_is_not_complete(said, reason) -> None:
    ask = asked(parse_response, stream=True, input="Hi")
    kind = f"response.{said['status']}"
    event = encode(orjson.dumps({"type": kind, "response": RESPONSE | said}), kind.encode())
    ending = Ending("resp_1", (reason,))
    assert ending_of_stream("responses", ask, event) == ending
    body = orjson.dumps(RESPONSE | said)
    assert ending_of_body(PROTOCOLS["responses"].ending, body) == ending


def test_a_stream_that_goes_on_has_not_told_why_it_ended() -> None:
    ask = asked(parse_chat, stream=True)
    sent = chunks({"index": 0, "finish_reason": "stop"}).partition(b"\n\n")[0] + b"\n\n"
    assert ending_of_stream("openai", ask, sent) == Ending()


@pytest.mark.parametrize(
    ("protocol", "body", "ending"),
    [
        ("chat", {"id": "c", "choices": [{"finish_reason": "stop"}]}, Ending("c", ("stop",))),
        ("messages", {"id": "m", "stop_reason": "refusal"}, Ending("m", ("refusal",))),
        ("openai", {"object": "list", "data": []}, Ending()),
        ("chat", {"id": 7, "choices": "none"}, Ending()),
        ("chat", {"choices": [None, {"finish_reason": 1}, {"index": "x"}]}, Ending()),
        ("messages", {"id": None, "stop_reason": {}}, Ending()),
    ],
)
def test_a_whole_answer_tells_what_it_says_and_nothing_else(protocol, body, ending) -> None:
    assert ending_of_body(PROTOCOLS[protocol].ending, orjson.dumps(body)) == ending


@pytest.mark.parametrize("body", [b"", b"not JSON", b"[1]", b'{"id":"%s"}' % (b"x" * LARGEST)])
def test_what_cannot_or_need_not_be_read_tells_nothing(body: bytes) -> None:
    assert ending_of_body(chat_ending, body) == Ending()


def test_what_a_server_says_is_bounded() -> None:
    long = "x" * 1_000
    ending = message_ending([{"id": long, "stop_reason": long}])
    assert (len(ending.id or ""), len(ending.reasons[0])) == (128, 128)
