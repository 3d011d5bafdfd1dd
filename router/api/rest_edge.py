"""What every answer of the applications on FastAPI has, as those of inference do."""

from typing import Final

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from router.api.cors import Cors
from router.api.envelopes import is_anthropics
from router.api.head import Headers
from router.api.request_id import new_request_id, sent_request_id

_REQUEST_ID: Final = b"x-request-id"
RECEIVED: Final = "turnout.received"  # of a scope: says whether the request is all there


class RestEdge:
    """Puts `x-request-id` on every answer, the client's own or a fresh one, and what browsers are
    told; answers their question whether a page may call. A path may end with a slash. An answer to
    a request that is not all there says that it is the connection's last."""

    def __init__(self, app: ASGIApp, cors: Cors | None) -> None:
        self._app = app
        self._cors = cors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        fields: dict[bytes, bytes] = dict(scope.get("headers", ()))
        headers = self._headers(scope, fields)

        async def named(message: Message) -> None:
            if message["type"] == "http.response.start":
                more = [(name.encode(), value.encode("latin-1")) for name, value in headers]
                if RECEIVED in scope and not scope[RECEIVED]():
                    more.append((b"connection", b"close"))
                message["headers"] = [*message["headers"], *more]
            await send(message)

        if scope.get("method") == "OPTIONS" and self._cors is not None:
            preflight = self._cors.preflight(fields)
            if preflight is not None:
                headers = (*headers[:1], *preflight)
                await Response(status_code=204)(scope, receive, named)
                return
        path = scope.get("path", "")
        scope = {**scope, "request_id": headers[0][1]}
        if len(path) > 1 and path.endswith("/"):
            scope["path"] = path[:-1]
        await self._app(scope, receive, named)

    def _headers(self, scope: Scope, fields: dict[bytes, bytes]) -> Headers:
        name = sent_request_id(fields.get(_REQUEST_ID)) or new_request_id()
        headers = [("x-request-id", name)]
        if is_anthropics(scope.get("path", "").encode(), fields):
            headers.append(("request-id", name))
        if self._cors is not None:
            headers += self._cors.headers(fields.get(b"origin"))
        return headers
