"""One call of an administrator: who, from where, under which conditions; and its answer."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import Depends, Request, Response
from pydantic import BaseModel

from router.admin.parts import Parts
from router.admin.problems import Problem, not_found
from router.admin.rights import check
from router.audit.entry import Actor, Change
from router.auth.roles import Administrator

_TAG: Final = re.compile(r'"(\d{1,18})"')
_UNCONDITIONAL: Final = (
    "Say with If-Match which version you change: the ETag of your last GET, or * for any."
)
_STALE: Final = "It was changed since you read it. Read it again, then change what is there now."


def stale() -> Problem:
    """What is answered where something is not of the version any more that was read."""
    return Problem(412, "stale", _STALE)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a handler answers. `version` becomes the ETag; `text` stands in place of a document that
    is no JSON; `may_do` is the content security policy of a page."""

    document: BaseModel | None
    status: int = 200
    version: int | None = None
    location: str | None = None
    text: str | None = None
    media_type: str = "application/json"
    may_do: str | None = None

    def headers(self) -> dict[str, str]:
        """Its headers, but for those of every answer."""
        headers = {"cache-control": "no-store", "content-type": self.media_type}
        if self.version is not None:
            headers["etag"] = f'"{self.version}"'
        if self.location is not None:
            headers["location"] = self.location
        if self.may_do is not None:
            headers |= {"content-security-policy": self.may_do, "x-content-type-options": "nosniff"}
        return headers

    def body(self) -> bytes:
        """Its JSON, or its text."""
        if self.document is None:
            return (self.text or "").encode()
        return self.document.model_dump_json().encode()


@dataclass(frozen=True, slots=True)
class Call:
    """What a handler gets."""

    parts: Parts
    who: Administrator
    method: str
    path: str
    request_id: str
    address: str
    if_match: str | None
    if_none_match: str | None
    idempotency_key: str | None
    asked: bytes  # a digest of the request

    @property
    def actor(self) -> Actor:
        """Who changes something, as the audit log has it."""
        return Actor(self.who.name, self.who.credential, self.address, self.request_id)

    @contextmanager
    def change(self, action: str, target: str, organization: str | None = None) -> Iterator[Change]:
        """A transaction: what stores do in it, and its row in the audit log, or neither."""
        with self.parts.stores.audit.change(self.actor, action, target, organization) as told:
            yield told

    def may(self, action: str) -> None:
        """Raise PermissionDenied where they may not do this besides."""
        check(self.who, action)

    def see(self, organization: str | None) -> None:
        """Raise a 404 where this organization does not exist for them."""
        if not self.who.sees(organization):
            raise not_found(f"organization {organization!r}")

    def scope(self, organization: str | None) -> str | None:
        """The organization that a list is of: what was asked for, or the only one they see."""
        if organization is None:
            return self.who.organization
        self.see(organization)
        return organization

    def expect(self, version: int) -> int | None:
        """The version that a change demands, None for any; `version` is there now.

        Raises a 412 where another one was read.
        """
        if self.if_match is None or not self.if_match.strip():
            raise Problem(428, "precondition_required", _UNCONDITIONAL)
        if self.if_match.strip() == "*":
            return None
        if version not in _versions(self.if_match):
            raise stale()
        return version

    def unchanged(self, answer: Answer) -> bool:
        """Whether the client has this already."""
        if self.method != "GET" or self.if_none_match is None or answer.version is None:
            return False
        return answer.version in _versions(self.if_none_match.replace("W/", ""))


def _versions(header: str) -> set[int]:
    tags = [_TAG.fullmatch(tag.strip()) for tag in header.split(",")]
    return {int(tag[1]) for tag in tags if tag}


def call_of(request: Request) -> Call:
    """The call of a request that was admitted."""
    call: Call = request.scope["turnout.call"]
    return call


Calling = Annotated[Call, Depends(call_of)]


def response_of(answer: Answer) -> Response:
    """The answer as it goes out."""
    return Response(answer.body(), answer.status, answer.headers())


def not_modified(answer: Answer) -> Response:
    """The answer to a client that has it already."""
    return Response(b"", 304, answer.headers())


def replayed(status: int, headers: dict[str, str], body: bytes) -> Response:
    """An answer that was kept."""
    return Response(body, status, {**headers, "idempotent-replayed": "true"})
