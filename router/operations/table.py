"""What the edge serves by itself, one row each: operations, calculations, opinions of answers."""

from typing import Final

from router.operations.chat import parse_chat
from router.operations.completion import parse_completion
from router.operations.embedding import parse_embedding
from router.operations.message import count_tokens, parse_message
from router.operations.operation import Calculation, Judgement, Operation
from router.operations.response import parse_response
from router.protocols.envelope import error_body
from router.protocols.messages.errors import message_error_body

OPERATIONS: Final[tuple[Operation, ...]] = (
    Operation("chat", "/v1/chat/completions", "chat", parse_chat),
    Operation(
        "message", "/v1/messages", "messages", parse_message, names_request=True, known_as="chat"
    ),
    Operation("response", "/v1/responses", "responses", parse_response, known_as="chat"),
    Operation("embedding", "/v1/embeddings", "openai", parse_embedding, known_as="embeddings"),
    Operation(
        "completion", "/v1/completions", "openai", parse_completion, known_as="text_completion"
    ),
)
CALCULATIONS: Final[tuple[Calculation, ...]] = (
    Calculation("/v1/messages/count_tokens", count_tokens, message_error_body, names_request=True),
)
FEEDBACK: Final = Judgement("/v1/feedback", error_body)
