"""The dialects: one row each, and those of plugins. The contract suite runs over every row."""

from types import MappingProxyType
from typing import Final

from policies import plugins
from policies.plugins import Extended
from router.backends.dialects.anthropic import Anthropic
from router.backends.dialects.base import Asking, Dialect
from router.backends.dialects.gemini import Gemini
from router.backends.dialects.openai import OpenAI
from router.backends.dialects.replicate import Replicate

_OPENAI: Final = OpenAI()
_ANTHROPIC: Final = Anthropic()
DIALECTS: Final[Extended[Dialect]] = Extended(
    plugins.DIALECTS,
    {
        "openai": _OPENAI,
        "anthropic": _ANTHROPIC,
        "gemini": Gemini(),
        "replicate": Replicate(),
    },
    Dialect,
)
# Those that speak a protocol of clients by themselves: `spoken.SPEAKS` says which.
NATIVE: Final[MappingProxyType[str, Asking]] = MappingProxyType(
    {"openai": _OPENAI, "anthropic": _ANTHROPIC}
)
