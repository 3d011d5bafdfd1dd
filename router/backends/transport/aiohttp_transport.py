"""The transport over aiohttp, the conservative choice. Its exceptions end in this file."""

import asyncio
import ssl
import time
from collections.abc import Callable, Mapping
from typing import Final

import aiohttp

from router.backends.backend import Timeouts
from router.backends.transport.transport import (
    Answer,
    Call,
    ConnectFailed,
    TransportError,
    TransportTimeout,
)

READ_BUFFER: Final = 64 * 1024  # bytes held for a slow reader before the upstream is paused
KEEP_ALIVE: Final = 4.0  # seconds; below the 5 that uvicorn and llama.cpp keep a connection


class AiohttpTransport:
    """Connections to model servers, pooled without limit: capacity is decided elsewhere."""

    def __init__(
        self,
        *,
        tls: ssl.SSLContext | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._tls = tls
        self._clock = clock
        self._session: aiohttp.ClientSession | None = None

    async def send(self, call: Call) -> Answer:
        """Send a request; see `Transport.send`."""
        session = self._session or self._open_session()
        limits = call.timeouts
        told = (("X-Request-Id", call.request_id),) if call.request_id else ()
        try:
            async with asyncio.timeout(min(limits.connect + limits.first_byte, limits.total)):
                response = await session.request(
                    call.target.method,
                    call.target.url,
                    data=call.body or None,
                    headers=call.target.headers + call.headers + told,
                    allow_redirects=False,
                    timeout=aiohttp.ClientTimeout(total=None, sock_connect=limits.connect),
                )
        except (TimeoutError, aiohttp.ServerTimeoutError) as error:
            raise _timeout(error) from None
        except aiohttp.ClientConnectorError as error:
            raise ConnectFailed(_why_unconnected(error)) from None
        except aiohttp.ServerDisconnectedError:
            raise TransportError("closed the connection without an answer", stale=True) from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise TransportError(f"sent no valid HTTP answer ({type(error).__name__})") from None
        return _AiohttpAnswer(response, limits, self._clock)

    async def close(self) -> None:
        """Close every connection."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _open_session(self) -> aiohttp.ClientSession:
        """Open the pool on first use, inside the running event loop."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=0,
                ssl=self._tls or ssl.create_default_context(),
                keepalive_timeout=KEEP_ALIVE,
                ttl_dns_cache=30,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            read_bufsize=READ_BUFFER,
            skip_auto_headers=("User-Agent", "Accept"),
        )
        return self._session


class _AiohttpAnswer:
    """An answer whose body is read under the timeouts."""

    __slots__ = ("_clock", "_deadline", "_patience", "_response")

    def __init__(
        self, response: aiohttp.ClientResponse, limits: Timeouts, clock: Callable[[], float]
    ) -> None:
        self._response = response
        self._patience = limits.between_chunks
        self._clock = clock
        self._deadline = clock() + limits.total

    @property
    def status(self) -> int:
        return self._response.status

    @property
    def headers(self) -> Mapping[str, str]:
        return self._response.headers

    def header(self, name: str) -> str:
        return self._response.headers.get(name, "")

    async def read(self) -> bytes:
        left = self._deadline - self._clock()
        if left <= 0:
            raise TransportTimeout("took longer than the total timeout")
        try:
            async with asyncio.timeout(min(self._patience, left)):
                return await self._response.content.readany()
        except TimeoutError:
            raise TransportTimeout("stalled: nothing came within the timeout") from None
        except (aiohttp.ClientError, OSError, ValueError):
            raise TransportError("broke off its answer") from None

    async def flow(self, take: Callable[[bytes], bool]) -> bool:
        while data := await self.read():
            if not take(data):
                return False
        return True

    def rest(self) -> bytes | None:
        return b"" if self._response.content.at_eof() else None

    def close(self) -> None:
        self._response.close()


def _timeout(error: BaseException) -> TransportTimeout:
    if isinstance(error, aiohttp.ServerTimeoutError):
        return TransportTimeout("did not accept the connection in time")
    return TransportTimeout("sent no first byte in time")


def _why_unconnected(error: aiohttp.ClientConnectorError) -> str:
    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientConnectorSSLError):
        return "has no valid TLS certificate"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "has an unknown host name"
    return "refused the connection"
