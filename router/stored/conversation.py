"""What is stored of a conversation, and why it cannot be had or written to: no database here."""

from policies.value import value


@value
class StoredConversation:
    """One conversation but for its items: `metadata` is JSON, `created_at` in seconds of Unix
    time.
    """

    id: str
    created_at: int
    metadata: bytes


@value
class ItemPage:
    """Some items of a conversation in the order that was asked for, each as JSON; `more`: there are
    others behind them.
    """

    items: tuple[bytes, ...]
    more: bool


@value
class Reading:
    """A whole conversation as it was read: `version` differs after any change of its items."""

    version: int
    items: tuple[bytes, ...]


class MissingConversation(Exception):
    """There is no conversation with this id, or no longer."""


class MissingItem(Exception):
    """The conversation has no item with this id."""


class ConversationLocked(Exception):
    """A response is on its way into the conversation, or one has come since it was read."""


class KnownItem(Exception):
    """The conversation has an item with this id already."""

    def __init__(self, id_: str) -> None:
        super().__init__(id_)
        self.id = id_


class NoRoom(Exception):
    """The conversation alone is larger than what an organization may have."""
