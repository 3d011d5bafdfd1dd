"""One client connection: uvicorn's HTTP protocol, with a short way for inference.

An ASGI application costs each request a scope, three messages and a second task that waits for the
client to leave. Inference does without (docs/adr/0052): for the paths of the endpoint table this
class makes an `Exchange` instead of uvicorn's cycle, and starts its task. Everything else goes the
way of uvicorn, to FastAPI. What uvicorn leaves open is bounded (`router.api.bounded`), and an
answer to a request that is not all there is the last of its connection, whoever answers.

A path is matched on the raw bytes of the request line, never on anything rebuilt from the Host
header, and exactly: `//v1//chat`, `%76%31` and `..` are other paths, and there is nothing there.
"""

import asyncio
from typing import Any, Final, cast

import httptools

from router.api.bounded import Bounded
from router.api.exchange import Exchange
from router.api.farewell import Deaf, GentleTransport, Lingering, Listening
from router.api.heads import (
    NO_TRAILERS,
    TOO_LARGE,
    Dropped,
    check_version,
    forwarded,
    look_closely,
)
from router.api.inference import Inference
from router.api.rest_edge import RECEIVED
from router.api.websocket.connection import WebSocket
from router.api.websocket.opening import opening
from router.errors import BadRequest, TurnoutError, Unauthenticated
from router.operations.operation import Row
from router.protocols.headers import LISTS, join_lists

_OFFER: Final = frozenset({b"connection", b"upgrade", b"http2-settings"})
_GET: Final = b"GET"


