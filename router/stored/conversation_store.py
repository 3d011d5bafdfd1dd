"""Stored conversations in SQL, beside the responses: see `router.stored.store`.

Theory of operation. Every statement names the organization: what another one stored is not there.
A response that is to be put into a conversation holds it from the moment the conversation was read
until its items are put there, in one transaction that gives it back: so they are put there once, in
order, and nobody answers to half a conversation. A hold that is not renewed ends by itself.

What changes items begins with an UPDATE of the conversation's row, so that two of them follow each
other.
"""

from collections.abc import Callable, Sequence
from typing import Final

from sqlalchemy import delete, func, insert, select, update

from router.stored.conversation import (
    ItemPage,
    MissingConversation,
    MissingItem,
    NoRoom,
    Reading,
    StoredConversation,
)
from router.stored.conversation_rows import ConversationRows, Item, forget
from router.stored.conversation_tables import CONVERSATION_ITEMS, CONVERSATIONS
from router.stored.response import TooMuch

LEASE_MS: Final = 15_000  # how long a hold outlives its gateway


class _TooLate(Exception):
    """Nobody waits for what was to be done: undo it."""


class ConversationStore(ConversationRows):
    """Every method is one short transaction that blocks, and may raise DatabaseError. All that name
    a conversation raise MissingConversation where it is not there.
    """

    def create(
        self, organization: str, id_: str, metadata: bytes, items: Sequence[Item]
    ) -> StoredConversation:
        """Make a conversation. Raises KnownItem where two items have one id, NoRoom."""
        now = self._now()
        content = self._closed(organization, id_, metadata)
        row = {
            "id": id_,
            "organization": organization,
            "at": now,
            "used_at": now,
            "expires_at": now + self._keep_ms,
            "version": 0,
            "holder": "",
            "held_until": 0,
            "bytes": len(content),
            "content": content,
        }
        with self._database.writing() as connection:
            connection.execute(insert(CONVERSATIONS).values(**row))
            forget(connection, CONVERSATIONS.c.expires_at <= now)
            self._put(connection, organization, id_, items)
            self._make_room(connection, organization, id_)
        return StoredConversation(id_, now // 1000, metadata)

    def get(self, organization: str, id_: str) -> StoredConversation:
        """Return a conversation."""
        with self._database.reading() as connection:
            return self._found(connection, organization, id_)

    def update(self, organization: str, id_: str, metadata: bytes) -> StoredConversation:
        """Give a conversation other metadata."""
        content = self._closed(organization, id_, metadata)
        size = CONVERSATIONS.c.bytes - func.length(CONVERSATIONS.c.content) + len(content)
        change = update(CONVERSATIONS).where(self._there(organization, id_))
        with self._database.writing() as connection:
            connection.execute(change.values(bytes=size, content=content))
            return self._found(connection, organization, id_)

    def delete(self, organization: str, id_: str) -> None:
        """Erase a conversation; what is on its way into it is not put there."""
        with self._database.writing() as connection:
            if not forget(connection, self._there(organization, id_)):
                raise MissingConversation

    def page(
        self, organization: str, id_: str, *, after: str | None, limit: int, ascending: bool
    ) -> ItemPage:
        """Return items behind one of them. Raises MissingItem where that is not there."""
        position = CONVERSATION_ITEMS.c.position
        query = select(CONVERSATION_ITEMS).where(CONVERSATION_ITEMS.c.conversation == id_)
        with self._database.reading() as connection:
            self._found(connection, organization, id_)
            if after is not None:
                start = int(self._item(connection, id_, after)["position"])
                query = query.where(position > start if ascending else position < start)
            query = query.order_by(position if ascending else position.desc()).limit(limit + 1)
            rows = connection.execute(query).mappings().all()
        return ItemPage(self._opened(organization, rows[:limit]), len(rows) > limit)

    def item(self, organization: str, id_: str, item: str) -> bytes:
        """Return one item. Raises MissingItem."""
        with self._database.reading() as connection:
            self._found(connection, organization, id_)
            found = self._opened(organization, [self._item(connection, id_, item)])
        if not found:
            raise MissingItem
        return found[0]

    def add(self, organization: str, id_: str, items: Sequence[Item]) -> None:
        """Put items at the end. Raises ConversationLocked, KnownItem, NoRoom."""
        with self._database.writing() as connection:
            if not self._change(connection, organization, id_, self._free()):
                self._refuse(connection, organization, id_)
            self._put(connection, organization, id_, items)

    def remove(self, organization: str, id_: str, item: str) -> StoredConversation:
        """Erase one item. Raises ConversationLocked, MissingItem."""
        with self._database.writing() as connection:
            if not self._change(connection, organization, id_, self._free()):
                self._refuse(connection, organization, id_)
            row = self._item(connection, id_, item)
            own = CONVERSATION_ITEMS.c.conversation == id_
            which = own & (CONVERSATION_ITEMS.c.position == row["position"])
            connection.execute(delete(CONVERSATION_ITEMS).where(which))
            less = CONVERSATIONS.c.bytes - len(row["content"])
            whole = update(CONVERSATIONS).where(CONVERSATIONS.c.id == id_)
            connection.execute(whole.values(bytes=less))
            return self._found(connection, organization, id_)

    def read(self, organization: str, id_: str, *, most_bytes: int) -> Reading:
        """Return all of it, the oldest first. Raises TooMuch where its items are larger."""
        own = CONVERSATION_ITEMS.c.conversation == id_
        version = select(CONVERSATIONS.c.version).where(self._there(organization, id_))
        query = select(CONVERSATION_ITEMS).where(own).order_by(CONVERSATION_ITEMS.c.position)
        with self._database.reading() as connection:
            # Looked at first: what is put there meanwhile is found out when it is held.
            read = connection.execute(version).scalar()
            if read is None:
                raise MissingConversation
            sizes = select(func.sum(CONVERSATION_ITEMS.c.size)).where(own)
            if int(connection.execute(sizes).scalar() or 0) > most_bytes:
                raise TooMuch
            rows = connection.execute(query).mappings().all()
        return Reading(int(read), self._opened(organization, rows))

    def hold(self, organization: str, id_: str, version: int, holder: str) -> None:
        """Keep everybody else from changing its items: for LEASE_MS, or as long as it is renewed.

        Raises ConversationLocked where somebody holds it, or it is no longer as it was read.
        """
        until = self._now() + LEASE_MS
        which = self._there(organization, id_) & (CONVERSATIONS.c.version == version)
        change = update(CONVERSATIONS).where(which, self._free())
        with self._database.writing() as connection:
            held = connection.execute(change.values(holder=holder, held_until=until))
            if held.rowcount != 1:
                self._refuse(connection, organization, id_)

    def renew(self, id_: str, holder: str) -> bool:
        """Hold it longer; False where it is no longer held by this holder."""
        return self._set_until(id_, holder, self._now() + LEASE_MS)

    def release(self, id_: str, holder: str) -> bool:
        """Hold it no longer; False where that was so already."""
        return self._set_until(id_, holder, 0)

    def append(
        self,
        organization: str,
        id_: str,
        holder: str,
        items: Sequence[Item],
        claim: Callable[[], bool] = lambda: True,
    ) -> bool:
        """Put at the end what was said while it was held, and hold it no longer.

        Items whose id is there already get another one. False, and nothing is put there, where it
        is no longer held by this holder, is gone, or has no room; or where `claim`, asked last,
        says that nobody waits for it any more.
        """
        mine = CONVERSATIONS.c.holder == holder
        try:
            with self._database.writing() as connection:
                if not self._change(connection, organization, id_, mine):
                    return False
                self._put(connection, organization, id_, items, renamed=True)
                if not claim():
                    raise _TooLate
        except (NoRoom, _TooLate):
            return False
        return True

    def erase(self, organization: str) -> int:
        """Erase every conversation of an organization; returns how many there were."""
        with self._database.writing() as connection:
            return forget(connection, CONVERSATIONS.c.organization == organization)

    def totals(self) -> dict[str, tuple[int, int]]:
        """Return the conversations of each organization and their bytes, expired ones included."""
        organization = CONVERSATIONS.c.organization
        query = select(organization, func.count(), func.sum(CONVERSATIONS.c.bytes))
        with self._database.reading() as connection:
            rows = connection.execute(query.group_by(organization)).all()
        return {str(row[0]): (int(row[1]), int(row[2])) for row in rows}

    def sweep(self) -> int:
        """Erase what expired; returns how many there were."""
        with self._database.writing() as connection:
            return forget(connection, CONVERSATIONS.c.expires_at <= self._now())

    def _set_until(self, id_: str, holder: str, until: int) -> bool:
        which = (CONVERSATIONS.c.id == id_) & (CONVERSATIONS.c.holder == holder)
        values = {"held_until": until} | ({} if until else {"holder": ""})
        with self._database.writing() as connection:
            done = connection.execute(update(CONVERSATIONS).where(which).values(**values))
        return done.rowcount == 1
