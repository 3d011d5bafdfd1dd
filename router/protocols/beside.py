"""Writing a large body beside the event loop, as `router.protocols.ahead` reads it.

What goes to a backend is the client's body with edits, or a document of another protocol that holds
the same texts. Of a large one either is a copy of megabytes, and the system has to find the memory
for it. So the thread that reads ahead makes it, too, and native/join.c copies without the
interpreter's lock. A document's long texts are taken out before orjson writes it: a byte that is
none of UTF-8 stands in the place of each, so that nothing a client sent can be mistaken for one
(ADR 162). Where installing found no C compiler, all is written at once, on the event loop.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final, TypeVar

import orjson

from router.protocols.ahead import LARGE, LONG, THREAD

try:
    from router import _join
except ImportError:
    _join = None  # type: ignore[assignment]

EDITION: Final = 1  # of what joins: rises whenever native/join.c must be built anew
_HOLE: Final = orjson.Fragment(b"\xff")
_Made = TypeVar("_Made")


def _refuse_another_edition() -> None:
    if _join is not None:
        if _join.EDITION == EDITION:
            return
        raise ImportError(
            f"router/_join was built for edition {_join.EDITION}, and the source beside it is of "
            f"edition {EDITION}. Build it anew: pip install --editable ."
        )


_refuse_another_edition()


async def beside(make: Callable[[], _Made]) -> _Made:
    """What `make` returns or raises, made beside the event loop where that spares it anything."""
    if _join is None:
        return make()
    return await asyncio.get_running_loop().run_in_executor(THREAD, make)


async def beside_if_large(size: int, make: Callable[[], _Made]) -> _Made:
    """The same of what is made of so many bytes, if these are many; else it is made at once."""
    return make() if size <= LARGE else await beside(make)


def joined(parts: list[bytes | memoryview]) -> bytes:
    """The parts of a large body as one. Other threads run meanwhile."""
    if _join is None:
        return b"".join(parts)
    return _join.join(tuple(parts))


def may_widen(body: bytes | bytearray) -> bool:
    """Whether a body may have characters beyond ASCII: as such, or as escapes by number."""
    if _join is None:
        return not body.isascii() or b"\\u" in body
    return _join.may_widen(body)


def json_of(value: Any, size: int) -> bytes:
    """`value` as JSON, as orjson writes it; `size`: the bytes of the body that it is made of."""
    return orjson.dumps(value) if size <= LARGE else json_in_pieces(value)


def json_in_pieces(value: Any, least: int = LONG) -> bytes:
    """The same, with the texts of so many characters written without the interpreter's lock."""
    if _join is None:
        return orjson.dumps(value)
    texts: list[str] = []
    small = orjson.dumps(_without(value, texts, least))
    try:
        return _join.fill(small, tuple(texts))
    except ValueError:  # half a character: orjson says so
        return orjson.dumps(value)


def _without(value: Any, texts: list[str], least: int) -> Any:
    """A copy with a hole for each long text; these, in the order in which they are written."""
    kind = type(value)
    if kind is str:
        if len(value) < least:
            return value
        texts.append(value)
        return _HOLE
    if kind is dict:
        return {key: _without(held, texts, least) for key, held in value.items()}
    if kind is list or kind is tuple:
        return [_without(held, texts, least) for held in value]
    return value
