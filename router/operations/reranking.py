"""Reranking as a client asks for it, in Cohere's and in Jina's form: documents sorted by a query.

Cohere counts searches: a query over up to a hundred documents, a long document being as many as it
has pieces of 500 tokens, the query's included. Jina and servers of open models count tokens: a
model reads the query with each document.
"""

from typing import Any, Final

import orjson

from router.ask import Ask
from router.errors import BadRequest
from router.operations.plain import PLAIN_ASK
from router.protocols import known_keys
from router.protocols.ahead import utf8_size
from router.protocols.document import parse_members
from router.protocols.fields import (
    MOST_TOKENS,
    read_flag,
    read_integer,
    read_model,
    read_user,
    wrong_type,
)
from router.protocols.headers import CHAT_REQUEST, NO_HEADERS, Fields, of_request
from router.protocols.texts import texts_but
from router.units import SEARCH

_FRAME: Final = 9  # bytes that stand for what a server puts around each pair of texts
_BYTES_PER_TOKEN: Final = 3  # as the ledger estimates
_PIECE: Final = 500  # tokens of a document that count as one
_A_SEARCH: Final = 100  # documents
_texts: Final = texts_but("model", "user", "top_n", "return_documents", "max_tokens_per_doc")


def parse_reranking(raw: bytes, headers: Fields = NO_HEADERS) -> Ask:
    """Read the body of POST /v1/rerank or /v2/rerank; BadRequest where it is wrong."""
    body, members, unknown = parse_members(raw, known_keys.RERANKING, known_keys.METERED_OF_OTHERS)
    model = read_model(body)
    if read_flag(body, "stream"):
        raise BadRequest("Rerankings cannot be streamed.", param="stream")
    read_integer(body, "top_n", 1, MOST_TOKENS)
    query = _size(body.get("query"), "query")
    sizes = _sizes(body.get("documents"))
    room = max(1, _PIECE - query // _BYTES_PER_TOKEN)  # that the query leaves in a piece
    pieces = sum(max(1, -(-size // (room * _BYTES_PER_TOKEN))) for size in sizes)
    return PLAIN_ASK._replace(
        operation="reranking",
        protocol="ranking",
        path="/rerank",
        raw=raw,
        body=body,
        members=members,
        model=model,
        user=read_user(body),
        text_bytes=sum(sizes) + (query + _FRAME) * len(sizes),
        headers=of_request(CHAT_REQUEST, headers),
        read_texts=_texts,
        units=((SEARCH, -(-pieces // _A_SEARCH)),),
        unknown=unknown,
    )


def _sizes(documents: Any) -> list[int]:
    if documents is None:
        raise BadRequest("Missing required parameter: 'documents'.", param="documents")
    if not isinstance(documents, list):
        raise wrong_type("documents", "an array of strings or objects")
    if not documents:
        raise BadRequest("Invalid 'documents': expected at least one.", param="documents")
    return [_size(held, f"documents[{index}]") for index, held in enumerate(documents)]


def _size(held: Any, param: str) -> int:
    """Bytes of one text, or of an object that holds some."""
    if held is None:
        raise BadRequest(f"Missing required parameter: '{param}'.", param=param)
    if isinstance(held, str):
        return len(held) if held.isascii() else utf8_size(held)
    if isinstance(held, dict):
        return len(orjson.dumps(held))
    raise wrong_type(param, "a string or an object")
