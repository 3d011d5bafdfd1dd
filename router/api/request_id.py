"""Names for requests: they rise with time, and nobody can guess the next one."""

import os
import re
import time
from typing import Final

_RANDOM_BYTES: Final = 10
_AT_ONCE: Final = 256
_SENT: Final = re.compile(rb"[A-Za-z0-9._-]{1,64}")


class _Randomness:
    """Random bytes from the kernel, fetched for many ids at once: each call costs a system call."""

    def __init__(self) -> None:
        self._parts: list[str] = []

    def take(self) -> str:
        """Return 80 random bits as hex digits."""
        if not self._parts:
            digits, size = os.urandom(_RANDOM_BYTES * _AT_ONCE).hex(), 2 * _RANDOM_BYTES
            self._parts = [digits[at : at + size] for at in range(0, len(digits), size)]
        return self._parts.pop()


_RANDOM: Final = _Randomness()


def new_request_id() -> str:
    """Return a fresh id: 48 bits of milliseconds, then 80 random bits, as 32 hex digits."""
    return f"{time.time_ns() // 1_000_000:012x}{_RANDOM.take()}"


def sent_request_id(header: bytes | None) -> str | None:
    """Return the client's own id (its `x-request-id`); None where there is no usable one."""
    return header.decode() if header is not None and _SENT.fullmatch(header) else None
