"""Answers to rerankings as they came: Cohere tells searches, Jina and others tell tokens."""

from collections.abc import Mapping
from typing import Any

from router.ask import Ask
from router.domain import Usage
from router.protocols.error_inside import refuse_error_inside
from router.protocols.hub.values import count
from router.protocols.openai.passage import OpenAIPassage
from router.protocols.passage import MalformedReply, Reply, read_object
from router.protocols.usage import estimate_usage, read_usage
from router.units import SEARCH


class RankingPassage(OpenAIPassage):
    """Reads whole rankings; there are no others."""

    def reply(self, raw: bytes, ask: Ask) -> Reply:
        """Read what was used; the body goes on as it came."""
        body = read_object(raw)
        refuse_error_inside(body)
        if not isinstance(body.get("results"), list):
            raise MalformedReply("answered without results")
        model = body.get("model")
        return Reply(raw.strip(), _usage(body, ask), model if isinstance(model, str) else None)


def _usage(body: Mapping[str, Any], ask: Ask) -> Usage:
    """Tokens or searches, as they are told; the gateway's own count of both where neither is."""
    told = _object(_object(body.get("meta")).get("billed_units"))
    searches = count(told.get("search_units"))
    if searches is not None:
        return Usage(units=((SEARCH, searches),))
    counts = _object(body.get("usage"))
    total = counts.get("total_tokens")
    tokens = read_usage({"prompt_tokens": total, "completion_tokens": 0} | counts, ask)
    if tokens is None:
        return estimate_usage(ask, 0)
    return tokens._replace(units=ask.units)


def _object(held: Any) -> dict[str, Any]:
    return held if isinstance(held, dict) else {}
