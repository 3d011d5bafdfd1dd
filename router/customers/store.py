"""What the stores of customers have in common: a transaction that is numbered, and old tables.

Whoever changes customers raises the one row of `customers_version` first. So writers wait for each
other, what one of them read stays true until it has written, and gateways see by one number that
something is new.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy import Connection, func, select, update

from router.customers.errors import Conflict, Missing
from router.customers.records import StoredOrganization, organization_of
from router.customers.rules import Rules, TierRules
from router.customers.tables import (
    API_KEYS,
    KEY_INDEXES,
    METADATA,
    ORGANIZATIONS,
    TEAMS,
    VERSION,
)
from router.database import Database

_ANY: Final = TierRules()


def unix_ms() -> int:
    """This instant."""
    return time.time_ns() // 1_000_000


class CustomerStore:
    """A way into the tables. `rules` are those of the policy in force: without them tiers are not
    checked, and no limits are taken. Every method blocks, and may raise DatabaseError.
    """

    def __init__(self, url: str, rules: Rules = _ANY, now_ms: Callable[[], int] = unix_ms) -> None:
        self.database = Database(url)
        self.rules = rules
        self.now_ms = now_ms
        self.database.make(METADATA)
        self._take_over()

    @contextmanager
    def changing(self) -> Iterator[tuple[Connection, int]]:
        """A transaction, alone among those that change customers, and its number."""
        with self.database.writing() as connection:
            connection.execute(update(VERSION).values(version=VERSION.c.version + 1))
            yield connection, connection.execute(select(VERSION.c.version)).scalar_one()

    def state(self) -> int:
        """The number of the last change of customers."""
        with self.database.reading() as connection:
            return int(connection.execute(select(VERSION.c.version)).scalar() or 0)

    def version(self) -> int | None:
        """A value that differs after any change of the database, or None: see Changes."""
        return self.database.version()

    def close(self) -> None:
        """Give the connections back."""
        self.database.close()

    def _take_over(self) -> None:
        """Make customers of what older tables have, once: whoever adds the first row does it."""
        with self.database.reading() as connection:
            if connection.execute(select(VERSION.c.version)).first() is not None:
                return
        first = self.database.insert(VERSION).values(id=1, version=1).on_conflict_do_nothing()
        with self.database.writing() as connection:
            if connection.execute(first.returning(VERSION.c.id)).first() is None:
                return
            for index in KEY_INDEXES:
                index.create(connection, checkfirst=True)
            _make_customers(self.database, connection, self.now_ms())


def _make_customers(database: Database, connection: Connection, now: int) -> None:
    """A row for each organization of a key, with the tier of its newest key, and for each team."""
    ranked = select(
        API_KEYS.c.organization,
        API_KEYS.c.tier,
        func.row_number()
        .over(
            partition_by=API_KEYS.c.organization,
            order_by=(API_KEYS.c.created_at.desc(), API_KEYS.c.key_id.desc()),
        )
        .label("place"),
    ).subquery()
    newest = select(ranked.c.organization, ranked.c.tier).where(ranked.c.place == 1)
    for organization, tier in connection.execute(newest).all():
        values = {"organization": organization, "tier": tier, "created_at": now, "updated_at": now}
        row = database.insert(ORGANIZATIONS).values(**values, version=1, changed=1)
        connection.execute(row.on_conflict_do_nothing())
    tier_of = (
        select(ORGANIZATIONS.c.tier)
        .where(ORGANIZATIONS.c.organization == API_KEYS.c.organization)
        .scalar_subquery()
    )
    connection.execute(update(API_KEYS).where(API_KEYS.c.tier == tier_of).values(tier=""))
    teams = select(API_KEYS.c.organization, API_KEYS.c.team).where(API_KEYS.c.team.is_not(None))
    for organization, team in connection.execute(teams.distinct()).all():
        values = {"organization": organization, "team": team, "created_at": now, "updated_at": now}
        row = database.insert(TEAMS).values(**values, version=1)
        connection.execute(row.on_conflict_do_nothing())


def find_organization(connection: Connection, name: str) -> StoredOrganization:
    """The customer of this name. Raises Missing."""
    row = connection.execute(select(ORGANIZATIONS).where(ORGANIZATIONS.c.organization == name))
    found = row.one_or_none()
    if found is None:
        raise Missing("organization", f"there is no organization {name!r}")
    return organization_of(found)


def touch(connection: Connection, organization: str, change: int) -> None:
    """Have gateways read the keys of an organization again."""
    its = ORGANIZATIONS.c.organization == organization
    connection.execute(update(ORGANIZATIONS).where(its).values(changed=change))


def expect(version: int, expected: int | None) -> None:
    """Raise Conflict where this is not the version that was expected, if any was."""
    if expected is not None and version != expected:
        raise Conflict(version)
