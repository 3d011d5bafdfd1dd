"""The thoughts of a chat message: readable ones, and Anthropic's signed blocks beside them.

A signature fits the whole text of its block alone. Clients that gather a stream may hold a block's
text in `reasoning_content`, or in a block of its own before the signature: it is put back together.
"""

from collections.abc import Mapping
from typing import Any, Final

from router.protocols.hub.conversation import Seal, Thinking
from router.protocols.hub.seals import read_seal
from router.protocols.hub.values import text_of

MESSAGES: Final = "messages"


def read_thought(block: Mapping[str, Any]) -> Thinking:
    """A block, signed where an answer of Anthropic's servers gave it so."""
    if block.get("type") == "redacted_thinking":
        return Thinking("", Seal(MESSAGES, text_of(block["data"]), "redacted"))
    signature = block.get("signature")
    seal = read_seal(text_of(signature), MESSAGES) if signature else None
    return Thinking(text_of(block.get("thinking") or ""), seal)


def read_thoughts(blocks: Any, thought: Any) -> list[Thinking]:
    """All that a message thought: its `thinking_blocks`, else the readable `thought`."""
    if not isinstance(blocks, list) or not blocks:
        return [Thinking(text_of(thought))] if thought else []
    thoughts = _joined([read_thought(block) for block in blocks])
    bare = [number for number, one in enumerate(thoughts) if _is_bare(one)]
    return _filled(thoughts, bare, text_of(thought)) if bare and thought else thoughts


def readable(holder: Mapping[str, Any]) -> str:
    """The thought of a message or a delta, by whichever of its names servers tell it.

    OpenRouter tells it in `reasoning_details` too, of some models there alone.
    """
    text = holder.get("reasoning_content") or holder.get("reasoning")
    if isinstance(text, str) and text:
        return text
    details = holder.get("reasoning_details")
    if not isinstance(details, list):
        return ""
    texts = [one.get("text") or one.get("summary") for one in details if isinstance(one, Mapping)]
    return "".join([text for text in texts if isinstance(text, str)])


def _is_bare(one: Thinking) -> bool:
    """Whether only the signature is left of it."""
    return not one.text and one.seal is not None and one.seal.kind == "signature"


def _joined(thoughts: list[Thinking]) -> list[Thinking]:
    """A text whose signature stands in the next block, as one."""
    joined: list[Thinking] = []
    for one in thoughts:
        last = joined[-1] if joined else None
        if last is not None and last.seal is None and (one.seal is None or _is_bare(one)):
            joined[-1] = Thinking(last.text + one.text, one.seal)
        else:
            joined.append(one)
    return joined


def _filled(thoughts: list[Thinking], bare: list[int], thought: str) -> list[Thinking]:
    """The blocks with what the readable thought says and none of them.

    Where several lack their texts nobody can tell whose is which: their signatures are given up.
    """
    before = "".join([one.text for one in thoughts[: bare[0]]])
    after = "".join([one.text for one in thoughts[bare[0] :]])
    if len(before) + len(after) >= len(thought):
        return thoughts  # all is said: Anthropic may sign a thought that it does not show
    if not thought.startswith(before) or not thought.endswith(after):
        return thoughts
    missing = thought[len(before) : len(thought) - len(after)]
    if len(bare) == 1:
        thoughts[bare[0]] = Thinking(missing, thoughts[bare[0]].seal)
        return thoughts
    kept = [one for one in thoughts[bare[0] :] if not _is_bare(one)]
    return [*thoughts[: bare[0]], Thinking(missing), *kept]
