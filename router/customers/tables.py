"""The tables of customers.

Instants are milliseconds of Unix time, but for the oldest columns of `api_keys`, which are times in
UTC. `version` rises with each change of its row, `changed` is the number of the change (the one row
of `customers_version`), so that gateways read what is new and nothing else.
"""

from typing import Any, Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    text,
)

from router.database import LATER

METADATA: Final = MetaData()
NAME_LENGTH: Final = 128


def _json(name: str) -> Column[Any]:
    """A column of JSON; `none_as_null`: None is no value at all."""
    return Column(name, JSON(none_as_null=True), info=LATER)


def _number(name: str, default: int) -> Column[Any]:
    return Column(name, BigInteger, nullable=False, server_default=text(str(default)), info=LATER)


ORGANIZATIONS: Final = Table(
    "organizations",
    METADATA,
    Column("organization", String(NAME_LENGTH), primary_key=True),
    Column("tier", String(NAME_LENGTH), nullable=False),
    Column("timezone", String(64)),
    Column("billing_day", Integer),
    _json("tags"),
    _json("limits"),
    _json("raised"),
    Column("suspended_at", BigInteger),
    Column("suspended_why", Text),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    _number("version", 1),
    _number("changed", 0),
    Index("organizations_changed", "changed"),
    Index("organizations_tier", "tier"),
)
TEAMS: Final = Table(
    "teams",
    METADATA,
    Column("organization", String(NAME_LENGTH), primary_key=True),
    Column("team", String(NAME_LENGTH), primary_key=True),
    Column("parent", String(NAME_LENGTH)),
    _json("tags"),
    _json("limits"),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    _number("version", 1),
)
API_KEYS: Final = Table(
    "api_keys",
    METADATA,
    Column("key_id", String(40), primary_key=True),
    Column("key_hash", LargeBinary(32), nullable=False, unique=True),
    Column("organization", String(NAME_LENGTH), nullable=False),
    Column("team", String(NAME_LENGTH)),
    Column("tier", String(NAME_LENGTH), nullable=False),  # "": the organization's
    Column("created_at", DateTime, nullable=False),
    Column("revoked_at", DateTime),
    Column("name", String(NAME_LENGTH), info=LATER),
    _json("tags"),
    Column("expires_at", BigInteger, info=LATER),
    _json("routes"),
    _json("models"),
    _json("limits"),
    Column("replaced_by", String(40), info=LATER),
    Column("last_used_at", BigInteger, info=LATER),
    Column("created_by", String(300), info=LATER),
    _number("version", 1),
    _number("changed", 0),
    Index("api_keys_revoked_at", "revoked_at"),
)
# Made by name where older tables lack them: see `CustomerStore`.
KEY_INDEXES: Final = (
    Index("api_keys_organization", API_KEYS.c.organization),
    Index("api_keys_changed", API_KEYS.c.changed),
)
CREDITS: Final = Table(
    "credits",
    METADATA,
    Column("id", String(NAME_LENGTH), primary_key=True),
    Column("organization", String(NAME_LENGTH), primary_key=True),
    Column("amount_nano", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("by", String(300), nullable=False),
    Column("note", Text, nullable=False),
    Index("credits_organization", "organization", "at"),
)
# What customers showed of accounts of their own: sealed for their row (`router.customers.vault`).
PROVIDER_CREDENTIALS: Final = Table(
    "provider_credentials",
    METADATA,
    Column("organization", String(NAME_LENGTH), primary_key=True),
    Column("backend", String(NAME_LENGTH), primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
    Column("fingerprint", String(16), nullable=False),
    Column("fallback", Boolean, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("updated_by", String(300), nullable=False),
    Column("last_used_at", BigInteger),
    Column("refused_at", BigInteger),
    Column("refused_why", String(64)),
    Column("version", BigInteger, nullable=False),
)
VERSION: Final = Table(
    "customers_version",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("version", BigInteger, nullable=False),
)
