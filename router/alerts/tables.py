"""The tables of alerts: what was told, how deliveries went, who takes no more, what was claimed.

No row holds a prompt, an answer or a key.
"""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
)
from sqlalchemy import Text as LongText

METADATA: Final = MetaData()

ALERTS: Final = Table(
    "alerts",
    METADATA,
    Column("id", String(64), primary_key=True),
    Column("kind", String(64), nullable=False),
    Column("at", BigInteger, nullable=False),  # Unix milliseconds, as all instants here
    Column("organization", String(128), nullable=False),
    Column("text", LongText, nullable=False),
    Column("facts", LongText, nullable=False),  # JSON
    Index("alerts_at", "at"),
)

# One row an alert and destination. While it waits, `next_at` is when somebody may try: who tries
# moves it on first, so that nobody else does meanwhile, and somebody does if that process dies.
DELIVERIES: Final = Table(
    "alert_deliveries",
    METADATA,
    Column("alert", String(64), nullable=False),
    Column("destination", String(128), nullable=False),
    Column("state", String(16), nullable=False),  # waiting, sent, failed, dropped, disabled
    Column("tries", Integer, nullable=False),
    Column("begun_at", BigInteger, nullable=False),
    Column("next_at", BigInteger, nullable=False),
    Column("done_at", BigInteger),
    Column("said", String(256), nullable=False),  # what came back last
    PrimaryKeyConstraint("alert", "destination"),
    Index("alert_deliveries_due", "state", "next_at"),
)

# Destinations that said they are gone (410). `place` is a hash of their address: another address
# under the same name is asked again.
DISABLED: Final = Table(
    "alert_destinations_disabled",
    METADATA,
    Column("destination", String(128), primary_key=True),
    Column("place", String(64), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("why", String(256), nullable=False),
)

# What was claimed while the ledger was away, by a hash of its name.
CLAIMS: Final = Table(
    "alert_claims",
    METADATA,
    Column("name", String(64), primary_key=True),
    Column("until", BigInteger, nullable=False),
)
