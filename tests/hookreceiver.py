"""A receiver of webhooks: a real HTTP server that keeps what it gets and checks who sent it."""

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SECRET = "whsec_" + base64.b64encode(b"a secret of thirty-two bytes....").decode()
_TOLERATED_SECONDS = 300


@dataclass
class Message:
    """One request as it came."""

    headers: dict[str, str]
    body: bytes

    def json(self) -> dict[str, Any]:
        """The body."""
        told: dict[str, Any] = json.loads(self.body)
        return told

    def is_genuine(self, now: float, secret: str = SECRET) -> bool:
        """What a receiver does by https://www.standardwebhooks.com: the time is near, and one of
        the signatures is ours."""
        stamp = self.headers["webhook-timestamp"]
        if abs(now - int(stamp)) > _TOLERATED_SECONDS:
            return False
        said = f"{self.headers['webhook-id']}.{stamp}.".encode() + self.body
        key = base64.b64decode(secret.removeprefix("whsec_"))
        ours = base64.b64encode(hmac.new(key, said, hashlib.sha256).digest()).decode()
        signatures = self.headers["webhook-signature"].split(" ")
        return any(hmac.compare_digest(each, f"v1,{ours}") for each in signatures)


@dataclass
class Receiver:
    """What came; `answers` are the statuses to come, 204 behind them, `more` headers of all."""

    url: str = ""
    answers: list[int] = field(default_factory=list)
    more: dict[str, str] = field(default_factory=dict)
    messages: list[Message] = field(default_factory=list)

    def of(self, kind: str, organization: str = "") -> list[Message]:
        """The messages of one kind, about one customer."""
        return [
            each
            for each in list(self.messages)
            if each.json()["type"] == kind
            and each.json()["data"].get("organization", "") == organization
        ]


@contextmanager
def receiver() -> Iterator[Receiver]:
    """A receiver that listens."""
    kept = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            kept.messages.append(
                Message({name.lower(): value for name, value in self.headers.items()}, body)
            )
            self.send_response(kept.answers.pop(0) if kept.answers else 204)
            for name, value in kept.more.items():
                self.send_header(name, value)
            self.send_header("content-length", "0")
            self.end_headers()

        do_GET = do_POST  # noqa: N815 # the server's names

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    kept.url = f"http://127.0.0.1:{server.server_port}/hook"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield kept
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5.0)
