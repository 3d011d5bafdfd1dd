"""What browsers hold and send: cookies, and where a request comes from."""

import base64
import binascii
import hashlib
import hmac
import re
import time
from dataclasses import astuple, dataclass
from typing import Final

import orjson
from starlette.requests import Request

from router.auth.sign_in import Pending

PENDING_SECONDS: Final = 600
MOST_BEGUN: Final = 5  # sign-ins of one browser at once
_DIGITS: Final = 12
_SEALED: Final = b"turnout sign-in cookie, format 1"
_LOCAL: Final = re.compile(r"/(?!/)[\x21-\x5b\x5d-\x7e]{0,1000}")  # no backslash: browsers turn it
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Cookies:
    """The cookies of an origin: of a session, and of each sign-in that was begun, since tabs of one
    browser may sign in at once. Over https their names let no other host and no plain HTTP set them
    (RFC 6265bis, `__Host-`)."""

    origin: str

    @property
    def session(self) -> str:
        """The name of the one that holds a session's value."""
        return self._prefix + "turnout-admin"

    def pending(self, state: str) -> str:
        """The name of the one that holds what the sign-in of this state must match."""
        return self._begun + hashlib.sha256(state.encode()).hexdigest()[:_DIGITS]

    def too_many(self, request: Request, key: bytes) -> list[str]:
        """The names of those that must go before another sign-in is begun: the oldest."""
        begun = {
            name: opened(value, key, time.time())
            for name, value in request.cookies.items()
            if name.startswith(self._begun)
        }
        at = {name: pending.at if pending else 0 for name, pending in begun.items()}
        return sorted(at, key=lambda name: -at[name])[MOST_BEGUN - 1 :]

    @property
    def _begun(self) -> str:
        return self._prefix + "turnout-sign-in-"

    @property
    def _prefix(self) -> str:
        return "__Host-" if self._secure else ""

    @property
    def _secure(self) -> bool:
        return self.origin.startswith("https://")

    def set(self, name: str, value: str, seconds: int) -> tuple[str, str]:
        """The header that sets a cookie; without a value, that takes it away.

        Lax, since who comes back from the provider comes from another site; what changes something
        is checked by its origin besides.
        """
        secure = "; Secure" if self._secure else ""
        kept = seconds if value else 0
        return (
            "set-cookie",
            f"{name}={value}; Path=/; Max-Age={kept}; HttpOnly; SameSite=Lax{secure}",
        )


def is_local(path: str) -> bool:
    """Whether this leads to nowhere but this listener."""
    return _LOCAL.fullmatch(path) is not None


def changes_nothing(request: Request) -> bool:
    """Whether the method of a request says that it only looks."""
    return request.method in _SAFE


def is_from(request: Request, origin: str) -> bool:
    """Whether a browser says that a page of this origin sent the request; it must say it."""
    sent, site = request.headers.get("origin"), request.headers.get("sec-fetch-site")
    if sent is None and site is None:
        return False
    return sent in {None, origin} and site in {None, "same-origin"}


def sealed(pending: Pending, key: bytes) -> str:
    """A sign-in that was begun, as a cookie that nobody else can write."""
    told = base64.urlsafe_b64encode(orjson.dumps(astuple(pending)))
    return f"{told.decode()}.{_tag(told, key)}"


def opened(cookie: str, key: bytes, now: float) -> Pending | None:
    """The sign-in of a cookie; None where it is none of ours, or too old."""
    told, _, tag = cookie.partition(".")
    if not cookie.isascii() or not hmac.compare_digest(tag, _tag(told.encode(), key)):
        return None
    try:
        pending = Pending(*orjson.loads(base64.urlsafe_b64decode(told)))
    except (ValueError, TypeError, binascii.Error):
        return None
    return pending if 0 <= now - pending.at < PENDING_SECONDS else None


def _tag(told: bytes, key: bytes) -> str:
    return hmac.digest(key, _SEALED + told, hashlib.sha256).hex()
