"""The audit log, and whether it is whole."""

from typing import Annotated, Any, Final

import orjson
from fastapi import Query
from pydantic import Field

from router.admin.call import Answer, Calling
from router.admin.models import NAME_PATTERN, Name, Page, Told, instant
from router.admin.pages import PageQuery, page, place_of
from router.admin.routing import AdminRoutes
from router.audit.entry import Entry
from router.audit.verify import verify

routes: Final = AdminRoutes("audit")
_KIND: Final = "audit"
Word = Annotated[str, Field(min_length=1, max_length=300, pattern=NAME_PATTERN)]


class AuditQuery(PageQuery):
    """Which changes: those that match all that is given."""

    organization: Name | None = None
    action: Word | None = None
    credential: Word | None = None
    target: Word | None = None


class AuditRow(Told):
    """A change: by whom, from where, of what; `before` and `after` as the API shows it."""

    seq: int
    at: str
    actor: str
    credential: str
    address: str
    request_id: str
    action: str
    target: str
    organization: str | None
    before: Any
    after: Any
    hash: str


class AuditCheck(Told):
    """What reading all of the log found. Note `seq` and `hash` elsewhere: with them it can be shown
    later that nothing before was rewritten (`turnout audit verify --noted SEQ:HASH`)."""

    whole: bool
    rows: int
    first: int
    seq: int
    hash: str
    problems: list[str]


def _document(entry: Entry) -> AuditRow:
    return AuditRow(
        seq=entry.seq,
        at=instant(entry.at),
        actor=entry.actor,
        credential=entry.credential,
        address=entry.address,
        request_id=entry.request_id,
        action=entry.action,
        target=entry.target,
        organization=entry.organization,
        before=orjson.loads(entry.before),
        after=orjson.loads(entry.after),
        hash=entry.hash(),
    )


@routes.serve("GET", "/audit", "audit.read", Page[AuditRow])
def list_audit(call: Calling, asked: Annotated[AuditQuery, Query()]) -> Answer:
    """Changes, newest first; of those that match all that is asked for."""
    place = place_of(_KIND, asked.cursor, (int,))
    rows = call.parts.stores.audit.page(
        before=None if place is None else place[0],
        most=asked.limit + 1,
        organization=call.scope(asked.organization),
        action=asked.action,
        credential=asked.credential,
        target=asked.target,
    )
    shown, following = page(_KIND, rows, asked.limit, lambda row: (row.seq,))
    return Answer(Page[AuditRow](items=[_document(row) for row in shown], next_cursor=following))


@routes.serve("GET", "/audit/check", "audit.verify", AuditCheck)
def check_audit(call: Calling) -> Answer:
    """Read all of the log and follow its chain. It takes about ten seconds a million rows."""
    found = verify(call.parts.stores.audit)
    return Answer(
        AuditCheck(
            whole=not found.problems,
            rows=found.rows,
            first=found.first,
            seq=found.seq,
            hash=found.hash,
            problems=found.problems,
        )
    )
