"""Google's clients at other servers: what they ask and what they are told, in their own words."""

from typing import Any

import orjson
import pytest

from router.errors import BadRequest, LimitExceeded, NotFound
from router.operations.content import parse_content, parse_content_count
from router.protocols.gemini.errors import content_error_body, content_error_event
from router.protocols.gemini.passage import GeminiPassage
from router.protocols.gemini.seals import has_foreign_seals, own_contents, read_seal, write_seal
from router.protocols.hub.answer import Alternative, Answer, Logprob, Stop, UsageLine
from router.protocols.hub.conversation import Call, Image, Seal, Text, Thinking
from router.protocols.hub.events import (
    Ended,
    PartClosed,
    PartDelta,
    PartNoted,
    PartOpened,
    Started,
    Stopped,
    UsageSeen,
)
from router.protocols.hub.table import CLIENTS, SERVERS
from router.protocols.passage import ErrorInside, MalformedReply
from router.protocols.quirks import PLAIN
from router.protocols.sse import data_of, encode, events
from router.protocols.unsupported import Unsupported
from router.protocols.usage import estimate_input
from router.protocols.wanted import content_wanted

HELLO = [{"role": "user", "parts": [{"text": "Hello"}]}]
DECLARED = {
    "name": "weather",
    "description": "tells it",
    "parameters": {
        "type": "OBJECT",
        "properties": {"city": {"type": "STRING", "nullable": True}},
        "propertyOrdering": ["city"],
    },
}


def to(server: str, **body: Any) -> Any:
    asked = CLIENTS["gemini"].read_request({"contents": HELLO} | body)
    return SERVERS[server].write_request(asked, "m", PLAIN)


def test_a_request_is_a_chat() -> None:
    body = to(
        "chat",
        systemInstruction={"parts": [{"text": "Be brief."}]},
        generationConfig={
            "maxOutputTokens": 9,
            "temperature": 0.5,
            "topP": 0.9,
            "stopSequences": ["x"],
            "candidateCount": 2,
            "seed": 1,
        },
        safetySettings=[{"category": "c"}],
    )
    assert body.dropped == ("safetySettings",)
    told = body.body
    assert told["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hello"},
    ]
    wanted = {"temperature": 0.5, "top_p": 0.9, "n": 2, "seed": 1}
    assert told.items() >= wanted.items()
    assert told["stop"] in ("x", ["x"])
    assert 9 in (told.get("max_tokens"), told.get("max_completion_tokens"))


def test_tools_their_calls_and_their_results_go_along() -> None:
    contents = [
        *HELLO,
        {"role": "model", "parts": [{"functionCall": {"name": "weather", "args": {"city": "X"}}}]},
        {
            "role": "user",
            "parts": [{"functionResponse": {"name": "weather", "response": {"result": "sunny"}}}],
        },
    ]
    calling = {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["weather"]}}
    tools = [{"functionDeclarations": [DECLARED]}]
    told = to("chat", contents=contents, tools=tools, toolConfig=calling).body
    (call,) = told["messages"][1]["tool_calls"]
    assert orjson.loads(call["function"]["arguments"]) == {"city": "X"}
    assert told["messages"][2] == {"role": "tool", "tool_call_id": call["id"], "content": "sunny"}
    (tool,) = told["tools"]
    assert tool["function"]["parameters"] == {
        "type": "object",
        "properties": {"city": {"type": ["string", "null"]}},
    }
    assert told["tool_choice"] == {"type": "function", "function": {"name": "weather"}}


def test_two_calls_of_one_tool_have_their_own_results() -> None:
    def call(city: str) -> dict[str, Any]:
        return {"functionCall": {"name": "weather", "args": {"city": city}}}

    def result(text: str) -> dict[str, Any]:
        return {"functionResponse": {"name": "weather", "response": {"result": text}}}

    contents = [
        {"role": "model", "parts": [call("A"), call("B")]},
        {"role": "user", "parts": [result("one"), result("two")]},
    ]
    messages = to("chat", contents=[*HELLO, *contents]).body["messages"]
    first, second = (one["id"] for one in messages[1]["tool_calls"])
    assert first != second
    assert [(m["tool_call_id"], m["content"]) for m in messages[2:]] == [
        (first, "one"),
        (second, "two"),
    ]


@pytest.mark.parametrize("server", ["chat", "messages"])
def test_a_picture_as_googles_python_client_writes_it_goes_along_in_plain_base64(
    server: str,
) -> None:
    picture = {"inlineData": {"mime_type": "image/png", "data": "-_-_"}}
    written = orjson.dumps(to(server, contents=[{"parts": [picture]}]).body).decode()
    assert "+/+/" in written
    assert "image/png" in written


