"""What each request to the admin API passes first: who asks, is there room, and all of its body."""

import asyncio
import hashlib
import logging
import re
from typing import Final

from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from router.admin.call import Call
from router.admin.identification import identified
from router.admin.parts import Parts
from router.admin.paths import routed
from router.admin.people import People
from router.admin.problems import Problem, response_of
from router.admin.visitors import Visitors, address_of
from router.auth.roles import Administrator
from router.errors import (
    BodyTooSlow,
    PayloadTooLarge,
    TurnoutError,
    Unauthenticated,
    Unavailable,
    retry_after,
)

_LOG = logging.getLogger("turnout")
_FULL: Final = "Too many requests to the admin API at once."
_FAILED: Final = "The gateway failed on this request; it has been logged."
_KEY: Final = re.compile(r"[\x21-\x7e]{1,255}")
_BAD_KEY: Final = "An Idempotency-Key has 1 to 255 visible ASCII characters."


class Admission:
    """Answers whatever fails, as a problem. The body is bounded and all there before anything of it
    is parsed, and is read for nobody who is not an administrator."""

    def __init__(self, app: ASGIApp, parts: Parts) -> None:
        self._app = app
        self._parts = parts
        section = parts.section.sign_in
        self._visitors = None if section is None else Visitors(parts, section)
        self._people: People | None = None
        if self._visitors is not None and parts.provider is not None:
            self._people = People(parts, parts.provider, self._visitors)
        self._inside = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        begun = False

        async def noted(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        self._inside += 1
        try:
            await self._serve(scope, receive, noted)
        except ClientDisconnect:
            pass
        except TurnoutError as error:
            await response_of(error, scope["request_id"])(scope, receive, noted)
        except Exception:  # noqa: BLE001 # the last resort: logged, told, survived
            extra = {"request_id": scope["request_id"]}
            _LOG.exception("a request to the admin API failed inside the gateway", extra=extra)
            if not begun:
                failed = response_of(TurnoutError(_FAILED), scope["request_id"])
                await failed(scope, receive, noted)
        finally:
            self._inside -= 1

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._inside > self._parts.section.requests:
            raise Unavailable(_FULL, headers=retry_after(1000))
        request = Request(scope, receive)
        if self._people is not None and self._people.serves(request):
            answer = await self._people.answer(request)
            await answer(scope, receive, send)
            return
        try:
            who = await identified(request, self._parts, self._visitors)
        except Unauthenticated:
            led = None if self._people is None else self._people.leads(request)
            if led is None:
                raise
            await led(scope, receive, send)
            return
        body = await self._body(request)
        scope = {**routed(scope), "turnout.call": self._call(request, who, body)}
        await self._app(scope, _replaying(body, receive), send)

    async def _body(self, request: Request) -> bytes:
        most = self._parts.section.body
        body = bytearray()
        try:
            async with asyncio.timeout(self._parts.gateway.limits.body_timeout):
                async for part in request.stream():
                    body += part
                    if len(body) > most:
                        told = f"A request to the admin API has at most {most} bytes (admin.body)."
                        raise PayloadTooLarge(told)
        except TimeoutError:
            raise BodyTooSlow("The body did not arrive in time.") from None
        return bytes(body)

    def _call(self, request: Request, who: Administrator, body: bytes) -> Call:
        headers = request.headers
        key = headers.get("idempotency-key")
        if key is not None and _KEY.fullmatch(key) is None:
            raise Problem(422, "invalid", _BAD_KEY, [("header.idempotency-key", _BAD_KEY)])
        asked = f"{request.method} {request.url.path}?{request.url.query}\n".encode()
        return Call(
            parts=self._parts,
            who=who,
            method=request.method,
            path=request.url.path,
            request_id=request.scope["request_id"],
            address=address_of(request, self._parts),
            if_match=headers.get("if-match"),
            if_none_match=headers.get("if-none-match"),
            idempotency_key=key,
            asked=hashlib.sha256(asked + body).digest(),
        )


def _replaying(body: bytes, receive: Receive) -> Receive:
    """The body that was read, for who reads it; then what else comes."""
    whole: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replayed() -> Message:
        return whole.pop() if whole else await receive()

    return replayed
