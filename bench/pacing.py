"""A model server that streams an event at a time: what stands behind it, slowed down.

How many events of a stream one read of the gateway gathers is chance, and each read costs; here
every event is written by itself, long enough after the one before.
"""

import http.client
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final
from urllib.parse import urlsplit

_GAP_SECONDS: Final = 0.010


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    behind = ""

    def do_POST(self) -> None:  # http.server names it
        body = self.rfile.read(int(self.headers["content-length"]))
        behind = http.client.HTTPConnection(self.behind)
        behind.request("POST", self.path, body, {"content-type": "application/json"})
        answer = behind.getresponse()
        content = answer.read()
        behind.close()
        self.wfile.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
            b"transfer-encoding: chunked\r\n\r\n"
        )
        for event in content.split(b"\n\n")[:-1]:
            time.sleep(_GAP_SECONDS)
            self.wfile.write(b"%x\r\n%b\n\n\r\n" % (len(event) + 2, event))
        time.sleep(_GAP_SECONDS)
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 # its name there
        """Say nothing."""


@contextmanager
def paced(base_url: str) -> Iterator[str]:
    """Run one before `base_url`, for streams alone; yield its own base URL."""
    handler = type("Handler", (_Handler,), {"behind": urlsplit(base_url).netloc})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}{urlsplit(base_url).path}"
    finally:
        server.shutdown()
        server.server_close()
