"""Anthropic's Messages as a way in: its requests read as chat requests.

The body is translated once to OpenAI's words, which all routing and metering understands; the
original stays beside it (`native`), so that a backend which speaks Anthropic gets it unchanged.
"""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final

import orjson

from router.ask import Ask
from router.errors import BadRequest
from router.protocols.chat import chat_request
from router.protocols.document import parse_object
from router.protocols.fields import read_flag, refuse_addresses, wrong_type

BYTES_PER_TOKEN: Final = 4
TOKENS_PER_IMAGE: Final = 1000
_PASSED_ON: Final = ("model", "temperature", "top_p", "top_k", "service_tier")
_TOOL_CHOICES: Final = MappingProxyType({"auto": "auto", "any": "required", "none": "none"})


def parse_messages(raw: bytes) -> Ask:
    """Read the body of POST /v1/messages; BadRequest where it is wrong."""
    native = parse_object(raw)
    if native.get("max_tokens") is None:
        raise BadRequest("max_tokens: Field required", param="max_tokens")
    return _read(raw, native)


def count_tokens(raw: bytes) -> bytes:
    """The answer to POST /v1/messages/count_tokens: the gateway's own estimate, by length."""
    request = _read(raw, {"max_tokens": 1} | parse_object(raw))
    return orjson.dumps({"input_tokens": estimated_input(request)})


