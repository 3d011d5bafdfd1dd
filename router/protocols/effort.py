"""How hard a model is asked to think, in whichever protocol's words."""

from collections.abc import Mapping
from typing import Any, Final

_WORDS: Final = frozenset(("none", "minimal", "low", "medium", "high", "xhigh", "max"))
# Where protocols have objects for it.
_HOLDERS: Final = ("reasoning", "output_config")


def effort_of(body: Mapping[str, Any]) -> str:
    """The word for it; empty where none is said, or one that nobody knows."""
    said = body.get("reasoning_effort")
    for holder in _HOLDERS:
        held = body.get(holder)
        if said is None and isinstance(held, Mapping):
            said = held.get("effort")
    return said if isinstance(said, str) and said in _WORDS else ""
