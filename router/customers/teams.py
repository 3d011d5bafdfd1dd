"""Teams of organizations, and of which team each is a part."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from router.customers import fields
from router.customers.errors import Exists, Invalid, Missing
from router.customers.records import StoredTeam, team_of
from router.customers.store import CustomerStore, expect, find_organization, touch
from router.customers.tables import API_KEYS, TEAMS


class TeamStore(CustomerStore):
    """Teams in SQL. A team's limits are each team's own: parents' are what its own stand in place
    of, and are not shared.

    Every method is one short transaction, blocks, and may raise CustomerError or DatabaseError.
    """

    def create(
        self,
        organization: str,
        team: str,
        *,
        parent: str | None = None,
        tags: Sequence[str] = (),
        limits: Mapping[str, Any] | None = None,
    ) -> StoredTeam:
        """Make a team. Raises Missing (its organization), Exists, Invalid."""
        now = self.now_ms()
        values: dict[str, Any] = {
            "organization": organization,
            "team": fields.name(team, "team"),
            "parent": fields.maybe_name(parent, "parent"),
            "tags": fields.tags(tags),
            "limits": self.rules.limits("team", limits or {}),
            "created_at": now,
            "updated_at": now,
        }
        with self.changing() as (connection, change):
            find_organization(connection, organization)
            if _find(connection, organization, team) is not None:
                raise Exists("team", f"there is a team {team!r} already")
            _check_parent(connection, organization, team, parent)
            connection.execute(insert(TEAMS).values(**values, version=1))
            touch(connection, organization, change)
            return _found(connection, organization, team)

    def get(self, organization: str, team: str) -> StoredTeam | None:
        """Return a team; None where there is no such one."""
        with self.database.reading() as connection:
            return _find(connection, organization, team)

    def page(self, organization: str, after: str | None = None, most: int = 50) -> list[StoredTeam]:
        """The teams of an organization behind a name, by name."""
        query = select(TEAMS).where(TEAMS.c.organization == organization).order_by(TEAMS.c.team)
        if after is not None:
            query = query.where(TEAMS.c.team > after)
        with self.database.reading() as connection:
            return [team_of(row) for row in connection.execute(query.limit(most))]

    def change(
        self, organization: str, team: str, expected: int | None = None, **changes: Any
    ) -> StoredTeam:
        """Change `parent`, `tags` or `limits`, each as a whole. Raises Missing, Conflict, Invalid;
        Invalid, too, where a team would be a part of itself."""
        checks: Mapping[str, Callable[[Any, str], Any]] = {
            "parent": fields.maybe_name,
            "tags": fields.tags,
            "limits": lambda value, field: self.rules.limits("team", value or {}, field),
        }
        values = fields.checked(changes, checks)
        with self.changing() as (connection, change):
            row = _found(connection, organization, team)
            expect(row.version, expected)
            _check_parent(connection, organization, team, values.get("parent"))
            values |= {"updated_at": self.now_ms(), "version": row.version + 1}
            its = (TEAMS.c.organization == organization, TEAMS.c.team == team)
            connection.execute(update(TEAMS).where(*its).values(**values))
            touch(connection, organization, change)
            return _found(connection, organization, team)

    def remove(self, organization: str, team: str, expected: int | None = None) -> None:
        """Remove a team that has neither working keys nor parts. Raises Missing, Conflict, Invalid.
        What it used stays in the books."""
        its = (TEAMS.c.organization == organization, TEAMS.c.team == team)
        of_it = (API_KEYS.c.organization == organization, API_KEYS.c.team == team)
        parts = (TEAMS.c.organization == organization, TEAMS.c.parent == team)
        with self.changing() as (connection, change):
            expect(_found(connection, organization, team).version, expected)
            working = select(func.count()).where(*of_it, API_KEYS.c.revoked_at.is_(None))
            if keys := connection.execute(working).scalar_one():
                raise Invalid("team", f"has {keys} working keys; revoke or move them first")
            if connection.execute(select(func.count()).where(*parts)).scalar_one():
                raise Invalid("team", "has teams within it; move or remove them first")
            connection.execute(delete(TEAMS).where(*its))
            touch(connection, organization, change)


def _find(connection: Connection, organization: str, team: str) -> StoredTeam | None:
    its = (TEAMS.c.organization == organization, TEAMS.c.team == team)
    row = connection.execute(select(TEAMS).where(*its)).one_or_none()
    return None if row is None else team_of(row)


def _found(connection: Connection, organization: str, team: str) -> StoredTeam:
    found = _find(connection, organization, team)
    if found is None:
        raise Missing("team", f"organization {organization!r} has no team {team!r}")
    return found


def _check_parent(connection: Connection, organization: str, team: str, parent: str | None) -> None:
    """Raise Invalid where there is no such parent, or where it is a part of the team."""
    if parent is None:
        return
    query = select(TEAMS.c.team, TEAMS.c.parent).where(TEAMS.c.organization == organization)
    parents = {row.team: row.parent for row in connection.execute(query)}
    if parent != team and parent not in parents:
        raise Invalid("parent", f"organization {organization!r} has no team {parent!r}")
    way = [team]
    at: str | None = parent
    while at is not None and at not in way:
        way.append(at)
        at = parents.get(at)
    if at == team:
        raise Invalid("parent", f"a team would be a part of itself: {' > '.join([*way, team])}")