def estimated_input(request: Ask) -> int:
    """Input tokens of a request by the length of its text and the number of its images."""
    return max(1, -(-request.text_bytes // BYTES_PER_TOKEN) + request.images * TOKENS_PER_IMAGE)


def _read(raw: bytes, native: dict[str, Any]) -> Ask:
    refuse_addresses(native)
    body = _translated(native)
    return replace(chat_request(raw, body), operation="messages", native=native)


def _translated(native: dict[str, Any]) -> dict[str, Any]:
    body: dict[str, Any] = {name: native[name] for name in _PASSED_ON if name in native}
    body["messages"] = _messages(native)
    body["max_tokens"] = native["max_tokens"]
    if read_flag(native, "stream"):
        body["stream"] = True
        body["stream_options"] = {"include_usage": True}
    if native.get("stop_sequences"):
        body["stop"] = native["stop_sequences"]
    metadata = native.get("metadata")
    if isinstance(metadata, Mapping) and metadata.get("user_id"):
        body["user"] = metadata["user_id"]
    if native.get("tools") is not None:
        body["tools"] = _tools(native["tools"])
        body |= _tool_choice(native.get("tool_choice"))
    return body | _output(native.get("output_config"))


def _output(config: Any) -> dict[str, Any]:
    if not isinstance(config, Mapping):
        return {}
    output: dict[str, Any] = {}
    wanted = config.get("format")
    if isinstance(wanted, Mapping) and wanted.get("type") == "json_schema":
        described = {"name": "answer", "strict": True, "schema": wanted.get("schema")}
        output["response_format"] = {"type": "json_schema", "json_schema": described}
    if config.get("effort"):
        output["reasoning_effort"] = config["effort"]
    return output


def _tools(tools: Any) -> list[dict[str, Any]]:
    if not isinstance(tools, list):
        raise wrong_type("tools", "an array of objects")
    translated = []
    for index, tool in enumerate(tools):
        if not isinstance(tool, Mapping):
            raise wrong_type(f"tools[{index}]", "an object")
        if tool.get("type", "custom") != "custom":
            raise BadRequest(
                f"tools[{index}]: the hosted tool '{str(tool['type'])[:64]}' is not offered here.",
                param=f"tools[{index}]",
            )
        function = {"name": tool.get("name"), "parameters": tool.get("input_schema") or {}}
        if tool.get("description"):
            function["description"] = tool["description"]
        translated.append({"type": "function", "function": function})
    return translated


def _tool_choice(choice: Any) -> dict[str, Any]:
    if not isinstance(choice, Mapping):
        return {}
    kind = choice.get("type")
    chosen: dict[str, Any] = {}
    if kind == "tool":
        chosen["tool_choice"] = {"type": "function", "function": {"name": choice.get("name")}}
    else:
        chosen["tool_choice"] = _TOOL_CHOICES.get(str(kind), "auto")
    if choice.get("disable_parallel_tool_use"):
        chosen["parallel_tool_calls"] = False
    return chosen


def _messages(native: Mapping[str, Any]) -> list[dict[str, Any]]:
    messages = native.get("messages")
    if not isinstance(messages, list):
        raise wrong_type("messages", "an array of objects")
    system = _blocks(native.get("system"), "system")
    translated: list[dict[str, Any]] = []
    if system:
        translated.append({"role": "system", "content": _plain(system, "system")})
    for index, message in enumerate(messages):
        if not isinstance(message, Mapping):
            raise wrong_type(f"messages[{index}]", "an object")
        where = f"messages[{index}].content"
        if message.get("role") == "assistant":
            translated.append(_assistant(_blocks(message.get("content"), where), where))
        elif message.get("role") == "user":
            translated.extend(_user(_blocks(message.get("content"), where), where))
        else:
            raise BadRequest(
                f"messages[{index}].role: Input should be 'user' or 'assistant'",
                param=f"messages[{index}].role",
            )
    return translated


def _blocks(content: Any, where: str) -> list[Mapping[str, Any]]:
    """Content as a list of typed blocks; a string is one text block."""
    if content is None:
        return []
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    if not isinstance(content, list) or not all(isinstance(b, Mapping) for b in content):
        raise wrong_type(where, "a string or an array of objects")
    return content


def _plain(blocks: list[Mapping[str, Any]], where: str) -> str:
    texts = [block.get("text") for block in blocks if block.get("type") == "text"]
    if not all(isinstance(text, str) for text in texts):
        raise wrong_type(where, "text blocks with a string each")
    return "\n".join(str(text) for text in texts)


def _assistant(blocks: list[Mapping[str, Any]], where: str) -> dict[str, Any]:
    calls = [
        {
            "id": block.get("id"),
            "type": "function",
            "function": {
                "name": block.get("name"),
                "arguments": orjson.dumps(block.get("input") or {}).decode(),
            },
        }
        for block in blocks
        if block.get("type") == "tool_use"
    ]
    message: dict[str, Any] = {"role": "assistant", "content": _plain(blocks, where) or None}
    if calls:
        message["tool_calls"] = calls
    return message


def _user(blocks: list[Mapping[str, Any]], where: str) -> list[dict[str, Any]]:
    """A user turn: its tool results as tool messages, then what the user says."""
    messages: list[dict[str, Any]] = []
    said: list[dict[str, Any]] = []
    for index, block in enumerate(blocks):
        kind = block.get("type")
        if kind == "tool_result":
            result = _plain(_blocks(block.get("content"), f"{where}[{index}].content"), where)
            call_id = block.get("tool_use_id")
            messages.append({"role": "tool", "tool_call_id": call_id, "content": result})
        elif kind == "text":
            said.append({"type": "text", "text": block.get("text")})
        elif kind == "image":
            said.append(_image(block.get("source"), f"{where}[{index}].source"))
        else:
            raise BadRequest(
                f"{where}[{index}].type: '{str(kind)[:64]}' is not offered here.", param=where
            )
    if said:
        only_text = len(said) == 1 and said[0]["type"] == "text"
        messages.append({"role": "user", "content": said[0]["text"] if only_text else said})
    return messages


def _image(source: Any, where: str) -> dict[str, Any]:
    if not isinstance(source, Mapping):
        raise wrong_type(where, "an object")
    if source.get("type") == "url":
        url = source.get("url")
    else:
        url = f"data:{source.get('media_type')};base64,{source.get('data')}"
    return {"type": "image_url", "image_url": {"url": url}}
