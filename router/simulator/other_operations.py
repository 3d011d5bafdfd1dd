"""The simulator's embeddings and completions, and who answers the rest: made up, and labelled."""

import base64
import struct
import zlib
from collections.abc import Awaitable, Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

import orjson

from router.protocols.sse import encode
from router.simulator.answer import tokens_of
from router.simulator.exchange import SimulatedExchange
from router.simulator.faults import Fault
from router.simulator.judging import detokenize, moderate, rerank, tokenize
from router.simulator.media import draw, speak, transcribe

_DIMENSIONS: Final = 8
_DEFAULT_TOKENS: Final = 16
_MARKED: Final = (("x-simulated", "true"),)
_TEXT: Final = " [simulated: no model wrote this]" + " It only has a realistic length and pace." * 8

Serve = Callable[[dict[str, Any], dict[str, Any], Fault, SimulatedExchange], Awaitable[None]]


async def embed(
    body: dict[str, Any], head: dict[str, Any], fault: Fault, exchange: SimulatedExchange
) -> None:
    """Answer POST /v1/embeddings: one vector for each input, the same for the same input."""
    inputs = _many(body.get("input"))
    size = body.get("dimensions") or _DIMENSIONS
    packed = body.get("encoding_format") == "base64"
    data = [
        {"object": "embedding", "index": index, "embedding": _vector(one, size, packed=packed)}
        for index, one in enumerate(inputs)
    ]
    answer: dict[str, Any] = {"object": "list", "data": data, "model": head["model"]}
    prompt = _prompt_tokens(inputs)
    usage = fault.usage({"prompt_tokens": prompt, "total_tokens": prompt})
    await exchange.reply(200, answer | ({} if usage is None else {"usage": usage}), _MARKED)


async def complete(
    body: dict[str, Any], head: dict[str, Any], fault: Fault, exchange: SimulatedExchange
) -> None:
    """Answer POST /v1/completions, whole or streamed."""
    prompts = _many(body.get("prompt") or "")
    texts = [list(_tokens(body, prompt)) for prompt in prompts for _ in range(body.get("n") or 1)]
    output = sum(map(len, texts)) // (body.get("n") or 1) * (body.get("best_of") or 1)
    prompt = _prompt_tokens(prompts)
    usage = fault.usage(
        {"prompt_tokens": prompt, "completion_tokens": output, "total_tokens": prompt + output}
    )
    head |= {"id": f"cmpl-simulated-{zlib.crc32(orjson.dumps(body)):x}"}
    if body.get("stream"):
        wants_usage = bool((body.get("stream_options") or {}).get("include_usage"))
        last = {"choices": [], "usage": usage} if wants_usage and usage is not None else None
        await _stream(head | {"object": "text_completion"}, texts, last, fault, exchange)
        return
    choices = [_choice(index, "".join(tokens), "length") for index, tokens in enumerate(texts)]
    answer = head | {"object": "text_completion", "choices": choices}
    await exchange.reply(200, answer | ({} if usage is None else {"usage": usage}), _MARKED)


async def _stream(
    head: dict[str, Any],
    texts: list[list[str]],
    last: dict[str, Any] | None,
    fault: Fault,
    exchange: SimulatedExchange,
) -> None:
    await exchange.begin_stream()
    for index, tokens in enumerate(texts):
        for number, token in enumerate(tokens):
            if fault.midway is not None and number == 1:
                await fault.midway(exchange)
            await exchange.event(orjson.dumps(head | {"choices": [_choice(index, token, None)]}))
        await exchange.event(orjson.dumps(head | {"choices": [_choice(index, "", "length")]}))
    if last is not None:
        await exchange.event(orjson.dumps(head | last))
    await exchange.write(encode(b"[DONE]") if fault.done else b"", more=False)


def _many(given: Any) -> list[Any]:
    """The texts or token arrays of a parameter that may be one of them or a list of many."""
    single = isinstance(given, str) or (isinstance(given, list) and given and type(given[0]) is int)
    return [given] if single else list(given or [])


def _prompt_tokens(inputs: list[Any]) -> int:
    return sum(len(one) if isinstance(one, list) else max(1, len(one) // 4) for one in inputs)


def _vector(given: Any, size: int, *, packed: bool) -> Any:
    seed = orjson.dumps(given)
    numbers = [zlib.crc32(seed + b"%d" % place) / 2**31 - 1 for place in range(size)]
    if not packed:
        return numbers
    return base64.b64encode(struct.pack(f"<{size}f", *numbers)).decode()


def _tokens(body: Mapping[str, Any], prompt: Any) -> Iterator[str]:
    if body.get("echo") and isinstance(prompt, str):
        yield prompt
    limit = body.get("max_tokens")
    yield from tokens_of(_TEXT)[: _DEFAULT_TOKENS if limit is None else limit]


def _choice(index: int, text: str, finish: str | None) -> dict[str, Any]:
    return {"index": index, "text": text, "logprobs": None, "finish_reason": finish}


OTHER_OPERATIONS: Final[Mapping[str, Serve]] = MappingProxyType(
    {
        "/embeddings": embed,
        "/completions": complete,
        "/moderations": moderate,
        "/rerank": rerank,
        "/tokenize": tokenize,
        "/detokenize": detokenize,
        **dict.fromkeys(("/generations", "/edits", "/variations"), draw),
        "/speech": speak,
        **dict.fromkeys(("/transcriptions", "/translations"), transcribe),
    }
)
