"""Reading a large body ahead, beside the event loop.

Theory of operation. Nearly all that a large body costs is the copying of its texts: orjson takes
2 ms a megabyte for it, and holds the interpreter's lock. So a thread first weighs the body
(`burden`) and takes its long texts out: native/cut.c checks, decodes and copies them without the
lock. What is left is small, however large the body was; orjson parses that where it is needed
(`router.protocols.document`), and the texts are put in their places. The result is the same, and so
is each refusal (ADR 156).

What was read ahead belongs to one request: its task carries it, from where the body arrived to
where it is parsed. Where installing found no C compiler, nothing is read ahead.
"""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from types import MappingProxyType
from typing import Final, NamedTuple, TypeVar

from router.protocols.burden import is_too_fine
from router.protocols.scan import Members, Span

try:
    from router import _cut
except ImportError:
    _cut = None  # type: ignore[assignment]

EDITION: Final = 1  # of what is cut out: rises whenever native/cut.c must be built anew
LARGE: Final = 1_000_000  # bytes of a body that is read ahead; others take less than 4 ms
LONG: Final = 128  # bytes of a text that is cut out: 50,000 shorter ones have 6 MB together
MOST_OF_A_BYTE: Final = 120  # what one of ASCII weighs at most
_PIECE: Final = 1_000_000  # characters of a text that are encoded at once
_NO_TEXTS: Final[Mapping[int, int]] = MappingProxyType({})
MAX_HALVES: Final = 100_000  # escapes that may be halves of characters, where any is


# One: large bodies take turns anyhow, and each thread keeps what memory it once had.
THREAD: Final = ThreadPoolExecutor(1, "reads-ahead")


class Ahead(NamedTuple):
    """What a thread found of `raw`: that it is cut too finely, or else its long texts; and what all
    of it weighs (`router.ledger.text_weights`), where that was asked for. A text of which the bytes
    tell it wrongly, since it has escapes, is weighed by itself: `texts`, by its identity."""

    raw: bytes
    cuts: "_cut.Cuts | None"  # None: it is too fine
    weight: int | None = None
    texts: Mapping[int, int] = _NO_TEXTS


class Outlined(dict[str, Span]):
    """The members of a large body, and what is known of it besides.

    `outline` holds all of it but the rest of its long texts: every key, every short text whole, the
    beginnings of the others. Whoever looks for one of these looks there.
    """

    __slots__ = ("outline", "texts", "weight")

    def __init__(
        self, members: Members, outline: bytes, weight: int | None, texts: Mapping[int, int]
    ) -> None:
        super().__init__(members)
        self.outline = outline
        self.weight = weight
        self.texts = texts


def outline_of(raw: bytes, members: Members) -> bytes:
    """What to look for signs in: the body, or less of it where it is large."""
    return members.outline if type(members) is Outlined else raw


_Parsed = TypeVar("_Parsed")
Weigh = Callable[[bytes], int]
Amend = Callable[[bytes, bytes], bytes]  # a body, and what is left of it without its long texts
Cut = Callable[[bytes, int, bool], "_cut.Cuts"]


def _in_c() -> Cut | None:
    """The extension's `cut`, where it was built."""
    if _cut is None:
        return None
    if _cut.EDITION != EDITION:
        raise ImportError(
            f"router/_cut was built for edition {_cut.EDITION}, and the source beside it is of "
            f"edition {EDITION}. Build it anew: pip install --editable ."
        )
    return _cut.cut


_CUT: Final = _in_c()


def _utf8_size_in_python(text: str, /) -> int:
    """How many bytes a text is in UTF-8."""
    return len(text.encode())


utf8_size: Final[Callable[[str], int]] = _utf8_size_in_python if _CUT is None else _cut.utf8_size
# What was read ahead for a task; emptied where it is taken. Connections that are opened meanwhile
# keep a copy of the task's variables: a list, then, with nothing in it.
_AHEAD: Final[ContextVar[list[Ahead] | None]] = ContextVar("ahead", default=None)


async def read_ahead(raw: bytes, weigh: Weigh | None = None, amend: Amend | None = None) -> bytes:
    """Let a thread read a large body that this task is going to parse; a smaller one never.

    It weighs all of the body, too, for whoever has to know how many tokens that are at most. What
    is returned is to be parsed: the body itself, or as `amend` changes it.
    """
    if _CUT is not None and len(raw) > LARGE and raw[:1] != b"-":  # which begins a form
        loop = asyncio.get_running_loop()
        held = [await loop.run_in_executor(THREAD, _read, _CUT, raw, weigh, amend)]
        _AHEAD.set(held)
        task = asyncio.current_task()
        if task is not None:
            task.add_done_callback(lambda _: held.clear())
        return held[0].raw
    return raw


def read_here(raw: bytes, parse: Callable[[bytes], _Parsed], weigh: Weigh) -> _Parsed:
    """What `parse` makes of a body, which is read ahead first where it is large: in a thread."""
    if _CUT is None or len(raw) <= LARGE:
        return parse(raw)
    held = [_read(_CUT, raw, weigh, None)]
    before = _AHEAD.set(held)
    try:
        return parse(raw)
    finally:
        _AHEAD.reset(before)


def _read(cut: Cut, raw: bytes, weigh: Weigh | None, amend: Amend | None) -> Ahead:
    ahead = ahead_of(cut, raw)
    if amend is not None and ahead.cuts is not None:
        raw = amend(raw, ahead.cuts.small)
        ahead = ahead if raw is ahead.raw else ahead_of(cut, raw)
    if weigh is None or ahead.cuts is None:
        return ahead
    texts = {id(text): _weight_of(text, weigh) for text in ahead.cuts.numbered}
    return ahead._replace(weight=weigh(raw), texts=texts)


def _weight_of(text: str, weigh: Weigh) -> int:
    """What a text weighs: piece by piece, so that nobody waits long for the interpreter."""
    weight, before = 0, b""
    for at in range(0, len(text), _PIECE):
        piece = before + text[at : at + _PIECE].encode()
        weight += weigh(piece) - weigh(before)
        before = piece[-1:]
    return weight


def ahead_of(cut: Cut, raw: bytes, least: int = LONG) -> Ahead:
    """Weigh a body, and take its texts of at least so many bytes out, at least 12."""
    if is_too_fine(raw):
        return Ahead(raw, None)
    cuts = cut(raw, least, False)
    if cuts.halves and b"\0" not in raw:
        mended = cut(raw, least, True)
        if mended.surrogates <= MAX_HALVES:
            return Ahead(raw, mended)
    return Ahead(raw, cuts)


def was_read(raw: bytes) -> bool:
    """Whether this body was read ahead, and not taken yet."""
    held = _AHEAD.get()
    return held is not None and bool(held) and held[0].raw is raw


def taken(raw: bytes) -> Ahead | None:
    """What was read of this body ahead, once."""
    held = _AHEAD.get()
    return held.pop() if held and held[0].raw is raw else None
