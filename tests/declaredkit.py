"""A gateway with operations of its operator's own, and the server that has them."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import turnoutkit
from gatewaykit import RunningGateway
from modelservers import in_thread
from patience import LONGEST_SECONDS
from ports import free_port

PICTURE = b"\x89PNG\x00\xff" * 100
LONG = b"\x00\x01" * 1_000_000
OPERATIONS: dict[str, Any] = {
    "ocr": {"paths": "/v1/ocr", "model": "own", "count_bytes": True},
    "jobs": {"paths": ["/v1/jobs/{job}"], "methods": ["GET", "DELETE"], "model": "own"},
    "tags": {"paths": ["/api/tags"], "methods": ["GET"], "model": "own"},
    "told": {
        "paths": ["/v1/told"],
        "model": "own",
        "tokens": {"input": "/usage/in", "output": "/usage/out"},
    },
    "events": {"paths": ["/v1/events"], "model": "own"},
    "batches": {"paths": ["/v1/messages/batches"], "model": "own"},
}
PRICE = {"input": 1, "output": 2, "request": 0.01, "byte": 0.000001}
POLICY = """\
version: 1
routes: {own: {candidates: [server, chatty], objective: fixed, fixed: server}}
tiers: {pro: {}, tiny: {requests_per_minute: 1}}
"""


class Server:
    """Answers by path and tells what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, str, dict[str, str], bytes]] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        query = scope["query_string"].decode()
        self.asked.append((scope["method"], scope["raw_path"].decode(), query, headers, body))
        status, kind, pieces = _answer(scope["method"], scope["path"])
        size = [(b"content-length", b"%d" % len(pieces[0]))] if len(pieces) == 1 else []
        cookies = [(b"set-cookie", b"a=b"), (b"content-disposition", b'attachment; filename="x"')]
        head = [*([(b"content-type", kind)] if kind else []), *cookies, *size]
        await send({"type": "http.response.start", "status": status, "headers": head})
        for number, piece in enumerate(pieces):
            last = number == len(pieces) - 1
            await send({"type": "http.response.body", "body": piece, "more_body": not last})


_JSON = b"application/json"
_ANSWERS: dict[str, tuple[int, bytes, list[bytes]]] = {
    "/v1/ocr": (201, b"image/png", [PICTURE]),
    "/v1/jobs/long": (200, b"", [LONG]),
    "/v1/jobs/gone": (404, _JSON, [b'{"error":{"message":"No job."}}']),
    "/v1/told": (200, _JSON, [b'{"usage":{"in":5,', b'"out":2}}']),
    "/v1/events": (
        200,
        b"text/event-stream",
        [b"data: one\n\n", b": x\n", b"\ndata: two\n\n"],
    ),
    "/v1/messages/batches": (400, _JSON, [b'{"error":{"message":"No."}}']),
}


def _answer(method: str, path: str) -> tuple[int, bytes, list[bytes]]:
    if method == "DELETE":
        return 204, b"", [b""]
    return _ANSWERS.get(path, (200, _JSON, [b'{"path":"%b"}' % path.encode()]))


@contextmanager
def declared_gateway(folder: Path) -> Iterator[tuple[RunningGateway, Server]]:
    """Run it; its log holds no error."""
    server, port = Server(), free_port()
    with in_thread(server) as url:
        backend = {"base_url": url, "model": "m", "api_key": "sk-operator", "price": PRICE}
        config = {
            "version": 1,
            "stop": {"notice": None},
            "listen": f"127.0.0.1:{port}",
            "policy": "policy.yaml",
            "operations": OPERATIONS,
            "backends": {
                "server": backend | {"serves": [*OPERATIONS]},
                "chatty": backend | {"serves": ["chat"]},
            },
        }
        (folder / "turnout.yaml").write_text(json.dumps(config))
        (folder / "policy.yaml").write_text(POLICY)
        process = turnoutkit.serve(folder)
        running = RunningGateway(folder, port, {})
        try:
            running.until_ready(process)
            yield running, server
        finally:
            process.terminate()
            process.wait(LONGEST_SECONDS)
    log_text = (folder / "gateway.log").read_text()
    assert '"level": "error"' not in log_text, log_text
