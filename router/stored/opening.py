"""From what the operator wrote to the store: imported only where there is a key.

`cryptography` comes with the extra `responses`; a gateway that keeps nothing runs without it.
"""

import os
from collections.abc import Sequence

from router.seal import KEY_BYTES, Seal, key_of
from router.stored.conversation_shelf import ConversationShelf
from router.stored.conversation_store import ConversationStore
from router.stored.run_shelf import RunShelf
from router.stored.run_store import RunStore


def open_store(url: str, keys: Sequence[str], *, keep: float, room: int) -> RunStore:
    """Return the store: `keys` in base64, `keep` in seconds, `room` in bytes an organization.

    Without a key nothing that is stored can be read, but all of it can be counted and erased.
    Raises DatabaseError where its tables cannot be made.
    """
    seal = Seal([key_of(key) for key in keys] or [os.urandom(KEY_BYTES)])
    store = RunStore(url, seal, keep_ms=round(keep * 1000), most_bytes=room)
    store.prepare()
    return store


def open_conversations(
    url: str, keys: Sequence[str], *, keep: float, room: int
) -> ConversationStore:
    """Return the store of conversations: see `open_store`. Raises DatabaseError."""
    seal = Seal([key_of(key) for key in keys] or [os.urandom(KEY_BYTES)])
    store = ConversationStore(url, seal, keep_ms=round(keep * 1000), most_bytes=room)
    store.prepare()
    return store


def open_conversation_shelf(
    url: str, keys: Sequence[str], shelf: RunShelf, *, keep: float, room: int
) -> ConversationShelf:
    """Return it as the event loop uses it, on the threads of a shelf. Raises DatabaseError."""
    return ConversationShelf(shelf, open_conversations(url, keys, keep=keep, room=room))


def open_shelf(url: str, keys: Sequence[str], *, keep: float, room: int) -> RunShelf:
    """Return the store as the event loop uses it. Raises DatabaseError."""
    return RunShelf(open_store(url, keys, keep=keep, room=room))
