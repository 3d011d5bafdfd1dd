"""A model's thoughts as items of a response: a readable summary, and the seal beside it.

Seals of other issuers travel in `encrypted_content`, marked (`router.protocols.hub.seals`). What
servers of responses sealed keeps the id of its item, which belongs to it.
"""

from collections.abc import Mapping
from typing import Any, Final

from router.protocols.hub.conversation import Seal, Thinking
from router.protocols.hub.seals import MARK, read_seal, write_seal
from router.protocols.hub.values import name_of, text_of
from router.protocols.responses.parts import RESPONSES

BETWEEN: Final = "\n\n"  # the sections of a summary
_BETWEEN_ID: Final = "/"  # and what is sealed: no id holds one


def read_reasoning(item: Mapping[str, Any]) -> Thinking:
    """A reasoning item as a thought."""
    sections = [*(item.get("summary") or ()), *(item.get("content") or ())]
    text = BETWEEN.join([text_of(section["text"]) for section in sections])
    return Thinking(text, seal_of(item))


def seal_of(item: Mapping[str, Any]) -> Seal | None:
    """What seals a reasoning item."""
    sealed = item.get("encrypted_content")
    seal = read_seal(text_of(sealed), RESPONSES) if sealed else None
    if seal is not None and seal.issuer == RESPONSES:
        return Seal(RESPONSES, f"{name_of(item.get('id'))}{_BETWEEN_ID}{seal.data}")
    return seal


def write_reasoning(thought: Thinking, item_id: str) -> dict[str, Any]:
    """A thought as an item, of this id unless its seal knows another."""
    seal = thought.seal
    if seal is not None and seal.issuer == RESPONSES:
        item_id, _, sealed = seal.data.partition(_BETWEEN_ID)
    else:
        sealed = write_seal(seal, RESPONSES)
    summary = [{"type": "summary_text", "text": thought.text}] if thought.text else []
    named = {"id": item_id} if item_id else {}
    return {"type": "reasoning", **named, "summary": summary, "encrypted_content": sealed}


def is_foreign(item: Any) -> bool:
    """Whether an item is a thought that no server of responses sealed: they would refuse it."""
    if not isinstance(item, dict) or item.get("type") != "reasoning":
        return False
    return name_of(item.get("encrypted_content")).startswith(MARK)


_SIGNS: Final = tuple([f'"encrypted_content":{blank}"{MARK}'.encode() for blank in ("", " ")])


def has_foreign_reasoning(raw: bytes) -> bool:
    """Whether a body may hold such thoughts: a look at its bytes."""
    return _SIGNS[0] in raw or _SIGNS[1] in raw


def own_items(items: Any, *, bare: bool = False) -> Any:
    """The items of an input without them, or `bare` of whatever is sealed."""
    if not isinstance(items, list):
        return items
    is_left_out = _is_sealed if bare else is_foreign
    return [item for item in items if not is_left_out(item)]


def _is_sealed(item: Any) -> bool:
    is_thought = isinstance(item, dict) and item.get("type") == "reasoning"
    return is_thought and bool(item.get("encrypted_content"))
