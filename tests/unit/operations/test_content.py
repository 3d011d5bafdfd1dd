"""What a request of Google's clients is read as, at its paths, and what is refused at the edge."""

import json
from base64 import urlsafe_b64encode
from typing import Any

import orjson
import pytest

from router.ask import Ask
from router.backends.backend import Backend
from router.backends.dialects.gemini import Gemini
from router.errors import BadRequest
from router.operations.content import parse_content
from router.operations.operation import Count, Operation
from router.operations.paths import row_at
from router.protocols.quirks import Quirks

HELLO: dict[str, Any] = {"contents": [{"role": "user", "parts": [{"text": "Hällo"}]}]}
PATH = b"/v1beta/models/gemini-2.5-flash:"


def content(**fields: Any) -> Ask:
    return parse_content(json.dumps(HELLO | fields).encode(), model="m")


def asked(verb: bytes, query: bytes = b"") -> Ask:
    row = row_at(PATH + verb, query)
    assert isinstance(row, Operation)
    return row.parse(orjson.dumps(HELLO), {})


def test_the_path_names_the_model_and_the_verb() -> None:
    plain = asked(b"generateContent", b"key=x")
    assert (plain.model, plain.stream, plain.protocol) == ("gemini-2.5-flash", False, "gemini")
    streamed = asked(b"streamGenerateContent", b"alt=sse")
    assert (streamed.stream, streamed.protocol) == (True, "gemini")
    array = asked(b"streamGenerateContent")
    assert (array.stream, array.protocol) == (True, "gemini_array")
    assert row_at(b"/v1/models/m:generateContent") is not None
    assert row_at(PATH + b"embedContent") is None
    odd = row_at(b"/v1beta/models/org/llama3:8b:generateContent")
    assert isinstance(odd, Operation)
    assert odd.parse(orjson.dumps(HELLO), {}).model == "org/llama3:8b"


@pytest.mark.parametrize("whole", [False, True])
def test_a_count_is_asked_of_contents_or_of_a_whole_request(whole: bool) -> None:
    row = row_at(PATH + b"countTokens")
    assert isinstance(row, Count)
    inner = {"model": "models/other", "systemInstruction": {"parts": [{"text": "Be brief."}]}}
    body = {"generateContentRequest": inner | HELLO} if whole else HELLO
    ask = row.parse(orjson.dumps(body), {})
    assert (ask.model, ask.operation) == ("gemini-2.5-flash", "content")
    assert ask.prompt.system == ("Be brief." if whole else "")
    assert orjson.loads(row.write(7)) == {"totalTokens": 7}


def test_facts_are_read_out_of_the_body() -> None:
    ask = content(
        systemInstruction={"parts": [{"text": "Be brief."}]},
        generationConfig={
            "maxOutputTokens": 9,
            "candidateCount": 2,
            "responseLogprobs": True,
            "responseJsonSchema": {"type": "object"},
        },
        tools=[{"functionDeclarations": [{"name": "f"}]}, {"googleSearch": {}}],
    )
    assert (ask.max_output_tokens, ask.choices, ask.json_schema) == (9, 2, True)
    assert ask.tools == ("f", "googleSearch")
    assert ask.features == {"tools", "hosted:googleSearch", "json_schema", "logprobs"}
    assert ask.prompt.system == "Be brief."
    assert ask.prompt.turns[-1].text == "Hällo"
    assert ask.text_bytes > len("Be brief.Hällo".encode())


def test_what_is_not_text_is_measured_and_not_told_to_the_detectors() -> None:
    picture = {"inlineData": {"mimeType": "image/png", "data": "aGk="}}
    ask = content(contents=[{"parts": [{"text": "Look"}, picture]}])
    assert (ask.images, ask.media.images, ask.media.image_bytes) == (1, 1, 2)
    assert "vision" in ask.features
    assert "aGk=" not in ask.texts()
    assert "Look" in ask.texts()


def test_a_picture_as_googles_python_client_writes_it_is_a_picture() -> None:
    size = (16).to_bytes(4, "big") * 2
    raw = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + size + b"\x08\x02\0\0\0\xfb\xef\xff\xff"
    data = urlsafe_b64encode(raw).decode()
    assert set("-_") & set(data)
    ask = content(contents=[{"parts": [{"inlineData": {"mime_type": "image/png", "data": data}}]}])
    assert (ask.media.images, ask.media.files, ask.media.pixels) == (1, 0, 256)
    assert "files" not in ask.features


def test_a_picture_that_says_its_type_twice_is_refused() -> None:
    twice = {"mimeType": "image/png", "mime_type": "application/pdf", "data": "aGk="}
    with pytest.raises(BadRequest, match="not both"):
        content(contents=[{"parts": [{"inlineData": twice}]}])


def call(ask: Ask, **quirks: Any) -> Any:
    backend = Backend("b", "http://x/v1beta", "real", dialect="gemini", quirks=Quirks(**quirks))
    return Gemini().call(backend.deployments()[0], backend, ask, "r")


def test_googles_servers_are_sent_the_clients_own_bytes() -> None:
    raw = b'{ "contents":[{"parts":[{"text":"caf\\u00e9"}]}],"made_up":1.50}'
    ask = parse_content(raw, model="m")
    sent = call(ask)
    assert sent.body == raw
    assert sent.target.url == "http://x/v1beta/models/real:generateContent"
    streamed = call(ask._replace(stream=True))
    assert streamed.target.url.endswith("/models/real:streamGenerateContent?alt=sse")


def test_quirks_and_a_model_in_the_body_are_changed_in_it() -> None:
    config = {"seed": 1, "topK": 2}
    ask = content(model="models/other", generationConfig=config)
    sent = orjson.loads(call(ask, drop=frozenset({"seed"}), extra={"safetySettings": []}).body)
    assert sent == HELLO | {"generationConfig": {"topK": 2}, "safetySettings": []}


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"contents": None}, "contents"),
        ({"contents": []}, "contents"),
        ({"contents": ["x"]}, "contents[0]"),
        ({"contents": [{"role": "nobody"}]}, "contents[0]"),
        ({"contents": [{"parts": "x"}]}, "contents[0].parts"),
        ({"contents": [{"parts": [{"text": 5}]}]}, "contents[0].parts[0].text"),
        ({"generationConfig": 5}, "generationConfig"),
        ({"generationConfig": {"maxOutputTokens": 0}}, "maxOutputTokens"),
        ({"generationConfig": {"max_output_tokens": 9}}, "max_output_tokens"),
        ({"generationConfig": {"max_tokens": 9}}, "max_tokens"),
        ({"generationConfig": {"candidate_count": 9}}, "candidate_count"),
        ({"generation_config": {}}, "generation_config"),
        ({"max_output_tokens": 9}, "max_output_tokens"),
        ({"tools": 5}, "tools"),
        ({"api_base": "http://x"}, "api_base"),
    ],
)
def test_a_wrong_field_is_named(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(BadRequest) as caught:
        content(**fields)
    assert caught.value.param == param
