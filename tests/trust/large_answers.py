"""Model servers of every dialect whose answers are large, for requests that are.

The first segment of an address says what comes: `fine` answers are short, `large` ones of SIZE
bytes, `failing` servers refuse in as many, and `broken` ones put that into an answer of 200.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import orjson

SIZE: Final = 32_000_000  # bytes
_SHORT: Final = "Hello."
_USED: Final = {"prompt_tokens": 5, "completion_tokens": 5, "total_tokens": 10}
_OTHER: Final = {"input_tokens": 5, "output_tokens": 5, "total_tokens": 10}


def _chat(text: str) -> Any:
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return {
        "id": "c",
        "object": "chat.completion",
        "model": "m",
        "choices": [choice],
        "usage": _USED,
    }


def _message(text: str) -> Any:
    content = [{"type": "text", "text": text}]
    head = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m"}
    return {**head, "content": content, "stop_reason": "end_turn", "usage": _OTHER}


def _response(text: str) -> Any:
    part = {"type": "output_text", "text": text, "annotations": []}
    item = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed"}
    head = {"id": "resp_1", "object": "response", "status": "completed", "model": "m"}
    return {**head, "output": [{**item, "content": [part]}], "usage": _OTHER}


def _content(text: str) -> Any:
    candidate = {"content": {"role": "model", "parts": [{"text": text}]}, "finishReason": "STOP"}
    used = {"promptTokenCount": 5, "candidatesTokenCount": 5, "totalTokenCount": 10}
    return {"candidates": [candidate], "usageMetadata": used, "modelVersion": "m"}


def _ollama(text: str) -> Any:
    message = {"role": "assistant", "content": text}
    counts = {"prompt_eval_count": 5, "eval_count": 5, "done": True, "done_reason": "stop"}
    return {"model": "m", "message": message, **counts}


def _embedding(text: str) -> Any:
    vectors = [
        {"index": 0, "object": "embedding", "embedding": [-0.0123456789] * (len(text) // 14)}
    ]
    return {"object": "list", "model": "m", "data": vectors, "usage": _USED}


def _completion(text: str) -> Any:
    choice = {"index": 0, "text": text, "finish_reason": "stop"}
    return {
        "id": "c",
        "object": "text_completion",
        "model": "m",
        "choices": [choice],
        "usage": _USED,
    }


def _counted(text: str) -> Any:
    tokens = [101] * (len(text) // 4)
    return {"input_tokens": 5, "totalTokens": 5, "count": 5, "tokens": tokens}


_ANSWERS: Final[Mapping[str, Callable[[str], Any]]] = {
    "/chat/completions": _chat,
    "/messages": _message,
    "/responses": _response,
    ":generateContent": _content,
    "/api/chat": _ollama,
    "/embeddings": _embedding,
    "/completions": _completion,
    "/count_tokens": _counted,
    ":countTokens": _counted,
    "/tokenize": _counted,
    "/input_tokens": _counted,
}


def _refusal(size: int) -> Any:
    words = "Your credit balance is too low to do what was asked. " * (size // 54)
    return {"error": {"type": "invalid_request_error", "code": "x", "message": words}}


async def large_answers(scope: Any, receive: Any, send: Callable[[Any], Awaitable[None]]) -> None:
    """The ASGI application of all of them."""
    if scope["type"] != "http":
        return
    while (await receive()).get("more_body"):
        pass
    how, path = scope["path"][1:].split("/", 1)
    answer = next(make for end, make in _ANSWERS.items() if f"/{path}".endswith(end))
    body = orjson.dumps(_bodies(how, answer))
    head = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    status = 400 if how == "failing" else 200
    await send({"type": "http.response.start", "status": status, "headers": head})
    await send({"type": "http.response.body", "body": body})


def _bodies(how: str, answer: Callable[[str], Any]) -> Any:
    if how in {"failing", "broken"}:
        return _refusal(SIZE)
    return answer(_SHORT if how == "fine" else "words " * (SIZE // 6))
