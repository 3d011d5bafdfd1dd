"""Outcomes as files: who answered what, and how well.

JSONL, one outcome a line:

    {"messages": [...], "backend": "moe", "score": 0.5}       a prompt, to be read by the trunk
    {"z": [...], "embedding": [...], "backend": "moe", "score": 1}    as the gateway keeps it

`tools`, `by` (who judged), `weight` and `at` may be added. A wrong line is refused with its number.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from classifiers.prompt import Prompt, prompt_of_messages
from classifiers.recalibrate import Observations, observe
from classifiers.serving import Classifier

BATCH: Final = 64
LARGEST_SHARE: Final = 0.25  # of the weight that one judge may have among several


class OutcomeError(ValueError):
    """A line of an outcomes file is wrong; the message names it and says what is expected."""


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """One judged answer; either `prompt` is given or `z` and `embedding` are."""

    backend: str
    score: float
    prompt: Prompt | None = None
    z: Sequence[float] = ()
    embedding: Sequence[float] = ()
    by: str = ""
    weight: float = 1.0


def read_outcomes(lines: Iterable[bytes | str]) -> list[Outcome]:
    """Read an outcomes file; OutcomeError at the first wrong line."""
    return [_outcome(line, number) for number, line in enumerate(lines, 1) if line.strip()]


def by_backend(outcomes: Iterable[Outcome]) -> Mapping[str, list[Outcome]]:
    """Outcomes of each backend, in the order they came."""
    groups: dict[str, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        groups[outcome.backend].append(outcome)
    return groups


def observations(classifier: Classifier, outcomes: Sequence[Outcome]) -> Observations:
    """Turn outcomes into numbers; prompts are read by the classifier's trunk.

    No judge gets more than LARGEST_SHARE of the weight where there are several: one key that
    floods the feedback cannot bend the card.
    """
    rows: list[tuple[Any, Any]] = [(one.z, one.embedding) for one in outcomes]
    asked = [index for index, one in enumerate(outcomes) if one.prompt is not None]
    for start in range(0, len(asked), BATCH):
        part = asked[start : start + BATCH]
        reading = classifier.read([outcomes[index].prompt or Prompt() for index in part])
        for row, index in enumerate(part):
            rows[index] = (reading.z[row], reading.embedding[row])
    return observe(
        np.array([z for z, _ in rows], dtype=np.float32),
        np.array([embedding for _, embedding in rows], dtype=np.float32),
        [one.score for one in outcomes],
        bounded_weights(outcomes),
    )


def bounded_weights(outcomes: Sequence[Outcome]) -> list[float]:
    """Each outcome's weight, scaled down where its judge would have more than LARGEST_SHARE."""
    totals: dict[str, float] = defaultdict(float)
    for one in outcomes:
        totals[one.by] += one.weight
    limit = max(LARGEST_SHARE, 1 / max(len(totals), 1)) * sum(totals.values())
    return [one.weight * min(1.0, limit / max(totals[one.by], 1e-12)) for one in outcomes]


def _outcome(line: bytes | str, number: int) -> Outcome:
    try:
        record = json.loads(line)
    except ValueError as error:
        raise OutcomeError(f"line {number} is not JSON: {error}") from None
    if not isinstance(record, dict):
        raise OutcomeError(f"line {number} is not a JSON object")
    score, weight = record.get("score"), record.get("weight", 1.0)
    if isinstance(score, bool):
        score = float(score)
    if not isinstance(score, int | float) or not 0 <= score <= 1:
        raise OutcomeError(f"line {number}: `score` must be a number from 0 to 1, not {score!r}")
    if not isinstance(weight, int | float) or not 0 < weight <= 1:
        raise OutcomeError(f"line {number}: `weight` must be above 0 and at most 1")
    backend = record.get("backend")
    if not isinstance(backend, str) or not backend:
        raise OutcomeError(f"line {number}: `backend` must name the backend that answered")
    if isinstance(record.get("messages"), list):
        prompt = prompt_of_messages(record["messages"], record.get("tools"))
        return Outcome(backend, float(score), prompt, by=str(record.get("by", "")), weight=weight)
    z, embedding = record.get("z"), record.get("embedding")
    if not (isinstance(z, list) and isinstance(embedding, list)):
        raise OutcomeError(f"line {number} needs `messages`, or `z` and `embedding`")
    return Outcome(
        backend, float(score), None, z, embedding, str(record.get("by", "")), float(weight)
    )
