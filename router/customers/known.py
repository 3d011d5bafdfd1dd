"""What gateways know of customers: read whole at their start, and then what is new."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Select, func, or_, select

from router.customers.records import (
    CalendarWords,
    SealedCredential,
    StoredKey,
    StoredOrganization,
    StoredTeam,
    key_of,
    organization_of,
    team_of,
)
from router.customers.tables import (
    API_KEYS,
    ORGANIZATIONS,
    PROVIDER_CREDENTIALS,
    TEAMS,
    VERSION,
)
from router.database import Database

EVERYTHING: Final = -1


class Known(NamedTuple):
    """Customers as of a change. `keys` are those that changed, or whose organization did, by their
    hash; of everything, those alone that are not revoked. `credentials` are what `organizations`
    have of their own."""

    change: int
    organizations: Mapping[str, StoredOrganization]
    teams: Mapping[str, Sequence[StoredTeam]]  # by organization
    keys: Sequence[tuple[bytes, StoredKey]]
    credentials: Mapping[str, Sequence[SealedCredential]] = {}  # by organization


def read_known(database: Database, since: int = EVERYTHING) -> Known:
    """Read what changed since a change."""
    with database.reading() as connection:
        # The number first: what is stored meanwhile is read twice, and never missed.
        change = int(connection.execute(select(VERSION.c.version)).scalar() or 0)
        organizations, teams, keys, credentials = _queries(since)
        found = [organization_of(row) for row in connection.execute(organizations)]
        of: dict[str, list[StoredTeam]] = {}
        for row in connection.execute(teams):
            of.setdefault(row.organization, []).append(team_of(row))
        rows = connection.execute(keys)
        return Known(
            change,
            {each.organization: each for each in found},
            of,
            [(bytes(row.key_hash), key_of(row)) for row in rows],
            _sealed(connection, credentials),
        )


def _sealed(connection: Connection, query: Select[Any]) -> dict[str, list[SealedCredential]]:
    of: dict[str, list[SealedCredential]] = {}
    for row in connection.execute(query):
        sealed = SealedCredential(row.backend, bytes(row.sealed), row.fallback, row.version)
        of.setdefault(row.organization, []).append(sealed)
    return of


def _queries(since: int) -> tuple[Select[Any], Select[Any], Select[Any], Select[Any]]:
    if since == EVERYTHING:
        working = select(API_KEYS).where(API_KEYS.c.revoked_at.is_(None))
        return select(ORGANIZATIONS), select(TEAMS), working, select(PROVIDER_CREDENTIALS)
    new = select(ORGANIZATIONS.c.organization).where(ORGANIZATIONS.c.changed > since)
    of_keys = select(API_KEYS.c.organization).where(API_KEYS.c.changed > since)
    theirs = or_(ORGANIZATIONS.c.changed > since, ORGANIZATIONS.c.organization.in_(of_keys))
    in_teams = or_(TEAMS.c.organization.in_(new), TEAMS.c.organization.in_(of_keys))
    named = select(ORGANIZATIONS.c.organization).where(theirs)
    keys = or_(API_KEYS.c.changed > since, API_KEYS.c.organization.in_(new))
    return (
        select(ORGANIZATIONS).where(theirs),
        select(TEAMS).where(in_teams),
        select(API_KEYS).where(keys),
        select(PROVIDER_CREDENTIALS).where(PROVIDER_CREDENTIALS.c.organization.in_(named)),
    )


def read_tiers(database: Database) -> dict[str, tuple[int, int]]:
    """How many organizations have each tier, and how many working keys count by it. Makes no
    tables."""
    organizations = select(ORGANIZATIONS.c.tier, func.count()).group_by(ORGANIZATIONS.c.tier)
    tier = func.coalesce(func.nullif(API_KEYS.c.tier, ""), ORGANIZATIONS.c.tier, "")
    its = ORGANIZATIONS.c.organization == API_KEYS.c.organization
    each = select(tier.label("tier")).select_from(API_KEYS.outerjoin(ORGANIZATIONS, its))
    working = each.where(API_KEYS.c.revoked_at.is_(None)).subquery()
    keys = select(working.c.tier, func.count()).group_by(working.c.tier)
    with database.reading() as connection:
        of = {str(name): (int(count), 0) for name, count in connection.execute(organizations)}
        for name, count in connection.execute(keys):
            of[name] = (of.get(name, (0, 0))[0], int(count))
    return of


def read_calendars(database: Database) -> dict[str, CalendarWords]:
    """The organizations that have a time zone or a billing day of their own. Makes no tables."""
    columns = (ORGANIZATIONS.c.organization, ORGANIZATIONS.c.timezone, ORGANIZATIONS.c.billing_day)
    own = or_(ORGANIZATIONS.c.timezone.is_not(None), ORGANIZATIONS.c.billing_day.is_not(None))
    with database.reading() as connection:
        return {
            name: (zone, day) for name, zone, day in connection.execute(select(*columns).where(own))
        }
