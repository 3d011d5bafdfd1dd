"""Fields of a form as a client sends them: texts that mean a model, a number, a switch."""

from collections.abc import Set as AbstractSet
from typing import Final

from router.errors import BadRequest
from router.protocols.aliases import KnownKeys
from router.protocols.document import refuse_aliases
from router.protocols.fields import read_integer, wrong_type
from router.protocols.headers import CHAT_REQUEST, Fields, Pairs, of_request
from router.protocols.multipart import Form, read_form
from router.protocols.twins import UnsafeBody, refuse_twins

_SWITCHES: Final = {"": False, "true": True, "false": False, "1": True, "0": False}
_LIST: Final = "[]"


def read_fields(raw: bytes, headers: Fields, known: KnownKeys, metered: AbstractSet[str]) -> Form:
    """The form of a request; BadRequest where a field could be read in two ways.

    Of those that `metered` names, no list (`model[]`) and no file may take the place.
    """
    form = read_form(raw, headers.get(b"content-type", b"").decode("latin-1"))
    names = [*form.texts, *{file.field for file in form.files}.difference(form.texts)]
    refuse_aliases(dict.fromkeys(names), known)
    try:
        refuse_twins(names, True, None)
    except UnsafeBody as error:
        raise BadRequest(str(error), param=error.param) from None
    files = {file.field for file in form.files}
    for name in names:
        bare = name.partition("[")[0]
        refuse_aliases({bare: None}, known)
        if bare in metered and (bare != name or name in files):
            raise BadRequest(f"Invalid '{name}': expected '{bare}' as one text.", param=name)
    return form


def file_headers(form: Form, headers: Fields) -> Pairs:
    """The headers under which a form goes on."""
    return (("content-type", form.content_type), *of_request(CHAT_REQUEST, headers))


def integer_of(form: Form, name: str, least: int, most: int) -> int | None:
    """An integer within its bounds; None where it is missing or empty."""
    text = form.texts.get(name, "")
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 12):
        raise wrong_type(name, "an integer")
    return read_integer({name: int(text)}, name, least, most)


def flag_of(form: Form, name: str) -> bool:
    """A switch; False where it is missing."""
    switch = _SWITCHES.get(form.texts.get(name, "").lower())
    if switch is None:
        raise wrong_type(name, "a boolean")
    return switch
