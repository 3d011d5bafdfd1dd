"""An answer of the script in the words of Anthropic's messages."""

import json
from collections.abc import Iterator

from conformance.scripted.heard import Heard
from conformance.scripted.scripts import SEAL, SOURCE, Said
from conformance.scripted.words import (
    INPUT_TOKENS,
    OUTPUT_TOKENS,
    Json,
    arguments_of,
    identified,
    pieces,
)


def messages_whole(said: Said, heard: Heard, model: str, _body: Json) -> Json:
    """A message."""
    reason = "tool_use" if said.calls else "end_turn"
    usage = {
        "input_tokens": INPUT_TOKENS - said.cached,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": said.cached,
        "output_tokens": OUTPUT_TOKENS,
    }
    head = identified("msg", heard) | {"type": "message", "role": "assistant", "model": model}
    head |= {"content": _blocks(said, len(heard.results))}
    return head | {"stop_reason": reason, "stop_sequence": None, "usage": usage}


def _blocks(said: Said, step: int) -> list[Json]:
    blocks: list[Json] = []
    if said.thought:
        blocks.append({"type": "thinking", "thinking": said.thought, "signature": SEAL})
    if said.search:
        blocks += _search_blocks(said.search)
    if said.text:
        blocks.append({"type": "text", "text": said.text})
    return blocks + [
        {
            "type": "tool_use",
            "id": f"toolu_{step}{number}",
            "name": call.name,
            "input": json.loads(arguments_of(call)),
        }
        for number, call in enumerate(said.calls)
    ]


def _search_blocks(query: str) -> list[Json]:
    """A search by the server: that it was made, and what it found."""
    use = {"type": "server_tool_use", "id": "srvtoolu_0", "name": "web_search"}
    found = {"type": "web_search_result", "url": SOURCE, "title": "Ada", "page_age": None}
    result = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_0"}
    return [
        use | {"input": {"query": query}},
        result | {"content": [found | {"encrypted_content": SEAL}]},
    ]


def messages_events(said: Said, heard: Heard, model: str, body: Json) -> Iterator[Json | str]:
    """The events of a message."""
    whole = messages_whole(said, heard, model, body)
    usage = whole["usage"] | {"output_tokens": 1}
    begun = whole | {"content": [], "stop_reason": None, "usage": usage}
    yield {"type": "message_start", "message": begun}
    for index, block in enumerate(whole["content"]):
        empty, deltas = _streamed(block)
        yield {"type": "content_block_start", "index": index, "content_block": empty}
        for delta in deltas:
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    stop = {"stop_reason": whole["stop_reason"], "stop_sequence": None}
    yield {"type": "message_delta", "delta": stop, "usage": {"output_tokens": OUTPUT_TOKENS}}
    yield {"type": "message_stop"}


def _streamed(block: Json) -> tuple[Json, list[Json]]:
    """A block as it begins, and what is added to it."""
    if block["type"] == "text":
        deltas = [{"type": "text_delta", "text": piece} for piece in pieces(block["text"])]
        return {"type": "text", "text": ""}, deltas
    if block["type"] == "thinking":
        told = [{"type": "thinking_delta", "thinking": t} for t in pieces(block["thinking"])]
        seal = {"type": "signature_delta", "signature": block["signature"]}
        return block | {"thinking": "", "signature": ""}, [*told, seal]
    if "input" in block:
        given = pieces(json.dumps(block["input"]))
        deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in given]
        return block | {"input": {}}, deltas
    return block, []
