"""Keys: made, changed, rotated, revoked. A key is shown once and stored as a keyed hash."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import (
    BindParameter,
    Connection,
    bindparam,
    func,
    insert,
    or_,
    select,
    tuple_,
    update,
)

from router.customers import fields
from router.customers.errors import Invalid, Missing
from router.customers.key_text import hash_key, new_key, new_key_id
from router.customers.known import EVERYTHING, Known, read_known
from router.customers.records import StoredKey, key_of, time_of
from router.customers.store import CustomerStore, expect, find_organization
from router.customers.tables import API_KEYS, ORGANIZATIONS, TEAMS

_KEPT: Final = ("organization", "team", "tier", "name", "tags", "routes", "models", "limits")
_LONGEST_OVERLAP_MS: Final = 366 * 86_400_000
_AT_ONCE: Final = 500


class KeyStore(CustomerStore):
    """Keys in SQL. Whatever changes one takes the version that is expected of it (None: any) and
    returns the row as it is then.

    Every method is one short transaction, blocks, and may raise CustomerError or DatabaseError.
    """

    def create(self, organization: str, tier: str, team: str | None = None) -> tuple[str, str]:
        """Store a key of an organization and team that are made where they are not there; return
        the key (shown once, nowhere kept) and its id. Raises Invalid."""
        name, its = fields.name(organization, "organization"), self.rules.tier_of_key(tier)
        now = {"created_at": self.now_ms(), "updated_at": self.now_ms()}
        with self.changing() as (connection, change):
            row = self.database.insert(ORGANIZATIONS).values(
                organization=name, tier=its, version=1, changed=change, **now
            )
            connection.execute(row.on_conflict_do_nothing())
            there = find_organization(connection, name)
            if team is not None:
                part = {"organization": name, "team": fields.name(team, "team"), "version": 1}
                added = self.database.insert(TEAMS).values(**part, **now).on_conflict_do_nothing()
                connection.execute(added)
            own = "" if its == there.tier else its
            values = {"organization": name, "team": team, "tier": own}
            key, key_id = self._insert(connection, change, values)
        return key, key_id

    def add(
        self,
        organization: str,
        *,
        name: str | None = None,
        team: str | None = None,
        tier: str = "",
        tags: Sequence[str] = (),
        expires_at: int | None = None,
        routes: Sequence[str] | None = None,
        models: Sequence[str] | None = None,
        limits: Mapping[str, Any] | None = None,
        created_by: str | None = None,
    ) -> tuple[str, StoredKey]:
        """Store a key of an organization (and a team) that is there; return the key (shown once,
        nowhere kept) and its row. Raises Missing, Invalid."""
        given = {
            "name": name, "team": team, "tier": tier, "tags": tags, "expires_at": expires_at,
            "routes": routes, "models": models, "limits": limits or {},
        }  # fmt: skip
        values = fields.checked(given, self._checks())
        if expires_at is not None:
            fields.instant(expires_at, "expires_at", after=self.now_ms())
        with self.changing() as (connection, change):
            find_organization(connection, organization)
            _check_team(connection, organization, team)
            values |= {"organization": organization, "created_by": created_by}
            key, key_id = self._insert(connection, change, values)
            return key, _found(connection, key_id)

    def get(self, key_id: str) -> StoredKey | None:
        """Return a key; None where there is no such one."""
        with self.database.reading() as connection:
            return _find(connection, key_id)

    def page(
        self,
        organization: str | None = None,
        after: str | None = None,
        most: int = 50,
        *,
        team: str | None = None,
        working: bool = False,
    ) -> list[StoredKey]:
        """The keys behind one (its id), oldest first; of an organization, a team, or only those
        that are neither revoked nor expired, where asked for."""
        order = (API_KEYS.c.created_at, API_KEYS.c.key_id)
        query = select(API_KEYS).order_by(*order)
        for column, value in ((API_KEYS.c.organization, organization), (API_KEYS.c.team, team)):
            if value is not None:
                query = query.where(column == value)
        if working:
            ends = API_KEYS.c.expires_at
            lasts = or_(ends.is_(None), ends > self.now_ms())
            query = query.where(API_KEYS.c.revoked_at.is_(None), lasts)
        if after is not None:
            place = select(*order).where(API_KEYS.c.key_id == after)
            query = query.where(tuple_(*order) > place.scalar_subquery())
        with self.database.reading() as connection:
            return [key_of(row) for row in connection.execute(query.limit(most))]

    def all(self) -> list[StoredKey]:
        """Return every key ever made, oldest first; the tier of each is the one that it counts by,
        its organization's where it has none of its own."""
        its = ORGANIZATIONS.c.organization == API_KEYS.c.organization
        tier = func.coalesce(func.nullif(API_KEYS.c.tier, ""), ORGANIZATIONS.c.tier, "")
        columns = [each for each in API_KEYS.c if each.name != "tier"]
        query = select(*columns, tier.label("tier")).select_from(
            API_KEYS.outerjoin(ORGANIZATIONS, its)
        )
        query = query.order_by(API_KEYS.c.created_at, API_KEYS.c.key_id)
        with self.database.reading() as connection:
            return [key_of(row) for row in connection.execute(query)]

    def known(self, since: int = EVERYTHING) -> Known:
        """Return what gateways must know of customers: what changed since a change."""
        return read_known(self.database, since)

    def change(self, key_id: str, expected: int | None = None, **changes: Any) -> StoredKey:
        """Change `name`, `team`, `tier`, `tags`, `expires_at`, `routes`, `models` or `limits`, each
        as a whole. Raises Missing, Conflict, Invalid."""
        values = fields.checked(changes, self._checks())
        with self.changing() as (connection, change):
            row = _working(connection, key_id)
            expect(row.version, expected)
            _check_team(connection, row.organization, values.get("team"))
            return _write(connection, row, change, values)

    def rotate(
        self,
        key_id: str,
        overlap_ms: int = 0,
        expected: int | None = None,
        created_by: str | None = None,
    ) -> tuple[str, StoredKey]:
        """Make a key like this one, which goes on working for so long and no longer; return the new
        key (shown once) and its row. The new one ends when the old one would have.

        Raises Missing, Conflict; Invalid where it was rotated before, or is over.
        """
        if type(overlap_ms) is not int or not 0 <= overlap_ms <= _LONGEST_OVERLAP_MS:
            raise Invalid("overlap", "must be a time from nothing to a year")
        with self.changing() as (connection, change):
            row = _working(connection, key_id)
            expect(row.version, expected)
            if row.replaced_by is not None:
                raise Invalid("key_id", f"was replaced by {row.replaced_by}; rotate that one")
            now = self.now_ms()
            if row.expires_at is not None and row.expires_at <= now:
                raise Invalid("key_id", "has expired; make another key")
            values = {field: getattr(row, field) for field in _KEPT}
            values |= {"expires_at": row.expires_at, "created_by": created_by}
            key, new_id = self._insert(connection, change, values)
            ends = now + overlap_ms
            if row.expires_at is not None:
                ends = min(ends, row.expires_at)
            _write(connection, row, change, {"replaced_by": new_id, "expires_at": ends})
            return key, _found(connection, new_id)

    def revoke(self, key_id: str, expected: int | None = None) -> bool:
        """Revoke a key for good; False when there is no such working key. Raises Conflict."""
        with self.changing() as (connection, change):
            row = _find(connection, key_id)
            if row is None or row.revoked_at is not None:
                return False
            expect(row.version, expected)
            _write(connection, row, change, {"revoked_at": time_of(self.now_ms())})
        return True

    def used(self, last_used: Mapping[str, int]) -> None:
        """Note when keys were last used. No change of customers: nobody reads them again."""
        used: BindParameter[int] = bindparam("used")
        later = (
            update(API_KEYS)
            .where(API_KEYS.c.key_id == bindparam("key"))
            .where(or_(API_KEYS.c.last_used_at.is_(None), API_KEYS.c.last_used_at < used))
            .values(last_used_at=used)
        )
        rows = [{"key": key, "used": at} for key, at in sorted(last_used.items())]
        for first in range(0, len(rows), _AT_ONCE):
            with self.database.writing() as connection:
                connection.execute(later, rows[first : first + _AT_ONCE])

    def _checks(self) -> dict[str, Callable[[Any, str], Any]]:
        return {
            "name": fields.maybe_name,
            "team": fields.maybe_name,
            "tier": self.rules.tier_of_key,
            "tags": fields.tags,
            "expires_at": fields.expiry,
            "routes": self.rules.routes_of_key,
            "models": fields.allowed,
            "limits": lambda value, field: self.rules.limits("key", value or {}, field),
        }

    def _insert(
        self, connection: Connection, change: int, values: Mapping[str, Any]
    ) -> tuple[str, str]:
        key, key_id = new_key(), new_key_id()
        row = insert(API_KEYS).values(
            **values,
            key_id=key_id,
            key_hash=hash_key(key),
            created_at=time_of(self.now_ms()),
            version=1,
            changed=change,
        )
        connection.execute(row)
        return key, key_id


def _write(
    connection: Connection, row: StoredKey, change: int, values: Mapping[str, Any]
) -> StoredKey:
    its = update(API_KEYS).where(API_KEYS.c.key_id == row.key_id)
    connection.execute(its.values(**values, version=row.version + 1, changed=change))
    return _found(connection, row.key_id)


def _find(connection: Connection, key_id: str) -> StoredKey | None:
    row = connection.execute(select(API_KEYS).where(API_KEYS.c.key_id == key_id)).one_or_none()
    return None if row is None else key_of(row)


def _found(connection: Connection, key_id: str) -> StoredKey:
    found = _find(connection, key_id)
    if found is None:
        raise Missing("key_id", f"there is no key {key_id!r}")
    return found


def _working(connection: Connection, key_id: str) -> StoredKey:
    found = _found(connection, key_id)
    if found.revoked_at is not None:
        raise Invalid("key_id", "is revoked for good; make another key")
    return found


def _check_team(connection: Connection, organization: str, team: str | None) -> None:
    its = (TEAMS.c.organization == organization, TEAMS.c.team == team)
    if team is not None and connection.execute(select(TEAMS.c.team).where(*its)).first() is None:
        raise Invalid("team", f"organization {organization!r} has no team {team!r}")
