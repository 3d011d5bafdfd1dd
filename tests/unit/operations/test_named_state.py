"""What a provider keeps, named in the words of each protocol, is no customer's to read."""

import json
from dataclasses import replace
from typing import Any

import pytest

from router.ask import NAMED_FILES, STORED_STATE, Ask
from router.backends.backend import Backend
from router.backends.fitness import unfit
from router.operations.chat import parse_chat
from router.operations.content import parse_content
from router.operations.message import parse_message

OPENAI = Backend("openai", "http://x", "m")
CLAUDE = Backend("claude", "http://x", "m", dialect="anthropic")
GEMINI = Backend("gemini", "http://x", "m", dialect="gemini")
KEPT = "https://generativelanguage.googleapis.com/v1beta/files/a"


def chat(*parts: dict[str, Any]) -> Ask:
    messages = [{"role": "user", "content": list(parts)}]
    return parse_chat(json.dumps({"model": "a", "messages": messages}).encode())


def message(*blocks: dict[str, Any], **fields: Any) -> Ask:
    messages = [{"role": "user", "content": list(blocks) or "x"}]
    body = {"model": "a", "max_tokens": 5, "messages": messages} | fields
    return parse_message(json.dumps(body).encode())


def content(*parts: dict[str, Any], **fields: Any) -> Ask:
    body = {"contents": [{"parts": list(parts) or [{"text": "x"}]}]} | fields
    return parse_content(json.dumps(body).encode(), model="a")


@pytest.mark.parametrize(
    ("ask", "native", "feature"),
    [
        (chat({"type": "file", "file": {"file_id": "file_1"}}), OPENAI, NAMED_FILES),
        (
            message({"type": "document", "source": {"type": "file", "file_id": "f"}}),
            CLAUDE,
            NAMED_FILES,
        ),
        (
            message({"type": "image", "source": {"type": "file", "file_id": "f"}}),
            CLAUDE,
            NAMED_FILES,
        ),
        (message({"type": "container_upload", "file_id": "f"}), CLAUDE, NAMED_FILES),
        (message(container="container_1"), CLAUDE, STORED_STATE),
        (message(container={"id": "container_1"}), CLAUDE, STORED_STATE),
        (content(cachedContent="cachedContents/1"), GEMINI, STORED_STATE),
        (content({"fileData": {"fileUri": KEPT}}), GEMINI, NAMED_FILES),
        (content({"file_data": {"file_uri": "files/a"}}), GEMINI, NAMED_FILES),
        (content({"fileData": {"fileUri": "gs://bucket/a"}}), GEMINI, NAMED_FILES),
    ],
)
def test_it_goes_where_the_account_is_shared_on_purpose(
    ask: Ask, native: Backend, feature: str
) -> None:
    assert feature in ask.features
    assert "all customers of this gateway share" in str(unfit(native, ask, 9))
    shared = replace(native, shares_state=True)
    assert unfit(shared, ask, 9) is None
    other = GEMINI if native is not GEMINI else OPENAI
    assert "only where it is kept" in str(unfit(replace(other, shares_state=True), ask, 9))


@pytest.mark.parametrize(
    ("ask", "native"),
    [
        (chat({"type": "file", "file": {"filename": "a.pdf", "file_data": "YQ=="}}), OPENAI),
        (message({"type": "image", "source": {"type": "url", "url": "http://x/a"}}), CLAUDE),
        (message(container={"skills": [{"type": "anthropic", "skill_id": "pdf"}]}), CLAUDE),
        (message(container=None), CLAUDE),
        (content({"fileData": {"fileUri": "https://youtu.be/a"}}), GEMINI),
        (content({"fileData": None}), GEMINI),
    ],
)
def test_what_is_nobodys_passes(ask: Ask, native: Backend) -> None:
    assert unfit(native, ask, 9) is None
