"""A gateway that redacts what leaves; a server outside that says back whatever it was told."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
from gatewaykit import RunningGateway, start_gateway
from modelservers import in_thread
from patience import LONGEST_SECONDS
from ports import free_port

POLICY = """\
version: 1
routes:
  to-chat: {candidates: [chat], objective: fixed, redact: true}
  to-messages: {candidates: [messages], objective: fixed, redact: true}
  to-responses: {candidates: [responses], objective: fixed, redact: true}
  sparing:
    candidates: [chat, home]
    objective: fixed
    redact: {except: [home]}
  home-first:
    candidates: [home, chat]
    objective: fixed
    redact: {except: [home]}
  falls-back: {candidates: [broken, chat], objective: fixed, redact: {except: [broken]}}
  mail-only: {candidates: [chat], objective: fixed, redact: [email]}
  shown: {candidates: [chat], objective: fixed, redact: {restore: false}}
  ruled:
    candidates: [chat]
    objective: fixed
    rules: [{name: private, when: request.pii, redact: true}]
tiers: {free: {concurrency: 64}}
"""
PATHS = {"chat": "/chat/completions", "messages": "/messages", "responses": "/responses"}
PIECE = 3  # characters of an event


class Echo:
    """Says the last text back, and calls the first tool with it. Remembers every body."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        raw, more = b"", True
        while more:
            message = await receive()
            raw, more = raw + message.get("body", b""), message.get("more_body", False)
        self.bodies.append(raw)
        body = orjson.loads(raw)
        if scope["path"].endswith("broken/chat/completions"):
            await _send(send, 500, "application/json", b"{}")
            return
        protocol = next(name for name, path in PATHS.items() if scope["path"].endswith(path))
        text = _last_text(body)
        arguments = json.dumps({"to": text}) if body.get("tools") else ""
        if not body.get("stream"):
            whole = WHOLE[protocol](text, arguments)
            await _send(send, 200, "application/json", orjson.dumps(whole))
            return
        events = STREAMS[protocol](text, arguments)
        sent = b"".join(
            b"event: %b\ndata: %b\n\n" % (str(one.get("type")).encode(), orjson.dumps(one))
            if "type" in one
            else b"data: %b\n\n" % orjson.dumps(one)
            for one in events
        )
        done = b"data: [DONE]\n\n" if protocol == "chat" else b""
        await _send(send, 200, "text/event-stream", sent + done)


