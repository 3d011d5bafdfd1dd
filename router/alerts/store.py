"""Alerts in SQL: those told, and a queue of deliveries that a restart does not lose.

Gateways that share the database share the queue: a delivery is tried by whoever takes it first.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final

import orjson
from sqlalchemy import Connection, RowMapping, delete, func, select, update

from router.alerts.alert import Alert
from router.alerts.tables import ALERTS, CLAIMS, DELIVERIES, DISABLED, METADATA
from router.database import Database

WAITING, SENT, FAILED = "waiting", "sent", "failed"
DROPPED, OFF = "dropped", "disabled"
_LONGEST: Final = 256


@dataclass(frozen=True, slots=True)
class Delivery:
    """One alert on its way to one destination; `tries` is how many were made, `begun_at` when it
    was put into the queue, in Unix milliseconds.
    """

    alert: Alert
    destination: str
    tries: int
    begun_at: int


@dataclass(frozen=True, slots=True)
class Told:
    """How the delivery of an alert to a destination stands."""

    destination: str
    state: str
    tries: int
    done_at: int | None
    said: str


class AlertStore:
    """Every method is one short transaction that blocks, and may raise DatabaseError."""

    def __init__(self, url: str) -> None:
        self._database = Database(url)
        self._database.make(METADATA)

    def add(self, alert: Alert, places: Mapping[str, str], *, most: int) -> dict[str, str] | None:
        """Keep an alert, and put it into the queue of each destination, named with the hash of its
        place; returns the state of each delivery. None where the alert was there already.

        A queue of `most` takes no more: such a delivery is `dropped`.
        """
        row = {
            "id": alert.id, "kind": alert.kind, "at": alert.at, "text": alert.text,
            "organization": alert.organization, "facts": orjson.dumps(dict(alert.facts)).decode(),
        }  # fmt: skip
        new = self._database.insert(ALERTS).values(**row).on_conflict_do_nothing()
        with self._database.writing() as connection:
            if connection.execute(new.returning(ALERTS.c.id)).first() is None:
                return None
            states = self._states(connection, places, most)
            for name, state in states.items():
                connection.execute(
                    DELIVERIES.insert().values(
                        alert=alert.id, destination=name, state=state, tries=0, said="",
                        begun_at=alert.at, next_at=alert.at,
                    )
                )  # fmt: skip
        return states

    @staticmethod
    def _states(connection: Connection, places: Mapping[str, str], most: int) -> dict[str, str]:
        counted = select(DELIVERIES.c.destination, func.count()).where(
            DELIVERIES.c.state == WAITING
        )
        waiting = {
            str(row[0]): int(row[1])
            for row in connection.execute(counted.group_by(DELIVERIES.c.destination))
        }
        off = {(row.destination, row.place) for row in connection.execute(select(DISABLED))}
        return {
            name: OFF
            if (name, place) in off
            else DROPPED
            if waiting.get(name, 0) >= most
            else WAITING
            for name, place in places.items()
        }

    def take(self, destination: str, now: int, *, lease_ms: int, most: int) -> list[Delivery]:
        """Take what is due for a destination, oldest first; nobody else takes it meanwhile."""
        due = (
            select(DELIVERIES, ALERTS)
            .join(ALERTS, ALERTS.c.id == DELIVERIES.c.alert)
            .where(DELIVERIES.c.state == WAITING, DELIVERIES.c.destination == destination)
            .where(DELIVERIES.c.next_at <= now)
            .order_by(DELIVERIES.c.next_at, ALERTS.c.at)
            .limit(most)
        )
        with self._database.writing() as connection:
            rows = connection.execute(due).mappings().all()
            return [_delivery(row) for row in rows if self._mine(connection, row, now + lease_ms)]

    @staticmethod
    def _mine(connection: Connection, row: RowMapping, until: int) -> bool:
        taken = update(DELIVERIES).where(
            DELIVERIES.c.alert == row["id"],
            DELIVERIES.c.destination == row["destination"],
            DELIVERIES.c.state == WAITING,
            DELIVERIES.c.next_at == row["next_at"],
        )
        return connection.execute(taken.values(next_at=until)).rowcount == 1

    def done(self, delivery: Delivery, state: str, said: str, now: int) -> None:
        """Note how a delivery ended."""
        self._note(delivery, state=state, done_at=now, said=said)

    def later(self, delivery: Delivery, said: str, at: int) -> None:
        """Let a delivery be tried again from an instant on."""
        self._note(delivery, next_at=at, said=said)

    def _note(self, delivery: Delivery, **values: Any) -> None:
        values["said"] = values["said"][:_LONGEST]
        its = (
            DELIVERIES.c.alert == delivery.alert.id,
            DELIVERIES.c.destination == delivery.destination,
        )
        changed = update(DELIVERIES).where(*its).values(tries=delivery.tries + 1, **values)
        with self._database.writing() as connection:
            connection.execute(changed)

    def disable(self, destination: str, place: str, why: str, now: int) -> None:
        """Send nothing more to a destination at this place, and nothing that waits for it."""
        row = {"place": place, "at": now, "why": why[:_LONGEST]}
        insert = self._database.insert(DISABLED).values(destination=destination, **row)
        waits = update(DELIVERIES).where(
            DELIVERIES.c.destination == destination, DELIVERIES.c.state == WAITING
        )
        with self._database.writing() as connection:
            connection.execute(
                insert.on_conflict_do_update(index_elements=["destination"], set_=row)
            )
            connection.execute(waits.values(state=OFF, done_at=now, said=why[:_LONGEST]))

    def enable(self, destination: str) -> bool:
        """Send to a destination again; whether it was disabled."""
        with self._database.writing() as connection:
            its = delete(DISABLED).where(DISABLED.c.destination == destination)
            return connection.execute(its).rowcount > 0

    def disabled(self) -> dict[str, str]:
        """The place at which each disabled destination is, by name."""
        with self._database.reading() as connection:
            return {row.destination: row.place for row in connection.execute(select(DISABLED))}

    def recent(self, most: int) -> list[tuple[Alert, list[Told]]]:
        """The latest alerts, newest first, each with its deliveries."""
        latest = select(ALERTS).order_by(ALERTS.c.at.desc(), ALERTS.c.id).limit(most)
        with self._database.reading() as connection:
            alerts = [_alert(row) for row in connection.execute(latest).mappings()]
            of_them = DELIVERIES.c.alert.in_([alert.id for alert in alerts])
            rows = connection.execute(
                select(DELIVERIES).where(of_them).order_by(DELIVERIES.c.destination)
            ).mappings()
            told: dict[str, list[Told]] = {alert.id: [] for alert in alerts}
            for row in rows:
                told[row["alert"]].append(
                    Told(
                        row["destination"], row["state"], row["tries"], row["done_at"], row["said"]
                    )
                )
        return [(alert, told[alert.id]) for alert in alerts]

    def waiting(self) -> dict[str, int]:
        """How many deliveries wait, by destination."""
        query = select(DELIVERIES.c.destination, func.count()).where(DELIVERIES.c.state == WAITING)
        with self._database.reading() as connection:
            rows = connection.execute(query.group_by(DELIVERIES.c.destination))
            return {str(row[0]): int(row[1]) for row in rows}

    def prune(self, before: int, now: int) -> int:
        """Forget alerts from before an instant, and claims that are over; returns how many."""
        with self._database.writing() as connection:
            old = select(ALERTS.c.id).where(ALERTS.c.at < before)
            connection.execute(delete(DELIVERIES).where(DELIVERIES.c.alert.in_(old)))
            connection.execute(delete(CLAIMS).where(CLAIMS.c.until < now))
            return connection.execute(delete(ALERTS).where(ALERTS.c.at < before)).rowcount

    def claim(self, name: str, until: int, now: int) -> bool:
        """Claim a thing until an instant, unless somebody has it: for when the ledger is away."""
        insert = self._database.insert(CLAIMS).values(name=_short(name), until=until)
        mine = insert.on_conflict_do_update(
            index_elements=["name"], set_={"until": until}, where=CLAIMS.c.until <= now
        ).returning(CLAIMS.c.name)
        with self._database.writing() as connection:
            return connection.execute(mine).first() is not None

    def release(self, names: Iterable[str]) -> bool:
        """Let things be claimed again; whether any was."""
        ours = CLAIMS.c.name.in_([_short(name) for name in names])
        with self._database.writing() as connection:
            return connection.execute(delete(CLAIMS).where(ours)).rowcount > 0

    def close(self) -> None:
        """Give the connections back."""
        self._database.close()


def _short(name: str) -> str:
    return blake2b(name.encode("utf-8", "replace"), digest_size=16).hexdigest()


def _alert(row: RowMapping) -> Alert:
    facts = orjson.loads(row["facts"])
    return Alert(row["id"], row["kind"], row["at"], row["organization"], row["text"], facts)


def _delivery(row: RowMapping) -> Delivery:
    return Delivery(_alert(row), row["destination"], row["tries"], row["begun_at"])
