"""The tables of the loop: what was decided, how it turned out, and the cards learned from it.

Only `prompts` holds text of prompts, and it stays empty unless the operator asks for it.
"""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
)

METADATA: Final = MetaData()

# One row a decision that the classifier scored, kept until `outcomes.keep` newer ones are there.
DECISIONS: Final = Table(
    "decisions",
    METADATA,
    Column("decision", String(64), primary_key=True),
    Column("at", BigInteger, nullable=False),  # Unix milliseconds
    Column("organization", String(128), nullable=False),
    Column("route", String(128), nullable=False),
    Column("backend", String(128), nullable=False),
    Column("ability", String(128), nullable=False),
    Column("predicted", Float, nullable=False),
    Column("classifier", String(64), nullable=False),  # whose z and embedding these are
    Column("z", LargeBinary, nullable=False),  # float32, little-endian
    Column("embedding", LargeBinary, nullable=False),
    Index("decisions_at", "at"),
)

# One row an opinion: by a customer, whichever of its keys gave it, by a verifier of the cascade, or
# by a shadow audit.
OUTCOMES: Final = Table(
    "outcomes",
    METADATA,
    Column("decision", String(64), nullable=False),
    Column("source", String(16), nullable=False),  # feedback, verifier, audit
    Column("by", String(64), nullable=False),  # organization, `cascade`, judge
    Column("at", BigInteger, nullable=False),
    Column("organization", String(128), nullable=False),
    Column("route", String(128), nullable=False),
    Column("backend", String(128), nullable=False),
    Column("ability", String(128), nullable=False),
    Column("predicted", Float, nullable=False),
    Column("score", Float, nullable=False),
    Column("classifier", String(64), nullable=False),
    Column("z", LargeBinary, nullable=False),
    Column("embedding", LargeBinary, nullable=False),
    PrimaryKeyConstraint("decision", "source", "by"),
    Index("outcomes_ability", "ability", "at"),
)

# One row a prompt, where `outcomes.prompts` is on: what outlives the classifier that read it.
PROMPTS: Final = Table(
    "outcome_prompts",
    METADATA,
    Column("decision", String(64), primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("asked", LargeBinary, nullable=False),  # JSON: messages and tools, as the client sent
    Index("outcome_prompts_at", "at"),
)

# Every card that was ever in force, by name and number. Where none is active, the shipped card is.
CARDS: Final = Table(
    "ability_cards",
    METADATA,
    Column("name", String(128), nullable=False),
    Column("number", Integer, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("classifier", String(64), nullable=False),
    Column("card", LargeBinary, nullable=False),
    Column("reason", String(512), nullable=False),
    Column("active", Boolean, nullable=False),
    PrimaryKeyConstraint("name", "number"),
)

# Cards that were rolled back: they are never restored, nor learnt from the outcomes of that time.
ROLLBACKS: Final = Table(
    "card_rollbacks",
    METADATA,
    Column("name", String(128), nullable=False),
    Column("number", Integer, nullable=False),
    Column("at", BigInteger, nullable=False),
    PrimaryKeyConstraint("name", "number"),
)

# When a refit of each card was last tried, by whichever replica came first.
ATTEMPTS: Final = Table(
    "card_attempts",
    METADATA,
    Column("name", String(128), primary_key=True),
    Column("at", BigInteger, nullable=False),
)
