"""One inference request at the HTTP edge: reads the body, writes the answer, notices who leaves.

Theory of operation. The server runs `Exchange.run` in its own task. Once the body is read, a
watcher awaits the server's disconnect message, the only thing left to receive; when the client
leaves, it cancels that task, and the cancellation unwinds the corridor block by block: the upstream
is closed, the hold is settled. A response that did not watch would read, and pay for, the rest.
Errors become OpenAI's envelope here and nowhere else: as a JSON body before the first byte, as one
SSE event after it.
"""

import asyncio
import logging
import re
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, Final

from router.errors import BadRequest, BodyTooSlow, PayloadTooLarge, TurnoutError, Unavailable
from router.wire.table import Calculation, Endpoint

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_LOG = logging.getLogger(__name__)
_JSON: Final = (b"content-type", b"application/json")
_SSE: Final = (b"content-type", b"text/event-stream; charset=utf-8")
_NO_STORE: Final = (b"cache-control", b"no-store")
_STOPPING: Final = "The gateway is stopping and could not finish this. Please send it again."
_REQUEST_ID: Final = re.compile(rb"[A-Za-z0-9._-]{1,64}")


class ClientGone(Exception):
    """The client left before its request was complete; there is nobody to answer."""


def new_request_id() -> str:
    """Return a fresh id: 48 bits of milliseconds, then 80 random bits, as 32 hex digits."""
    return f"{time.time_ns() // 1_000_000:012x}{secrets.token_hex(10)}"


def _bearer(key: bytes | None) -> bytes | None:
    """Return Anthropic's way to send a key in OpenAI's."""
    return b"Bearer " + key if key else None


class Exchange:
    """The request and the reply of one call, as the corridor sees them."""

    __slots__ = (
        "_client_id",
        "_endpoint",
        "_fields",
        "_receive",
        "_send",
        "_task",
        "_watcher",
        "authorization",
        "backend",
        "body_limit",
        "body_timeout",
        "gone",
        "headers",
        "id",
        "route",
        "started",
        "status",
        "streaming",
    )

    def __init__(
        self,
        endpoint: Endpoint | Calculation,
        scope: Scope,
        receive: Receive,
        send: Send,
        *,
        body_limit: int,
        body_timeout: float,
    ) -> None:
        self._endpoint = endpoint
        self._receive = receive
        self._send = send
        self._fields: dict[bytes, bytes] = dict(reversed(scope["headers"]))
        self._watcher: asyncio.Task[None] | None = None
        self._task = asyncio.current_task()
        self.authorization = self._fields.get(b"authorization") or _bearer(
            self._fields.get(b"x-api-key")
        )
        self.body_limit = body_limit
        self.body_timeout = body_timeout
        self.id = new_request_id()
        client_id = self._fields.get(b"x-request-id", b"")
        self._client_id = client_id if _REQUEST_ID.fullmatch(client_id) else self.id.encode()
        self.headers: list[tuple[str, str]] = []
        self.route = ""
        self.backend = ""
        self.status = 0
        self.started = False
        self.streaming = False
        self.gone = False

    def hint_headers(self) -> dict[str, str]:
        """Return the request's x-turnout-* headers, names in lower case."""
        return {
            name.decode("latin-1"): value.decode("latin-1")
            for name, value in self._fields.items()
            if name.startswith(b"x-turnout-")
        }

    def header_values(self, names: Iterable[str]) -> dict[str, str]:
        """Return those of the request's headers that were sent; names in lower case."""
        sent = ((name, self._fields.get(name.encode("latin-1", "replace"))) for name in names)
        return {name: value.decode("latin-1") for name, value in sent if value is not None}

    async def body(self) -> bytes:
        """Read the whole body, then start watching for the client to leave.

        Raises PayloadTooLarge, BodyTooSlow, BadRequest (a coded body), ClientGone.
        """
        if self._fields.get(b"content-encoding", b"identity").lower() != b"identity":
            raise BadRequest("Send the body uncompressed: Content-Encoding is not accepted here.")
        announced = self._fields.get(b"content-length", b"0")
        if not announced.isdigit() or int(announced) > self.body_limit:
            raise self._too_large()
        try:
            async with asyncio.timeout(self.body_timeout):
                body = await self._read()
        except TimeoutError:
            raise BodyTooSlow(
                f"The request body did not arrive within {self.body_timeout:g} seconds."
            ) from None
        self._watcher = asyncio.create_task(self._watch())
        return body

    async def _read(self) -> bytes:
        message = await self._receive()
        if not message.get("more_body", False) and message["type"] == "http.request":
            body: bytes = message.get("body", b"")
            if len(body) > self.body_limit:
                raise self._too_large()
            return body
        parts = bytearray()
        while message["type"] == "http.request":
            parts += message.get("body", b"")
            if len(parts) > self.body_limit:
                raise self._too_large()
            if not message.get("more_body", False):
                return bytes(parts)
            message = await self._receive()
        raise ClientGone

    def _too_large(self) -> PayloadTooLarge:
        return PayloadTooLarge(
            f"The request body is larger than this gateway accepts ({self.body_limit} bytes).",
            headers=(("connection", "close"),),
        )

    async def _watch(self) -> None:
        message = await self._receive()
        if message["type"] == "http.disconnect" and self._task is not None:
            self.gone = True
            self._task.cancel()

    async def start(self) -> None:
        """Send the head of a stream."""
        self.streaming = True
        await self._head(200, _SSE)

    async def write(self, data: bytes) -> None:
        """Send a part of a stream."""
        await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def end(self) -> None:
        """Finish a stream."""
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def send(self, body: bytes) -> None:
        """Send a whole answer at once."""
        self.headers.append(("content-length", str(len(body))))
        await self._head(200, _JSON)
        await self._send({"type": "http.response.body", "body": body, "more_body": False})

    async def _head(self, status: int, content_type: tuple[bytes, bytes]) -> None:
        self.started = True
        self.status = status
        fields = [content_type, _NO_STORE, (b"x-request-id", self._client_id)]
        fields += [(name.encode(), value.encode("latin-1")) for name, value in self.headers]
        await self._send({"type": "http.response.start", "status": status, "headers": fields})

    async def fail(self, error: TurnoutError) -> None:
        """Tell the client what went wrong, in OpenAI's envelope, wherever the reply stands."""
        if self.streaming and isinstance(self._endpoint, Endpoint):
            await self.write(self._endpoint.error_event(error))
            await self.end()
        elif not self.started:
            body = self._endpoint.error_body(error)
            self.headers += error.headers
            self.headers.append(("content-length", str(len(body))))
            await self._head(error.status, _JSON)
            await self._send({"type": "http.response.body", "body": body, "more_body": False})

    async def run(self, walk: Callable[["Exchange"], Awaitable[None]]) -> None:
        """Answer by `walk`; whatever it raises becomes an answer, and a client that left, silence.

        A cancellation that is not the client's means that the gateway stops: the client is told.
        """
        try:
            await walk(self)
        except asyncio.CancelledError:
            asyncio.current_task().uncancel()  # type: ignore[union-attr] # we run in a task
            if not self.gone:
                await self.fail(Unavailable(_STOPPING, headers=(("retry-after", "1"),)))
        except ClientGone:
            self.gone = True
        except TurnoutError as error:
            await self.fail(error)
        except Exception:  # noqa: BLE001 - the last resort: logged, told to the client, survived
            _LOG.exception("a request failed inside the gateway", extra={"request_id": self.id})
            await self.fail(TurnoutError("The gateway failed on this request; it has been logged."))
        finally:
            if self._watcher is not None:
                self._watcher.cancel()
