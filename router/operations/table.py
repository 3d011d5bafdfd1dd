"""What the edge serves by itself, one row each: operations, counts, opinions of answers."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from router.operations.chat import parse_chat
from router.operations.compaction import parse_compaction
from router.operations.completion import parse_completion
from router.operations.content import (
    parse_content,
    parse_content_count,
    the_request_in_it,
    write_content_count,
)
from router.operations.embedding import parse_embedding
from router.operations.image import parse_edit, parse_generation, parse_variation
from router.operations.message import parse_message, parse_message_count, write_message_count
from router.operations.moderation import parse_moderation
from router.operations.operation import Count, Judgement, Operation
from router.operations.reranking import parse_reranking
from router.operations.response import parse_response
from router.operations.response_count import parse_response_count, write_response_count
from router.operations.speech import parse_speech
from router.operations.tokenization import parse_detokenize, parse_tokenize
from router.operations.transcription import parse_transcription, parse_translation
from router.protocols.envelope import error_body
from router.units import CHARACTER, IMAGE, SEARCH, SECOND

CONTENT_PATH: Final = "/v1beta/models/{model}:generateContent"
COUNT_PATH: Final = "/v1beta/models/{model}:countTokens"
# Those that few servers have: asked only of backends that say so.
_OF_FEW: Final = (
    Operation("moderation", "/v1/moderations", "openai", parse_moderation),
    Operation("reranking", "/v1/rerank", "ranking", parse_reranking, SEARCH),
    Operation("reranking", "/v2/rerank", "ranking", parse_reranking, SEARCH),
    Operation("image", "/v1/images/generations", "pictures", parse_generation, IMAGE),
    Operation("image", "/v1/images/edits", "pictures", parse_edit, IMAGE),
    Operation("image", "/v1/images/variations", "pictures", parse_variation, IMAGE),
    Operation("speech", "/v1/audio/speech", "speech", parse_speech, CHARACTER),
    Operation(
        "transcription", "/v1/audio/transcriptions", "transcripts", parse_transcription, SECOND
    ),
    Operation("transcription", "/v1/audio/translations", "transcripts", parse_translation, SECOND),
    Operation("tokenization", "/tokenize", "tokens", parse_tokenize),
    Operation("tokenization", "/detokenize", "tokens", parse_detokenize),
)
OPERATIONS: Final[tuple[Operation, ...]] = (
    Operation("chat", "/v1/chat/completions", "chat", parse_chat, lists=True),
    Operation(
        "message", "/v1/messages", "messages", parse_message, names_request=True, known_as="chat"
    ),
    Operation(
        "response",
        "/v1/responses",
        "responses",
        parse_response,
        resumes=True,
        over_websocket=True,
        known_as="chat",
    ),
    Operation("compaction", "/v1/responses/compact", "compactions", parse_compaction, resumes=True),
    Operation("embedding", "/v1/embeddings", "openai", parse_embedding, known_as="embeddings"),
    Operation("content", CONTENT_PATH, "gemini", parse_content, known_as="generate_content"),
    Operation(
        "completion", "/v1/completions", "openai", parse_completion, known_as="text_completion"
    ),
    *(replace(row, by_name=True) for row in _OF_FEW),
)
BY_NAME: Final = frozenset({row.name for row in OPERATIONS if row.by_name})
# Their answers are no tokens of a model: such a model needs no price of output.
WRITE_NOTHING: Final = frozenset({"embedding", "moderation", "reranking", "tokenization"})
UNITS_OF: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {row.name: (row.unit,) for row in OPERATIONS if row.unit}
)
COUNTS: Final[tuple[Count, ...]] = (
    Count(
        "/v1/messages/count_tokens",
        "messages",
        parse_message_count,
        write_message_count,
        names_request=True,
    ),
    Count(
        COUNT_PATH,
        "gemini",
        parse_content_count,
        write_content_count,
        amend=the_request_in_it,
    ),
    Count(
        "/v1/responses/input_tokens",
        "responses",
        parse_response_count,
        write_response_count,
        resumes=True,
    ),
)
FEEDBACK: Final = Judgement("/v1/feedback", error_body)