@pytest.mark.parametrize("server", ["chat", "messages"])
def test_pictures_and_thoughts_and_schemas_go_along(server: str) -> None:
    picture = {"inlineData": {"mimeType": "image/png", "data": "aGk="}}
    schema = {"type": "OBJECT", "properties": {"a": {"type": "INTEGER"}}}
    body = to(
        server,
        contents=[{"parts": [{"text": "Look"}, picture]}],
        generationConfig={
            "maxOutputTokens": 5000,
            "responseMimeType": "application/json",
            "responseSchema": schema,
            "thinkingConfig": {"thinkingBudget": 2048},
        },
    ).body
    written = orjson.dumps(body).decode()
    assert "aGk=" in written
    assert '"type":"integer"' in written


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"cachedContent": "c"}, "cachedContent"),
        ({"tools": [{"googleSearch": {"a": 1}}]}, "googleSearch"),
        ({"generationConfig": {"responseModalities": ["IMAGE"]}}, "responseModalities"),
        ({"generationConfig": {"speechConfig": {"a": 1}}}, "speechConfig"),
        ({"generationConfig": {"responseMimeType": "text/x.enum"}}, "responseMimeType"),
        ({"contents": [{"parts": [{"executableCode": {"code": "x"}}]}]}, "executableCode"),
        ({"contents": [{"parts": [{"fileData": {"fileUri": "gs://x"}}]}]}, "fileData"),
        ({"contents": [{"role": "nobody"}]}, "contents"),
    ],
)
def test_what_no_other_server_has_is_refused_by_name(body: dict[str, Any], named: str) -> None:
    with pytest.raises(Unsupported) as caught:
        to("chat", **body)
    assert named in caught.value.param


ANSWER = Answer(
    "id1",
    "served",
    (
        Alternative(
            (
                Thinking("Hm", Seal("messages", "S==")),
                Text("Hi"),
                Call("c1", "weather", '{"city":"X"}', seal=Seal("gemini", "c2ln")),
                Image("image/png", "aGk="),
            ),
            Stop("calls"),
            (Logprob("Hi", -0.5, None, (Logprob("Ho", -1.0),)),),
        ),
    ),
    (
        UsageLine("input", 7),
        UsageLine("cache_read", 3),
        UsageLine("output", 5),
        UsageLine("reasoning", 2),
    ),
)


def test_an_answer_is_a_response() -> None:
    told = CLIENTS["gemini"].write_answer(ANSWER, ASK, 1).body
    (candidate,) = told["candidates"]
    thought, text, call, picture = candidate["content"]["parts"]
    assert (thought["text"], thought["thought"]) == ("Hm", True)
    assert text == {"text": "Hi"}
    assert call == {
        "functionCall": {"id": "c1", "name": "weather", "args": {"city": "X"}},
        "thoughtSignature": "c2ln",
    }
    assert picture == {"inlineData": {"mimeType": "image/png", "data": "aGk="}}
    assert (candidate["finishReason"], candidate["index"]) == ("STOP", 0)
    assert candidate["logprobsResult"]["chosenCandidates"][0]["token"] == "Hi"
    assert told["usageMetadata"] == {
        "promptTokenCount": 10,
        "candidatesTokenCount": 3,
        "thoughtsTokenCount": 2,
        "cachedContentTokenCount": 3,
        "totalTokenCount": 15,
    }
    assert (told["responseId"], told["modelVersion"]) == ("id1", "served")


def test_a_stream_tells_the_same_in_pieces() -> None:
    writer = CLIENTS["gemini"].writer(parse_content(b'{"contents":[{}]}', model="m"), 1)
    out = writer.write(
        [
            Started("id1", "served"),
            PartOpened(0, 0, Thinking("")),
            PartDelta(0, 0, "Hm"),
            PartNoted(0, 0, Seal("messages", "S==")),
            PartClosed(0, 0),
            PartOpened(0, 1, Text("")),
            PartDelta(0, 1, "H"),
            PartDelta(0, 1, "i"),
            PartClosed(0, 1),
            PartOpened(0, 2, Call("c1", "weather", "")),
            PartDelta(0, 2, '{"city":'),
            PartDelta(0, 2, '"X"}'),
            PartClosed(0, 2),
            Stopped(0, Stop("length")),
            UsageSeen((UsageLine("input", 7), UsageLine("output", 5))),
            Ended(),
        ]
    )
    told = [orjson.loads(data_of(event) or b"") for event in events(out)]
    parts = [part for one in told for part in one["candidates"][0]["content"]["parts"]]
    assert [part.get("text") for part in parts] == ["Hm", "", "H", "i", None]
    assert parts[-1]["functionCall"]["args"] == {"city": "X"}
    assert told[-1]["candidates"][0]["finishReason"] == "MAX_TOKENS"
    assert told[-1]["usageMetadata"]["totalTokenCount"] == 12
    history = CLIENTS["gemini"].read_request(
        {"contents": [*HELLO, {"role": "model", "parts": parts}]}
    )
    thought, text, call = history.turns[1].parts
    assert thought == Thinking("Hm", Seal("messages", "S=="))
    assert text == Text("Hi")
    assert isinstance(call, Call)


def test_a_stream_that_the_gateway_ends_is_well_formed() -> None:
    writer = CLIENTS["gemini"].writer(parse_content(b'{"contents":[{}]}', model="m"), 1)
    writer.write([Started("i", "m"), PartOpened(0, 0, Text("x"))])
    last = orjson.loads(data_of(writer.cut("r", "m", "the quota")) or b"")
    assert last["candidates"][0]["finishReason"] == "MAX_TOKENS"


