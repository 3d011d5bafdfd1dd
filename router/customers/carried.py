"""All customers as one document, for those who keep them in git, and back in one transaction.

Keys stand in it by id and hash, never by key; working ones only, for a revoked key stays revoked.
What was used, balances and raises are not in it. A field that says nothing is left out.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, delete, insert, select, update

from router.customers.carried_fields import FIELDS, Kind, Place, read_document, shown_of
from router.customers.errors import Invalid
from router.customers.records import key_of, organization_of, team_of, time_of
from router.customers.store import CustomerStore
from router.customers.tables import API_KEYS, ORGANIZATIONS, TEAMS

PRUNED: Final = "not in the imported file"
Rows = dict[Place, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that an import does. `does` is create, change or remove; `before` and `after` are
    documents, each with those fields alone that are not as they always are.
    """

    does: str
    place: Place
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None


class CarriedStore(CustomerStore):
    """Customers, all of them at once. May raise CustomerError or DatabaseError."""

    def document(self) -> dict[str, Any]:
        """All customers as a document of plain values."""
        with self.database.reading() as connection:
            rows = _rows(connection)
        organizations: dict[str, Any] = {}
        for place in sorted(rows, key=_order):
            of = shown_of(place.kind, rows[place])
            if place.kind == "organization":
                organizations[place.organization] = of
            else:
                part = organizations[place.organization].setdefault(f"{place.kind}s", {})
                part[place.name] = of
        return {"version": 1, "organizations": organizations}

    def plan(self, document: Any, *, prune: bool = False) -> list[Step]:
        """What an import of a document would do. Raises Invalid for what is wrong with it."""
        wanted = read_document(document, self.rules)
        with self.database.reading() as connection:
            return self._steps(connection, wanted, prune)

    def apply(self, document: Any, *, prune: bool = False) -> list[Step]:
        """Import a document: all of it, or nothing; return what was done. Nothing is removed but
        with `prune`: then keys that it lacks are revoked, teams removed, organizations suspended.

        Raises Invalid.
        """
        wanted = read_document(document, self.rules)
        with self.changing() as (connection, change):
            steps = self._steps(connection, wanted, prune)
            touched = {step.place.organization for step in steps}
            for step in steps:
                self._write(connection, step, wanted.get(step.place), change)
            its = ORGANIZATIONS.c.organization.in_(touched)
            connection.execute(update(ORGANIZATIONS).where(its).values(changed=change))
        return steps

    def _steps(self, connection: Connection, wanted: Rows, prune: bool) -> list[Step]:
        there = _rows(connection)
        _check_keys(connection, wanted)
        steps = list(_differences(there, wanted))
        return steps + (list(_removals(there, wanted)) if prune else [])

    def _write(
        self, connection: Connection, step: Step, row: Mapping[str, Any] | None, change: int
    ) -> None:
        now = self.now_ms()
        table, its = _WHERE[step.place.kind]
        where = its(step.place)
        if row is None:
            _remove(connection, step.place, now, change)
            return
        values = dict(row)
        if step.place.kind == "organization":
            why = values.pop("suspended")
            values |= {"suspended_why": why, "suspended_at": None if why is None else now}
        if step.place.kind == "key":
            values["key_hash"] = bytes.fromhex(values.pop("hash"))
        else:
            values["updated_at"] = now
        if step.place.kind != "team":
            values["changed"] = change
        if step.does == "change":
            raised = table.c.version + 1
            connection.execute(update(table).where(*where).values(**values, version=raised))
            return
        named = {"organization": step.place.organization}
        if step.place.kind != "organization":
            named[_NAMED[step.place.kind]] = step.place.name
        made = time_of(now) if step.place.kind == "key" else now
        connection.execute(insert(table).values(**named, **values, created_at=made, version=1))


def _order(place: Place) -> tuple[str, int, str]:
    return place.organization, _KINDS.index(place.kind), place.name


_KINDS: Final = ("organization", "team", "key")
_NAMED: Final = {"team": "team", "key": "key_id"}
_WHERE: Final[Mapping[Kind, tuple[Any, Callable[[Place], tuple[Any, ...]]]]] = {
    "organization": (ORGANIZATIONS, lambda at: (ORGANIZATIONS.c.organization == at.organization,)),
    "team": (
        TEAMS,
        lambda at: (TEAMS.c.organization == at.organization, TEAMS.c.team == at.name),
    ),
    "key": (API_KEYS, lambda at: (API_KEYS.c.key_id == at.name,)),
}


def _rows(connection: Connection) -> Rows:
    """Everything that an import may change, each with all of its fields."""
    rows: Rows = {}
    for row in connection.execute(select(ORGANIZATIONS)):
        of = organization_of(row)
        values = _values("organization", of)
        values["suspended"] = None if of.suspended_at is None else of.suspended_why or ""
        rows[Place("organization", of.organization, "")] = values
    for row in connection.execute(select(TEAMS)):
        team = team_of(row)
        rows[Place("team", team.organization, team.team)] = _values("team", team)
    for row in connection.execute(select(API_KEYS).where(API_KEYS.c.revoked_at.is_(None))):
        key = key_of(row)
        values = _values("key", key) | {"hash": bytes(row.key_hash).hex()}
        rows[Place("key", key.organization, key.key_id)] = values
    return rows


def _values(kind: Kind, row: Any) -> dict[str, Any]:
    values = {name: getattr(row, name) for name in FIELDS[kind] if hasattr(row, name)}
    return {
        name: list(value) if isinstance(value, tuple) else value for name, value in values.items()
    }


def _check_keys(connection: Connection, wanted: Rows) -> None:
    """Raise Invalid for a key that is another one here: revoked, or of somebody else."""
    query = select(API_KEYS.c.key_id, API_KEYS.c.key_hash, API_KEYS.c.organization,
                   API_KEYS.c.revoked_at)  # fmt: skip
    there = {row.key_id: row for row in connection.execute(query)}
    hashes = {bytes(row.key_hash).hex(): row.key_id for row in there.values()}
    for place, values in wanted.items():
        if place.kind != "key":
            continue
        row, its = there.get(place.name), hashes.get(values["hash"])
        if its not in (None, place.name):
            raise Invalid(f"{place}.hash", f"is that of {its}")
        if row is None:
            continue
        if row.organization != place.organization:
            raise Invalid(str(place), f"is a key of organization {row.organization!r}")
        if row.revoked_at is not None:
            raise Invalid(str(place), "is revoked for good; take it out of the file")


def _differences(there: Rows, wanted: Rows) -> Iterator[Step]:
    for place, values in wanted.items():
        before = there.get(place)
        after = shown_of(place.kind, values)
        if before is None:
            yield Step("create", place, None, after)
        elif before != values:
            yield Step("change", place, shown_of(place.kind, before), after)


def _removals(there: Rows, wanted: Rows) -> Iterator[Step]:
    """Keys first, then teams: who has none of them may go."""
    for kind in ("key", "team", "organization"):
        for place, values in there.items():
            if place.kind != kind or place in wanted or values.get("suspended") == PRUNED:
                continue
            yield Step("remove", place, shown_of(place.kind, values), None)


def _remove(connection: Connection, place: Place, now: int, change: int) -> None:
    table, its = _WHERE[place.kind]
    if place.kind == "team":
        connection.execute(delete(table).where(*its(place)))
        return
    values: dict[str, Any] = {"revoked_at": time_of(now)}
    if place.kind == "organization":
        values = {"suspended_at": now, "suspended_why": PRUNED, "updated_at": now}
    raised = {"version": table.c.version + 1, "changed": change}
    connection.execute(update(table).where(*its(place)).values(**values, **raised))
