"""What the edge serves by itself, one row each: operations, calculations, opinions of answers."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from router.operations.chat import parse_chat
from router.operations.completion import parse_completion
from router.operations.embedding import parse_embedding
from router.operations.message import count_tokens, parse_message
from router.operations.moderation import parse_moderation
from router.operations.operation import Calculation, Judgement, Operation
from router.operations.reranking import parse_reranking
from router.protocols.envelope import error_body
from router.protocols.messages.errors import message_error_body
from router.units import SEARCH

OPERATIONS: Final[tuple[Operation, ...]] = (
    Operation("chat", "/v1/chat/completions", "chat", parse_chat),
    Operation("message", "/v1/messages", "messages", parse_message),
    Operation("embedding", "/v1/embeddings", "openai", parse_embedding),
    Operation("completion", "/v1/completions", "openai", parse_completion),
    Operation("moderation", "/v1/moderations", "openai", parse_moderation, declared=True),
    Operation("reranking", "/v1/rerank", "ranking", parse_reranking, SEARCH, declared=True),
    Operation("reranking", "/v2/rerank", "ranking", parse_reranking, SEARCH, declared=True),
)
DECLARED: Final = frozenset({row.name for row in OPERATIONS if row.declared})
UNIT_OF: Final[Mapping[str, str]] = MappingProxyType(
    {row.name: row.unit for row in OPERATIONS if row.unit}
)
CALCULATIONS: Final[tuple[Calculation, ...]] = (
    Calculation("/v1/messages/count_tokens", count_tokens, message_error_body),
)
FEEDBACK: Final = Judgement("/v1/feedback", error_body)
