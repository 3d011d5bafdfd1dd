"""What is done about what is stored, once it is old: a list of steps, each a small transaction."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import Table, delete, select, tuple_

from router.audit.entry import Actor
from router.audit.log import AuditLog
from router.database import Database
from router.loop.outcome_tables import DECISIONS, OUTCOMES, PROMPTS
from router.loop.outcome_tables import METADATA as OF_THE_LOOP
from router.usage.rollups import STEP, Rollups
from router.world.config_kept import RetentionSection

SETTLED_MS: Final = 3_600_000  # rows of an hour that is over come in until then; later ones, too
_AUDIT_MS: Final = 3_600_000  # each pruning of the audit log is a row of it
# What is simply deleted, by the name in turnout.yaml: its tables, by their column `at`.
PLAIN: Final[dict[str, tuple[Table, ...]]] = {
    "decisions": (DECISIONS,),
    "outcomes": (OUTCOMES, PROMPTS),
}


class Task(NamedTuple):
    """What is done in steps: `step`, told an instant (Unix milliseconds), does the next ones before
    it and returns how many rows they were; 0 when it is done. `age` is in milliseconds.
    """

    name: str
    age: int
    step: Callable[[int], int]


class Retention:
    """The tasks of a configuration, in their order: nothing goes before it is rolled up."""

    def __init__(self, url: str, keep: RetentionSection) -> None:
        self.rollups = Rollups(url)
        self._database = Database(url)
        self._audit = AuditLog(url)
        self._pruned_audit = 0
        kept: Sequence[tuple[str, float | None, Callable[[int], int]]] = (
            ("usage", keep.usage, self.rollups.prune),
            ("hours", keep.hours, self.rollups.fold),
            ("days", keep.days, self._forget_days),
            ("audit", keep.audit, self._prune_audit),
            *(
                (name, getattr(keep, name), self._deletes(table))
                for name, tables in PLAIN.items()
                for table in tables
            ),
        )
        self.tasks = [
            Task("rolled", SETTLED_MS, self.rollups.roll),
            *(Task(name, round(age * 1000), step) for name, age, step in kept if age is not None),
        ]

    def prepare(self) -> None:
        """Make the tables, or see that those which are there are ours. Raises DatabaseError."""
        self.rollups.prepare()
        self._database.make(OF_THE_LOOP)
        self._audit.prepare()

    def _deletes(self, table: Table) -> Callable[[int], int]:
        """What deletes the oldest rows of a table before an instant: few."""
        keys = tuple(table.primary_key.columns)

        def step(until: int) -> int:
            old: Any = select(*keys).where(table.c.at < until).order_by(table.c.at).limit(STEP)
            with self._database.writing() as connection:
                return connection.execute(delete(table).where(tuple_(*keys).in_(old))).rowcount

        return step

    def _forget_days(self, until: int) -> int:
        return self.rollups.forget(datetime.fromtimestamp(until / 1000, UTC).date().isoformat())

    def _prune_audit(self, until: int) -> int:
        """Once an hour and in one step: each is told in a row of the log."""
        if until - self._pruned_audit < _AUDIT_MS:
            return 0
        self._pruned_audit = until
        return self._audit.prune(Actor("retention", ""), until)

    def close(self) -> None:
        """Give the connections back."""
        for part in (self.rollups, self._database, self._audit):
            part.close()
