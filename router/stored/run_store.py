"""Stored responses that gateways still work on.

Theory of operation. A response in the background is a row of responses from its beginning, and a
row of runs while it is worked on. Its gateway renews that row, and adds what is told. Whoever takes
the row away ends the response, in the same transaction, and so once: its gateway with the answer,
any gateway with a cancellation, with a deletion, or with a failure where the row was not renewed
for a lease. Its gateway finds the row gone and stops.

Rows are locked in one order: runs, then events, items, responses.
"""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, delete, func, insert, select, update

from router.stored.response import MissingResponse, StoredResponse
from router.stored.run import Beat, Chunk, Ended, Ending, Told, TooManyRuns
from router.stored.store import ResponseStore
from router.stored.tables import EVENTS, RESPONSES, RUNS

LEASE_MS: Final = 15_000  # how long a run outlives its gateway, as a hold does
_CHUNKS: Final = 32  # that are read at once
_LAPSED: Final = 100  # that are ended at once


class RunStore(ResponseStore):
    """Every method is one short transaction that blocks, and may raise DatabaseError."""

    def begin(
        self, organization: str, response: StoredResponse, opening: Chunk, *, most: int
    ) -> bool:
        """Store a response that is begun, with its first events.

        False where it alone is larger than what an organization may have. Raises TooManyRuns where
        the organization has `most` already; gateways that begin at the same moment may let in one
        too many each, but not on SQLite.
        """
        rows = self._sealed(organization, response)
        events = self._closed(organization, _name(response.id, opening), opening.events)
        if rows.size + len(events) > self._most_bytes:
            return False
        now = self._now()
        alive = (RUNS.c.organization == organization) & (RUNS.c.beat_at > now - LEASE_MS)
        with self._database.writing() as connection:
            connection.execute(
                insert(RUNS).values(id=response.id, organization=organization, beat_at=now)
            )
            running = connection.execute(select(func.count()).select_from(RUNS).where(alive))
            if int(running.scalar() or 0) > most:
                raise TooManyRuns
            self._tell(connection, organization, response.id, opening, events)
            self._put(connection, rows, len(events))
            self._make_room(connection, organization)
        return True

    def beat(self, beats: Sequence[Beat], *, renew: bool) -> frozenset[str]:
        """Renew the runs of a gateway and store what is new; return those that are gone.

        Without `renew`, and news, it only looks which are there.
        """
        mine = RUNS.c.id.in_([beat.id for beat in beats])
        there = select(RUNS.c.id).where(mine)
        if not renew and not any(beat.is_news for beat in beats):
            with self._database.reading() as connection:
                found = {str(row[0]) for row in connection.execute(there)}
            return frozenset([beat.id for beat in beats if beat.id not in found])
        with self._database.writing() as connection:
            connection.execute(update(RUNS).where(mine).values(beat_at=self._now()))
            found = {str(row[0]) for row in connection.execute(there)}
            for beat in beats:
                if beat.id in found:
                    self._take(connection, beat)
        return frozenset([beat.id for beat in beats if beat.id not in found])

    def finish(self, organization: str, id_: str, ending: Ending) -> bool:
        """End a response that is worked on, by what is stored of it; False where it is over."""
        return self._finish(organization, id_, ending, RUNS.c.id == id_)

    def lapse(self, ending: Ending) -> int:
        """End the responses whose gateways do not renew them; returns how many they were."""
        late = RUNS.c.beat_at <= self._now() - LEASE_MS
        with self._database.reading() as connection:
            query = select(RUNS.c.organization, RUNS.c.id).where(late).limit(_LAPSED)
            lapsed = connection.execute(query).all()
        ended = [
            self._finish(str(organization), str(id_), ending, (RUNS.c.id == id_) & late)
            for organization, id_ in lapsed
        ]
        return sum(ended)

    def events(self, organization: str, id_: str, after: int) -> Told:
        """Return what was told behind this number, in parts: ask again until it is over.

        Raises MissingResponse.
        """
        own = (EVENTS.c.organization == organization) & (EVENTS.c.response == id_)
        behind = select(EVENTS).where(own, EVENTS.c.last > after).order_by(EVENTS.c.first)
        with self._database.reading() as connection:
            there = select(RESPONSES.c.id).where(RESPONSES.c.id == id_, *self._there(organization))
            if connection.execute(there).first() is None:
                raise MissingResponse(id_)
            # Looked at first: what was told before the end is then among the rows.
            over = connection.execute(select(RUNS.c.id).where(RUNS.c.id == id_)).first() is None
            rows = connection.execute(behind.limit(_CHUNKS)).mappings().all()
        chunks = [self._chunk(organization, row) for row in rows]
        return Told(chunks, over and len(rows) < _CHUNKS)

    def _take(self, connection: Connection, beat: Beat) -> None:
        """Store what is new of one response."""
        if beat.chunk is not None:
            self._add(connection, beat.organization, beat.id, beat.chunk)
        if beat.ended is not None:
            _close(connection, RUNS.c.id == beat.id)
            self._end(connection, beat.organization, beat.ended)
        elif beat.response is not None:
            head = self._sealed(beat.organization, beat.response).head
            connection.execute(
                update(RESPONSES)
                .where(RESPONSES.c.id == beat.id)
                .values(
                    content=head["content"],
                    size=head["size"],
                    bytes=RESPONSES.c.bytes + len(head["content"]),
                )
            )

    def _finish(
        self, organization: str, id_: str, ending: Ending, which: ColumnElement[bool]
    ) -> bool:
        own = EVENTS.c.response == id_
        query = select(RESPONSES).where(RESPONSES.c.id == id_)
        with self._database.writing() as connection:
            if not _close(connection, which & (RUNS.c.organization == organization)):
                return False
            row = connection.execute(query).mappings().one()
            told = connection.execute(select(EVENTS).where(own).order_by(EVENTS.c.first)).mappings()
            try:
                begun = self._opened(organization, row)
                chunks = [self._chunk(organization, one).events for one in told]
            except MissingResponse:  # no key opens it: it is over all the same
                return True
            self._end(connection, organization, ending(begun, b"".join(chunks)))
        return True

    def _end(self, connection: Connection, organization: str, ended: Ended) -> None:
        """Put the end in the place of what was begun, its run being gone."""
        id_ = ended.response.id
        if ended.last is not None:
            self._add(connection, organization, id_, ended.last)
        own = EVENTS.c.response == id_
        told = connection.execute(select(func.sum(func.length(EVENTS.c.content))).where(own))
        more, rows = int(told.scalar() or 0), self._sealed(organization, ended.response)
        if rows.size + more > self._most_bytes:
            connection.execute(delete(EVENTS).where(own))
            more, rows = 0, self._sealed(organization, ended.instead)
        connection.execute(delete(RESPONSES).where(RESPONSES.c.id == id_))
        self._put(connection, rows, more)
        self._make_room(connection, organization)

    def _add(self, connection: Connection, organization: str, id_: str, chunk: Chunk) -> None:
        content = self._closed(organization, _name(id_, chunk), chunk.events)
        self._tell(connection, organization, id_, chunk, content)
        more = RESPONSES.c.bytes + len(content)
        connection.execute(update(RESPONSES).where(RESPONSES.c.id == id_).values(bytes=more))

    def _tell(
        self, connection: Connection, organization: str, id_: str, chunk: Chunk, content: bytes
    ) -> None:
        place: dict[str, Any] = {"organization": organization, "response": id_}
        row = place | {"first": chunk.first, "last": chunk.last, "content": content}
        connection.execute(self._database.insert(EVENTS).on_conflict_do_nothing(), [row])

    def _chunk(self, organization: str, row: Any) -> Chunk:
        chunk = Chunk(int(row["first"]), int(row["last"]), b"")
        name = _name(row["response"], chunk)
        return Chunk(chunk.first, chunk.last, self._open(organization, name, row["content"]))


def _name(id_: str, chunk: Chunk) -> str:
    """Where a chunk is sealed for."""
    return f"{id_}#{chunk.first}"


def _close(connection: Connection, which: ColumnElement[bool]) -> bool:
    """Take a run away; false where somebody did before."""
    return connection.execute(delete(RUNS).where(which)).rowcount == 1
