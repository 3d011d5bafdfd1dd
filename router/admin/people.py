"""People who sign in with a browser: the routes that lead to their provider and back, and out."""

import hmac
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Final
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from router.admin import people_pages as pages
from router.admin.browsers import PENDING_SECONDS, Cookies, is_from, is_local, opened, sealed
from router.admin.parts import Parts
from router.admin.rights import may
from router.admin.visitors import Visitors
from router.api.authorized import doubted
from router.auth.grants import granted
from router.auth.roles import Administrator
from router.auth.sign_in import Away, Pending, Person, Provider, Refused
from router.database import DatabaseError
from router.errors import Unauthenticated
from router.printable import printable

_LOG = logging.getLogger("turnout")
_AT_ONCE: Final = 8  # sign-ins that wait on the provider
_MOST_USED: Final = 10_000
_SAID: Final = 200  # characters of what a provider says
_OUT: Final = "/admin/signed-out"
_BEGIN: Final = "/admin/sign-in"
_HOME: Final = "/admin/signed-in"
_NOT_BEGUN: Final = (
    "This sign-in was not begun in this browser, was finished already, or took over ten minutes."
)
_ELSEWHERE: Final = "`next` leads elsewhere: it must be a path of this address, such as /admin/v1."
_AWAY: Final = "Your identity provider does not answer as it should. Try again in a moment."
_BUSY: Final = "Too many people sign in at once. Try again in a moment."
_NO_DATABASE: Final = "The database does not answer. Try again in a moment."
_FOREIGN: Final = "This did not come from a page of this address."
_SOON: Final = (("retry-after", "5"),)


class _Told(Exception):
    """What ends in a page that says why."""

    def __init__(self, status: int, text: str, title: str = "You are not signed in") -> None:
        super().__init__(text)
        self.status = status
        self.title = title


