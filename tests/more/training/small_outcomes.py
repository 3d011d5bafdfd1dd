"""Made-up outcomes with planted truths: what makes a prompt hard, and where models differ.

A question is hard for every model where its words are of the hard kind. A word problem is as hard
as the next one, but percent and fractions widen the gap between the strong models and the weak.
"""

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from classifiers.training.dataset import Outcomes, read_splits
from classifiers.training.problems import WORD_PROBLEMS

Row = dict[str, Any]

LICENCE: Final = "Apache-2.0 (made up)"
# Model: class, skill, and what a cue of a word problem adds to the skill.
MODELS: Final = {
    "local-a": ("local", -0.5, -0.9),
    "local-b": ("local", -0.2, -0.9),
    "moe-a": ("moe", 0.3, -0.7),
    "premium-a": ("premium", 1.0, 0.9),
    "premium-b": ("premium", 1.3, 0.9),
    "premium-c": ("premium", 1.6, 0.9),
}
# Split: how many prompts, every which one is a word problem (0: none), and the licence.
SPLITS: Final = {
    "train": (720, 2, LICENCE),
    "valid": (160, 4, LICENCE),
    "dev_mmlu": (1640, 0, LICENCE),
    "dev_gsm8k": (360, 1, LICENCE),
    "dev_transfer": (120, 0, "unverified"),
    "dev_mmlu_aux3class": (120, 0, LICENCE),
    "dev_gsm8k_aux3class": (120, 1, LICENCE),
}
SYLLABLES: Final = ("ba", "ko", "mi", "tu", "ze", "ra", "lo", "ni", "fu", "se")
EASY: Final = tuple(f"{a}{b}p" for a in SYLLABLES for b in SYLLABLES)
HARD: Final = tuple(f"{a}{b}x" for a in SYLLABLES for b in SYLLABLES)
CUES: Final = ("percent", "half", "third", "quarter")
IDLE: Final = ("each", "left", "total")  # words of arithmetic that widen nothing here


def scored(difficulty: float, cues: int, random: np.random.Generator) -> Iterator[Row]:
    """One drawn answer of every model."""
    for model, (kind, skill, gain) in MODELS.items():
        p = 1 / (1 + np.exp(-(skill + gain * cues - difficulty)))
        yield {"model": model, "model_class": kind, "score": float(random.random() < p)}


def question(random: np.random.Generator) -> tuple[str, float]:
    """A text, and how hard it is: -2 to 2, by the share of hard words."""
    share = random.random()
    pool = [HARD if random.random() < share else EASY for _ in range(random.integers(9, 30))]
    words = [kind[random.integers(len(kind))] for kind in pool]
    hard = sum(kind is HARD for kind in pool) / len(pool)
    return f"{' '.join(words).capitalize()} {random.integers(10, 9999)}?", 4 * hard - 2


def word_problem(random: np.random.Generator) -> tuple[str, int]:
    """A text, and how many cues widen the gap in it: 0 to 2."""
    cues = int(random.integers(0, 3))
    text = [CUES[random.integers(len(CUES))] for _ in range(cues)]
    things = [EASY[random.integers(len(EASY))] for _ in range(random.integers(16, 26))]
    text += [IDLE[random.integers(len(IDLE))] for _ in range(random.integers(0, 3))]
    for word in text:
        things.insert(int(random.integers(len(things))), f"{random.integers(2, 60)} {word}")
    have, sold = random.integers(60, 900), random.integers(2, 50)
    return f"Kobip has {have} {' '.join(things)} and sells {sold}. How many are there?", cues


def rows_of(split: str, random: np.random.Generator) -> Iterator[Row]:
    """All outcomes of one split."""
    size, every, licence = SPLITS[split]
    for number in range(size):
        result = bool(every) and number % every == 0
        text, planted = (word_problem if result else question)(random)
        about = {
            "prompt_id": f"{split}-{number:04d}",
            "prompt": text,
            "source": f"made_up_{number % 3}",
            "task": WORD_PROBLEMS if result else "made/questions",
            "split": split,
            "licence": licence,
        }
        answers = scored(0.0, int(planted), random) if result else scored(planted, 0, random)
        yield from ({**about, **answer} for answer in answers)


@cache
def rows(seed: int = 1) -> tuple[Row, ...]:
    """Every split, drawn with a seed."""
    random = np.random.default_rng(seed)
    return tuple(row for split in SPLITS for row in rows_of(split, random))


def write(path: Path, outcomes: Sequence[Row]) -> Path:
    """An outcomes file."""
    pq.write_table(pa.Table.from_pylist(list(outcomes)), path)
    return path


def read(folder: Path, split: str, *, seed: int = 1) -> Outcomes:
    """One split, written and read again."""
    path = write(folder / f"{split}.parquet", [r for r in rows(seed) if r["split"] == split])
    return read_splits(path, [split], any_licence=True)[split]


def difficulty(text: str) -> float:
    """What was planted in a question."""
    hard = [word.endswith("x") for word in text.lower().split()[:-1]]
    return 4 * sum(hard) / len(hard) - 2
