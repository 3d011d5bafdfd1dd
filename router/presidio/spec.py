"""What a process that runs Presidio is told at its start."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

DEVICES: Final = ("cpu", "cuda")
INSTALL: Final = "pip install 'turnout[presidio]'"
NEEDED: Final = "presidio_analyzer"


@dataclass(frozen=True, slots=True)
class Spec:
    """`languages` names a spaCy pipeline for each, a package or a folder; or `config` is a file of
    Presidio's own, which says all about engines and recognizers. Of what is found counts what is
    one of `entities`, by a score of at least `score`.
    """

    entities: tuple[str, ...]
    languages: Mapping[str, str] = field(default_factory=dict)
    config: str = ""
    score: float = 0.5
    device: str = "cpu"


class Unusable(Exception):
    """Presidio cannot be used as configured; the message says why, and holds no text of anybody."""
