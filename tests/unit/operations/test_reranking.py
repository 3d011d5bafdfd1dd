"""What a request for a ranking is read as, and how its answers are counted."""

import json
from typing import Any

import pytest

from router.ask import Ask
from router.domain import Usage
from router.errors import BadRequest
from router.operations.reranking import parse_reranking
from router.protocols.openai.ranking import RankingPassage
from router.protocols.passage import ErrorInside, MalformedReply

BODY: dict[str, Any] = {"model": "ranker", "query": "q" * 30, "documents": ["d" * 60, "e" * 60]}


def ranking(**fields: Any) -> Ask:
    return parse_reranking(json.dumps(BODY | fields).encode())


def usage(told: dict[str, Any], ask: Ask | None = None) -> Usage:
    body = json.dumps({"results": []} | told).encode()
    return RankingPassage().reply(body, ask or ranking()).usage


def test_the_query_is_read_with_every_document() -> None:
    ask = ranking()
    assert ask.text_bytes == 2 * (60 + 30 + 9)
    assert ranking(documents=[{"text": "x"}]).text_bytes == len('{"text":"x"}') + 30 + 9


@pytest.mark.parametrize(
    ("documents", "searches"),
    [
        (["x"], 1),
        (["x"] * 100, 1),
        (["x"] * 101, 2),
        (["x" * 1_470], 1),  # 490 tokens, and ten of the query
        (["x" * 1_500] * 51, 2),  # two pieces each
    ],
)
def test_searches_are_counted_from_above(documents: list[str], searches: int) -> None:
    assert ranking(documents=documents).units == (("search", searches),)


def test_searches_are_what_the_answer_tells() -> None:
    told = {"meta": {"billed_units": {"search_units": 3}}}
    assert usage(told) == Usage(units=(("search", 3),))


@pytest.mark.parametrize(
    "counts", [{"total_tokens": 38}, {"prompt_tokens": 38, "total_tokens": 38}]
)
def test_tokens_are_what_the_answer_tells(counts: dict[str, int]) -> None:
    assert usage({"usage": counts}) == Usage(38, 0, units=(("search", 1),))


@pytest.mark.parametrize(
    "told", [{}, {"meta": None}, {"meta": {"billed_units": [1]}}, {"usage": 5}]
)
def test_where_nothing_is_told_the_gateway_counts(told: dict[str, Any]) -> None:
    assert usage(told) == Usage(50, 0, estimated=True, units=(("search", 1),))


def test_an_answer_without_results_is_none() -> None:
    with pytest.raises(MalformedReply):
        RankingPassage().reply(b'{"data": []}', ranking())
    with pytest.raises(ErrorInside):
        RankingPassage().reply(b'{"results": [], "error": "no"}', ranking())


def test_texts_are_told_to_the_detectors() -> None:
    assert sorted(ranking(query="q", documents=["d"], top_n=1).texts()) == ["d", "q"]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"query": None}, "query"),
        ({"query": 5}, "query"),
        ({"documents": None}, "documents"),
        ({"documents": []}, "documents"),
        ({"documents": "x"}, "documents"),
        ({"documents": ["x", None]}, "documents[1]"),
        ({"top_n": 0}, "top_n"),
        ({"stream": True}, "stream"),
        ({"Query": "twin"}, "Query"),
    ],
)
def test_a_wrong_field_is_named(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(BadRequest) as caught:
        ranking(**fields)
    assert caught.value.param == param
