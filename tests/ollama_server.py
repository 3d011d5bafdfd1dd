"""Ollama as its source of v0.17 has it: `/api/chat` whole and in lines, its errors in its words.

It knows the model `small`, which calls the first tool that it is offered and tells what a tool
returned, and `plain`, which takes no tools. A token is a word. A prompt that does not fit into
`num_ctx` is an error where the request says `truncate: false`; else its beginning is forgotten.
"""

from collections.abc import Iterator
from typing import Any

import orjson

from router.simulator.exchange import SimulatedExchange

DEFAULT_CONTEXT = 8  # tokens, where a request names none
FORGETFUL = "I remember: "


class OllamaServer:
    """An ASGI application; `heard` are the bodies that came, `paths` where to."""

    def __init__(self, stream_type: str = "application/x-ndjson") -> None:
        self.stream_type = stream_type
        self.heard: list[dict[str, Any]] = []
        self.paths: list[str] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        exchange = SimulatedExchange(receive, send)
        body = orjson.loads(await exchange.body())
        self.heard.append(body)
        self.paths.append(scope["path"])
        if scope["path"] == "/v1/embeddings":
            await exchange.reply(200, _vectors(body))
        elif scope["path"] == "/v1/completions":
            await _complete(body, exchange)
        else:
            await self._chat(body, exchange)

    async def _chat(self, body: dict[str, Any], exchange: SimulatedExchange) -> None:
        refusal = _refusal(body)
        if refusal is not None:
            await exchange.reply(refusal[0], {"error": refusal[1]})
            return
        pieces = list(_pieces(body))
        if body.get("stream", True):
            await exchange.head(200, self.stream_type)
            for piece in pieces:
                await exchange.write(orjson.dumps(piece) + b"\n", more=not piece["done"])
        else:
            await exchange.reply(200, _joined(pieces))


def _refusal(body: dict[str, Any]) -> tuple[int, str] | None:
    model = body["model"]
    if model not in ("small", "plain"):
        return 404, f"model '{model}' not found"
    if body.get("tools") and model == "plain":
        return 400, f"registry.ollama.ai/library/{model}:latest does not support tools"
    if len(_words(body)) > _context(body) and body.get("truncate") is False:
        return 400, "the input length exceeds the context length"
    return None


def _words(body: dict[str, Any]) -> list[str]:
    return [word for message in body["messages"] for word in message["content"].split()]


def _context(body: dict[str, Any]) -> int:
    context: int = (body.get("options") or {}).get("num_ctx", DEFAULT_CONTEXT)
    return context


def _pieces(body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The lines of an answer."""
    head = {"model": body["model"], "created_at": "2026-11-30T12:00:00.123456Z", "done": False}
    said: list[dict[str, Any]] = [{"thinking": "Hm."}] if body.get("think") is not False else []
    last = body["messages"][-1]
    if body.get("tools") and last["role"] != "tool":
        name = body["tools"][0]["function"]["name"]
        said.append({"tool_calls": [{"function": {"name": name, "arguments": {"city": "Oslo"}}}]})
    else:
        words = _words(body)[-_context(body) :]
        said += [{"content": FORGETFUL}, *({"content": f"{word} "} for word in words)]
    most = (body.get("options") or {}).get("num_predict", len(said))
    for one in said[:most]:
        yield head | {"message": {"role": "assistant", "content": ""} | one}
    yield head | {
        "message": {"role": "assistant", "content": ""},
        "done": True,
        "done_reason": "length" if most < len(said) else "stop",
        "prompt_eval_count": len(_words(body)),
        "eval_count": min(most, len(said)),
        **dict.fromkeys(("total_duration", "load_duration"), 1_000_000),
        **dict.fromkeys(("prompt_eval_duration", "eval_duration"), 500_000),
    }


def _joined(pieces: list[dict[str, Any]]) -> dict[str, Any]:
    """The same answer as one object."""
    message: dict[str, Any] = {"role": "assistant", "content": ""}
    for piece in pieces:
        for name in ("content", "thinking", "tool_calls"):
            if piece["message"].get(name):
                held = message.get(name)
                message[name] = (
                    piece["message"][name] if not held else held + piece["message"][name]
                )
    return pieces[-1] | {"message": message}


def _vectors(body: dict[str, Any]) -> dict[str, Any]:
    texts = body["input"] if isinstance(body["input"], list) else [body["input"]]
    data = [{"object": "embedding", "index": at, "embedding": [0.5]} for at in range(len(texts))]
    usage = {"prompt_tokens": len(texts), "total_tokens": len(texts)}
    return {"object": "list", "data": data, "model": body["model"], "usage": usage}


async def _complete(body: dict[str, Any], exchange: SimulatedExchange) -> None:
    """Its prompt, as an old completion, streamed."""
    await exchange.begin_stream()
    for text in body["prompt"].split():
        await exchange.event(orjson.dumps(_completion(body["model"], text, None)))
    await exchange.event(orjson.dumps(_completion(body["model"], "", "stop")))
    await exchange.event(b"[DONE]")
    await exchange.write(b"", more=False)


def _completion(model: str, text: str, finish: str | None) -> dict[str, Any]:
    choice = {"index": 0, "text": text, "finish_reason": finish}
    return {"id": "cmpl-1", "object": "text_completion", "model": model, "choices": [choice]}
