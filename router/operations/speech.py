"""Texts to be spoken as a client asks for them: the answer is a sound, or events with pieces of it.

Characters are counted, as they are sold; a server that tells tokens does so in events alone.
"""

from typing import Any, Final

from router.ask import Ask
from router.errors import BadRequest
from router.operations.plain import PLAIN_ASK
from router.protocols import known_keys
from router.protocols.ahead import utf8_size
from router.protocols.document import parse_members
from router.protocols.fields import read_model, read_user, wrong_type
from router.protocols.headers import CHAT_REQUEST, NO_HEADERS, Fields, of_request
from router.protocols.texts import texts_but
from router.units import CHARACTER

# Tokens of sound: some 20 a second, a character being a fifth of one when spoken at a quarter of
# the usual speed.
_TOKENS_A_CHARACTER: Final = 16
_texts: Final = texts_but("model", "voice", "response_format", "speed", "stream_format", "user")


def parse_speech(raw: bytes, headers: Fields = NO_HEADERS) -> Ask:
    """Read the body of POST /v1/audio/speech; BadRequest where it is wrong."""
    body, members, unknown = parse_members(raw, known_keys.SPEECH, known_keys.METERED_OF_OTHERS)
    model = read_model(body)
    spoken, how = _text(body, "input"), _text(body, "instructions", "")
    events = _text(body, "stream_format", "audio") == "sse"
    return PLAIN_ASK._replace(
        operation="speech",
        protocol="speech" if events else "sounds",
        path="/audio/speech",
        raw=raw,
        body=body,
        members=members,
        model=model,
        stream=True,  # a sound goes back as it comes
        max_output_tokens=_TOKENS_A_CHARACTER * (len(spoken) + _TOKENS_A_CHARACTER),
        user=read_user(body),
        text_bytes=utf8_size(spoken) + utf8_size(how),
        headers=of_request(CHAT_REQUEST, headers),
        read_texts=_texts,
        units=((CHARACTER, len(spoken)),),
        unknown=unknown,
    )


def _text(body: dict[str, Any], name: str, default: str | None = None) -> str:
    held = body.get(name)
    if held is None and default is not None:
        return default
    if held is None:
        raise BadRequest(f"Missing required parameter: '{name}'.", param=name)
    if not isinstance(held, str):
        raise wrong_type(name, "a string")
    return held
