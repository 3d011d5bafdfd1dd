"""Requests of clients of responses, and of chat's, as the hub reads and writes them."""

import json
from typing import Any

import orjson

from router.protocols.hub.conversation import Conversation
from router.protocols.hub.table import CLIENTS, SERVERS
from router.protocols.quirks import PLAIN, Quirks

GRAMMAR = {"type": "grammar", "syntax": "lark", "definition": "start: /.+/"}
SERVERS_OF_OTHERS = ["chat", "messages", "gemini"]
FUNCTION = {
    "type": "function",
    "name": "find",
    "description": "Finds.",
    "parameters": {"type": "object", "properties": {}},
    "strict": True,
}


def read(**fields: Any) -> Conversation:
    body = {"model": "a", "input": "Hello"} | fields
    return CLIENTS["responses"].read_request(orjson.loads(json.dumps(body)))


def written(protocol: str, conversation: Conversation, quirks: Quirks = PLAIN) -> dict[str, Any]:
    return SERVERS[protocol].write_request(conversation, "m", quirks).body


def dropped(protocol: str, **fields: Any) -> tuple[str, ...]:
    return SERVERS[protocol].write_request(read(**fields), "m", PLAIN).dropped


def chat(**fields: Any) -> Conversation:
    body = {"model": "a", "messages": [{"role": "user", "content": "Hello"}]} | fields
    return CLIENTS["chat"].read_request(body)


def user(*parts: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"role": "user", "content": list(parts)}]
