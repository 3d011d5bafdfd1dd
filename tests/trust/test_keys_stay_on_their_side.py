"""A customer's key never reaches a backend, and a backend's key never a customer."""

import httpx
import orjson
import pytest
from edge import edge
from modelservers import in_thread

from router.backends.backend import Backend
from router.operations.table import OPERATIONS
from router.simulator.exchange import SimulatedExchange

OURS, THEIRS = "sk-ours-0123456789abcdef", "tk-theirs-0123456789abcdef"
CHAT = next(row for row in OPERATIONS if row.name == "chat")
BODY = {"model": "auto", "messages": [{"role": "user", "content": "x"}]}
HEADERS = {
    "authorization": f"Bearer {THEIRS}",
    "x-api-key": THEIRS,
    "api-key": THEIRS,
    "cookie": THEIRS,
    "proxy-authorization": THEIRS,
    "host": f"{THEIRS}.example",
    "x-forwarded-for": THEIRS,
}


class Telling:
    """A backend that tells its client everything it was sent, in an answer of this status."""

    def __init__(self, status: int) -> None:
        self.status = status
        self.heard = b""

    async def __call__(self, scope, receive, send) -> None:  # type: ignore[no-untyped-def]
        exchange = SimulatedExchange(receive, send)
        body = await exchange.body()
        self.heard = repr(scope["headers"]).encode() + scope["path"].encode() + body
        text = self.heard.decode("latin-1")
        told = ("x-request-id", OURS), ("www-authenticate", OURS), ("set-cookie", OURS)
        if self.status == 200:
            message = {"role": "assistant", "content": "Hi."}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            await exchange.reply(200, {"choices": [choice]}, told)
        else:
            await exchange.reply(self.status, {"error": {"message": text, "code": text}}, told)


@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 429, 500])
def test_no_key_crosses_over(status: int) -> None:
    backend = Telling(status)
    with in_thread(backend) as url:
        asked = Backend("b", url, "m", api_key=OURS)
        with in_thread(edge(CHAT, asked)) as gateway:
            address = gateway.removesuffix("/v1") + "/v1/chat/completions"
            answer = httpx.post(address, content=orjson.dumps(BODY), headers=HEADERS)
    assert OURS.encode() in backend.heard
    assert THEIRS.encode() not in backend.heard
    assert OURS not in answer.text
    assert OURS not in repr(answer.headers)
