"""Texts into tokens and back, in vLLM's and llama.cpp's form: asked of one backend, never another.

Another model's tokens would be no answer, so nobody else is asked where that backend fails. No
model runs: nothing is charged, and the request counts as one.
"""

from collections.abc import Mapping
from typing import Any, Final

from router.ask import Ask
from router.errors import BadRequest
from router.operations.plain import PLAIN_ASK
from router.protocols import known_keys
from router.protocols.document import parse_members
from router.protocols.fields import read_flag, read_model
from router.protocols.headers import CHAT_REQUEST, NO_HEADERS, Fields, of_request
from router.protocols.texts import texts_but

_texts: Final = texts_but("model", "tokens", "add_special", "add_special_tokens", "with_pieces")
_TEXT: Final = ("prompt", "messages", "content")


def parse_tokenize(raw: bytes, headers: Fields = NO_HEADERS) -> Ask:
    """Read the body of POST /tokenize; BadRequest where it is wrong."""
    return _parse(raw, headers, "/tokenize", _TEXT)


def parse_detokenize(raw: bytes, headers: Fields = NO_HEADERS) -> Ask:
    """Read the body of POST /detokenize; BadRequest where it is wrong."""
    return _parse(raw, headers, "/detokenize", ("tokens",))


def _parse(raw: bytes, headers: Fields, path: str, needed: tuple[str, ...]) -> Ask:
    body, members, unknown = parse_members(
        raw, known_keys.TOKENIZATION, known_keys.METERED_OF_OTHERS
    )
    model = read_model(body)
    if not _has_any(body, needed):
        named = " or ".join(f"'{name}'" for name in needed)
        raise BadRequest(f"Missing required parameter: {named}.", param=needed[0])
    if read_flag(body, "stream"):
        raise BadRequest("Tokens cannot be streamed.", param="stream")
    return PLAIN_ASK._replace(
        operation="tokenization",
        protocol="tokens",
        path=path,
        raw=raw,
        body=body,
        members=members,
        model=model,
        headers=of_request(CHAT_REQUEST, headers),
        read_texts=_texts,
        alone=True,
        unknown=unknown,
    )


def _has_any(body: Mapping[str, Any], names: tuple[str, ...]) -> bool:
    return any(body.get(name) is not None for name in names)
