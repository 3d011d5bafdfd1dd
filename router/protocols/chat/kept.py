"""Chats that the gateway keeps: what is stored of one, and what a kept one shows.

An answer goes to its client as its bytes came, its own id included: a kept chat is found by that id
within its organization.
"""

import re
from collections.abc import Iterator, Mapping
from hashlib import blake2b
from typing import Any, Final

import orjson

from router.errors import BadRequest
from router.protocols.fields import wrong_type
from router.protocols.sse import data_of, events

PREFIX: Final = "chat_turnout_"  # of the name under which one is stored
ONLY_KEPT: Final = ("store", "metadata")  # what a request says for whoever keeps its answer
_ID: Final = re.compile(r"[!-~]{1,128}")
_DONE: Final = re.compile(rb"(?m)^data: ?\[DONE\]")
# Members of a request that a kept chat shows beside its answer's.
_ECHOED: Final = (
    *("tools", "tool_choice", "temperature", "top_p", "presence_penalty", "frequency_penalty"),
    *("seed", "response_format", "reasoning_effort"),
)
_MOST_PAIRS, _LONGEST_KEY, _LONGEST_VALUE = 16, 64, 512


def is_chat_id(id_: Any) -> bool:
    """Whether an answer with this id can be kept."""
    return isinstance(id_, str) and _ID.fullmatch(id_) is not None


def stored_name(organization: str, id_: str) -> str:
    """Under which name an organization's chat is stored: servers' ids are not one each."""
    digest = blake2b(f"{organization}\0{id_}".encode(), digest_size=16)
    return PREFIX + digest.hexdigest()


def ends(block: bytes) -> bool:
    """Whether a block of a stream's events has its end."""
    return b"[DONE]" in block and _DONE.search(block) is not None


def read_metadata(metadata: Any) -> dict[str, str]:
    """The pairs of a `metadata`; BadRequest for what OpenAI would not keep either."""
    if metadata is None:
        return {}
    if not isinstance(metadata, dict):
        raise wrong_type("metadata", "an object")
    if len(metadata) > _MOST_PAIRS:
        raise BadRequest(f"'metadata' has more than {_MOST_PAIRS} pairs.", param="metadata")
    for key, value in metadata.items():
        if not isinstance(value, str):
            raise wrong_type(f"metadata.{key[:_LONGEST_KEY]}", "a string")
        if len(key) > _LONGEST_KEY or len(value) > _LONGEST_VALUE:
            most = f"{_LONGEST_KEY} characters of a key, {_LONGEST_VALUE} of a value"
            raise BadRequest(f"'metadata' is too long: at most {most}.", param="metadata")
    return dict(metadata)


def document_of(given: Mapping[str, Any], completion: Mapping[str, Any]) -> bytes:
    """What is stored of a request's body and its answer."""
    request = {name: given[name] for name in ("messages", "model", *_ECHOED) if name in given}
    metadata = given.get("metadata") or {}
    return orjson.dumps({"request": request, "metadata": metadata, "completion": completion})


def shown(document: bytes) -> dict[str, Any]:
    """A kept chat as it is retrieved: the answer, and what was asked for with it."""
    held = orjson.loads(document)
    echoed = {name: held["request"][name] for name in _ECHOED if name in held["request"]}
    return {**echoed, **held["completion"], "metadata": held["metadata"]}


def messages_of(document: bytes) -> list[dict[str, Any]]:
    """The messages that were sent, each with an id."""
    held = orjson.loads(document)
    return [
        _message(message, f"{held['completion']['id']}-{number}")
        for number, message in enumerate(held["request"].get("messages") or ())
    ]


def _message(message: Mapping[str, Any], id_: str) -> dict[str, Any]:
    content, parts = message.get("content"), None
    if isinstance(content, list):
        parts = [part for part in content if part.get("type") in ("text", "image_url")]
        content = "\n".join([part["text"] for part in parts if isinstance(part.get("text"), str)])
    return {"name": None, **message, "id": id_, "content": content, "content_parts": parts}


def is_of(document: bytes, model: str | None, metadata: Mapping[str, str]) -> bool:
    """Whether a kept chat was made by this model, or asked of it, and has these pairs."""
    held = orjson.loads(document)
    names = [held[part].get("model") for part in ("completion", "request")]
    if model is not None and model not in names:
        return False
    return all(held["metadata"].get(key) == value for key, value in metadata.items())


def with_metadata(document: bytes, metadata: Mapping[str, str]) -> bytes:
    """The same chat with another metadata."""
    return orjson.dumps(orjson.loads(document) | {"metadata": metadata})


def gathered(stream: bytes) -> dict[str, Any]:
    """The answer that a whole stream told. ValueError for what is no stream of a chat's chunks."""
    whole: dict[str, Any] = {}
    choices: dict[int, dict[str, Any]] = {}
    for chunk in _chunks(stream):
        told = chunk.pop("choices", None) or ()
        whole |= {name: held for name, held in chunk.items() if held is not None}
        for choice in told:
            _add_choice(choices.setdefault(int(choice.get("index") or 0), {}), choice)
    if not choices:
        raise ValueError("a stream without choices")
    listed = [{"index": index, **choices[index]} for index in sorted(choices)]
    return {**whole, "object": "chat.completion", "choices": listed}


def _chunks(stream: bytes) -> Iterator[dict[str, Any]]:
    for event in events(stream):
        data = data_of(event)
        if data is not None and data.startswith(b"{"):
            yield orjson.loads(data)


def _add_choice(choice: dict[str, Any], told: Mapping[str, Any]) -> None:
    message = choice.setdefault("message", {"role": "assistant", "content": None})
    _merge(message, told.get("delta") or {})
    choice["finish_reason"] = told.get("finish_reason") or choice.get("finish_reason")
    if isinstance(told.get("logprobs"), dict):
        _merge(choice.setdefault("logprobs", {}), told["logprobs"])


def _merge(held: dict[str, Any], delta: Mapping[str, Any]) -> None:
    """Add a delta: texts go on, objects and numbered items are merged, all else counts last."""
    for name, value in delta.items():
        before = held.get(name)
        if value is None:
            held.setdefault(name, None)
        elif isinstance(value, list):
            held[name] = _merged(before if isinstance(before, list) else [], value)
        elif isinstance(value, dict):
            held[name] = before if isinstance(before, dict) else {}
            _merge(held[name], value)
        elif isinstance(value, str) and isinstance(before, str) and name not in _WORDS:
            held[name] = before + value
        else:
            held[name] = value


_WORDS: Final = frozenset(("role", "id", "type", "name"))  # which are told whole, again and again


def _merged(items: list[Any], deltas: list[Any]) -> list[Any]:
    """A list with further items; those with an `index` go on where they stand."""
    for delta in deltas:
        index = delta.get("index") if isinstance(delta, dict) else None
        if not isinstance(index, int):
            items.append(delta)
            continue
        rest = {name: held for name, held in delta.items() if name != "index"}
        if index < len(items):
            _merge(items[index], rest)
        else:
            items.append({})
            _merge(items[-1], rest)
    return items
