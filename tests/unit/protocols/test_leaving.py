"""Detectors read all that leaves with a request, whatever field it stands in, and no media."""

import base64
import random
from typing import Any

import orjson
import pytest

from policies.pii.budget import BUDGET
from policies.pii.reading import Reading
from router.ask import Ask
from router.operations.declared import DeclaredOperation, DeclaredPaths
from router.operations.table import OPERATIONS
from router.protocols.leaving import leaving

MAIL = "jane.doe@example.com"
TEXT = {"role": "user", "content": "x"}
PNG = b"\x89PNG\r\n\x1a\n" + random.Random(1).randbytes(60_000)
PARSE = {row.path: row.parse for row in OPERATIONS}
CHAT, MESSAGES, RESPONSES = "/v1/chat/completions", "/v1/messages", "/v1/responses"


def private(ask: Ask) -> bool:
    return bool(Reading(BUDGET).finding(leaving(ask)))


def asked(path: str, **fields: Any) -> Ask:
    body = {"model": "a", **fields}
    if path == CHAT:
        body = {"messages": [TEXT], **body}
    elif path == MESSAGES:
        body = {"messages": [TEXT], "max_tokens": 9, **body}
    elif path == RESPONSES:
        body = {"input": "x", **body}
    raw = orjson.dumps(body)
    return PARSE[path](raw, {})


