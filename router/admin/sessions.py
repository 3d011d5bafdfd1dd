"""Sessions of people who signed in: who is in, and ending that."""

from typing import Annotated, Final

from fastapi import Path, Query

from router.admin.call import Answer, Call, Calling
from router.admin.models import Name, Page, Told, instant
from router.admin.pages import PageQuery, page, place_of
from router.admin.problems import not_found
from router.admin.routing import AdminRoutes
from router.auth.sessions import StoredSession

routes: Final = AdminRoutes("sessions")
_KIND: Final = "sessions"
_PATH: Final = "/sessions/{session}"
Id = Annotated[str, Path(pattern=r"^ses_[0-9a-f]{16}$")]


class SessionQuery(PageQuery):
    """Which sessions."""

    organization: Name | None = None


class Session(Told):
    """A session that is not over, without what it is shown by. `group` is the one that let them
    in."""

    session: str
    name: str
    subject: str
    issuer: str
    group: str
    role: str
    organization: str | None
    created_at: str
    expires_at: str


def _document(row: StoredSession) -> Session:
    return Session(
        session=row.session,
        name=row.name,
        subject=row.subject,
        issuer=row.issuer,
        group=row.group_name,
        role=row.role,
        organization=row.organization,
        created_at=instant(row.created_at),
        expires_at=instant(row.expires_at),
    )


def _found(call: Call, session: str) -> StoredSession:
    row = call.parts.stores.sessions.get(session)
    if row is None or not call.who.sees(row.organization):
        raise not_found(f"session {session!r}")
    return row


@routes.serve("GET", "/sessions", "sessions.read", Page[Session])
def list_sessions(call: Calling, asked: Annotated[SessionQuery, Query()]) -> Answer:
    """Who is signed in, oldest first."""
    rows = call.parts.stores.sessions.page(
        call.scope(asked.organization), place_of(_KIND, asked.cursor, (int, str)), asked.limit + 1
    )
    shown, following = page(_KIND, rows, asked.limit, lambda row: (row.created_at, row.session))
    return Answer(Page[Session](items=[_document(row) for row in shown], next_cursor=following))


@routes.serve("DELETE", _PATH, "sessions.change", Session)
def end_session(call: Calling, session: Id) -> Answer:
    """End a session at once, at every gateway. Whoever had it may sign in again, for as long as a
    group of theirs has a role."""
    row = _found(call, session)
    call.expect(1)
    with call.change("sessions.end", f"sessions/{session}", row.organization) as told:
        if not call.parts.stores.sessions.end(session):
            raise not_found(f"session {session!r}")
        told.before = _document(row).model_dump()
    return Answer(_document(row))
