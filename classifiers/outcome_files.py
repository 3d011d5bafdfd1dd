"""Outcomes as files: who answered what, and how well.

JSONL, one outcome a line:

    {"messages": [...], "backend": "moe", "score": 0.5}       a prompt, to be read by the trunk
    {"z": [...], "embedding": [...], "backend": "moe", "score": 1}    as the gateway keeps it

`tools`, `by` (who judged), `weight`, `at` and `classifier` (who made the numbers) may be added. A
wrong line is refused with its number.
"""

import random
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import orjson

from classifiers.cards.judges import fair_weights
from classifiers.cards.observations import MOST_OUTCOMES, Observations, observe
from classifiers.prompt import Prompt, prompt_of_messages
from classifiers.serving import Classifier
from classifiers.trunk import Vector

BATCH: Final = 64
_BOM: Final = b"\xef\xbb\xbf"
LEAST_WEIGHT: Final = 0.001
LARGEST_NUMBER: Final = 1000.0  # what a trunk gives stays below ten
_NONE: Final = np.empty(0, dtype=np.float32)


class OutcomeError(ValueError):
    """A line of an outcomes file is wrong; the message names it and says what is expected."""


@dataclass(frozen=True, slots=True, eq=False)
class JudgedAnswer:
    """One judged answer; either `prompt` is given or `z` and `embedding` are, which `classifier`
    made, if that is known. `line` is its number in the file."""

    backend: str
    score: float
    prompt: Prompt | None = None
    z: Sequence[float] | Vector = ()
    embedding: Sequence[float] | Vector = ()
    by: str = ""
    weight: float = 1.0
    classifier: str = ""
    line: int = 0


def read_outcomes(lines: Iterable[bytes | str]) -> list[JudgedAnswer]:
    """Read an outcomes file; OutcomeError at the first wrong line."""
    read = []
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                read.append(_outcome(_unmarked(line) if number == 1 else line, number))
            except ValueError as error:
                raise OutcomeError(f"line {number}{error}") from None
    return read


def _unmarked(line: bytes | str) -> bytes | str:
    """The line without the byte order mark that some editors set before a file."""
    return line.removeprefix(_BOM) if isinstance(line, bytes) else line.removeprefix("\ufeff")


def by_backend(outcomes: Iterable[JudgedAnswer]) -> Mapping[str, list[JudgedAnswer]]:
    """Outcomes of each backend, in the order they came."""
    groups: dict[str, list[JudgedAnswer]] = defaultdict(list)
    for outcome in outcomes:
        groups[outcome.backend].append(outcome)
    return groups


def sampled(outcomes: Sequence[JudgedAnswer], most: int = MOST_OUTCOMES) -> Sequence[JudgedAnswer]:
    """At most so many, drawn at random, the same each time, in their order.

    Not the last ones: nothing says that a file is in the order of time.
    """
    if len(outcomes) <= most:
        return outcomes
    rows = random.Random(0).sample(range(len(outcomes)), most)  # noqa: S311 - no secret
    return [outcomes[row] for row in sorted(rows)]


def check_numbers(classifier: Classifier, outcomes: Iterable[JudgedAnswer]) -> None:
    """OutcomeError at the first numbers that this classifier did not make."""
    made = classifier.read([Prompt()])
    sizes = (made.z.shape[1], made.embedding.shape[1])
    for one in outcomes:
        if one.prompt is not None:
            continue
        if one.classifier and one.classifier != classifier.version:
            raise OutcomeError(
                f"line {one.line}: its numbers were made by the classifier {one.classifier}, and "
                f"{classifier.version} is loaded: they mean nothing to it. Lines with `messages` "
                "can be used with any classifier."
            )
        for what, numbers, size in zip(
            ("z", "embedding"), (one.z, one.embedding), sizes, strict=True
        ):
            if len(numbers) != size:
                raise OutcomeError(
                    f"line {one.line}: `{what}` holds {len(numbers)} numbers, and the classifier "
                    f"{classifier.version} makes {size}"
                )


def observations(classifier: Classifier, outcomes: Sequence[JudgedAnswer]) -> Observations:
    """Turn outcomes into numbers; prompts are read by the classifier's trunk.

    No judge outweighs the others: see `classifiers.cards.judges`. OutcomeError for numbers
    of another classifier.
    """
    check_numbers(classifier, outcomes)
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
        fair_weights([one.weight for one in outcomes], [one.by for one in outcomes]),
    )


def _outcome(line: bytes | str, number: int) -> JudgedAnswer:
    """One line; ValueError says what is wrong with it, after the words "line 3"."""
    try:
        record = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise ValueError(f" is not JSON: {error}") from None
    if not isinstance(record, dict):
        raise ValueError(" is not a JSON object")
    score, weight = record.get("score"), record.get("weight", 1.0)
    if not isinstance(score, int | float) or not 0 <= score <= 1:
        raise ValueError(f": `score` must be a number from 0 to 1, not {str(score)[:40]}")
    if not isinstance(weight, int | float) or not LEAST_WEIGHT <= weight <= 1:
        raise ValueError(f": `weight` must be from {LEAST_WEIGHT} to 1, not {str(weight)[:40]}")
    backend = record.get("backend")
    if not isinstance(backend, str) or not backend:
        raise ValueError(": `backend` must name the backend that answered")
    prompt, z, embedding, classifier = _asked(record)
    by = str(record.get("by", ""))
    return JudgedAnswer(
        backend, float(score), prompt, z, embedding, by, float(weight), classifier, number
    )


def _asked(record: Mapping[str, Any]) -> tuple[Prompt | None, Vector, Vector, str]:
    """The prompt, or z, embedding and the classifier that made them."""
    if isinstance(record.get("messages"), list):
        prompt = prompt_of_messages(record["messages"], record.get("tools"))
        return prompt, _NONE, _NONE, ""
    if not (isinstance(record.get("z"), list) and isinstance(record.get("embedding"), list)):
        raise ValueError(" needs `messages`, or `z` and `embedding`, each a list")
    classifier = str(record.get("classifier") or "")
    return None, _numbers(record, "z"), _numbers(record, "embedding"), classifier


def _numbers(record: Mapping[str, Any], key: str) -> Vector:
    values = record[key]
    if set(map(type, values)) <= {int, float}:
        numbers = np.array(values, dtype=np.float64)
        if (np.abs(numbers) <= LARGEST_NUMBER).all():
            return numbers.astype(np.float32)
    wrong = next(one for one in values if type(one) not in (int, float) or not _fits(one))
    raise ValueError(
        f": `{key}` must hold numbers from -{LARGEST_NUMBER:.0f} to {LARGEST_NUMBER:.0f}, "
        f"not {str(wrong)[:40]}"
    )


def _fits(number: float) -> bool:
    return -LARGEST_NUMBER <= number <= LARGEST_NUMBER
