"""One story in one dialect, whole and as a stream."""

from dataclasses import dataclass
from typing import Any

import orjson


@dataclass(frozen=True)
class Shape:
    """One story in one dialect."""

    whole: dict[str, Any]
    stream: bytes


def sse(*data: Any) -> bytes:
    """Unnamed events."""
    return b"".join(
        b"data: " + (item if isinstance(item, bytes) else orjson.dumps(item)) + b"\n\n"
        for item in data
    )


def ndjson(*data: dict[str, Any]) -> bytes:
    """Objects, each a line."""
    return b"".join(orjson.dumps(item) + b"\n" for item in data)


def named(*data: dict[str, Any]) -> bytes:
    """Events named after their `type`."""
    return b"".join(
        b"event: %s\ndata: %s\n\n" % (item["type"].encode(), orjson.dumps(item)) for item in data
    )
