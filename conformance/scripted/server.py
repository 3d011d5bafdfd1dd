"""The scripted model server itself: paths, keys, errors, embeddings, and what it was sent last."""

import base64
import json
import struct
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType
from typing import Any, Final

from conformance.scripted.heard import READERS
from conformance.scripted.scripts import answer_to
from conformance.scripted.sockets import converse, wants_websocket
from conformance.scripted.writers import WRITERS

Json = dict[str, Any]
WRONG_KEY: Final = "sk-wrong"  # any other is good
UNKNOWN_MODEL: Final = "nowhere"
_PATHS: Final = MappingProxyType(
    {"/chat/completions": "chat", "/responses": "responses", "/messages": "messages"}
)
_KINDS: Final = MappingProxyType(
    {
        401: ("invalid_request_error", "invalid_api_key", "authentication_error"),
        404: ("invalid_request_error", "model_not_found", "not_found_error"),
    }
)


def protocol_of(path: str) -> str | None:
    """The protocol that a path speaks, or None."""
    if ":generateContent" in path or ":streamGenerateContent" in path:
        return "gemini"
    return next((name for end, name in _PATHS.items() if path.endswith(end)), None)


def error_body(protocol: str | None, status: int, message: str) -> Json:
    """An error as the protocol's owner tells it."""
    kind, code, anthropic = _KINDS[status]
    if protocol == "messages":
        return {"type": "error", "error": {"type": anthropic, "message": message}}
    if protocol == "gemini":
        told = "NOT_FOUND" if status == 404 else "UNAUTHENTICATED"
        return {"error": {"code": status, "message": message, "status": told}}
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def _embeddings(body: Json) -> Json:
    held = body["input"]
    inputs = held if isinstance(held, list) and not isinstance(held[0], int) else [held]
    packed = body.get("encoding_format") == "base64"
    data = []
    for index, one in enumerate(inputs):
        vector: Any = [float(len(one)), 0.5, -0.25]
        if packed:
            vector = base64.b64encode(struct.pack("<3f", *vector)).decode()
        data.append({"object": "embedding", "index": index, "embedding": vector})
    usage = {"prompt_tokens": 5, "total_tokens": 5}
    return {"object": "list", "data": data, "model": body["model"], "usage": usage}


def _completion(body: Json) -> Json:
    choice = {"index": 0, "text": " and so on.", "logprobs": None, "finish_reason": "stop"}
    usage = {"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8}
    head = {"id": "cmpl-scripted", "object": "text_completion", "created": 1_790_000_000}
    return head | {"model": body["model"], "choices": [choice], "usage": usage}


_OTHERS: Final = MappingProxyType({"/embeddings": _embeddings, "/completions": _completion})


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "ScriptedServer"

    def do_GET(self) -> None:
        if wants_websocket(self.headers) and protocol_of(self.path) == "responses":
            self._converse()
            return
        model = {"id": "scripted", "object": "model", "created": 1_790_000_000, "owned_by": "us"}
        self._reply(200, {"object": "list", "data": [model]})

    def _converse(self) -> None:
        fault = self._fault(self.path, "responses", b"{}")
        if fault is not None:
            self._reply(fault[0], error_body("responses", *fault))
            return

        def tells(body: Json) -> Iterable[Json | str]:
            raw = json.dumps(body).encode()
            self.server.asked.append((self.path, dict(self.headers), raw))
            fault = self._fault(self.path, "responses", raw)
            if fault is not None:
                error = error_body("responses", *fault)
                return [{"type": "error", "status": fault[0], **error}]
            heard = READERS["responses"](body)
            writer = WRITERS["responses"]
            return writer.events(answer_to(heard), heard, str(body.get("model")), body)

        self.close_connection = True
        converse(self.connection, self.path, self.headers, tells)

    def do_HEAD(self) -> None:
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("content-length") or 0))
        path = self.path.partition("?")[0]
        protocol = protocol_of(path)
        self.server.asked.append((path, dict(self.headers), raw))
        fault = self._fault(path, protocol, raw)
        if fault is not None:
            self._reply(fault[0], error_body(protocol, *fault))
        elif protocol is not None:
            self._speak(protocol, path, json.loads(raw))
        elif path.endswith("/count_tokens"):
            self._reply(200, {"input_tokens": 21})
        elif (other := _OTHERS.get(path[path.rfind("/") :])) is not None:
            self._reply(200, other(json.loads(raw)))
        else:
            self._reply(404, error_body(protocol, 404, f"no such path: {path}"))

    def _fault(self, path: str, protocol: str | None, raw: bytes) -> tuple[int, str] | None:
        key = self.headers.get("authorization", "").removeprefix("Bearer ")
        key = key or self.headers.get("x-api-key") or self.headers.get("x-goog-api-key") or ""
        if key == WRONG_KEY:
            return 401, "Incorrect API key provided."
        try:
            model = json.loads(raw).get("model") or path
        except ValueError:
            model = path
        if UNKNOWN_MODEL in model:
            return 404, f"The model `{UNKNOWN_MODEL}` does not exist."
        return None

    def _speak(self, protocol: str, path: str, body: Json) -> None:
        heard = READERS[protocol](body)
        said, writer = answer_to(heard), WRITERS[protocol]
        model = body.get("model") or path.rpartition("/")[2].partition(":")[0]
        if not (body.get("stream") or ":stream" in path):
            self._reply(200, writer.whole(said, heard, model))
            return
        self._head(200, "text/event-stream; charset=utf-8", ("transfer-encoding", "chunked"))
        for event in writer.events(said, heard, model, body):
            data = event if isinstance(event, str) else json.dumps(event)
            name = f"event: {event['type']}\n" if writer.named and isinstance(event, dict) else ""
            self._chunk(f"{name}data: {data}\n\n".encode())
        self._chunk(b"")

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))

    def _reply(self, status: int, body: Json) -> None:
        raw = json.dumps(body).encode()
        self._head(status, "application/json", ("content-length", str(len(raw))))
        self.wfile.write(raw)

    def _head(self, status: int, content_type: str, *more: tuple[str, str]) -> None:
        self.send_response(status)
        for name, value in (("content-type", content_type), *more):
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing: the runner reports."""


class ScriptedServer(ThreadingHTTPServer):
    """`asked` are the requests so far: path, headers, body. `root` has no /v1."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[tuple[str, Mapping[str, str], bytes]] = []

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients leave as they like."""

    @property
    def root(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_port}"


@contextmanager
def scripted_server() -> Iterator[ScriptedServer]:
    """Serve from a thread on a free port."""
    with ScriptedServer() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
