"""A forward proxy on a real socket: CONNECT for https://, the absolute form for http://."""

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

Reader, Writer = asyncio.StreamReader, asyncio.StreamWriter


class ForwardProxy:
    """Notes the first line of each request, and every `Proxy-Authorization` in `credentials`.

    `wants` are the user and password it asks for; `refuses` a status for all who come, `adds` bytes
    that it sends behind each plain answer; `knows` are addresses by their names.
    """

    def __init__(
        self,
        wants: str = "",
        refuses: int = 0,
        adds: bytes = b"",
        knows: Mapping[str, tuple[str, int]] | None = None,
    ) -> None:
        self._knows = knows or {}
        self._wants = f"Basic {base64.b64encode(wants.encode()).decode()}" if wants else ""
        self._refuses = refuses
        self._adds = adds
        self.lines: list[str] = []
        self.credentials: list[str] = []
        self.connections = 0
        self.url = ""

    async def handle(self, reader: Reader, writer: Writer) -> None:
        self.connections += 1
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while await self._one(reader, writer):
                pass
        writer.close()

    async def _one(self, reader: Reader, writer: Writer) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        line, *fields = head.strip().split("\r\n")
        headers = {name.lower(): value for name, _, value in (f.partition(": ") for f in fields)}
        given = headers.pop("proxy-authorization", "")
        self.lines.append(line)
        self.credentials.append(given)
        status = self._refuses or (407 if given != self._wants else 0)
        if status:
            writer.write(b"HTTP/1.1 %d No\r\ncontent-length: 0\r\n\r\n" % status)
            return False
        method, target, _ = line.split(" ")
        if method == "CONNECT":
            host, _, port = target.rpartition(":")
            there = await asyncio.open_connection(host, int(port))
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            await asyncio.gather(_copy(reader, there[1]), _copy(there[0], writer))
            return False
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        await self._forward(method, target, headers, body, writer)
        return True

    async def _forward(
        self, method: str, target: str, headers: dict[str, str], body: bytes, writer: Writer
    ) -> None:
        """Ask for a client; everything that comes until the end of the connection is its answer."""
        parts = urlsplit(target)
        name = parts.hostname or ""
        host, port = self._knows.get(name, (name, parts.port or 80))
        reader, there = await asyncio.open_connection(host, port)
        kept = "".join(f"{n}: {v}\r\n" for n, v in headers.items() if n != "connection")
        there.write(f"{method} {parts.path} HTTP/1.1\r\n{kept}connection: close\r\n\r\n".encode())
        there.write(body)
        answer = await reader.read()
        writer.write(answer.replace(b"connection: close\r\n", b"") + self._adds)
        there.close()


async def _copy(reader: Reader, writer: Writer) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.close()


@asynccontextmanager
async def forward_proxy(
    proxy: ForwardProxy | None = None, tls: ssl.SSLContext | None = None
) -> AsyncIterator[ForwardProxy]:
    """Run a proxy on a free port; its `url` has no credentials."""
    proxy = proxy or ForwardProxy()
    listener = await asyncio.start_server(proxy.handle, "127.0.0.1", 0, ssl=tls)
    scheme = "http" if tls is None else "https"
    proxy.url = f"{scheme}://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    try:
        yield proxy
    finally:
        listener.close()
