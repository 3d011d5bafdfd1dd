"""Whether an answer to a probe is right: 1 or 0, by rule, never by another model."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from classifiers.probes import Probe
from classifiers.sandbox import passes

_NUMBER: Final = re.compile(r"-?\d[\d,]*(?:\.\d+)?")
_LETTER: Final = re.compile(r"\b([A-D])\b")
_BLOCK: Final = re.compile(r"```(?:python|py)?\s*\n(.*?)```", re.DOTALL)


def check(probe: Probe, answer: str) -> float:
    """The score of an answer, 0 or 1. Never raises, whatever the answer holds."""
    return float(_CHECKS[probe.kind](answer, probe.expected))


def _number(answer: str, expected: int) -> bool:
    found = _NUMBER.findall(answer)
    return bool(found) and float(found[-1].replace(",", "").rstrip(".")) == expected


def _exact(answer: str, expected: str) -> bool:
    said = answer.strip().strip(".\"'`*").strip()
    return said.casefold() == expected.casefold()


def _json(answer: str, expected: Any) -> bool:
    start = answer.find("[")
    try:
        found, _ = json.JSONDecoder().raw_decode(answer[start:]) if start >= 0 else (None, 0)
    except (ValueError, RecursionError):
        return False
    return bool(found == expected)


def _letter(answer: str, expected: str) -> bool:
    found = _LETTER.findall(answer)
    return bool(found) and found[-1] == expected


def _code(answer: str, expected: Mapping[str, Any]) -> bool:
    blocks = _BLOCK.findall(answer)
    return passes(blocks[0] if blocks else answer, expected["function"], expected["cases"])


_CHECKS: Final[Mapping[str, Callable[[str, Any], bool]]] = {
    "arithmetic": _number,
    "extraction": _exact,
    "json": _json,
    "code": _code,
    "choice": _letter,
}
