"""Embeddings as a client asks for them: read once, for what routing and metering need.

There is no output to pay for, and no prompt that a classifier could judge.
"""

from typing import Final

from classifiers.prompt import Prompt
from router.ask import NO_FEATURES, NO_MEDIA, Ask
from router.errors import BadRequest
from router.operations.texts_in import TOKENS, Texts
from router.protocols import known_keys
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

_NO_PROMPT: Final = Prompt("", (), ())
_OF_TOKENS: Final = frozenset({TOKENS})
_texts: Final = texts_but("model", "encoding_format", "dimensions", "user")


def parse_embedding(raw: bytes, headers: Fields = NO_HEADERS) -> Ask:
    """Read the body of POST /v1/embeddings; BadRequest where it is wrong."""
    body, members, unknown = parse_members(
        raw, known_keys.EMBEDDING, known_keys.METERED_OF_EMBEDDING
    )
    model = read_model(body)
    if body.get("input") is None:
        raise BadRequest("Missing required parameter: 'input'.", param="input")
    texts = Texts(body["input"], "input")
    read_integer(body, "dimensions", 1, MOST_TOKENS)
    if not isinstance(body.get("encoding_format"), str | None):
        raise wrong_type("encoding_format", "a string")
    if read_flag(body, "stream"):
        raise BadRequest("Embeddings cannot be streamed.", param="stream")
    return Ask(
        operation="embedding",
        protocol="openai",
        path="/embeddings",
        raw=raw,
        body=body,
        members=members,
        model=model,
        stream=False,
        include_usage=False,
        max_output_tokens=0,
        choices=1,
        user=read_user(body),
        tools=(),
        images=0,
        json_schema=False,
        text_bytes=texts.bytes,
        prompt=_NO_PROMPT,
        features=_OF_TOKENS if texts.tokens else NO_FEATURES,
        media=NO_MEDIA,
        headers=of_request(CHAT_REQUEST, headers),
        read_texts=_texts,
        classified=False,
        unknown=unknown,
    )
