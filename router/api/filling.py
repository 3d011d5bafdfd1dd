"""A body that comes in pieces.

Whoever joins the pieces of 32 MB at their end, or makes bytes of a bytearray, copies all of them at
once: 12 to 35 ms in which nobody else is served, most of them for memory that was never touched
before. The extension in native/filling.c lets each piece fall where it stays. The Python below is
the definition, and runs where installing found no C compiler.
"""

from typing import Final, Protocol

try:
    from router import _filling
except ImportError:
    _filling = None  # type: ignore[assignment]

EDITION: Final = 1  # of what is promised: rises whenever native/filling.c must be built anew


class Gathers(Protocol):
    """Either of them."""

    def __len__(self) -> int:
        """How many bytes have come."""

    def add(self, data: bytes, /) -> None:
        """Take the next piece."""

    def take(self) -> bytes:
        """Return all that came; to be called once, and last."""


class FillingInPython:
    """Bytes that come in pieces; `room` is for how many it should have room at first."""

    __slots__ = ("_held",)

    def __init__(self, room: int, /) -> None:
        self._held = bytearray()

    def __len__(self) -> int:
        return len(self._held)

    def add(self, data: bytes, /) -> None:
        """Take the next piece."""
        self._held += data

    def take(self) -> bytes:
        """Return all that came; to be called once, and last."""
        return bytes(self._held)


def _in_c() -> "type[_filling.Filling] | None":
    """The extension's, where it was built."""
    if _filling is None:
        return None
    if _filling.EDITION != EDITION:
        raise ImportError(
            f"router/_filling was built for edition {_filling.EDITION}, and the source beside it "
            f"is of edition {EDITION}. Build it anew: pip install --editable ."
        )
    return _filling.Filling


Filling: Final = _in_c() or FillingInPython
