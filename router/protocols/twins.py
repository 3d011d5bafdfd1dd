"""What makes a JSON body unsafe to relay as it came: keys that two readers understand differently.

Where a key stands twice, one parser takes its first value and another its last; servers written
in Go take `MAX_TOKENS` for `max_tokens`. A client could thus be metered by one value and served by
another. Both scanners (scan.py, native/scan.c) ask this module where an object needs a closer look.
"""

from collections.abc import Sequence
from typing import Final

MAX_DEPTH: Final = 200  # levels of objects and arrays, the body itself included
MAX_KEYS: Final = 65_536  # of one object
MAX_PARAMETERS: Final = 1_024  # of one whose keys are folded, which takes longer
_SHOWN: Final = 64  # characters of a client's key in a message


class UnsafeBody(ValueError):
    """A body that must not be relayed; its message may be told to the client.

    `param` is the parameter at fault, printable and short; None where there is none. `code` is
    the error's, where it has one of its own.
    """

    param: str | None = None
    code: str | None = None


class TooDeep(UnsafeBody):
    """Objects and arrays are nested more than MAX_DEPTH levels deep."""

    def __init__(self) -> None:
        super().__init__("The body is nested too deeply.")


class TooManyKeys(UnsafeBody):
    """An object has more than MAX_KEYS keys, or MAX_PARAMETERS where its keys are folded."""

    def __init__(self, most: int, param: str | None) -> None:
        self.param = None if param is None else printable(param)
        place = "The body" if param is None else f"An object in '{self.param}'"
        super().__init__(f"{place} has more than {most:,} keys.")


class TwinKeys(UnsafeBody):
    """Two keys of one object are the same, or are to a server that folds them.

    `key` is the later one and `beside` the earlier one, both printable and short. `param` is the
    top-level parameter that the object belongs to: `key` itself where that is the whole body.
    """

    def __init__(self, key: str, beside: str, param: str | None) -> None:
        self.key, self.beside = printable(key), printable(beside)
        self.param = self.key if param is None else printable(param)
        place = "the body" if param is None else f"'{self.param}'"
        super().__init__(
            f"The key '{self.key}' stands twice in {place}."
            if key == beside
            else f"The keys '{self.beside}' and '{self.key}' in {place} differ in spelling only."
        )


class AliasKey(UnsafeBody):
    """A key that the protocol does not know, and that some servers take for one that it does."""

    def __init__(self, key: str, meant: str) -> None:
        self.param = printable(key)
        super().__init__(f"Unknown parameter '{self.param}'. Did you mean '{meant}'?")


class ForbiddenKey(UnsafeBody):
    """A key that no client may use, whatever it says."""

    code = "parameter_not_allowed"

    def __init__(self, key: str, why: str) -> None:
        self.param = printable(key)
        super().__init__(f"The parameter '{self.param}' is not allowed: {why}.")


def printable(key: str) -> str:
    """A client's key as it may stand in a message and in a log line; lookalikes are escaped."""
    short = key[:_SHOWN]
    return short if short.isascii() and short.isprintable() else ascii(short)[1:-1][:_SHOWN]


def fold(key: str) -> str:
    """The key as a server sees it that ignores case, `_` and `-` (as Go's encoding/json can)."""
    return key.casefold().replace("_", "").replace("-", "")


def refuse_twins(keys: Sequence[str], folded: bool, param: str | None) -> None:
    """Raise TwinKeys or TooManyKeys for the keys of one object, in their order.

    `folded` says whether keys that are equal after `fold` are twins too; `param` is the top-level
    parameter that the object belongs to, None for the body itself.
    """
    most = MAX_PARAMETERS if folded else MAX_KEYS
    if len(keys) > most:
        raise TooManyKeys(most, param)
    _refuse_equal(keys, keys, param)
    if folded:
        _refuse_equal(keys, list(map(fold, keys)), param)


def _refuse_equal(keys: Sequence[str], forms: Sequence[str], param: str | None) -> None:
    # Python's hash of a str is keyed: no client can make this quadratic.
    if len(set(forms)) == len(forms):
        return
    seen: dict[str, str] = {}
    for key, form in zip(keys, forms, strict=True):
        if form in seen:
            raise TwinKeys(key, seen[form], param)
        seen[form] = key
