"""Which protocols the servers of each dialect speak by themselves, and which others they can be
asked in, translated."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

NOTHING: Final[frozenset[str]] = frozenset()
SPEAKS: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "openai": frozenset({"chat"}),
        "anthropic": frozenset({"messages"}),
        "gemini": NOTHING,
        "replicate": NOTHING,
    }
)
# Every dialect can be asked these: router.backends.dialects.translated.
TRANSLATED: Final = frozenset({"chat", "messages"})
