"""The rows of stored conversations: found, sealed, opened, put there, and erased for room."""

import logging
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final
from uuid import uuid4

import orjson
from sqlalchemy import ColumnElement, Connection, RowMapping, delete, func, insert, select, update

from router.database import Database
from router.seal import Seal, Unreadable
from router.stored.conversation import (
    ConversationLocked,
    KnownItem,
    MissingConversation,
    MissingItem,
    NoRoom,
    StoredConversation,
)
from router.stored.conversation_tables import CONVERSATION_ITEMS, CONVERSATIONS, METADATA

_LOG = logging.getLogger(__name__)
_LEFT: Final = 0.95  # of the room, where some had to be made
_AT_ONCE: Final = 500  # ids in one statement
Item = dict[str, Any]  # with its `id`


def _unix_ms() -> int:
    return time.time_ns() // 1_000_000


class ConversationRows:
    """What the store of conversations is made of; it works on connections that it is given."""

    def __init__(
        self,
        url: str,
        seal: Seal,
        *,
        keep_ms: int,
        most_bytes: int,
        now: Callable[[], int] = _unix_ms,
    ) -> None:
        """A conversation is kept for `keep_ms` after something was last put into it, `most_bytes`
        of each organization: those that were used last.
        """
        self._database = Database(url)
        self._seal = seal
        self._keep_ms = keep_ms
        self._most_bytes = most_bytes
        self._now = now

    def prepare(self) -> None:
        """Make the tables, or see that those that are there are ours."""
        self._database.make(METADATA)

    def close(self) -> None:
        """Give the connections back."""
        self._database.close()

    def _there(self, organization: str, id_: str) -> ColumnElement[bool]:
        return (
            (CONVERSATIONS.c.id == id_)
            & (CONVERSATIONS.c.organization == organization)
            & (CONVERSATIONS.c.expires_at > self._now())
        )

    def _found(self, connection: Connection, organization: str, id_: str) -> StoredConversation:
        """The conversation. Raises MissingConversation."""
        query = select(CONVERSATIONS).where(self._there(organization, id_))
        row = connection.execute(query).mappings().first()
        metadata = None if row is None else self._open(organization, id_, row["content"])
        if row is None or metadata is None:
            raise MissingConversation
        return StoredConversation(id_, int(row["at"]) // 1000, metadata)

    def _item(self, connection: Connection, id_: str, item: str) -> RowMapping:
        """The row of an item. Raises MissingItem."""
        own = CONVERSATION_ITEMS.c.conversation == id_
        query = select(CONVERSATION_ITEMS).where(own, CONVERSATION_ITEMS.c.item == item)
        row = connection.execute(query).mappings().first()
        if row is None:
            raise MissingItem
        return row

    def _change(
        self, connection: Connection, organization: str, id_: str, *only: ColumnElement[bool]
    ) -> bool:
        """Begin a change of its items, where it is there and nothing else speaks against it."""
        now = self._now()
        changed = connection.execute(
            update(CONVERSATIONS)
            .where(self._there(organization, id_), *only)
            .values(
                version=CONVERSATIONS.c.version + 1,
                used_at=now,
                expires_at=now + self._keep_ms,
                holder="",
                held_until=0,
            )
        )
        return changed.rowcount == 1

    def _free(self) -> ColumnElement[bool]:
        """That nobody answers in it."""
        return CONVERSATIONS.c.held_until <= self._now()

    def _refuse(self, connection: Connection, organization: str, id_: str) -> None:
        """Raise what is the matter with a conversation that could not be changed."""
        self._found(connection, organization, id_)
        raise ConversationLocked

    def _put(
        self,
        connection: Connection,
        organization: str,
        id_: str,
        items: Sequence[Item],
        *,
        renamed: bool = False,
    ) -> None:
        """Put items at the end. Raises KnownItem, NoRoom.

        Items whose id is there are `renamed` instead.
        """
        rows = self._sealed(organization, id_, self._named(connection, id_, items, renamed=renamed))
        if not rows:
            return
        own = CONVERSATION_ITEMS.c.conversation == id_
        last = connection.execute(select(func.max(CONVERSATION_ITEMS.c.position)).where(own))
        first = int(last.scalar() or 0) + 1
        for number, row in enumerate(rows):
            row["position"] = first + number
        connection.execute(insert(CONVERSATION_ITEMS), rows)
        size = sum([len(row["content"]) for row in rows])
        more = CONVERSATIONS.c.bytes + size
        connection.execute(
            update(CONVERSATIONS).where(CONVERSATIONS.c.id == id_).values(bytes=more)
        )
        self._make_room(connection, organization, id_)

    def _named(
        self, connection: Connection, id_: str, items: Sequence[Item], *, renamed: bool
    ) -> list[Item]:
        """The items, each with an id that no other has."""
        there: set[str] = set()
        named = CONVERSATION_ITEMS.c.item
        for some in _parts([str(item["id"]) for item in items]):
            query = select(named).where(CONVERSATION_ITEMS.c.conversation == id_, named.in_(some))
            there.update(str(row[0]) for row in connection.execute(query))
        found: list[Item] = []
        for item in items:
            name = str(item["id"])
            if name in there:
                if not renamed:
                    raise KnownItem(name)
                name = f"{name.partition('_')[0][:16]}_{uuid4().hex}"
            there.add(name)
            found.append({**item, "id": name})
        return found

    def _sealed(self, organization: str, id_: str, items: list[Item]) -> list[dict[str, Any]]:
        rows = []
        for item in items:
            text = orjson.dumps(item)
            content = self._closed(organization, _inside(id_, item["id"]), text)
            rows.append(
                {"conversation": id_, "item": item["id"], "size": len(text), "content": content}
            )
        return rows

    def _opened(self, organization: str, rows: Sequence[RowMapping]) -> tuple[bytes, ...]:
        """The items of rows; one that no key opens counts as gone."""
        opened = [
            self._open(organization, _inside(row["conversation"], row["item"]), row["content"])
            for row in rows
        ]
        return tuple([item for item in opened if item is not None])

    def _closed(self, organization: str, place: str, text: bytes) -> bytes:
        return self._seal.close(zlib.compress(text), f"{organization}\0{place}".encode())

    def _open(self, organization: str, place: str, content: bytes) -> bytes | None:
        """What was stored; None where no key opens it, and the log says so."""
        try:
            packed = self._seal.open(bytes(content), f"{organization}\0{place}".encode())
        except Unreadable as error:
            _LOG.error(
                "what is stored of a conversation cannot be opened",
                extra={"stored": place.partition("\0")[0], "reason": str(error)},
            )
            return None
        return zlib.decompress(packed)

    def _make_room(self, connection: Connection, organization: str, id_: str) -> None:
        """Erase what an organization used last longest ago, where it has more than it may have.

        Raises NoRoom where this conversation alone is more.
        """
        own = CONVERSATIONS.c.organization == organization
        total = connection.execute(select(func.sum(CONVERSATIONS.c.bytes)).where(own)).scalar()
        if total is None or int(total) <= self._most_bytes:
            return
        newest = (
            (CONVERSATIONS.c.id == id_).desc(),
            CONVERSATIONS.c.used_at.desc(),
            CONVERSATIONS.c.id.desc(),
        )
        sums = func.sum(CONVERSATIONS.c.bytes).over(order_by=newest).label("sum")
        rank = func.row_number().over(order_by=newest).label("rank")
        counted = select(CONVERSATIONS.c.id, CONVERSATIONS.c.bytes, sums, rank).where(own)
        rows = connection.execute(counted).all()
        if any(row.rank == 1 and row.bytes > self._most_bytes for row in rows):
            raise NoRoom
        over = [str(row.id) for row in rows if row.rank > 1 and row.sum > self._most_bytes * _LEFT]
        for some in _parts(over):
            forget(connection, CONVERSATIONS.c.id.in_(some))


def forget(connection: Connection, which: ColumnElement[bool]) -> int:
    """Erase conversations and their items; returns how many there were."""
    ids = [str(row[0]) for row in connection.execute(select(CONVERSATIONS.c.id).where(which))]
    for some in _parts(ids):
        connection.execute(
            delete(CONVERSATION_ITEMS).where(CONVERSATION_ITEMS.c.conversation.in_(some))
        )
        connection.execute(delete(CONVERSATIONS).where(CONVERSATIONS.c.id.in_(some)))
    return len(ids)


def _inside(id_: str, item: str) -> str:
    return f"{id_}\0{item}"


def _parts(names: list[str]) -> Iterator[list[str]]:
    """So many of them as a statement may name."""
    for first in range(0, len(names), _AT_ONCE):
        yield names[first : first + _AT_ONCE]
