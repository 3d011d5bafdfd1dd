"""The prompts of decisions, where the operator asked for them to be kept.

z and embedding are enough to refit a card, but another trunk cannot read them: with the prompts,
outcomes outlive an upgrade of the classifier, and can be taken elsewhere. Prompts in which the
detectors find personal data are never kept.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import orjson
from sqlalchemy import Select, delete, func, insert, select

from policies.pii.pii import contains_pii, texts_of
from policies.value import value
from router.database import Database
from router.loop.outcome_store import JudgedDecision
from router.loop.outcome_tables import METADATA, OUTCOMES, PROMPTS

LARGEST: Final = 65_536  # bytes of messages and tools; longer ones are not kept
_ID: Final = 32  # hex digits of a decision; what follows tells the answers of one request apart


@value
class KeptPrompt:
    """What was asked: JSON of an object with `messages` and, where there are any, `tools`."""

    decision: str
    at: int
    asked: bytes


class PromptStore:
    """Every method is one short transaction that blocks, and may raise DatabaseError.

    Beyond `keep` prompts that nobody judged, the oldest are forgotten.
    """

    def __init__(self, url: str, *, keep: int) -> None:
        self._database = Database(url)
        self._keep = keep
        self._database.make(METADATA)

    def remember(self, prompts: Sequence[KeptPrompt]) -> None:
        """Store prompts without personal data, and forget the oldest that have no outcome."""
        rows = [
            {"decision": one.decision, "at": one.at, "asked": one.asked}
            for one in prompts
            if not contains_pii(texts_of(orjson.loads(one.asked)))
        ]
        if not rows:
            return
        newest = select(PROMPTS.c.at).order_by(PROMPTS.c.at.desc()).offset(self._keep).limit(1)
        judged = select(func.substr(OUTCOMES.c.decision, 1, _ID))
        with self._database.writing() as connection:
            connection.execute(insert(PROMPTS), rows)
            edge = connection.execute(newest).scalar()
            if edge is not None:
                old = (PROMPTS.c.at <= edge) & PROMPTS.c.decision.not_in(judged)
                connection.execute(delete(PROMPTS).where(old))

    def outcomes(self, ability: str | None = None) -> Iterator[tuple[JudgedDecision, bytes | None]]:
        """Yield every outcome, of one ability if named, with what was asked where that was kept."""
        query = _joined(outer=True).order_by(OUTCOMES.c.at)
        if ability is not None:
            query = query.where(OUTCOMES.c.ability == ability)
        with self._database.reading() as connection:
            for row in connection.execution_options(yield_per=500).execute(query).mappings():
                yield _pair(row)

    def of_other_classifiers(
        self, ability: str, classifier: str, most: int
    ) -> list[tuple[JudgedDecision, bytes]]:
        """Return the latest outcomes that this classifier has not read, with what was asked."""
        query = (
            _joined(outer=False)
            .where(OUTCOMES.c.ability == ability, OUTCOMES.c.classifier != classifier)
            .order_by(OUTCOMES.c.at.desc())
            .limit(most)
        )
        with self._database.reading() as connection:
            rows = connection.execute(query).mappings().all()
        return [(outcome, asked or b"{}") for outcome, asked in map(_pair, rows)]

    def close(self) -> None:
        """Give the connections back."""
        self._database.close()


def _joined(*, outer: bool) -> Select[Any]:
    same = PROMPTS.c.decision == func.substr(OUTCOMES.c.decision, 1, _ID)
    return select(OUTCOMES, PROMPTS.c.asked).join_from(OUTCOMES, PROMPTS, same, isouter=outer)


def _pair(row: Any) -> tuple[JudgedDecision, bytes | None]:
    fields = dict(row)
    asked = fields.pop("asked")
    return JudgedDecision(**fields), asked
