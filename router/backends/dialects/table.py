"""The dialects: one row each, and those of plugins. The contract suite runs over every row."""

from typing import Final

from policies import plugins
from policies.plugins import Extended
from router.backends.dialects.anthropic import Anthropic
from router.backends.dialects.base import Dialect
from router.backends.dialects.gemini import Gemini
from router.backends.dialects.ollama import Ollama
from router.backends.dialects.openai import OpenAI
from router.backends.dialects.replicate import Replicate
from router.backends.dialects.vertex_anthropic import VertexAnthropic

DIALECTS: Final[Extended[Dialect]] = Extended(
    plugins.DIALECTS,
    {
        "openai": OpenAI(),
        "responses": OpenAI("responses", "/responses", frozenset({"responses"})),
        "anthropic": Anthropic(),
        "gemini": Gemini(),
        "ollama": Ollama(),
        "replicate": Replicate(),
        "vertex-anthropic": VertexAnthropic(),
    },
    Dialect,
)


def also_spoken(dialect: str) -> frozenset[str]:
    """The protocols that servers of a dialect may know beside its own, as their operator says."""
    row = DIALECTS[dialect]
    return row.also if isinstance(row, OpenAI) else frozenset()


def caches_when_asked(dialect: str) -> bool:
    """Whether servers of a dialect fill their caches only with what a request marks."""
    return isinstance(DIALECTS[dialect], Anthropic | VertexAnthropic)
