"""What the simulator says to Google's generateContent: as in a chat, in its words."""

import asyncio
from collections.abc import Mapping
from typing import Any

import orjson

from router.protocols.hub.table import as_chat
from router.simulator.answer import SimulatedAnswer, compose, prompt_tokens
from router.simulator.exchange import SimulatedExchange


async def generate(path: str, body: dict[str, Any], exchange: SimulatedExchange) -> None:
    """Answer POST .../models/MODEL:generateContent, whole or streamed."""
    model, _, verb = path.rpartition("/")[2].partition(":")
    chat = as_chat("gemini", body, model)
    answer = compose(chat, "simulated google", 0)
    usage = _usage(prompt_tokens(chat), answer)
    head = {"modelVersion": model, "responseId": "simulated"}
    if verb == "generateContent":
        whole = _candidate(_parts(answer), answer.finish) | {"usageMetadata": usage}
        await exchange.reply(200, whole | head, (("x-simulated", "true"),))
        return
    await exchange.begin_stream()
    for token in answer.tokens:
        await exchange.event(orjson.dumps(_candidate([{"text": token}], "") | head))
        await asyncio.sleep(0)
    last = _candidate([] if answer.tokens else _parts(answer), answer.finish)
    await exchange.event(orjson.dumps(last | {"usageMetadata": usage} | head))
    await exchange.write(b"", more=False)


def _parts(answer: SimulatedAnswer) -> list[dict[str, Any]]:
    if not answer.calls:
        return [{"text": answer.text}]
    called = [call["function"] for call in answer.calls]
    return [
        {"functionCall": {"name": one["name"], "args": orjson.loads(one["arguments"])}}
        for one in called
    ]


def _candidate(parts: list[dict[str, Any]], finish: str) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": parts}, "index": 0}
    if finish:
        candidate["finishReason"] = "MAX_TOKENS" if finish == "length" else "STOP"
    return {"candidates": [candidate]}


def _usage(prompt: int, answer: SimulatedAnswer) -> Mapping[str, int]:
    output = len(answer.tokens) or 10
    return {
        "promptTokenCount": prompt,
        "candidatesTokenCount": output,
        "totalTokenCount": prompt + output,
    }
