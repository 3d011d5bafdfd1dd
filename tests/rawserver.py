"""A server that writes bytes of the test's choosing onto real sockets: for faults below HTTP."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class RawServer:
    """Runs its script for each request; `requests` counts them, `head` is the last one's."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self.requests = 0
        self.connections = 0
        self.open = 0
        self.asked = asyncio.Event()
        self.closed = asyncio.Event()
        self.base_url = ""
        self.head = b""

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open += 1
        try:
            while await self._read_request(reader):
                self.requests += 1
                self.asked.set()
                await self._script(reader, writer)
                await writer.drain()
                if writer.is_closing():
                    break
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self.open -= 1
            self.closed.set()
            writer.close()

    async def all_closed(self) -> None:
        """Wait until no connection is open."""
        while self.open:
            self.closed.clear()
            await self.closed.wait()

    async def _read_request(self, reader: asyncio.StreamReader) -> bytes:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            return b""
        self.head = head
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                await reader.readexactly(int(line.split(b":")[1]))
        return head


@asynccontextmanager
async def raw_server(
    script: Script, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
) -> AsyncIterator[RawServer]:
    """Serve the script on a free port."""
    server = RawServer(script)
    listener = await asyncio.start_server(server.handle, host, 0, ssl=tls)
    scheme = "http" if tls is None else "https"
    server.base_url = f"{scheme}://{host}:{listener.sockets[0].getsockname()[1]}/v1"
    try:
        yield server
    finally:
        listener.close()


def writes(data: bytes, *, then: str = "close") -> Script:
    """A script that writes these bytes and then closes, resets, or stays silent."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()
        if then == "reset":
            writer.transport.abort()
        elif then == "close":
            writer.close()
        elif then == "silence":
            await reader.read(1)

    return script
