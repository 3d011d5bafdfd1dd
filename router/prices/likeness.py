"""Whether the row by which a model is priced is that model's, or another one's.

A list finds its rows by patterns and by names that somebody wrote beside each other, so that a new
model may be priced as an older one. A row is the model's if both names differ only in spelling, in
who hosts it, and in which snapshot or format of the same it is. Where the list writes the very
name, words may differ too (`gpt-5-codex` costs what `gpt-5` does), but no version may.
"""

import re
from typing import Final

from genai_prices.types import ClauseEquals, ClauseOr, MatchLogic, ModelInfo

_DATES: Final = (
    re.compile(r"[-@:]20\d\d-?(0[1-9]|1[0-2])(-?(0[1-9]|[12]\d|3[01]))?(?=\D|$)"),
    re.compile(r"-(0[1-9]|1[0-2])-20\d\d(?=\D|$)"),  # 08-2024
    re.compile(r"-(\d{4}|[01]\d-[0-3]\d)(?=-[a-z]|$)"),  # MMDD, YYMM, MM-DD
)
_CLOUD_VERSION: Final = re.compile(r"-v\d+(:\d+)?$")  # Bedrock's: -v1:0
_HOSTS: Final = re.compile(r"^([a-z][a-z0-9-]*\.(?=[a-z]))+")  # us.anthropic., system.ai.
_POINT: Final = re.compile(r"(?<=\d)p(?=\d)")  # Fireworks writes 5p3 for 5.3
_PARTS: Final = re.compile(r"[a-z]+|\d+")
# Words that name no other model: how it was trained to answer, how its weights are kept, who hosts
# it, what stands for its newest snapshot.
_ALIKE: Final = frozenset(
    (
        *("latest", "preview", "exp", "experimental", "beta", "instruct", "it", "chat", "hf"),
        *("fp8", "fp4", "nvfp4", "bf16", "int8", "int4", "awq", "gptq", "gguf", "mxfp4", "maas"),
        *("databricks", "cerebras"),
    )
)
_FINE_TUNED: Final = re.compile(r"^(ft:[^:]+):.*$")  # ft:MODEL:ORGANIZATION:NAME:ID


def is_same_model(asked: str, row: ModelInfo) -> bool:
    """Whether a row of a list is the one of the model that is asked for."""
    ours, theirs = _undated(_plain(asked)), _undated(_plain(row.id))
    if not _may_be_one_day(ours[1], theirs[1]):
        return False
    words, versions = _parts(ours[0])
    other_words, other_versions = _parts(theirs[0])
    return versions == other_versions and (words == other_words or _writes(row.match, asked))


def _writes(match: MatchLogic, asked: str) -> bool:
    """Whether a row lists this very name."""
    clauses = match.or_ if isinstance(match, ClauseOr) else [match]
    return any(each.is_match(asked) for each in clauses if isinstance(each, ClauseEquals))


def _plain(name: str) -> str:
    """A model's name without who hosts it, or whose it is."""
    name = _FINE_TUNED.sub(r"\1", name.lower()).rsplit("/", 1)[-1]
    return _CLOUD_VERSION.sub("", _HOSTS.sub("", name))


def _undated(name: str) -> tuple[str, str]:
    """A name without the day of its snapshot, and that day's digits."""
    for pattern in _DATES:
        found = pattern.search(name)
        if found is not None:
            digits = "".join(char for char in found[0] if char.isdigit())
            return name[: found.start()] + name[found.end() :], digits
    return name, ""


def _may_be_one_day(left: str, right: str) -> bool:
    """Whether two days are the same, as far as both are written: 20250528 and 0528."""
    return left.endswith(right) or right.endswith(left)


def _parts(name: str) -> tuple[list[str], str]:
    """Its words in any order, and the digits of its versions and sizes in theirs."""
    words = [word for word in re.split(r"[^a-z0-9.]+", name) if word not in _ALIKE]
    found = _PARTS.findall(_POINT.sub(".", "-".join(words)))
    numbers = [part for part in found if part.isdigit()]
    while numbers and numbers[-1] == "0":  # 4 and 4.0
        numbers.pop()
    return sorted(part for part in found if part.isalpha()), "".join(numbers)
