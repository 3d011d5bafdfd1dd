"""Thoughts that no server of Anthropic made, kept from those servers.

An answer of another provider reaches Anthropic's clients with its thoughts in blocks whose
signature is marked (`parts.write_seal`). Clients give blocks back as they were, and Anthropic
refuses those that it did not sign: so a conversation that goes on there goes on without them. So it
does without thoughts that have no signature at all, which servers make that speak its protocol.

Such servers have signatures of their own too, and what they say goes through as it came: nothing
tells theirs from Anthropic's until Anthropic refuses them. Then the request goes there once more
without any thought (`bare`).
"""

from typing import Any, Final

from router.protocols.hub.seals import MARK

_SIGNS: Final = tuple([f'"signature":{blank}"{MARK}'.encode() for blank in ("", " ")])
_THOUGHT: Final = (b'"type":"thinking"', b'"type": "thinking"')
_THOUGHTS: Final = ("thinking", "redacted_thinking")
_UNSIGNED: Final = tuple(
    [f'"signature":{blank}{none}'.encode() for blank in ("", " ") for none in ('""', "null")]
)


def has_foreign_thoughts(raw: bytes) -> bool:
    """Whether a body may hold such thoughts: a look at its bytes."""
    return _SIGNS[0] in raw or _SIGNS[1] in raw


def has_unsigned_thoughts(raw: bytes) -> bool:
    """Whether a body may hold thoughts that nobody signed: a look at its bytes."""
    thoughts = raw.count(_THOUGHT[0]) + raw.count(_THOUGHT[1])
    if not thoughts:
        return False
    return any(sign in raw for sign in _UNSIGNED) or raw.count(b'"signature"') < thoughts


def own_messages(messages: list[Any], *, signed: bool = False, bare: bool = False) -> list[Any]:
    """The messages without them, with thoughts that are `signed` alone, or `bare` of any; those of
    which nothing is left are left out."""
    own: list[Any] = []
    for message in messages:
        content = message.get("content")
        if isinstance(content, list):
            kept = [block for block in content if not _is_foreign(block, signed=signed, bare=bare)]
            if not kept and content:
                continue
            if len(kept) < len(content):
                message = {**message, "content": kept}  # noqa: PLW2901
        own.append(message)
    return own


def _is_foreign(block: Any, *, signed: bool, bare: bool) -> bool:
    if bare:
        return block.get("type") in _THOUGHTS
    if block.get("type") != "thinking":
        return False
    signature = block.get("signature")
    return str(signature).startswith(MARK) or (signed and not signature)
