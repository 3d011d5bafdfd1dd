"""Thoughts that no server of Anthropic made, kept from those servers.

An answer of another provider reaches Anthropic's clients with its thoughts in blocks whose
signature is marked (`parts.write_seal`). Clients give blocks back as they were, and Anthropic
refuses those that it did not sign: so a conversation that goes on there goes on without them.
"""

from typing import Any, Final

from router.protocols.hub.seals import MARK

_SIGNS: Final = tuple([f'"signature":{blank}"{MARK}'.encode() for blank in ("", " ")])


def has_foreign_thoughts(raw: bytes) -> bool:
    """Whether a body may hold such thoughts: a look at its bytes."""
    return _SIGNS[0] in raw or _SIGNS[1] in raw


def own_messages(messages: list[Any]) -> list[Any]:
    """The messages without them; those of which nothing is left are left out."""
    own: list[Any] = []
    for message in messages:
        content = message.get("content")
        if isinstance(content, list):
            kept = [block for block in content if not _is_foreign(block)]
            if not kept and content:
                continue
            if len(kept) < len(content):
                message = {**message, "content": kept}  # noqa: PLW2901
        own.append(message)
    return own


def _is_foreign(block: Any) -> bool:
    return block.get("type") == "thinking" and str(block.get("signature")).startswith(MARK)
