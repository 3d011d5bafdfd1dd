"""A model server that always answers the same, as an ASGI application."""

import json


def says(text: str):
    """A model server that always answers this text: ten tokens in, two out."""

    async def answer(scope, receive, send) -> None:
        await _answer(text, receive, send)

    return answer


async def _answer(content: str, receive, send) -> None:
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    stream = json.loads(body).get("stream", False)
    usage = {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12}
    kind = "chat.completion.chunk" if stream else "chat.completion"
    head = {"id": "1", "object": kind, "created": 1, "model": "mute"}
    text = {"role": "assistant", "content": content}
    choice = {"index": 0, ("delta" if stream else "message"): text, "finish_reason": "stop"}
    parts = [head | {"choices": [choice]} | ({} if stream else {"usage": usage})]
    content_type = b"application/json"
    if stream:
        parts.append(head | {"choices": [], "usage": usage})
        content_type = b"text/event-stream"
    lines = [json.dumps(part) for part in parts]
    sent = "".join(f"data: {x}\n\n" for x in [*lines, "[DONE]"]) if stream else lines[0]
    headers = [(b"content-type", content_type)]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": sent.encode()})
