"""What Ollama's own form answers, whole and line by line, also where it says less than usual."""

from collections.abc import Sequence
from typing import Any

import orjson
import pytest

from router.domain import Usage
from router.protocols.hub.answer import CALLS, END, LENGTH, Answer, Logprob
from router.protocols.hub.conversation import Call, Text, Thinking
from router.protocols.hub.events import PartDelta
from router.protocols.hub.gather import Gathered
from router.protocols.hub.table import SERVERS
from router.protocols.hub.usage_lines import billed
from router.protocols.ollama.answer_reader import read_answer
from router.protocols.passage import ErrorInside, MalformedReply
from router.protocols.sse import DEFAULT_EVENT_CAP
from router.protocols.told import UNTOLD

LAST = {"done": True, "done_reason": "stop", "prompt_eval_count": 7, "eval_count": 3}
BARE = {"function": {"name": "f", "arguments": {"a": 1}}}
TOKEN = {"token": "Hi", "logprob": -0.1, "bytes": [72, 105]}
TOKENS = [TOKEN | {"top_logprobs": [{"token": "Ho", "logprob": -2.5}]}]
READ = (Logprob("Hi", -0.1, [72, 105], (Logprob("Ho", -2.5),)),)


def line(message: dict[str, Any] | None = None, **more: Any) -> bytes:
    held = {"model": "m", "created_at": "2026-11-30T12:00:00Z", "done": False}
    said = {"role": "assistant", "content": ""} | (message or {})
    return orjson.dumps(held | {"message": said} | more) + b"\n"


def whole(message: dict[str, Any], **more: Any) -> Answer:
    return read_answer(orjson.loads(line(message, **{**LAST, **more})))


def streamed(pieces: Sequence[bytes]) -> Answer:
    reader, gathered = SERVERS["ollama"].reader(), Gathered()
    for piece in pieces:
        gathered.add(reader.feed(piece))
    gathered.add(reader.finish())
    return gathered.answer()


def test_a_thought_stands_before_the_text_and_calls_behind_it() -> None:
    told = BARE | {"id": "c1"}
    answer = whole({"thinking": "Hm.", "content": "Wait.", "tool_calls": [told]})
    (one,) = answer.alternatives
    assert one.parts == (Thinking("Hm."), Text("Wait."), Call("c1", "f", '{"a":1}'))
    assert one.stop is not None
    assert one.stop.reason == CALLS


def test_calls_without_ids_or_with_one_twice_get_ids_of_ours() -> None:
    (one,) = whole({"tool_calls": [BARE, BARE]}).alternatives
    pieces = [
        line({"tool_calls": [BARE | {"id": "c"}]}),
        line({"tool_calls": [BARE | {"id": "c"}]}),
    ]
    (other,) = streamed([*pieces, line(**LAST)]).alternatives
    for alternative in (one, other):
        ids = [call.id for call in alternative.calls]
        assert len(set(ids)) == 2
        assert all(ids)


@pytest.mark.parametrize(
    ("reason", "stop"), [("stop", END), ("length", LENGTH), (None, END), ("new", END)]
)
def test_an_answer_says_why_it_ended(reason: str | None, stop: str) -> None:
    (one,) = whole({"content": "Hi"}, done_reason=reason).alternatives
    (other,) = streamed(
        [line({"content": "Hi"}), line(**{**LAST, "done_reason": reason})]
    ).alternatives
    assert [each.stop and each.stop.reason for each in (one, other)] == [stop, stop]


def test_a_call_that_was_cut_is_told_as_cut() -> None:
    (one,) = whole({"tool_calls": [BARE]}, done_reason="length").alternatives
    assert one.stop is not None
    assert one.stop.reason == LENGTH


def test_each_count_is_believed_by_itself() -> None:
    assert billed(whole({"content": "Hi"}).usage) == Usage(7, 3)
    no_prompt = whole({"content": "Hi"}, prompt_eval_count=None)
    assert billed(no_prompt.usage) == Usage(UNTOLD, 3, estimated=True)
    assert billed(whole({"content": "Hi"}, eval_count=-1).usage) == Usage(7, UNTOLD, estimated=True)


def test_log_probabilities_are_read_also_of_text_that_is_held_back() -> None:
    (one,) = whole({"content": "Hi"}, logprobs=TOKENS).alternatives
    assert one.logprobs == READ
    reader = SERVERS["ollama"].reader()
    events = [*reader.feed(line(logprobs=TOKENS)), *reader.feed(line({"content": "Hi"}))]
    assert [one.logprobs for one in events if isinstance(one, PartDelta)] == [READ]


@pytest.mark.parametrize("reason", ["load", "unload"])
def test_a_model_that_was_only_loaded_has_not_answered(reason: str) -> None:
    with pytest.raises(MalformedReply, match=reason):
        whole({}, done_reason=reason)
    with pytest.raises(MalformedReply, match=reason):
        streamed([line(**{**LAST, "done_reason": reason})])


def test_a_server_that_gave_up_has_not_answered() -> None:
    with pytest.raises(MalformedReply):
        whole({"content": "ha ha ha"}, done=False)
    with pytest.raises(MalformedReply):
        streamed([line({"content": "ha ha ha"})])


@pytest.mark.parametrize(
    ("error", "status"),
    [
        ({"error": "out of memory"}, 502),
        ({"error": "out of memory", "status": 503}, 503),
        ({"error": {"message": "out of memory"}, "status": True}, 502),
    ],
)
def test_an_error_inside_is_an_error_whole_and_between_lines(error: Any, status: int) -> None:
    with pytest.raises(ErrorInside, match="out of memory") as caught:
        read_answer(error)
    assert caught.value.status == status
    with pytest.raises(ErrorInside, match="out of memory"):
        streamed([line({"content": "Hi"}), orjson.dumps(error)])


def test_lines_are_the_same_however_they_come() -> None:
    lines = [line({"thinking": "Hm."}), line({"content": "Hi"}), line(**LAST)]
    plain = streamed(lines)
    for other in (
        [b"".join(lines)],
        [one.replace(b"\n", b"\r\n") for one in lines],
        [b"\n\n" + lines[0] + b" \n", *lines[1:]],
        [*lines[:2], lines[2].rstrip()],
        [*lines, b"anything at all"],
    ):
        assert streamed(other) == plain


@pytest.mark.parametrize(
    "piece",
    [b"<html>\n", b"[1]\n", line({"content": 7}), line({"tool_calls": [{"name": "f"}]})],
)
def test_a_line_that_is_none_of_an_answer_is_refused(piece: bytes) -> None:
    with pytest.raises(MalformedReply):
        SERVERS["ollama"].reader().feed(piece)


def test_a_line_that_never_ends_is_given_up() -> None:
    reader = SERVERS["ollama"].reader()
    reader.feed(b"x" * DEFAULT_EVENT_CAP)
    with pytest.raises(MalformedReply, match="never ends"):
        reader.feed(b"x")
