"""Usage is read in every provider's spelling."""

from typing import Any

import pytest
from shapes import SHAPES

from router.backends.dialects.table import DIALECTS
from router.counters import WRITTEN_1H
from router.domain import Usage
from router.protocols.hub.table import SERVERS
from router.protocols.hub.usage_lines import billed
from router.protocols.told import UNTOLD


@pytest.mark.parametrize(
    ("protocol", "usage", "expected"),
    [
        ("chat", {"prompt_tokens": 10, "completion_tokens": 5}, Usage(10, 5)),
        ("chat", {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 18}, Usage(10, 5)),
        (
            "chat",
            {
                "prompt_tokens": 10,
                "completion_tokens": 5,
                "total_tokens": 15,
                "prompt_tokens_details": {"cached_tokens": 4},
                "completion_tokens_details": {"reasoning_tokens": 2},
            },
            Usage(10, 5, 4, 2),
        ),
        (
            "chat",
            {"prompt_tokens": 10, "completion_tokens": 5, "prompt_cache_hit_tokens": 3},
            Usage(10, 5, 3),
        ),
        (
            "chat",
            {"prompt_tokens": 10, "completion_tokens": 5, "cached_tokens": 3},
            Usage(10, 5, 3),
        ),
        (
            "chat",
            {
                "prompt_tokens": 10,
                "completion_tokens": 5,
                "prompt_tokens_details": {"cached_tokens": 2, "cache_write_tokens": 3},
            },
            Usage(10, 5, 2, cache_write_tokens=3),
        ),
        ("chat", {"prompt_tokens": -1, "completion_tokens": 5}, Usage(UNTOLD, 5, estimated=True)),
        ("chat", {"prompt_tokens": True, "completion_tokens": 5}, Usage(UNTOLD, 5, estimated=True)),
        ("chat", {"prompt_tokens": -1, "completion_tokens": True}, None),
        ("messages", {"input_tokens": 10, "output_tokens": 5}, Usage(10, 5)),
        (
            "messages",
            {
                "input_tokens": 10,
                "cache_read_input_tokens": 100,
                "cache_creation_input_tokens": 1000,
                "cache_creation": {
                    "ephemeral_5m_input_tokens": 400,
                    "ephemeral_1h_input_tokens": 600,
                },
                "output_tokens": 5,
                "output_tokens_details": {"thinking_tokens": 2},
            },
            Usage(1110, 5, 100, 2, cache_write_tokens=1000, parts=((WRITTEN_1H, 600),)),
        ),
        ("messages", {"input_tokens": 10}, Usage(10, UNTOLD, estimated=True)),
        (
            "gemini",
            {
                "promptTokenCount": 20,
                "toolUsePromptTokenCount": 5,
                "candidatesTokenCount": 4,
                "thoughtsTokenCount": 6,
                "cachedContentTokenCount": 8,
            },
            Usage(25, 10, 8, 6),
        ),
        ("gemini", {"promptTokenCount": 20, "totalTokenCount": 20}, Usage(20, 0)),
        (
            "gemini",
            {"promptTokenCount": 20, "totalTokenCount": 30},
            Usage(20, UNTOLD, estimated=True),
        ),
        (
            "gemini",
            {"promptTokenCount": 21, "thoughtsTokenCount": 60, "totalTokenCount": 81},
            Usage(21, 60, 0, 60),
        ),
        ("gemini", {"candidatesTokenCount": 4}, None),
        ("responses", {"input_tokens": 10, "output_tokens": 5}, Usage(10, 5)),
        (
            "responses",
            {
                "input_tokens": 1110,
                "input_tokens_details": {
                    "cached_tokens": 100,
                    "cache_write_tokens": 1000,
                    "cache_write_tokens_details": {"ttl_30m_tokens": 400, "ttl_12h_tokens": 600},
                },
                "output_tokens": 5,
                "output_tokens_details": {"reasoning_tokens": 2},
                "total_tokens": 1115,
            },
            Usage(1110, 5, 100, 2, cache_write_tokens=1000),
        ),
        ("responses", {"input_tokens": 10}, Usage(10, UNTOLD, estimated=True)),
        ("ollama", {"prompt_eval_count": 7, "eval_count": 3}, Usage(7, 3)),
        ("ollama", {"prompt_eval_count": None, "eval_count": 3}, Usage(UNTOLD, 3, estimated=True)),
        ("replicate", {"input_token_count": 7, "output_token_count": 3}, Usage(7, 3)),
        ("replicate", {"predict_time": 1.0}, None),
    ],
)
def test_usage_in_every_providers_spelling(
    protocol: str, usage: dict[str, Any], expected: Usage | None
) -> None:
    shape = next(
        shapes["text"].whole
        for dialect, shapes in SHAPES.items()
        if DIALECTS[dialect].protocol == protocol
    )
    where = {"gemini": "usageMetadata", "replicate": "metrics"}.get(protocol, "usage")
    told = usage if protocol == "ollama" else {where: usage}
    answer = SERVERS[protocol].read_answer(shape | told)
    assert billed(answer.usage) == expected
