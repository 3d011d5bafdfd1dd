"""The table of what organizations have at providers: ids and sizes, and nothing of the contents."""

from typing import Final

from sqlalchemy import BigInteger, Column, Index, LargeBinary, MetaData, String, Table

METADATA: Final = MetaData()

# One row a file or batch, until its customer deletes it, or the provider knows it no longer.
OWNED: Final = Table(
    "owned_resources",
    METADATA,
    Column("id", String(256), primary_key=True),
    Column("family", String(32), primary_key=True),
    Column("backend", String(128), nullable=False),
    Column("organization", String(128), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("state", String(16), nullable=False),
    Column("at", BigInteger, nullable=False),  # Unix milliseconds
    Column("size", BigInteger, nullable=False),  # bytes
    Column("bound", LargeBinary, nullable=False),  # numbers and names of backends, as JSON
    Column("source", String(256), nullable=False),
    Column("hold", String(64), nullable=False),
    Column("purpose", String(64), nullable=False),
    Column("look_at", BigInteger, nullable=False),  # Unix milliseconds
    Index("owned_resources_organization", "organization", "family", "kind", "at"),
    Index("owned_resources_look_at", "look_at"),
)
