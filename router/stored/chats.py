"""Kept chats: rows of the same table as responses, under names of their own.

One thing differs: a server's ids need not be one each, so that a chat takes the place of an earlier
one with its name.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

from sqlalchemy import and_, or_, select, update

from router.seal import Seal, key_of
from router.stored.page import Page
from router.stored.response import MissingResponse, StoredResponse, TooMuch
from router.stored.shelf import Shelf
from router.stored.store import ResponseStore
from router.stored.tables import RESPONSES

MOST_LOOKED_AT: Final = 10_000  # chats, by one listing
_AT_ONCE: Final = 100  # rows that are read in one go


class ChatStore(ResponseStore):
    """The chats among what is stored of an organization, whose room they share."""

    def add(self, organization: str, response: StoredResponse) -> bool:
        """Store a chat in the place of one with its name; see `ResponseStore.add`."""
        self.delete(organization, response.id)
        return super().add(organization, response)

    def change(
        self, organization: str, id_: str, changed: Callable[[bytes], bytes]
    ) -> StoredResponse:
        """Store another document in the place of one; return it. Raises MissingResponse."""
        mine = (RESPONSES.c.id == id_, *self._there(organization))
        with self._database.writing() as connection:
            row = connection.execute(select(RESPONSES).where(*mine).with_for_update()).mappings()
            found = row.first()
            if found is None:
                raise MissingResponse(id_)
            document = changed(self._opened(organization, found).document)
            content = self._closed(organization, id_, document)
            sizes = {"bytes": len(content), "size": len(document)}
            connection.execute(update(RESPONSES).where(*mine).values(content=content, **sizes))
        return StoredResponse(id_, None, document)

    def page(self, organization: str, page: Page) -> tuple[list[StoredResponse], bool]:
        """Return a part of a listing by the time of storing, and whether there is more.

        Raises MissingResponse where there is nothing to go on behind, TooMuch where more than
        MOST_LOOKED_AT would have to be looked at.
        """
        found: list[StoredResponse] = []
        with self._database.reading() as connection:
            last = None if page.after is None else self._row(connection, organization, page.after)
            for _ in range(MOST_LOOKED_AT // _AT_ONCE):
                rows = connection.execute(self._behind(organization, page, last)).mappings().all()
                for row in rows:
                    one = self._opened(organization, row)
                    if page.wanted is None or page.wanted(one.document):
                        found.append(one)
                        if len(found) > page.most:
                            return found[:-1], True
                if len(rows) < _AT_ONCE:
                    return found, False
                last = rows[-1]
        raise TooMuch

    def _row(self, connection: Any, organization: str, id_: str) -> Any:
        query = select(RESPONSES).where(RESPONSES.c.id == id_, *self._there(organization))
        row = connection.execute(query).mappings().first()
        if row is None:
            raise MissingResponse(id_)
        return row

    def _behind(self, organization: str, page: Page, last: Any) -> Any:
        """The next rows behind `last`, None for the first."""
        at, id_ = RESPONSES.c.at, RESPONSES.c.id
        named = id_.startswith(page.prefix, autoescape=True)
        query = select(RESPONSES).where(named, *self._there(organization)).limit(_AT_ONCE)
        if page.descending:
            query = query.order_by(at.desc(), id_.desc())
        else:
            query = query.order_by(at, id_)
        if last is None:
            return query
        beyond = at < last["at"] if page.descending else at > last["at"]
        later = id_ < last["id"] if page.descending else id_ > last["id"]
        return query.where(or_(beyond, and_(at == last["at"], later)))


class ChatShelf(Shelf):
    """The same, for callers that may not wait long. Nobody starts it: the responses' own shelf
    erases what expires of both."""

    def __init__(self, store: ChatStore) -> None:
        super().__init__(store)
        self._chats = store

    async def change(
        self, organization: str, id_: str, changed: Callable[[bytes], bytes]
    ) -> StoredResponse:
        """See `ChatStore.change`. Raises Unavailable besides."""
        return await self._asked(
            organization, lambda: self._chats.change(organization, id_, changed)
        )

    async def page(self, organization: str, page: Page) -> tuple[list[StoredResponse], bool]:
        """See `ChatStore.page`. Raises Unavailable besides."""
        return await self._asked(organization, lambda: self._chats.page(organization, page))


def open_chats(url: str, keys: Sequence[str], *, keep: float, room: int) -> ChatShelf:
    """Return the shelf: see `router.stored.opening.open_store`. Raises DatabaseError."""
    seal = Seal([key_of(key) for key in keys])
    store = ChatStore(url, seal, keep_ms=round(keep * 1000), most_bytes=room)
    store.prepare()
    return ChatShelf(store)
