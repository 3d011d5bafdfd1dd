"""A server that speaks HTTP/2 over TLS, with an ASGI application behind it."""

import asyncio
import ssl
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

import trustme
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    RequestReceived,
    StreamEnded,
    StreamReset,
)
from h2.exceptions import ProtocolError
from patience import LONGEST_SECONDS

Contexts = tuple[ssl.SSLContext, ssl.SSLContext]
Application = Callable[..., Awaitable[None]]
HOST = "127.0.0.1"
FRAME = 16_384  # bytes


class Http2Server:
    """Counts its `connections` and `requests`, and those that are `open`."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self.connections = 0
        self.requests = 0
        self.open = 0
        self.closed = asyncio.Event()
        self.asked = asyncio.Event()
        self.base_url = ""

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open += 1
        connection = Http2Connection(self, writer)
        try:
            await connection.run(reader)
        except (ConnectionError, ProtocolError):
            pass
        finally:
            connection.over()
            self.open -= 1
            self.closed.set()
            writer.close()

    async def serve(self, stream: "Stream") -> None:
        """Answer one request; an application that fails breaks the connection."""
        self.requests += 1
        self.asked.set()
        try:
            await self._application(stream.scope, stream.receive, stream.send)
        except (ConnectionError, ProtocolError):
            pass
        except Exception:  # noqa: BLE001 # as uvicorn does
            stream.connection.writer.transport.abort()


class Http2Connection:
    """One client's connection: reads frames, and has a task for each of its requests."""

    def __init__(self, server: Http2Server, writer: asyncio.StreamWriter) -> None:
        self.writer = writer
        self.state = H2Connection(H2Configuration(client_side=False, header_encoding="latin-1"))
        self._server = server
        self.streams: dict[int, Stream] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self, reader: asyncio.StreamReader) -> None:
        self.state.initiate_connection()
        self.flush()
        while data := await reader.read(65_536):
            for event in self.state.receive_data(data):
                self._take(event)
            self.flush()

    def flush(self) -> None:
        self.writer.write(self.state.data_to_send())

    def over(self) -> None:
        for stream in self.streams.values():
            stream.gone()

    def _take(self, event: Event) -> None:
        if isinstance(event, RequestReceived):
            stream = self.streams[event.stream_id] = Stream(self, event)
            task = asyncio.create_task(self._server.serve(stream))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        elif isinstance(event, DataReceived):
            self.state.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            self.streams[event.stream_id].came(event.data, more=True)
        elif isinstance(event, StreamEnded):
            self.streams[event.stream_id].came(b"", more=False)
        elif isinstance(event, StreamReset):
            self.streams[event.stream_id].gone()
        elif isinstance(event, ConnectionTerminated):
            self.over()


class Stream:
    """One request, as ASGI sees it; `connection` and `id` are for those who commit faults."""

    def __init__(self, connection: Http2Connection, request: RequestReceived) -> None:
        self.connection = connection
        self.id = request.stream_id
        headers = {str(name): str(value) for name, value in request.headers}
        self.scope = {
            "type": "http",
            "method": headers[":method"],
            "path": headers[":path"],
            "stream": self,
            "headers": [(name.encode(), headers[name].encode()) for name in headers],
        }
        self._messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    def came(self, body: bytes, *, more: bool) -> None:
        self._messages.put_nowait({"type": "http.request", "body": body, "more_body": more})

    def gone(self) -> None:
        self._messages.put_nowait({"type": "http.disconnect"})

    async def receive(self) -> dict[str, Any]:
        return await self._messages.get()

    async def send(self, message: dict[str, Any]) -> None:
        connection = self.connection
        if message["type"] == "http.response.start":
            named = [(name.decode(), value.decode("latin-1")) for name, value in message["headers"]]
            connection.state.send_headers(self.id, [(":status", str(message["status"])), *named])
        else:
            await self._send_body(message.get("body", b""))
            if not message.get("more_body"):
                connection.state.end_stream(self.id)
        connection.flush()
        await connection.writer.drain()

    async def _send_body(self, body: bytes) -> None:
        state = self.connection.state
        while body:
            room = min(state.local_flow_control_window(self.id), FRAME)
            if room <= 0:
                await asyncio.sleep(0)  # until the client has read
                if self.connection.writer.is_closing():
                    raise ConnectionResetError
                continue
            state.send_data(self.id, body[:room])
            body = body[room:]
            self.connection.flush()


def certificates() -> Contexts:
    """For a server of HTTP/2 on this machine, and for clients that trust it."""
    authority = trustme.CA()
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    serving.set_alpn_protocols(["h2"])
    authority.issue_cert(HOST).configure_cert(serving)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    return serving, trusting


@asynccontextmanager
async def http2_server(
    application: Application, serving: ssl.SSLContext
) -> AsyncIterator[Http2Server]:
    """Serve an application on a free port."""
    server = Http2Server(application)
    listener = await asyncio.start_server(server.handle, HOST, 0, ssl=serving)
    server.base_url = f"https://{HOST}:{listener.sockets[0].getsockname()[1]}/v1"
    try:
        yield server
    finally:
        listener.close()


@contextmanager
def http2_in_thread(application: Application, serving: ssl.SSLContext) -> Iterator[str]:
    """Serve an application from a thread of this process; yields its base URL."""
    listening, over = threading.Event(), asyncio.Event()
    base_urls: list[str] = []
    loops: list[asyncio.AbstractEventLoop] = []

    async def serve() -> None:
        async with http2_server(application, serving) as server:
            base_urls.append(server.base_url)
            loops.append(asyncio.get_running_loop())
            listening.set()
            await over.wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    listening.wait(LONGEST_SECONDS)
    try:
        yield base_urls[0]
    finally:
        with suppress(RuntimeError):
            loops[0].call_soon_threadsafe(over.set)
        thread.join(5.0)
