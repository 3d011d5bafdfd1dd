"""Compactions: a response's body, asked of those who have it and of nobody else."""

import json
from dataclasses import replace
from typing import Any

import orjson
import pytest

from router.ask import STORED_STATE, Ask
from router.backends.backend import Backend
from router.backends.dialects.translated import dialect_of
from router.backends.fitness import unfit
from router.errors import BadRequest
from router.operations.compaction import parse_compaction
from router.protocols.unsupported import Unsupported

NATIVE = Backend("native", "http://x/v1", "real", speaks=frozenset({"responses", "compactions"}))
RAW = {"id": "resp_1", "object": "response.compaction", "output": [{"type": "compaction"}]}


def compaction(**fields: Any) -> Ask:
    return parse_compaction(json.dumps({"model": "auto", "input": "Hello"} | fields).encode())


def test_it_is_read_like_a_response_and_classified_by_nobody() -> None:
    ask = compaction(instructions="Be brief.", service_tier="flex")
    assert (ask.operation, ask.protocol) == ("compaction", "compactions")
    assert ask.text_bytes == len("Be brief.Hello")
    assert not ask.classified
    assert STORED_STATE in compaction(previous_response_id="resp_1").features


@pytest.mark.parametrize("fields", [{"stream": True}, {"input": None}, {"input": 1}])
def test_one_that_cannot_be_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(BadRequest):
        compaction(**fields)


def test_those_are_asked_that_have_it() -> None:
    assert unfit(NATIVE, compaction(), 9) is None
    for other in (
        replace(NATIVE, speaks=frozenset({"responses"})),
        replace(NATIVE, serves=frozenset({"chat"})),
        Backend("chat", "http://x", "m"),
        Backend("claude", "http://x", "m", dialect="anthropic"),
    ):
        assert unfit(other, compaction(), 9) == "compactions"
    with pytest.raises(Unsupported):
        dialect_of("anthropic", compaction())
    assert unfit(replace(NATIVE, serves=frozenset({"compaction"})), compaction(), 9) is None


def test_its_bytes_pass_and_nothing_is_said_of_storing() -> None:
    ask = compaction(prompt_cache_key="k")
    asking, passage = dialect_of("openai", ask, NATIVE.speaks)
    call = asking.call(NATIVE.deployments()[0], NATIVE, ask, "r")
    assert call.target.url == "http://x/v1/responses/compact"
    assert call.body == ask.raw.replace(b'"auto"', b'"real"')
    usage = {"input_tokens": 9, "output_tokens": 3, "total_tokens": 12}
    reply = passage.reply(orjson.dumps(RAW | {"usage": usage}), ask)
    assert (reply.usage.input_tokens, reply.usage.output_tokens) == (9, 3)
    assert not reply.usage.estimated


def test_a_thought_that_is_only_named_is_not_looked_for() -> None:
    turn = {"role": "user", "content": "Hello"}
    ask = compaction(input=[{"type": "reasoning", "id": "rs_1", "summary": []}, turn])
    asking, _ = dialect_of("openai", ask, NATIVE.speaks)
    sent = orjson.loads(asking.call(NATIVE.deployments()[0], NATIVE, ask, "r").body)
    assert sent["input"] == [turn]
    assert "store" not in sent
