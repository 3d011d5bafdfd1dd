"""What a request for tokens is read as: one backend, nothing to pay."""

import json
from typing import Any

import pytest

from router.backends.backend import Backend
from router.backends.dialects.openai import OpenAI
from router.domain import Usage
from router.errors import BadRequest
from router.operations.tokenization import parse_detokenize, parse_tokenize
from router.protocols.openai.tokens import TokensPassage
from router.protocols.passage import MalformedReply


def tokenize(**fields: Any):
    return parse_tokenize(json.dumps({"model": "m", "prompt": "x" * 100} | fields).encode())


def test_nothing_is_held_for_and_nobody_else_is_asked() -> None:
    ask = tokenize()
    assert (ask.text_bytes, ask.max_output_tokens, ask.alone) == (0, 0, True)
    assert ask.texts() == ["x" * 100]


@pytest.mark.parametrize("base", ["http://x:1/v1", "http://x:1"])
def test_the_server_is_asked_at_its_root(base: str) -> None:
    backend = Backend("b", base, "real")
    call = OpenAI().call(backend.deployments()[0], backend, tokenize(), "r")
    assert call.target.url == "http://x:1/tokenize"
    assert json.loads(call.body)["model"] == "real"


@pytest.mark.parametrize(
    "answer", [{"tokens": [1]}, {"count": 1, "tokens": []}, {"content": "x"}, {"prompt": "x"}]
)
def test_answers_of_both_servers_go_through_and_used_nothing(answer: dict[str, Any]) -> None:
    raw = json.dumps(answer).encode()
    reply = TokensPassage().reply(raw, tokenize())
    assert (reply.body, reply.usage) == (raw, Usage())


def test_an_answer_without_tokens_is_none() -> None:
    with pytest.raises(MalformedReply):
        TokensPassage().reply(b"{}", tokenize())


def test_what_is_missing_or_wrong_is_named() -> None:
    with pytest.raises(BadRequest) as caught:
        tokenize(prompt=None)
    assert caught.value.param == "prompt"
    with pytest.raises(BadRequest) as caught:
        tokenize(stream=True)
    assert caught.value.param == "stream"
    with pytest.raises(BadRequest) as caught:
        parse_detokenize(b'{"model":"m"}')
    assert caught.value.param == "tokens"
