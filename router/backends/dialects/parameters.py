"""What of a request's unknown parameters a backend is sent, as its operator wants it."""

from typing import Final

from router.ask import Ask
from router.backends.backend import Backend
from router.backends.dialects.table import DIALECTS
from router.protocols.edits import without
from router.protocols.known_keys import EXTRA_BODY, MEANT
from router.protocols.parameters import DOCUMENTED, GUARD, Steers, refuse_steering
from router.protocols.twins import printable
from router.protocols.unsupported import Unsupported

_ADVICE: Final = "The operator of this gateway may let it pass (`parameters`)."


def permitted(backend: Backend, ask: Ask) -> Ask:
    """The request as this backend may have it: without what is to be dropped.

    Unsupported for a parameter that may not go on. A translation writes what it knows and nothing
    else, and says itself what it does not.
    """
    quirks = backend.quirks
    names = [name for name in ask.unknown if name not in quirks.parameters]
    if not names:
        return ask
    way = quirks.unknown_parameters
    if way == "drop" and not ask.form:
        return without(ask, names)
    if ask.protocol not in DIALECTS[backend.dialect].speaks | backend.speaks:
        return ask
    if way in ("refuse", "drop"):
        raise Unsupported(printable(names[0]), f"This backend takes what is known alone. {_ADVICE}")
    for name in names:
        _refuse(name, ask, guarded=way == GUARD, let=quirks.parameters)
    return ask


def _refuse(name: str, ask: Ask, *, guarded: bool, let: frozenset[str]) -> None:
    held = ask.body.get(name)
    try:
        if name != EXTRA_BODY or not isinstance(held, dict):
            refuse_steering(name, held, MEANT, guarded=guarded)
            return
        for inner, value in held.items():
            if inner not in DOCUMENTED and inner not in let:
                refuse_steering(inner, value, MEANT, guarded=guarded)
    except Steers as error:
        why = f"It may not go on: {error.why}. {_ADVICE}"
        raise Unsupported(printable(error.path), why) from None
