"""The dialects: one row each. The contract suite runs every case over every row."""

from types import MappingProxyType
from typing import Final

from router.backends.dialects.anthropic_chat import ANTHROPIC
from router.backends.dialects.base import Dialect
from router.backends.dialects.gemini import Gemini
from router.backends.dialects.openai import OpenAI
from router.backends.dialects.replicate import Replicate

DIALECTS: Final[MappingProxyType[str, Dialect]] = MappingProxyType(
    {
        "openai": OpenAI(),
        "anthropic": ANTHROPIC,
        "gemini": Gemini(),
        "replicate": Replicate(),
    }
)
