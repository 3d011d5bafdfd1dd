"""The table of decisions: one row a request, one for all denials of a second that are alike."""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

from router.database import WHERE

METADATA: Final = MetaData()

# Kept for `decisions.store_for`; it holds no text of prompts or answers, and no key.
RECORDS: Final = Table(
    "decision_records",
    METADATA,
    Column("decision", String(64), primary_key=True),
    Column("at", BigInteger, nullable=False),  # Unix milliseconds
    Column("organization", Text, nullable=False),
    Column("team", Text),
    Column("key_id", Text),
    Column("tier", Text),
    Column("denied", String(64)),  # the limit; null where it was admitted
    Column("level", String(32)),  # of that limit
    Column("count", Integer, nullable=False),  # how many requests it stands for
    Column("record", LargeBinary, nullable=False),  # JSON: see `router.decisions.entry`
    Index("decision_records_at", "at"),
    Index("decision_records_organization", "organization", "at"),
    # Denials are few among many: who asks for the last ones reads no others.
    Index(
        "decision_records_denied",
        "organization",
        "at",
        info={WHERE: "denied IS NOT NULL"},
    ),
)
