"""Servers of clouds: one that keeps what it was asked, and one that checks AWS's signatures.

They answer in a thread, since the clouds' own libraries block.
"""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ssl import SSLContext
from typing import Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

COMPLETION = {"model": "m", "choices": []}


@dataclass(frozen=True)
class Asked:
    """One request as it came; names of headers in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


Answering = Callable[[Asked], tuple[int, Any]]


class CloudServer:
    """`asked` are the requests so far, `answer` makes status and JSON body of the next ones."""

    def __init__(self, answer: Answering) -> None:
        self.answer = answer
        self.asked: list[Asked] = []
        self.url = ""


@contextmanager
def cloud_server(answer: Answering, tls: SSLContext | None = None) -> Iterator[CloudServer]:
    """Serve on a free port."""
    server = CloudServer(answer)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            asked = Asked(self.command, self.path, headers, body)
            server.asked.append(asked)
            status, reply = server.answer(asked)
            raw = json.dumps(reply).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        do_GET = do_POST  # noqa: N815 # as the base class names it

        def log_message(self, *_: Any) -> None:
            pass

    listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    listener.daemon_threads = True
    if tls is not None:
        listener.socket = tls.wrap_socket(listener.socket, server_side=True)
    scheme = "http" if tls is None else "https"
    server.url = f"{scheme}://127.0.0.1:{listener.server_port}"
    thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        listener.shutdown()
        thread.join()
        listener.server_close()


def completes(_asked: Asked) -> tuple[int, Any]:
    """Answer a completion."""
    return 200, COMPLETION


def signed_by(access_key: str, secret_key: str, *, service: str, region: str) -> Answering:
    """Answer a completion to what this key signed for this service, and 403 to all else."""

    def answer(asked: Asked) -> tuple[int, Any]:
        wrong = _fault(asked, access_key, secret_key, service, region)
        return (200, COMPLETION) if wrong is None else (403, {"message": wrong})

    return answer


def _fault(asked: Asked, access_key: str, secret_key: str, service: str, region: str) -> str | None:
    """Why AWS would refuse it: the signature is made again from what came, and compared."""
    if asked.headers.get("x-amz-content-sha256") != sha256(asked.body).hexdigest():
        return "the digest is not the body's"
    scheme, _, rest = asked.headers.get("authorization", "").partition(" ")
    if scheme != "AWS4-HMAC-SHA256":
        return "not signed"
    parts = dict(part.strip().split("=", 1) for part in rest.split(","))
    signed = parts["SignedHeaders"].split(";")
    if not {"host", "x-amz-date", "x-amz-content-sha256"} <= set(signed):
        return "too little is signed"
    headers = {name: asked.headers[name] for name in signed}
    url = f"http://{asked.headers['host']}{asked.path}"
    request = AWSRequest(asked.method, url, headers, data=asked.body)
    request.context["timestamp"] = asked.headers["x-amz-date"]
    signer = SigV4Auth(Credentials(access_key, secret_key), service, region)
    if parts["Credential"] != signer.scope(request):
        return "another key, service or region"
    canonical = signer.canonical_request(request)
    made = signer.signature(signer.string_to_sign(request, canonical), request)
    return None if made == parts["Signature"] else "another signature"
