"""Moderations as a client asks for them: texts and pictures that a model finds fault with.

The answer tells no usage, and OpenAI charges nothing: tokens are counted by the length of the text.
"""

from typing import Any, Final

from router.ask import NO_FEATURES, NO_MEDIA, Ask
from router.errors import BadRequest
from router.operations.plain import PLAIN_ASK, with_default_model
from router.operations.texts_in import Texts
from router.protocols import known_keys
from router.protocols.document import parse_members
from router.protocols.fields import read_flag, read_model, read_user, wrong_type
from router.protocols.headers import CHAT_REQUEST, NO_HEADERS, Fields, of_request
from router.protocols.media.gauge import MediaGauge
from router.protocols.texts import texts_but

DEFAULT_MODEL: Final = "omni-moderation-latest"
_texts: Final = texts_but("model", "user")
_SEES: Final = frozenset({"vision"})


def parse_moderation(raw: bytes, headers: Fields = NO_HEADERS) -> Ask:
    """Read the body of POST /v1/moderations; BadRequest where it is wrong."""
    body, members, unknown = parse_members(raw, known_keys.MODERATION, known_keys.METERED_OF_OTHERS)
    raw, members = with_default_model(raw, body, members, DEFAULT_MODEL)
    if body.get("input") is None:
        raise BadRequest("Missing required parameter: 'input'.", param="input")
    if read_flag(body, "stream"):
        raise BadRequest("Moderations cannot be streamed.", param="stream")
    words, pictures = _input(body["input"])
    texts = None if pictures and not words else Texts(words, "input")
    if texts is not None and texts.tokens:
        raise wrong_type("input", "a string, an array of strings, or an array of parts")
    return PLAIN_ASK._replace(
        operation="moderation",
        path="/moderations",
        raw=raw,
        body=body,
        members=members,
        model=read_model(body),
        user=read_user(body),
        images=pictures.images if pictures else 0,
        text_bytes=texts.bytes if texts else 0,
        features=_SEES if pictures else NO_FEATURES,
        media=pictures.media() if pictures else NO_MEDIA,
        headers=of_request(CHAT_REQUEST, headers),
        read_texts=_texts,
        unknown=unknown,
    )


def _input(held: Any) -> tuple[Any, MediaGauge | None]:
    """The texts of an input, and its pictures where it is an array of parts that holds any."""
    if not isinstance(held, list) or not any(isinstance(part, dict) for part in held):
        return held, None
    words: list[str] = []
    pictures: MediaGauge | None = None
    for index, part in enumerate(held):
        kind = part.get("type") if isinstance(part, dict) else None
        if kind == "text" and isinstance(part.get("text"), str):
            words.append(part["text"])
        elif kind == "image_url" and isinstance(part.get("image_url"), dict):
            pictures = pictures or MediaGauge()
            pictures.add("image", part["image_url"].get("url"))
        else:
            raise wrong_type(f"input[{index}]", "a part of text or of image_url")
    return words, pictures
