"""Decisions and outcomes in SQL: SQLite by default, PostgreSQL by URL, through SQLAlchemy Core."""

from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Final

from sqlalchemy import and_, delete, func, select

from policies.value import value
from router.database import Database
from router.loop.outcome_tables import DECISIONS, METADATA, OUTCOMES

_INHERITED: Final = (
    "organization",
    "route",
    "backend",
    "ability",
    "predicted",
    "classifier",
    "z",
    "embedding",
)


@value
class ScoredDecision:
    """A decision and the evidence it was scored on; `z` and `embedding` are float32 bytes."""

    decision: str
    at: int
    organization: str
    route: str
    backend: str
    ability: str
    predicted: float
    classifier: str
    z: bytes
    embedding: bytes


@dataclass(frozen=True, slots=True)
class JudgedDecision:
    """One opinion of one decision, with the evidence: what a card is refitted from."""

    decision: str
    source: str
    by: str
    at: int
    organization: str
    route: str
    backend: str
    ability: str
    predicted: float
    score: float
    classifier: str
    z: bytes
    embedding: bytes


_ROW_OF_DECISION: Final = attrgetter(*DECISIONS.columns.keys())
_ROW_OF_OUTCOME: Final = attrgetter(*OUTCOMES.columns.keys())


class OutcomeStore:
    """Every method is one short transaction that blocks, and may raise DatabaseError.

    Beyond `keep` decisions, the oldest are forgotten.
    """

    def __init__(self, url: str, *, keep: int) -> None:
        self._database = Database(url)
        self._decisions = self._database.insertion(DECISIONS)
        self._outcomes = self._database.insertion(OUTCOMES)
        self._keep = keep
        self._database.make(METADATA)

    def remember(self, decisions: Sequence[ScoredDecision]) -> None:
        """Store decisions, and forget the oldest beyond `keep`."""
        if not decisions:
            return
        newest = select(DECISIONS.c.at).order_by(DECISIONS.c.at.desc()).offset(self._keep).limit(1)
        with self._database.writing() as connection:
            self._decisions.add(connection, list(map(_ROW_OF_DECISION, decisions)))
            edge = connection.execute(newest).scalar()
            if edge is not None:
                connection.execute(delete(DECISIONS).where(DECISIONS.c.at <= edge))

    def judge(
        self, decision: str, score: float, *, organization: str, source: str, by: str, at: int
    ) -> bool:
        """Keep an opinion (0..1); a later one of the same judge replaces it.

        False where this organization has no such decision, or it is too old.
        """
        query = select(DECISIONS).where(
            DECISIONS.c.decision == decision, DECISIONS.c.organization == organization
        )
        with self._database.writing() as connection:
            row = connection.execute(query).mappings().first()
            if row is None:
                return False
            values = {name: row[name] for name in _INHERITED}
            statement = self._database.insert(OUTCOMES).values(
                decision=decision, source=source, by=by, at=at, score=score, **values
            )
            connection.execute(
                statement.on_conflict_do_update(
                    index_elements=["decision", "source", "by"], set_={"score": score, "at": at}
                )
            )
        return True

    def add(self, outcomes: Sequence[JudgedDecision]) -> None:
        """Store opinions that bring their evidence along: verifiers' and audits'."""
        if not outcomes:
            return
        with self._database.writing() as connection:
            self._outcomes.add(connection, list(map(_ROW_OF_OUTCOME, outcomes)))

    def audits(self, since: int | None, until: int | None) -> list[tuple[str, float]]:
        """Return backend and score of shadow audits in [since, until), Unix milliseconds."""
        query = select(OUTCOMES.c.backend, OUTCOMES.c.score).where(OUTCOMES.c.source == "audit")
        if since is not None:
            query = query.where(OUTCOMES.c.at >= since)
        if until is not None:
            query = query.where(OUTCOMES.c.at < until)
        with self._database.reading() as connection:
            return [(str(row[0]), float(row[1])) for row in connection.execute(query).all()]

    def fair(
        self, ability: str, most: int, classifier: str, since: int, among: int | None = None
    ) -> list[JudgedDecision]:
        """Return the latest outcomes of each judge in turn, at most `most`, oldest first.

        A judge with many outcomes takes no place from one with few. `since`: none older than that;
        `among`: look only at so many of the latest, where all of them would take too long.
        """
        keys = (OUTCOMES.c.decision, OUTCOMES.c.source, OUTCOMES.c.by)
        wanted = (
            (OUTCOMES.c.ability == ability)
            & (OUTCOMES.c.classifier == classifier)
            & (OUTCOMES.c.at >= since)
        )
        latest = select(*keys, OUTCOMES.c.at).where(wanted).order_by(OUTCOMES.c.at.desc())
        looked_at = latest.limit(among).subquery()
        turn = func.row_number().over(
            partition_by=(looked_at.c.source, looked_at.c.by), order_by=looked_at.c.at.desc()
        )
        ranked = select(looked_at, turn.label("turn")).subquery()
        query = (
            select(OUTCOMES)
            .join(ranked, and_(*(ranked.c[key.name] == key for key in keys)))
            .order_by(ranked.c.turn, OUTCOMES.c.at.desc())
            .limit(most)
        )
        with self._database.reading() as connection:
            outcomes = [JudgedDecision(**row) for row in connection.execute(query).mappings().all()]
        return sorted(outcomes, key=attrgetter("at"))

    def verdicts(self) -> dict[tuple[str, str], float]:
        """Return (decision, backend) -> mean score, of customers' feedback and audits."""
        query = (
            select(OUTCOMES.c.decision, OUTCOMES.c.backend, func.avg(OUTCOMES.c.score))
            .where(OUTCOMES.c.source.in_(("feedback", "audit")))
            .group_by(OUTCOMES.c.decision, OUTCOMES.c.backend)
        )
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
        return {(str(row[0]), str(row[1])): float(row[2]) for row in rows}

    def counts(self) -> dict[str, int]:
        """Return how many outcomes each ability has."""
        query = select(OUTCOMES.c.ability, func.count()).group_by(OUTCOMES.c.ability)
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
        return {str(row[0]): int(row[1]) for row in rows}

    def close(self) -> None:
        """Give the connections back."""
        self._database.close()
