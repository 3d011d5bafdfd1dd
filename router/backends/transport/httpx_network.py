"""The network below httpx: where a name may lead, and how much a server may say before an answer.

httpcore asks this for its connections. Interim answers (1xx) are dropped one by one there, however
many come, so what is read before an answer begins is bounded here. httpcore is not imported, which
httpx alone knows: it asks for methods, not for classes.
"""
# ruff: noqa: ASYNC109 # the parameters `timeout` are httpcore's

import contextlib
import ssl
from collections.abc import Iterable
from typing import Any, Final

from router.backends.transport.reach import Resolver
from router.backends.transport.transport import TransportError

HEAD_CAP: Final = 64 * 1024  # bytes read before there is an answer, beside the last read


class Stream:
    """A stream of bytes; `waiting` is whether an answer is due that has not begun."""

    def __init__(self, stream: Any, said: "Said") -> None:
        self._stream = stream
        self._said = said

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read. Raises TransportError where too much came before an answer."""
        if self._said.waiting and self._said.size > HEAD_CAP:
            raise TransportError("sent a head without end")
        data: bytes = await self._stream.read(max_bytes, timeout)
        self._said.size += len(data)
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write."""
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        """Close."""
        await self._stream.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> "Stream":
        """Begin TLS: what is said is counted above it."""
        secure = await self._stream.start_tls(ssl_context, server_hostname, timeout)
        return Stream(secure, self._said)

    def get_extra_info(self, info: str) -> Any:
        """Tell what the stream tells."""
        return self._stream.get_extra_info(info)


class Said:
    """What a server has said since it was asked last, in bytes."""

    def __init__(self) -> None:
        self.waiting = False
        self.size = 0

    def asked(self) -> None:
        """A request goes out: from now on an answer is due."""
        self.waiting, self.size = True, 0

    def answered(self) -> None:
        """The answer's head is there."""
        self.waiting = False


class Network:
    """Connects to addresses that a name may lead to; without a resolver to any."""

    def __init__(self, below: Any, said: Said, resolver: Resolver | None) -> None:
        self._below = below
        self._said = said
        self._resolver = resolver

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> "Stream":
        """Connect to the first address that takes it. Raises ConnectFailed; httpcore's errors."""
        addresses = [host] if self._resolver is None else await self._resolver.addresses(host, port)
        *others, last = addresses
        for address in others:
            with contextlib.suppress(Exception):  # whatever it is, there is another
                return await self._connect(address, port, timeout, local_address, socket_options)
        return await self._connect(last, port, timeout, local_address, socket_options)

    async def _connect(self, address: str, port: int, *more: Any) -> "Stream":
        return Stream(await self._below.connect_tcp(address, port, *more), self._said)

    async def sleep(self, seconds: float) -> None:
        """Sleep."""
        await self._below.sleep(seconds)
