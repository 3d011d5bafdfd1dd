"""Sounds to be written down, in their own language or in English, as a client sends them in a form.

Seconds are held for: exactly those of a WAV, else a bound by the lowest usual bit rate.
"""

from typing import Final

from router.ask import Ask, Media
from router.errors import BadRequest
from router.operations.form_fields import file_headers, flag_of, read_fields
from router.operations.plain import PLAIN_ASK
from router.protocols import known_keys
from router.protocols.document import unknown_names
from router.protocols.fields import read_model, read_user
from router.protocols.headers import NO_HEADERS, Fields
from router.protocols.media import sounds
from router.protocols.multipart import Form
from router.protocols.texts import texts_but
from router.units import SECOND

_TOKENS_A_SECOND: Final = 20  # of text: nobody speaks half as fast
_TOKENS_AROUND: Final = 512
_texts: Final = texts_but(
    *("model", "language", "response_format", "temperature", "stream", "include[]", "user"),
    *("timestamp_granularities[]", "chunking_strategy"),
)


def parse_transcription(raw: bytes, headers: Fields = NO_HEADERS) -> Ask:
    """Read the form of POST /v1/audio/transcriptions; BadRequest where it is wrong."""
    return _parse(raw, headers, "/audio/transcriptions")


def parse_translation(raw: bytes, headers: Fields = NO_HEADERS) -> Ask:
    """Read the form of POST /v1/audio/translations; BadRequest where it is wrong."""
    return _parse(raw, headers, "/audio/translations")


def _parse(raw: bytes, headers: Fields, path: str) -> Ask:
    form = read_fields(raw, headers, known_keys.TRANSCRIPTION, known_keys.METERED_OF_FORMS)
    if not any(file.field == "file" for file in form.files):
        raise BadRequest("Missing required parameter: 'file', a sound.", param="file")
    media = _measured(form)
    return PLAIN_ASK._replace(
        operation="transcription",
        protocol="transcripts",
        path=path,
        raw=form.raw,
        body=dict(form.texts),
        members=form.members,
        model=read_model(form.texts),
        stream=flag_of(form, "stream"),
        max_output_tokens=media.audio_seconds * _TOKENS_A_SECOND + _TOKENS_AROUND,
        user=read_user(form.texts),
        images=len(form.files),
        text_bytes=len(form.texts.get("prompt", "").encode()),
        media=media,
        headers=file_headers(form, headers),
        read_texts=_texts,
        units=((SECOND, media.audio_seconds),),
        form=True,
        unknown=unknown_names(form.texts, known_keys.TRANSCRIPTION),
    )


def _measured(form: Form) -> Media:
    lengths = [
        sounds.seconds_of(form.raw[file.start : file.start + sounds.HEAD], file.end - file.start)
        for file in form.files
    ]
    return Media(
        audio=len(lengths),
        audio_bytes=sum(file.end - file.start for file in form.files),
        audio_seconds=sum(seconds for seconds, _ in lengths),
        seconds_guessed=any(guessed for _, guessed in lengths),
    )
