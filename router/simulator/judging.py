"""What the simulator says to moderations, rerankings and tokenizers: made up, and labelled."""

import zlib
from typing import Any, Final

from router.simulator.exchange import SimulatedExchange
from router.simulator.faults import Fault

_MARKED: Final = (("x-simulated", "true"),)
_CATEGORIES: Final = ("harassment", "hate", "illicit", "self-harm", "sexual", "violence")


async def moderate(
    body: dict[str, Any], head: dict[str, Any], _: Fault, exchange: SimulatedExchange
) -> None:
    """Answer POST /moderations: what says "kill" is violent, nothing else is anything."""
    held = body.get("input")
    many = held if isinstance(held, list) and not _are_parts(held) else [held]
    results = [_verdict("kill" in str(one)) for one in many]
    answer = {"id": "modr-simulated", "model": head["model"], "results": results}
    await exchange.reply(200, answer, _MARKED)


async def rerank(
    body: dict[str, Any], head: dict[str, Any], fault: Fault, exchange: SimulatedExchange
) -> None:
    """Answer POST /rerank: in Cohere's form where the model's name holds `cohere`, else Jina's."""
    query, documents = str(body.get("query")), body["documents"]
    scored = [
        {"index": index, "relevance_score": _score(query, str(document))}
        for index, document in enumerate(documents)
    ]
    scored.sort(key=lambda one: -one["relevance_score"])
    results = scored[: body.get("top_n") or len(scored)]
    if "cohere" in head["model"]:
        meta = {"api_version": {"version": "2"}, "billed_units": {"search_units": 1}}
        await exchange.reply(200, {"id": "r", "results": results, "meta": meta}, _MARKED)
        return
    tokens = sum(max(1, len(str(document)) // 4) for document in documents)
    answer = {"model": head["model"], "object": "list", "results": results}
    usage = fault.usage({"total_tokens": tokens})
    await exchange.reply(200, answer | ({} if usage is None else {"usage": usage}), _MARKED)


async def tokenize(
    body: dict[str, Any], _: dict[str, Any], __: Fault, exchange: SimulatedExchange
) -> None:
    """Answer POST /tokenize as vLLM does: a token for each byte."""
    tokens = list(str(body.get("prompt") or body.get("content") or body["messages"]).encode())
    answer = {"count": len(tokens), "max_model_len": 4096, "tokens": tokens}
    await exchange.reply(200, answer, _MARKED)


async def detokenize(
    body: dict[str, Any], _: dict[str, Any], __: Fault, exchange: SimulatedExchange
) -> None:
    """Answer POST /detokenize."""
    text = bytes(body["tokens"]).decode("utf-8", "replace")
    await exchange.reply(200, {"prompt": text}, _MARKED)


def _are_parts(held: list[Any]) -> bool:
    return bool(held) and isinstance(held[0], dict)


def _verdict(violent: bool) -> dict[str, Any]:
    found = {name: violent and name == "violence" for name in _CATEGORIES}
    scores = {name: 0.9 if bad else 0.01 for name, bad in found.items()}
    return {"flagged": violent, "categories": found, "category_scores": scores}


def _score(query: str, document: str) -> float:
    words = set(query.lower().split())
    shared = len(words & set(document.lower().split()))
    return round(shared / max(1, len(words)) + zlib.crc32(document.encode()) / 2**42, 6)
