"""Ability cards in SQL: every replica puts the same ones in force, and nothing is forgotten."""

from dataclasses import dataclass

from sqlalchemy import func, insert, select, update

from router.database import Database
from router.loop.outcome_tables import ATTEMPTS, CARDS, METADATA, ROLLBACKS


@dataclass(frozen=True, slots=True)
class StoredCard:
    """One card of the history; `at` is Unix milliseconds."""

    name: str
    number: int
    at: int
    classifier: str
    card: bytes
    reason: str
    active: bool


class CardStore:
    """Every method is one short transaction that blocks, and may raise DatabaseError."""

    def __init__(self, url: str) -> None:
        self._database = Database(url)
        self._database.make(METADATA)

    def version(self) -> int | None:
        """A value that differs after any change of the database, or None: see Changes."""
        return self._database.version()

    def active(self, classifier: str) -> dict[str, bytes]:
        """Return the cards in force that fit this classifier, by name."""
        query = select(CARDS.c.name, CARDS.c.card).where(
            CARDS.c.active.is_(True), CARDS.c.classifier == classifier
        )
        with self._database.reading() as connection:
            return {str(row[0]): bytes(row[1]) for row in connection.execute(query).all()}

    def history(self, name: str | None = None) -> list[StoredCard]:
        """Return every card that was ever promoted, oldest first."""
        query = select(CARDS).order_by(CARDS.c.name, CARDS.c.number)
        if name is not None:
            query = query.where(CARDS.c.name == name)
        with self._database.reading() as connection:
            return [StoredCard(**row) for row in connection.execute(query).mappings().all()]

    def promote(self, name: str, classifier: str, card: bytes, *, reason: str, at: int) -> int:
        """Put a card in force; returns its number."""
        last = select(func.coalesce(func.max(CARDS.c.number), 0)).where(CARDS.c.name == name)
        with self._database.writing() as connection:
            number = int(connection.execute(last).scalar_one()) + 1
            connection.execute(update(CARDS).where(CARDS.c.name == name).values(active=False))
            connection.execute(
                insert(CARDS).values(
                    name=name,
                    number=number,
                    at=at,
                    classifier=classifier,
                    card=card,
                    reason=reason[:512],
                    active=True,
                )
            )
        return number

    def roll_back(self, name: str, *, at: int) -> int | None:
        """Put back the card that was in force before the active one; 0 means the shipped one.

        A card that was rolled back once, or that is of another classifier, is passed over. None
        where no card of this name is active.
        """
        now = select(CARDS.c.number, CARDS.c.classifier).where(
            CARDS.c.name == name, CARDS.c.active.is_(True)
        )
        left = select(ROLLBACKS.c.number).where(ROLLBACKS.c.name == name)
        with self._database.writing() as connection:
            row = connection.execute(now).first()
            if row is None:
                return None
            number, classifier = row
            connection.execute(insert(ROLLBACKS).values(name=name, number=number, at=at))
            before = select(func.coalesce(func.max(CARDS.c.number), 0)).where(
                CARDS.c.name == name,
                CARDS.c.number < number,
                CARDS.c.classifier == classifier,
                CARDS.c.number.not_in(left),
            )
            number_before = int(connection.execute(before).scalar_one())
            mine = update(CARDS).where(CARDS.c.name == name)
            connection.execute(mine.values(active=False))
            connection.execute(mine.where(CARDS.c.number == number_before).values(active=True))
        return number_before

    def rolled_back(self, name: str) -> int:
        """When a card of this name was last rolled back, in Unix milliseconds; 0 for never."""
        query = select(func.coalesce(func.max(ROLLBACKS.c.at), 0)).where(ROLLBACKS.c.name == name)
        with self._database.reading() as connection:
            return int(connection.execute(query).scalar_one())

    def since(self, name: str) -> int:
        """Since when the card of this name is in force, in Unix milliseconds; 0 for always."""
        query = select(CARDS.c.at).where(CARDS.c.name == name, CARDS.c.active.is_(True))
        with self._database.reading() as connection:
            promoted = connection.execute(query).scalar()
        return max(int(promoted or 0), self.rolled_back(name))

    def claim(self, name: str, *, at: int, not_since: int) -> bool:
        """Return whether this replica is to refit a card now: nobody tried since `not_since`."""
        statement = self._database.insert(ATTEMPTS).values(name=name, at=at)
        statement = statement.on_conflict_do_update(
            index_elements=["name"], set_={"at": at}, where=ATTEMPTS.c.at < not_since
        )
        mine = statement.returning(ATTEMPTS.c.name)  # PostgreSQL's driver counts no inserted rows
        with self._database.writing() as connection:
            return connection.execute(mine).first() is not None

    def close(self) -> None:
        """Give the connections back."""
        self._database.close()
