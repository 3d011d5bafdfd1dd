"""The tables of stored responses. What was asked and answered stands in `content` alone, sealed."""

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
)

METADATA: Final = MetaData()

# One row a response, until it expires, is deleted, or newer ones of its organization need the room.
RESPONSES: Final = Table(
    "stored_responses",
    METADATA,
    Column("id", String(64), primary_key=True),
    Column("organization", String(128), nullable=False),
    Column("previous", String(64)),
    Column("at", BigInteger, nullable=False),  # Unix milliseconds
    Column("expires_at", BigInteger, nullable=False),
    Column("bytes", Integer, nullable=False),  # of `content` and of its items'
    Column("size", Integer, nullable=False),  # of the document before it was compressed
    Column("content", LargeBinary, nullable=False),  # router.seal over zlib over JSON
    Index("stored_responses_organization", "organization", "at", "bytes"),
    Index("stored_responses_expires_at", "expires_at"),
)

# One row an item that was answered: clients name items by their ids.
ITEMS: Final = Table(
    "stored_items",
    METADATA,
    Column("organization", String(128), nullable=False),
    Column("item", String(128), nullable=False),
    Column("response", String(64), nullable=False),
    Column("size", Integer, nullable=False),
    Column("content", LargeBinary, nullable=False),  # as that of a response
    PrimaryKeyConstraint("organization", "item"),
    Index("stored_items_response", "response"),
)

# One row a response that a gateway still works on; whoever takes it away ends the response.
RUNS: Final = Table(
    "stored_runs",
    METADATA,
    Column("id", String(64), primary_key=True),
    Column("organization", String(128), nullable=False),
    Column("beat_at", BigInteger, nullable=False),  # Unix milliseconds: its gateway was alive
    Index("stored_runs_organization", "organization"),
)

# What was told of a response in the background, some events a row, until its response goes.
EVENTS: Final = Table(
    "stored_events",
    METADATA,
    Column("organization", String(128), nullable=False),
    Column("response", String(64), nullable=False),
    Column("first", Integer, nullable=False),  # of their numbers
    Column("last", Integer, nullable=False),
    Column("content", LargeBinary, nullable=False),  # as that of a response
    PrimaryKeyConstraint("response", "first"),
)
