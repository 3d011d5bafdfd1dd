"""What goes through the pipes of a process that runs Presidio: JSON, its length before it."""

import asyncio
import struct
from typing import Any, BinaryIO, Final

import orjson

_HEAD: Final = struct.Struct(">I")
_MOST: Final = 64_000_000  # bytes; whoever says more speaks something else


def frame(value: Any) -> bytes:
    """Return a value as it is sent."""
    raw = orjson.dumps(value)
    return _HEAD.pack(len(raw)) + raw


def read_frame(stream: BinaryIO) -> Any:
    """Wait for a value. Raises EOFError where the other side is gone."""
    raw = _read(stream, _length(_read(stream, _HEAD.size)))
    return orjson.loads(raw)


async def receive(reader: asyncio.StreamReader) -> Any:
    """Wait for a value, on the event loop. Raises EOFError where the other side is gone, or speaks
    something else.
    """
    raw = await reader.readexactly(_length(await reader.readexactly(_HEAD.size)))
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise EOFError from None


def _length(head: bytes) -> int:
    length: int = _HEAD.unpack(head)[0]
    if length > _MOST:
        raise EOFError
    return length


def _read(stream: BinaryIO, size: int) -> bytes:
    raw = stream.read(size)
    if len(raw) < size:
        raise EOFError
    return raw
