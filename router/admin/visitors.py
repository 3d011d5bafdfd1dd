"""Sessions of people, as the admin API goes by them; and what the audit log is told of them."""

import logging
from typing import Final

from starlette.requests import Request

from router.admin.browsers import Cookies
from router.admin.names import name_of, secret_of
from router.admin.parts import Parts
from router.api.addresses import customer_behind
from router.api.heads import FORWARDED
from router.audit.entry import Actor
from router.auth.grants import Grant
from router.auth.roles import Administrator
from router.auth.sessions import StoredSession
from router.auth.sign_in import Person
from router.auth.tokens.issuer import subject_id
from router.world.config_admin import SignInSection

_LOG = logging.getLogger("turnout")
_TARGET: Final = "sessions"


class Visitors:
    """Who a browser's cookie says that asks. Raises DatabaseError."""

    def __init__(self, parts: Parts, section: SignInSection) -> None:
        self._parts = parts
        self.section = section
        self.grants = section.grants()
        self.cookies = Cookies(parts.section.origin)
        self._key = parts.section.token.get_secret_value().encode()

    async def who(self, request: Request) -> Administrator | None:
        """Return who asks by a session; None where there is none that holds: it ended, was taken
        away, or the row of turnout.yaml that let them in is not there any more."""
        row = await self._row(request)
        if row is None or row.issuer != self.section.issuer or row.grant not in self.grants:
            return None
        return Administrator(
            subject_id(row.issuer, row.subject),
            name_of(row.issuer, row.subject, row.name),
            row.grant.role,
            row.organization,
            secret_of(row.issuer, row.subject, self._key),
            row.expires_at,
            row.session,
        )

    def has_cookie(self, request: Request) -> bool:
        """Whether a browser sends a session."""
        return self.cookies.session in request.cookies

    async def _row(self, request: Request) -> StoredSession | None:
        value = request.cookies.get(self.cookies.session, "").encode("latin-1", "replace")
        known = self._parts.stores.sessions.identify
        return await self._parts.threads.run(lambda: known(value)) if value else None

    async def enter(self, request: Request, person: Person, grant: Grant) -> str:
        """Begin a session, in place of the one that the browser had; return its value."""
        stores, older = self._parts.stores, await self._row(request)

        def entered() -> str:
            actor = self._actor(request, person.subject, person.name)
            with stores.audit.change(actor, "sign-in", _TARGET, grant.organization) as told:
                if older is not None:
                    stores.sessions.end(older.session)
                secret, row = stores.sessions.create(person, grant, self.section.session)
                told.target = f"{_TARGET}/{row.session}"
                told.after = {"role": row.role, "group": row.group_name}
            return secret

        return await self._parts.threads.run(entered)

    async def leave(self, request: Request) -> None:
        """End the session that the browser sends, if any."""
        stores, row = self._parts.stores, await self._row(request)
        if row is None:
            return

        def left() -> None:
            actor = self._actor(request, row.subject, row.name)
            target = f"{_TARGET}/{row.session}"
            with stores.audit.change(actor, "sign-out", target, row.organization):
                stores.sessions.end(row.session)

        await self._parts.threads.run(left)

    async def refused(self, request: Request, subject: str, why: str, name: str = "") -> None:
        """Have the audit log tell whom the provider named and who was not let in."""

        def told_() -> None:
            actor = self._actor(request, subject, name)
            with self._parts.stores.audit.change(actor, "sign-in.refused", _TARGET) as told:
                told.after = {"why": why}

        await self._parts.threads.run(told_)

    def _actor(self, request: Request, subject: str, name: str) -> Actor:
        issuer = self.section.issuer
        return Actor(
            name_of(issuer, subject, name),
            subject_id(issuer, subject),
            address_of(request, self._parts),
            request.scope["request_id"],
        )


def address_of(request: Request, parts: Parts) -> str:
    """Where a request comes from, as proxies that are trusted say it."""
    peer = request.client.host if request.client else ""
    forwarded = ",".join(request.headers.getlist(FORWARDED.decode()))
    return customer_behind(peer, forwarded, parts.gateway.door.limits.trusted_proxies) or peer
