"""Pictures as a client asks for them: made of words, or of other pictures (JSON or a form).

What is held for: `n` pictures, and for servers that tell tokens as many as the largest has.
"""

from collections.abc import Mapping
from typing import Any, Final

from router.ask import NO_MEDIA, Ask, Media
from router.errors import BadRequest
from router.operations.form_fields import file_headers, flag_of, integer_of, read_fields
from router.operations.plain import PLAIN_ASK, with_default_model
from router.protocols import known_keys
from router.protocols.ahead import utf8_size
from router.protocols.document import parse_members, unknown_names
from router.protocols.fields import read_flag, read_integer, read_model, read_user, wrong_type
from router.protocols.headers import CHAT_REQUEST, NO_HEADERS, Fields, of_request
from router.protocols.media import pictures
from router.protocols.multipart import Form
from router.protocols.texts import texts_but
from router.units import IMAGE

DEFAULT_MODEL: Final = "dall-e-2"
MAX_PICTURES: Final = 128
TOKENS_A_PICTURE: Final = 16_384  # the finest of today has 6,240
_texts: Final = texts_but(
    *("model", "n", "size", "quality", "style", "response_format", "output_format", "stream"),
    *("output_compression", "partial_images", "background", "moderation", "input_fidelity"),
    *("user", "images", "mask"),
)
_GIVEN: Final = frozenset({"image", "image[]"})


def parse_generation(raw: bytes, headers: Fields = NO_HEADERS) -> Ask:
    """Read the body of POST /v1/images/generations; BadRequest where it is wrong."""
    return _of_json(raw, headers, "/images/generations", 0)


def parse_edit(raw: bytes, headers: Fields = NO_HEADERS) -> Ask:
    """Read the body of POST /v1/images/edits: a form, or JSON that names its pictures."""
    if not headers.get(b"content-type", b"").lower().startswith(b"multipart/"):
        return _of_json(raw, headers, "/images/edits", 1)
    form = _form(raw, headers)
    return _ask(_prompt(form.texts), form, headers, "/images/edits")


def parse_variation(raw: bytes, headers: Fields = NO_HEADERS) -> Ask:
    """Read the form of POST /v1/images/variations; BadRequest where it is wrong."""
    return _ask("", _form(raw, headers), headers, "/images/variations")


def _of_json(raw: bytes, headers: Fields, path: str, least: int) -> Ask:
    body, members, unknown = parse_members(raw, known_keys.IMAGE, known_keys.METERED_OF_OTHERS)
    raw, members = with_default_model(raw, body, members, DEFAULT_MODEL)
    number = read_integer(body, "n", 1, MAX_PICTURES) or 1
    given = body.get("images") or []
    if not isinstance(given, list) or len(given) < least:
        raise wrong_type("images", "an array of objects")
    pairs = of_request(CHAT_REQUEST, headers)
    return PLAIN_ASK._replace(
        operation="image",
        protocol="pictures",
        path=path,
        raw=raw,
        body=body,
        members=members,
        model=read_model(body),
        stream=read_flag(body, "stream"),
        max_output_tokens=TOKENS_A_PICTURE,
        choices=number,
        user=read_user(body),
        images=len(given),
        text_bytes=utf8_size(_prompt(body)),
        media=Media(images=len(given)) if given else NO_MEDIA,
        headers=(("content-type", "application/json"), *pairs) if least else pairs,
        read_texts=_texts,
        units=((IMAGE, number),),
        unknown=unknown,
    )


def _prompt(body: Mapping[str, Any]) -> str:
    prompt = body.get("prompt")
    if prompt is None:
        raise BadRequest("Missing required parameter: 'prompt'.", param="prompt")
    if not isinstance(prompt, str):
        raise wrong_type("prompt", "a string")
    return prompt


def _form(raw: bytes, headers: Fields) -> Form:
    form = read_fields(raw, headers, known_keys.IMAGE_FORM, known_keys.METERED_OF_FORMS)
    if not any(file.field in _GIVEN for file in form.files):
        raise BadRequest("Missing required parameter: 'image', a file.", param="image")
    return form if form.texts.get("model") else form.with_field("model", DEFAULT_MODEL)


def _ask(prompt: str, form: Form, headers: Fields, path: str) -> Ask:
    number = integer_of(form, "n", 1, MAX_PICTURES) or 1
    return PLAIN_ASK._replace(
        operation="image",
        protocol="pictures",
        path=path,
        raw=form.raw,
        body=dict(form.texts),
        members=form.members,
        model=read_model(form.texts),
        stream=flag_of(form, "stream"),
        max_output_tokens=TOKENS_A_PICTURE,
        choices=number,
        user=read_user(form.texts),
        images=len(form.files),
        text_bytes=utf8_size(prompt),
        media=_measured(form),
        headers=file_headers(form, headers),
        read_texts=_texts,
        units=((IMAGE, number),),
        form=True,
        unknown=unknown_names(form.texts, known_keys.IMAGE_FORM),
    )


def _measured(form: Form) -> Media:
    files = form.files
    heads = [form.raw[file.start : min(file.end, file.start + pictures.MOST)] for file in files]
    sizes = [size for size in map(pictures.size_of, heads) if size != pictures.UNKNOWN]
    return Media(
        images=len(files),
        image_bytes=sum(file.end - file.start for file in files),
        pixels=sum(width * height for width, height in sizes),
        sizes=tuple((*size, "") for size in sizes),
    )