class People:
    """Serves the paths that it `serves`, for who is not known yet."""

    def __init__(self, parts: Parts, provider: Provider, visitors: Visitors) -> None:
        self._parts = parts
        self._provider = provider
        self._visitors = visitors
        self._cookies: Cookies = visitors.cookies
        self._key = parts.section.token.get_secret_value().encode()
        self._used: dict[str, None] = {}  # states that came back
        self._asking = 0
        self._routes: Mapping[tuple[str, str], Callable[[Request], Awaitable[Response]]] = {
            ("GET", _BEGIN): self._begin,
            ("GET", "/admin/sign-in/callback"): self._end,
            ("POST", "/admin/sign-out"): self._sign_out,
            ("GET", _HOME): self._home,
            ("GET", _OUT): self._over,
        }

    def serves(self, request: Request) -> bool:
        """Whether a request is for these paths."""
        return (request.method, request.scope["path"]) in self._routes

    def leads(self, request: Request) -> Response | None:
        """Where a browser is led that opened a page without a session; None for programs."""
        looks = request.method == "GET" and "text/html" in request.headers.get("accept", "")
        if not looks or "authorization" in request.headers:
            return None
        path, _, _ = request.scope["raw_path"].decode("latin-1").partition("?")
        query = request.scope["query_string"].decode("latin-1")
        then = path + (f"?{query}" if query else "")
        return _led(f"{_BEGIN}?{urlencode({'next': then})}" if is_local(then) else _BEGIN)

    async def answer(self, request: Request) -> Response:
        """Answer one; whatever fails is a page for a person."""
        try:
            return await self._routes[request.method, request.scope["path"]](request)
        except _Told as told:
            return pages.failed(told.status, told.title, str(told))
        except Away as error:
            _LOG.warning("people cannot sign in", extra={"reason": str(error)})
            return pages.failed(503, "You are not signed in", _AWAY, _SOON)
        except DatabaseError:
            _LOG.exception("cannot read or write the sessions of people")
            return pages.failed(503, "You are not signed in", _NO_DATABASE, _SOON)

    async def _begin(self, request: Request) -> Response:
        then = request.query_params.get("next", "")
        if then and not is_local(then):
            raise _Told(400, _ELSEWHERE)
        state, nonce, verifier = (secrets.token_urlsafe(48) for _ in range(3))
        pending = Pending(state, nonce, verifier, then, time.time())
        answer = _led(await self._provider.address(pending))
        value = sealed(pending, self._key)
        for name in self._cookies.too_many(request, self._key):
            answer.headers.append(*self._cookies.set(name, "", 0))
        name = self._cookies.pending(state)
        answer.headers.append(*self._cookies.set(name, value, PENDING_SECONDS))
        return answer

    async def _end(self, request: Request) -> Response:
        """The way back, whatever came of it: it is gone once, and its cookie is taken away."""
        try:
            answer = await self._returned(request)
        except _Told as told:
            self._count(request)
            answer = pages.failed(told.status, told.title, str(told))
        name = self._cookies.pending(request.query_params.get("state", ""))
        if name in request.cookies:
            answer.headers.append(*self._cookies.set(name, "", 0))
        return answer

    async def _returned(self, request: Request) -> Response:
        asked = request.query_params
        cookie = request.cookies.get(self._cookies.pending(asked.get("state", "")), "")
        pending = opened(cookie, self._key, time.time())
        once = all(len(asked.getlist(name)) <= 1 for name in ("state", "code", "iss", "error"))
        sent = asked.get("state", "").encode()
        if pending is None or not once or not hmac.compare_digest(sent, pending.state.encode()):
            raise _Told(400, _NOT_BEGUN)
        self._use(pending.state)
        if "error" in asked:
            said = printable(asked["error"])[:_SAID]
            raise _Told(403, f"Your identity provider did not sign you in: {said}.")
        if not asked.get("code"):
            raise _Told(400, _NOT_BEGUN)
        person = await self._person(request, pending, asked["code"], asked.get("iss"))
        return await self._enter(request, person, pending.then)

    def _use(self, state: str) -> None:
        if state in self._used:
            raise _Told(400, _NOT_BEGUN)
        self._used[state] = None
        if len(self._used) > _MOST_USED:
            del self._used[next(iter(self._used))]

    def _count(self, request: Request) -> None:
        """Count a sign-in that failed, as a wrong credential of its address."""
        error = doubted(request, self._parts.gateway.door, Unauthenticated(_NOT_BEGUN))
        if not isinstance(error, Unauthenticated):
            raise _Told(429, error.message)

    async def _person(
        self, request: Request, pending: Pending, code: str, issuer: str | None
    ) -> Person:
        if self._asking >= _AT_ONCE:
            raise _Told(503, _BUSY)
        self._asking += 1
        try:
            return await self._provider.person(pending, code, issuer)
        except Refused as error:
            why = str(error)
            _LOG.warning("a sign-in was refused", extra={"reason": why})
            if error.subject:
                await self._visitors.refused(request, error.subject, why)
            raise _Told(403, why) from None
        finally:
            self._asking -= 1

    async def _enter(self, request: Request, person: Person, then: str) -> Response:
        grant = granted(self._visitors.grants, person.groups)
        if grant is None:
            why = "No group of theirs has a role."
            await self._visitors.refused(request, person.subject, why, person.name)
            who = person.name or person.subject
            raise _Told(
                403,
                f"You signed in as {who}, and none of your groups has a role here. Ask whoever "
                "runs this gateway (admin.sign_in.roles of turnout.yaml).",
                "You may not administer",
            )
        secret = await self._visitors.enter(request, person, grant)
        answer = _led(then or _HOME)
        seconds = int(self._visitors.section.session)
        answer.headers.append(*self._cookies.set(self._cookies.session, secret, seconds))
        return answer

    async def _sign_out(self, request: Request) -> Response:
        if not is_from(request, self._cookies.origin):
            raise _Told(403, _FOREIGN, "You are not signed out")
        await self._visitors.leave(request)
        away = await self._provider.farewell(self._cookies.origin + _OUT)
        answer = _led(away or _OUT)
        answer.headers.append(*self._cookies.set(self._cookies.session, "", 0))
        return answer

    async def _home(self, request: Request) -> Response:
        who = await self._visitors.who(request)
        if who is None:
            raise _Told(401, "You have no session here, or it is over.")
        shown = self._parts.gateway.alerts is not None and may(who, "alerts.read")
        return pages.signed_in(_facts(who), await self._provider.origin(), alerts=shown)

    async def _over(self, _request: Request) -> Response:
        return pages.signed_out()


def _facts(who: Administrator) -> list[tuple[str, str]]:
    until = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime((who.until or 0) / 1000))
    return [
        ("You are", who.name),
        ("Role", who.role.value),
        ("Organization", who.organization or "all"),
        ("Until", until),
    ]


def _led(where: str) -> Response:
    return RedirectResponse(where, 303, {"cache-control": "no-store"})
