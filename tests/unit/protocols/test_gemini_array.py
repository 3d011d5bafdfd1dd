"""A stream of Google's without `alt=sse`: an array whose elements come one by one."""

from typing import Any

import orjson
import pytest

from router.errors import UpstreamFailed
from router.operations.content import ARRAY, parse_content
from router.protocols.gemini.array import ArrayPassage, ArrayWriter, array_error_event
from router.protocols.hub.answer import Stop
from router.protocols.hub.conversation import Text
from router.protocols.hub.events import Ended, Event, PartDelta, PartOpened, Started, Stopped
from router.protocols.passage import MalformedReply
from router.protocols.sse import encode
from router.protocols.table import PROTOCOLS

HELLO = b'{"contents":[{"parts":[{"text":"Hello there"}]}]}'
ASK = parse_content(HELLO, model="m", stream=True, protocol=ARRAY)
FIRST = b'{"candidates":[{"content":{"parts":[{"text":"Hi"}]}, "index":0}], "new":1.50}'
LAST = (
    b'{"candidates":[{"content":{"parts":[{"text":"!"}]},"finishReason":"STOP"}],'
    b'"usageMetadata":{"promptTokenCount":3,"candidatesTokenCount":2},"modelVersion":"served"}'
)
SAID: list[Event] = [
    Started("i", "served"),
    PartOpened(0, 0, Text("")),
    PartDelta(0, 0, "Hi"),
    PartDelta(0, 0, "!"),
    Stopped(0, Stop()),
]


def texts(array: list[dict[str, Any]]) -> list[str]:
    parts = [one["candidates"][0]["content"]["parts"] for one in array]
    return [part["text"] for some in parts for part in some]


def test_googles_own_responses_are_elements_as_they_came() -> None:
    stream = ArrayPassage().stream(ASK)
    assert stream.feed(b": wait\n\n" + encode(FIRST)) == b"[" + FIRST
    assert stream.feed(encode(LAST)[:-1]) == b""
    assert stream.feed(b"\n") + stream.finish() == b",\r\n" + LAST + b"]"
    assert stream.usage is not None
    assert (stream.usage.output_tokens, stream.model, stream.finished) == (2, "served", True)
    assert stream.ending.reasons == ("STOP",)


def test_an_array_that_google_broke_off_is_no_answer() -> None:
    stream = ArrayPassage().stream(ASK)
    stream.feed(encode(FIRST))
    with pytest.raises(MalformedReply):
        stream.finish()


def test_another_servers_answer_is_told_element_by_element() -> None:
    writer = ArrayWriter()
    begun = writer.write(SAID[:3])
    assert texts(orjson.loads(begun + b"]")) == ["Hi"]
    rest = writer.write([*SAID[3:], Ended()])
    assert texts(orjson.loads(begun + rest)) == ["Hi", "!"]


@pytest.mark.parametrize("said", [0, 1, 4])
def test_an_array_that_the_gateway_ends_is_well_formed(said: int) -> None:
    writer = ArrayWriter()
    told = writer.write(SAID[:said]) + writer.cut("r", "m", "the quota")
    native = ArrayPassage().stream(ASK)
    passed = native.feed(encode(FIRST) * said) + native.cut("r", "m", "the quota")
    for array in (orjson.loads(told), orjson.loads(passed)):
        assert array[-1]["candidates"][0]["finishReason"] == "MAX_TOKENS"


def test_an_error_is_the_last_element_of_what_came() -> None:
    error = UpstreamFailed("No backend could answer.")
    came = ArrayPassage().stream(ASK).feed(encode(FIRST))
    *_, last = orjson.loads(b"\n" + came + b"\n" + array_error_event(error))
    assert last["error"]["message"] == error.message
    first = PROTOCOLS[ARRAY].error_first
    assert first is not None
    assert orjson.loads(first(error)) == [last]


def test_an_array_is_read_as_far_as_it_has_come() -> None:
    read = PROTOCOLS[ARRAY].read_stream
    (begun,) = read(b"[" + FIRST)
    assert (begun.text, begun.stop) == ("Hi", None)
    (whole,) = read(b"[" + FIRST + b",\r\n" + LAST + b"]")
    assert whole.text == "Hi!"
    assert whole.stop is not None


@pytest.mark.parametrize("block", [b"[{", b'{"a":1}', b"[1]"])
def test_what_is_no_array_of_responses_is_told_as_such(block: bytes) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        PROTOCOLS[ARRAY].read_stream(block)
