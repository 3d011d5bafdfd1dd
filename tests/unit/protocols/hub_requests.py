"""Requests of one protocol's clients as another's servers get them."""

from typing import Any

from router.protocols.hub.conversation import Written
from router.protocols.hub.table import CLIENTS, SERVERS
from router.protocols.quirks import PLAIN, Quirks

PIXEL = "iVBORw0KGgo="
IMAGE = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}}
SOURCE = {"type": "base64", "media_type": "image/png", "data": PIXEL}
HELLO = {"role": "user", "content": "Hello"}
USED = {"type": "tool_use", "id": "t1", "name": "f", "input": {}}


def written(client: str, server: str, body: dict[str, Any], quirks: Quirks = PLAIN) -> Written:
    conversation = CLIENTS[client].read_request({"model": "m"} | body)
    return SERVERS[server].write_request(conversation, "real", quirks)


def from_chat(server: str, *messages: Any, **more: Any) -> dict[str, Any]:
    return written("chat", server, {"messages": list(messages)} | more).body


def from_messages(server: str, *messages: Any, **more: Any) -> dict[str, Any]:
    return written("messages", server, {"max_tokens": 9, "messages": list(messages)} | more).body


def call(id_: str, arguments: Any = "{}") -> dict[str, Any]:
    return {"id": id_, "type": "function", "function": {"name": "f", "arguments": arguments}}


def user(*content: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": list(content)}], "max_tokens": 9}
