"""The tables of stored conversations. What was said stands in `content` alone, sealed."""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    UniqueConstraint,
)

METADATA: Final = MetaData()

# One row a conversation, until it is deleted, was not used for long, or newer ones of its
# organization need the room. Whoever answers in it holds it: `holder`, until `held_until`.
CONVERSATIONS: Final = Table(
    "stored_conversations",
    METADATA,
    Column("id", String(64), primary_key=True),
    Column("organization", String(128), nullable=False),
    Column("at", BigInteger, nullable=False),  # when it was made, in Unix milliseconds
    Column("used_at", BigInteger, nullable=False),  # when something was last put into it
    Column("expires_at", BigInteger, nullable=False),
    Column("version", BigInteger, nullable=False),  # of its items
    Column("holder", String(64), nullable=False),
    Column("held_until", BigInteger, nullable=False),
    Column("bytes", BigInteger, nullable=False),  # of `content` and of its items'
    Column("content", LargeBinary, nullable=False),  # metadata, as JSON, as that of an item
    Index("stored_conversations_organization", "organization", "used_at", "bytes"),
    Index("stored_conversations_expires_at", "expires_at"),
)

# One row an item. Positions grow; those of items that were deleted are not given again.
CONVERSATION_ITEMS: Final = Table(
    "stored_conversation_items",
    METADATA,
    Column("conversation", String(64), nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("item", String(128), nullable=False),
    Column("size", Integer, nullable=False),  # of the item before it was compressed
    Column("content", LargeBinary, nullable=False),  # router.seal over zlib over JSON
    PrimaryKeyConstraint("conversation", "position"),
    UniqueConstraint("conversation", "item"),
)