class Connection(Bounded):
    """What uvicorn calls for every connection, once `inference` is bound."""

    def __init__(self, inference: Inference, **uvicorns: Any) -> None:
        super().__init__(inference, **uvicorns)
        self._new: Exchange | None = None  # parsed, not yet started
        self._current: Exchange | None = None
        self._listening: Listening | None = None  # once the client has nothing more to say

    def connection_lost(self, exc: Exception | None) -> None:
        """End what runs for a client that is gone."""
        super().connection_lost(exc)
        if self._listening is not None:
            self._listening.stop()
        self.pipeline.clear()
        if self._current is not None:
            self._current.left()

    def data_received(self, data: bytes) -> None:
        """Parse, and begin a request whose body is still on its way."""
        if self._farewell is not None:
            self._farewell.take(len(data))
            return
        self._reading = len(data)
        self._silent += self._reading
        self._parse(data)
        if self._new is not None:
            self._begin(self._new)
        if self._silent > self._limits.head and self._is_too_large():
            self.send_400_response(TOO_LARGE)
        if self._in_head and self._patience is None:
            self._be_patient()

    def _parse(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError as error:
            why = error.__context__
            told = (
                why.message if isinstance(why, BadRequest) else "This is not a valid HTTP request."
            )
            self.send_400_response(told)
        except httptools.HttpParserUpgrade as offer:
            rest = data[offer.args[0] :]
            if not self._switches(rest):
                self._decline(rest)

    def _switches(self, rest: bytes) -> bool:
        """Answer the offer of a WebSocket, if it is one; behind an answer that is due, none is."""
        cycle: Any = self.cycle
        if cycle is not None and not cycle.response_complete:
            return False
        try:
            offered = opening(self.parser.get_method(), self.url, self.headers, self._inference)
        except Unauthenticated as error:
            self._refuse(self._door.wrong_key(self.peer, forwarded(self.headers)) or error)
            return True
        except TurnoutError as error:
            self._refuse(error)
            return True
        if offered is None:
            return False
        self._unset_keepalive_if_required()
        self.connections.discard(self)
        inference, state = self._inference, self.server_state
        self._is_inside = False  # the WebSocket leaves
        socket = WebSocket(self.transport, state, offered, inference, self.loop)
        self.transport.set_protocol(socket)
        if rest:
            socket.data_received(rest)
        return True

    def _decline(self, rest: bytes) -> None:
        """Answer an offer of another protocol in this one: parse the request without the offer.

        Java's client offers HTTP/2 with every first request. The parser stops at an offer and takes
        the body for the other protocol's.
        """
        method = self.parser.get_method()
        kept = [pair for pair in self.headers if pair[0] not in _OFFER]
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        if method == b"CONNECT":
            self.send_400_response("This is not a proxy.")
            return
        lines = b"".join([b"%b: %b\r\n" % pair for pair in kept])
        self._parse(b"%b %b HTTP/1.1\r\n%b\r\n%b" % (method, self.url, lines, rest))

    def eof_received(self) -> bool:  # type: ignore[override] # uvicorn's always closes
        """Serve what came whole to a client that has closed its half; true keeps ours open."""
        cycle: Any = self.cycle
        if self._is_over() or cycle is None or cycle.response_complete:
            return False
        if not isinstance(cycle, Exchange):
            cycle.keep_alive = False
            return not cycle.more_body
        if not cycle.received:
            return False
        cycle.keep_alive = False
        self._listening = Listening(self.transport, self.loop, self._ask_if_there)
        return True

    def _ask_if_there(self) -> None:
        if self._current is not None and not self._current.response_complete:
            self._current.ask_if_there()

    def _is_over(self) -> bool:
        return self._farewell is not None and self._farewell.over

    def bid_farewell(self, *, received: bool) -> None:
        """End the connection behind the last answer, so that the client can read it.

        `received`: the request was all there, so that nothing is on its way.
        """
        if received:
            self.close()
        else:
            self._linger()

    def _forget_what_came(self) -> None:
        self._new, self._in_head = None, False
        self.pipeline.clear()
        self._calm()

    def _linger(self) -> None:
        self._forget_what_came()
        self.flow.resume_reading()
        self._farewell = Lingering(self.transport, self.loop, self.close, self._inference.drain)

    def send_400_response(self, msg: str) -> None:
        """Refuse what is not HTTP, in the envelope of its path."""
        if self.transport.is_closing() or self._farewell is not None:
            return
        cycle: Any = self.cycle
        if cycle is not None and not cycle.response_complete:
            if not isinstance(cycle, Exchange) or cycle.received or self.pipeline:
                cycle.keep_alive = False  # its answer comes before, and is the last
                self._in_head, self._farewell = False, Deaf()
                self._calm()
                return
            cycle.left()
        self._refuse(BadRequest(msg))

    def _refuse(self, error: TurnoutError) -> None:
        """Write an answer to what is no request that anybody serves: the last of its connection."""
        self.transport.write(self._inference.refusal(self.url, error))
        self._linger()

    def shutdown(self) -> None:
        """Close, or let what is being answered be the last."""
        if self._is_over():
            self.close()
        else:
            super().shutdown()

    # What the parser calls.

    def on_message_begin(self) -> None:
        """Begin a head. uvicorn's scope is made later, if at all."""
        self.url = b""
        self.headers = []
        self._in_head, self._idle_since = True, None
        self._silent = self._reading

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header."""
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """Decide who serves it. Raises BadRequest, which the parser hands to `_parse`."""
        self._in_head = False
        if self._patience is not None:
            self._calm()
        fields = self._checked()
        if self.parser.should_upgrade():
            check_version(self.parser.get_http_version())
            return
        row = self._row()
        if row is None:
            self._go_uvicorns_way()
            return
        if not LISTS.isdisjoint(fields):
            join_lists(fields, self.headers)
        inference = self._inference
        exchange = Exchange(self, row, fields, inference.limits)
        if exchange.method == _GET and row.lists:
            self._go_uvicorns_way()
            return
        if not exchange.chunked:
            check_version(self.parser.get_http_version())
        coded = b"transfer-encoding" in fields
        self.headers = Dropped(self._limits.head) if coded else NO_TRAILERS
        if inference.cors is not None:
            exchange.standing = inference.cors.headers(fields.get(b"origin"))
        before, self.cycle = self.cycle, exchange  # type: ignore[assignment] # it is one to uvicorn
        if before is None or before.response_complete:  # type: ignore[redundant-expr]
            self._new = exchange
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((exchange, self.app))  # type: ignore[arg-type]

    def _checked(self) -> dict[bytes, bytes]:
        """Return the headers of a head that is one, the first of a name. Raises BadRequest."""
        headers = self.headers
        fields = dict(reversed(headers))
        if len(fields) != len(headers) or b"host" not in fields or b"transfer-encoding" in fields:
            look_closely(self.parser.get_http_version(), fields, headers)
        if self._silent > self._limits.head:
            self._check_size()
        self._silent = 0
        return fields

    def _row(self) -> Row | None:
        row = self._inference.row(self.url)
        if row is None:
            asked = httptools.parse_url(self.url)
            method = self.parser.get_method()
            row = self._inference.row_at(asked.path, asked.query or b"", method)
        return row

    def _go_uvicorns_way(self) -> None:
        check_version(self.parser.get_http_version())
        url, headers = self.url, self.headers
        super().on_message_begin()
        self.url = url
        for name, value in headers:
            super().on_header(name, value)
        super().on_headers_complete()
        self.headers = Dropped(self._limits.head)
        cycle = self.cycle
        cycle.transport = cast("asyncio.Transport", GentleTransport(self, cycle))
        self.scope[RECEIVED] = lambda: not cycle.more_body  # type: ignore[typeddict-unknown-key] # ours

    def on_body(self, body: bytes) -> None:
        """Pass on a part of a body."""
        self._silent = 0
        if not isinstance(self.cycle, Exchange):
            super().on_body(body)
        elif not self.cycle.response_complete:
            self.cycle.feed(body)

    def on_message_complete(self) -> None:
        """Begin a request that is all there."""
        exchange = self.cycle
        if self.parser.should_upgrade():
            return
        if not isinstance(exchange, Exchange):
            super().on_message_complete()
            return
        exchange.complete()
        if exchange is self._new:
            self._begin(exchange)

    def on_response_complete(self) -> None:
        """Go on with what stands in the pipeline, or begin to be idle."""
        self.server_state.total_requests += 1
        if self.transport.is_closing() or self._is_over():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
            return
        if self._in_head:
            return
        self._idle_since = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self._look_again(self._limits.idle)

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        """Start what stood in the pipeline, or what is uvicorn's."""
        if isinstance(cycle, Exchange):
            self._begin(cycle)
        else:
            self._current = None
            super()._start_asgi_task(cycle, app)

    def _begin(self, exchange: Exchange) -> None:
        self._new = None
        self._current = exchange
        task = self.loop.create_task(self._inference.serve(exchange))
        exchange.task = task
        self.tasks.add(task)  # uvicorn waits for these before it stops
        task.add_done_callback(self.tasks.discard)
