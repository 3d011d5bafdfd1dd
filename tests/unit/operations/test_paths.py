"""Which row is asked at which path, and whose model a path names."""

from typing import Any

import httpx
import orjson
import pytest
from media_files import wav

from router.ask import Ask
from router.errors import BadRequest
from router.operations.operation import Count, Operation
from router.operations.paths import row_at
from router.operations.table import OPERATIONS

CHAT: dict[str, Any] = {"messages": [{"role": "user", "content": "x"}]}
DEPLOYED = b"/openai/deployments/my%20gpt-4o/chat/completions"


def asked(path: bytes, body: Any, **headers: str) -> Ask:
    row = row_at(path)
    assert isinstance(row, Operation)
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    fields = {name.replace("_", "-").encode(): text.encode() for name, text in headers.items()}
    return row.parse(raw, fields)


@pytest.mark.parametrize("row", OPERATIONS, ids=lambda row: row.path)
def test_every_operation_is_asked_at_its_path(row: Operation) -> None:
    assert row_at(row.path.encode()) is row


@pytest.mark.parametrize(
    "path",
    [
        *(b"/", b"/v1/chat", b"/openai/", b"/openai/v1/nothing"),
        *(b"/openai/deployments/x/nothing", b"/openai/deployments//chat/completions"),
        *(b"/openai/deployments/a/b/chat/completions", b"/openai/deployments/x/feedback"),
        b"/openai/deployments/" + b"x" * 800 + b"/chat/completions",
    ],
)
def test_nothing_is_asked_anywhere_else(path: bytes) -> None:
    assert row_at(path) is None


def test_azures_newest_paths_are_our_own() -> None:
    assert row_at(b"/openai/v1/chat/completions") is row_at(b"/v1/chat/completions")
    assert isinstance(row_at(b"/openai/v1/messages/count_tokens"), Count)


@pytest.mark.parametrize(
    "body",
    [
        CHAT,
        {"model": "other"} | CHAT,
        {"metadata": {"model": "inside"}} | CHAT,
        b' { "messages":[{"role":"user","content":"x"}]}',
    ],
)
def test_the_model_of_the_path_counts_whatever_the_body_says(body: Any) -> None:
    ask = asked(DEPLOYED, body)
    assert ask.model == "my gpt-4o"
    _, start, end = ask.members["model"]
    told = orjson.loads(ask.raw[:start] + b'"real"' + ask.raw[end:])
    assert told == (body if isinstance(body, dict) else CHAT) | {"model": "real"}


@pytest.mark.parametrize("data", [{}, {"model": "other"}])
def test_the_model_of_the_path_counts_in_a_form_too(data: dict[str, str]) -> None:
    files = {"file": ("x.wav", wav(1))}
    request = httpx.Request("POST", "http://x", data=data, files=files)
    kind = request.headers["content-type"]
    path = b"/openai/deployments/whisper/audio/transcriptions"
    ask = asked(path, request.read(), content_type=kind)
    assert ask.model == "whisper"
    assert ask.units == (("second", 1),)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"{}", b'{"model":null}', b'{"model":5}'])
def test_a_body_that_cannot_be_read_is_refused_as_ever(body: bytes) -> None:
    with pytest.raises(BadRequest):
        asked(DEPLOYED, body)
    with pytest.raises(BadRequest):
        asked(DEPLOYED, body, content_type="multipart/form-data; boundary=X")


@pytest.mark.parametrize("name", [b"%C3%A9", b"%0A", b"x" * 257])
def test_a_deployment_that_no_model_can_be_called_is_refused(name: bytes) -> None:
    with pytest.raises(BadRequest) as caught:
        asked(b"/openai/deployments/" + name + b"/chat/completions", CHAT)
    assert caught.value.param == "model"