def part(**fields: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": [fields]}]}


def named(parameters: dict[str, Any], **fields: Any) -> list[dict[str, Any]]:
    return [{"type": "function", "function": {"name": "f", "parameters": parameters, **fields}}]


WITHIN = [
    (CHAT, {"messages": [{"role": "user", "content": f"data: {MAIL}"}]}),
    (CHAT, {"messages": [{"role": "user", "content": f"data:text/plain,{MAIL}"}]}),
    (CHAT, {"messages": [{"role": "system", "content": MAIL}, TEXT]}),
    (CHAT, {"messages": [{"role": "user", "name": MAIL, "content": "x"}]}),
    (CHAT, {"tools": named({}, description=MAIL)}),
    (CHAT, {"tools": named({"properties": {MAIL: {}}})}),
    (CHAT, {"tools": named({"properties": {"a": {"enum": [MAIL]}}})}),
    (CHAT, {"response_format": {"type": "json_schema", "json_schema": {"name": MAIL}}}),
    (CHAT, {"prediction": {"type": "content", "content": MAIL}}),
    (CHAT, {"metadata": {"by": MAIL}}),
    (CHAT, {"metadata": {MAIL: "x"}}),
    (CHAT, {"user": MAIL}),
    (CHAT, {"stop": [MAIL]}),
    (CHAT, {"safety_identifier": MAIL}),
    (CHAT, {"web_search_options": {"user_location": {"city": MAIL}}}),
    (CHAT, {"nobody_knows": {"this": [{"field": MAIL}]}}),
    (CHAT, part(type="file", file={"filename": f"{MAIL}.pdf", "file_data": "x"})),
    (
        CHAT,
        {
            "messages": [
                {
                    "role": "assistant",
                    "tool_calls": [
                        {
                            "id": "1",
                            "type": "function",
                            "function": {"name": "f", "arguments": orjson.dumps([MAIL]).decode()},
                        }
                    ],
                },
                TEXT,
            ]
        },
    ),
    (MESSAGES, {"system": [{"type": "text", "text": MAIL}]}),
    (MESSAGES, {"metadata": {"user_id": MAIL}}),
    (MESSAGES, {"stop_sequences": [MAIL]}),
    (MESSAGES, {"tools": [{"name": "f", "description": MAIL, "input_schema": {}}]}),
    (MESSAGES, {"tools": [{"name": "f", "input_schema": {"properties": {MAIL: {}}}}]}),
    (
        MESSAGES,
        {
            "messages": [
                {
                    "role": "assistant",
                    "content": [{"type": "thinking", "thinking": MAIL, "signature": "x"}],
                },
                TEXT,
            ]
        },
    ),
    (
        MESSAGES,
        {
            "messages": [
                {
                    "role": "assistant",
                    "content": [
                        {
                            "type": "tool_use",
                            "id": "1",
                            "name": "f",
                            "input": {"n": 4111111111111111},
                        }
                    ],
                },
                TEXT,
            ]
        },
    ),
    (RESPONSES, {"instructions": MAIL}),
    (RESPONSES, {"metadata": {"by": MAIL}}),
    (RESPONSES, {"prompt": {"id": "p", "variables": {"to": MAIL}}}),
    (RESPONSES, {"reasoning": {"summary": MAIL}}),
    (RESPONSES, {"prompt_cache_key": MAIL}),
    (RESPONSES, {"tools": [{"type": "function", "name": "f", "description": MAIL}]}),
    ("/v1/embeddings", {"input": ["x", MAIL]}),
    ("/v1/completions", {"prompt": "x", "suffix": MAIL}),
    ("/v1/moderations", {"input": [{"type": "text", "text": MAIL}]}),
    ("/v1/rerank", {"query": "q", "documents": [{"text": MAIL}]}),
    ("/v1/images/generations", {"prompt": MAIL}),
    ("/v1/audio/speech", {"input": "x", "voice": "v", "instructions": MAIL}),
    ("/tokenize", {"prompt": MAIL}),
]


@pytest.mark.parametrize(("path", "fields"), WITHIN, ids=lambda value: str(value)[:60])
def test_private_data_is_found_in_every_field_that_leaves(path, fields):
    assert private(asked(path, **fields))


def test_gemini_s_system_instruction_tools_and_thoughts_are_read():
    row = next(row for row in OPERATIONS if row.name == "content")
    contents = [{"parts": [{"text": "x"}]}]
    for more in (
        {"systemInstruction": {"parts": [{"text": MAIL}]}},
        {"tools": [{"functionDeclarations": [{"name": "f", "description": MAIL}]}]},
        {"contents": [{"role": "model", "parts": [{"text": MAIL, "thought": True}]}, *contents]},
        {"generationConfig": {"stopSequences": [MAIL]}},
    ):
        ask = row.parse(orjson.dumps({"model": "a", "contents": contents, **more}), {})
        assert private(ask)


def form(*parts: tuple[str, bytes], path: str = "/v1/audio/transcriptions") -> Ask:
    pieces = [
        b"--edge\r\nContent-Disposition: form-data; %s\r\n\r\n%s\r\n" % (head.encode(), content)
        for head, content in (('name="model"', b"a"), *parts)
    ]
    raw = b"".join(pieces) + b"--edge--\r\n"
    return PARSE[path](raw, {b"content-type": b"multipart/form-data; boundary=edge"})


SOUND = ('name="file"; filename="a.wav"', random.Random(2).randbytes(50_000))


@pytest.mark.parametrize(
    ("parts", "found"),
    [
        ((SOUND,), False),
        ((SOUND, ('name="prompt"', MAIL.encode())), True),
        ((SOUND, (f'name="{"x" * 9}[{MAIL.partition("@")[0]}]"', b"x")), False),
        (((f'name="file"; filename="{MAIL}.wav"', SOUND[1]),), True),
        (((SOUND[0], f"WEBVTT {MAIL}".encode()),), True),
    ],
    ids=["sound", "prompt", "no mail", "file name", "text as a file"],
)
def test_of_a_form_fields_and_file_names_are_read_and_files_that_are_text(parts, found):
    assert private(form(*parts)) is found


def test_of_a_declared_operation_body_and_address_are_read():
    paths = DeclaredPaths([DeclaredOperation("ocr", ("/v1/ocr/{who}",), "a", methods=("POST",))])
    for path, query, raw, found in (
        ("/v1/ocr/x", b"", b"{}", False),
        (f"/v1/ocr/{MAIL}", b"", b"{}", True),
        ("/v1/ocr/x", b"who=" + MAIL.encode(), b"{}", True),
        ("/v1/ocr/x", b"", MAIL.encode(), True),
    ):
        row = paths.at(path.encode(), query, b"POST")
        assert row is not None
        assert private(row.parse(raw, {})) is found


def test_a_picture_is_no_text_and_a_text_in_base64_is():
    picture, letter = (
        base64.b64encode(raw).decode() for raw in (PNG, f"Hello {MAIL}. ".encode() * 99)
    )
    for held, found in ((picture, False), (letter, True)):
        url = f"data:image/png;base64,{held}"
        assert private(asked(CHAT, **part(type="image_url", image_url={"url": url}))) is found
        source = {"type": "base64", "media_type": "image/png", "data": held}
        assert private(asked(MESSAGES, **part(type="image", source=source))) is found


def test_text_beside_a_picture_is_read():
    held = base64.b64encode(PNG).decode()
    for url in (
        f"data:image/png;base64,{held} {MAIL}",
        f"data:image/png;name={MAIL};base64,{held}",
    ):
        assert private(asked(CHAT, **part(type="image_url", image_url={"url": url})))


def test_the_seed_of_a_die_is_no_card():
    assert not private(asked(CHAT, seed=4111111111111111))
    assert private(asked(CHAT, seed=1, top_k=4111111111111111))


def test_headers_that_go_on_are_read():
    raw = orjson.dumps({"model": "a", "messages": [TEXT], "max_tokens": 1})
    assert private(PARSE[MESSAGES](raw, {b"anthropic-beta": MAIL.encode()}))
    assert not private(PARSE[MESSAGES](raw, {b"x-mine": MAIL.encode()}))