async def _send(send: Any, status: int, kind: str, body: bytes) -> None:
    headers = [(b"content-type", kind.encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _last_text(body: dict[str, Any]) -> str:
    turns = body.get("messages") or body.get("input")
    last = "" if isinstance(turns, str) else turns[-1]
    content = turns if isinstance(turns, str) else last.get("content") or last.get("output")
    if isinstance(content, str):
        return content
    return "".join(part.get("text", "") for part in content)


def _pieces(text: str) -> list[str]:
    return [text[at : at + PIECE] for at in range(0, len(text), PIECE)]


_USED = {"prompt_tokens": 9, "completion_tokens": 9, "total_tokens": 18}
_COUNTED = {"input_tokens": 9, "output_tokens": 9}


def _chat(text: str, arguments: str) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": text}
    if arguments:
        call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": arguments}}
        message["tool_calls"] = [call]
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return {"id": "x", "object": "chat.completion", "model": "m", "choices": [choice]} | {
        "usage": _USED
    }


def _chat_stream(text: str, arguments: str) -> Iterator[dict[str, Any]]:
    def chunk(delta: dict[str, Any], end: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "finish_reason": end}
        return {"id": "x", "object": "chat.completion.chunk", "model": "m", "choices": [choice]}

    for piece in _pieces(text):
        yield chunk({"content": piece})
    for place, piece in enumerate(_pieces(arguments)):
        call: dict[str, Any] = {"index": 0, "function": {"arguments": piece}}
        if not place:
            call |= {"id": "c", "type": "function"}
            call["function"]["name"] = "f"
        yield chunk({"tool_calls": [call]})
    yield chunk({}, "tool_calls" if arguments else "stop") | {"usage": _USED}


def _message(text: str, arguments: str) -> dict[str, Any]:
    content: list[dict[str, Any]] = [{"type": "text", "text": text}]
    if arguments:
        content.append({"type": "tool_use", "id": "c", "name": "f", "input": json.loads(arguments)})
    head = {"id": "x", "type": "message", "role": "assistant", "model": "m", "content": content}
    return head | {"stop_reason": "end_turn", "stop_sequence": None, "usage": _COUNTED}


def _message_stream(text: str, arguments: str) -> Iterator[dict[str, Any]]:
    yield {"type": "message_start", "message": _message("", "") | {"content": []}}
    blocks = [({"type": "text", "text": ""}, "text_delta", "text", text)]
    if arguments:
        tool = {"type": "tool_use", "id": "c", "name": "f", "input": {}}
        blocks.append((tool, "input_json_delta", "partial_json", arguments))
    for index, (block, kind, name, said) in enumerate(blocks):
        yield {"type": "content_block_start", "index": index, "content_block": block}
        for piece in _pieces(said):
            delta = {"type": kind, name: piece}
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    delta = {"stop_reason": "end_turn", "stop_sequence": None}
    yield {"type": "message_delta", "delta": delta, "usage": _COUNTED}
    yield {"type": "message_stop"}


def _response(text: str, arguments: str) -> dict[str, Any]:
    part = {"type": "output_text", "text": text, "annotations": []}
    output: list[dict[str, Any]] = [
        {
            "type": "message",
            "id": "m",
            "role": "assistant",
            "status": "completed",
            "content": [part],
        }
    ]
    if arguments:
        call = {"type": "function_call", "id": "f", "call_id": "c", "name": "f"}
        output.append(call | {"arguments": arguments, "status": "completed"})
    head = {"id": "resp_x", "object": "response", "created_at": 1, "status": "completed"}
    return head | {"model": "m", "output": output, "usage": _COUNTED | {"total_tokens": 18}}


def _response_stream(text: str, arguments: str) -> Iterator[dict[str, Any]]:
    whole = _response(text, arguments)
    begun = whole | {"status": "in_progress", "output": []}
    yield {"type": "response.created", "sequence_number": 0, "response": begun}
    number = 1
    kinds = [("output_text", text), ("function_call_arguments", arguments)]
    for index, (item, (kind, said)) in enumerate(zip(whole["output"], kinds, strict=False)):
        place = {"output_index": index}
        empty = {"content": []} if kind == "output_text" else {"arguments": ""}
        events = [{"type": "response.output_item.added", "item": item | empty, **place}]
        place |= {"item_id": item["id"]}
        if kind == "output_text":
            place |= {"content_index": 0}
            part = item["content"][0] | {"text": ""}
            events.append({"type": "response.content_part.added", "part": part, **place})
        events += [
            {"type": f"response.{kind}.delta", "delta": one, **place} for one in _pieces(said)
        ]
        name = "text" if kind == "output_text" else "arguments"
        events.append({"type": f"response.{kind}.done", name: said, **place})
        if kind == "output_text":
            part = item["content"][0]
            events.append({"type": "response.content_part.done", "part": part, **place})
        events.append({"type": "response.output_item.done", "item": item, "output_index": index})
        for one in events:
            yield one | {"sequence_number": number}
            number += 1
    yield {"type": "response.completed", "sequence_number": number, "response": whole}


WHOLE = {"chat": _chat, "messages": _message, "responses": _response}
STREAMS = {"chat": _chat_stream, "messages": _message_stream, "responses": _response_stream}


class RedactingGateway(RunningGateway):
    """`away` is the server of all backends but `home`."""

    def __init__(self, folder: Path, port: int, away: Echo, home: Echo) -> None:
        super().__init__(folder, port, {"away": away, "home": home})
        self.away, self.home = away, home


@contextmanager
def redacting_gateway(folder: Path, **sections: Any) -> Iterator[RedactingGateway]:
    """Start one; `sections` are further ones of its turnout.yaml."""
    away, home, port = Echo(), Echo(), free_port()
    (folder / "redacting.yaml").write_text(POLICY)
    with in_thread(away) as away_url, in_thread(home) as home_url:
        each = {"model": "m", "price": {"input": 0, "output": 0}, "supports": ["tools", "vision"]}
        backends = {
            "chat": {"base_url": away_url},
            "messages": {"base_url": away_url, "dialect": "anthropic"},
            "responses": {"base_url": away_url, "dialect": "responses"},
            "broken": {"base_url": away_url.replace("/v1", "/v1/broken")},
            "home": {"base_url": home_url},
        }
        config = {
            **{"version": 1, "listen": f"127.0.0.1:{port}", "policy": "redacting.yaml"},
            "data": "data",
            "backends": {name: section | each for name, section in backends.items()},
        }
        process = start_gateway(folder, json.dumps(config | sections), TURNOUT_LOG_LEVEL="debug")
        running = RedactingGateway(folder, port, away, home)
        try:
            running.until_ready(process)
            yield running
        finally:
            process.terminate()
            process.wait(LONGEST_SECONDS)