def test_seals_of_others_are_marked_and_never_reach_google() -> None:
    seal = Seal("messages", "S==/x", "redacted")
    written = write_seal(seal)
    assert read_seal(written) == seal
    assert read_seal("c2ln") == Seal("gemini", "c2ln")
    assert read_seal(None) is None
    own = {"functionCall": {"name": "f"}, "thoughtSignature": "c2ln"}
    thought = {"text": "t", "thought": True, "thoughtSignature": written}
    called = {"functionCall": {"name": "g"}, "thoughtSignature": written}
    contents = [{"role": "model", "parts": [own, thought, called]}]
    assert has_foreign_seals(orjson.dumps(contents))
    assert own_contents(contents)[0]["parts"] == [own, {"functionCall": {"name": "g"}}]


ASK = parse_content(b'{"contents":[{"parts":[{"text":"Hello there"}]}]}', model="m", stream=True)
WHOLE = (
    b'{"candidates":[{"content":{"parts":[{"text":"Hi"}],"role":"model"},"finishReason":"STOP"}],'
    b'"usageMetadata":{"promptTokenCount":3,"candidatesTokenCount":2,"totalTokenCount":5},'
    b'"modelVersion":"served", "new":1.50}'
)


def test_googles_own_answers_go_through_and_are_counted() -> None:
    reply = GeminiPassage().reply(WHOLE, ASK)
    assert reply.body == WHOLE
    assert (reply.usage.input_tokens, reply.usage.output_tokens, reply.model) == (3, 2, "served")
    blocked = GeminiPassage().reply(b'{"promptFeedback":{"blockReason":"SAFETY"}}', ASK)
    assert blocked.usage.estimated


def test_googles_own_streams_go_through_and_are_counted() -> None:
    data = encode(WHOLE.replace(b'"finishReason":"STOP"', b'"index":0')) + encode(WHOLE)
    stream = GeminiPassage().stream(ASK)
    out = b"".join(stream.feed(data[at : at + 9]) for at in range(0, len(data), 9))
    assert out + stream.finish() == data
    assert stream.usage is not None
    assert (stream.usage.output_tokens, stream.model, stream.finished) == (2, "served", True)
    assert stream.output_tokens_seen == 2
    assert stream.ending.reasons == ("STOP",)
    assert b"MAX_TOKENS" in stream.cut("r", "m", "why")


@pytest.mark.parametrize("raw", [b"", b"{}", b"[]", b'{"candidates":5}', b'{"candidates":[5]}'])
def test_nonsense_is_refused(raw: bytes) -> None:
    with pytest.raises(MalformedReply):
        GeminiPassage().reply(raw, ASK)


def test_errors_inside_are_errors() -> None:
    error = b'{"error":{"code":429,"message":"slow down"}}'
    with pytest.raises(ErrorInside) as caught:
        GeminiPassage().reply(error, ASK)
    assert caught.value.status == 429
    with pytest.raises(ErrorInside):
        GeminiPassage().stream(ASK).feed(encode(error))
    cut = GeminiPassage().stream(ASK)
    cut.feed(encode(b'{"candidates":[{"content":{"parts":[{"text":"x"}]}}]}'))
    with pytest.raises(MalformedReply):
        cut.finish()


@pytest.mark.parametrize(
    ("error", "code", "status"),
    [
        (BadRequest("no"), 400, "INVALID_ARGUMENT"),
        (NotFound("no"), 404, "NOT_FOUND"),
        (LimitExceeded("no"), 429, "RESOURCE_EXHAUSTED"),
    ],
)
def test_errors_are_in_googles_shape(error: Any, code: int, status: str) -> None:
    told = {"error": {"code": code, "message": "no", "status": status}}
    assert orjson.loads(content_error_body(error)) == told
    assert orjson.loads(data_of(content_error_event(error)) or b"") == told


def test_a_request_is_as_large_by_itself_as_within_a_count() -> None:
    raw = orjson.dumps({"contents": [{"parts": [{"text": "x" * 400}]}]})
    nested = orjson.dumps({"generateContentRequest": orjson.loads(raw)})
    for body in (raw, nested):
        assert estimate_input(parse_content_count(body, model="m")) == 100
    with pytest.raises(BadRequest):
        parse_content_count(b"{", model="m")


def test_what_an_answer_must_fit_is_known() -> None:
    schema = {"type": "object"}
    config = {"responseMimeType": "application/json", "responseJsonSchema": schema}
    tools = [{"functionDeclarations": [{"name": "f", "parametersJsonSchema": schema}]}]
    calling = {"functionCallingConfig": {"mode": "ANY"}}
    wanted = content_wanted({"generationConfig": config, "tools": tools, "toolConfig": calling})
    assert (wanted.form, wanted.schema, wanted.call) == ("json_schema", schema, True)
    assert wanted.tools == {"f": schema}
