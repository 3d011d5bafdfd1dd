"""What the classifier says of a prompt."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from classifiers.cards.ability import Vector


# These two are made for every request, and not frozen: that would make them four times as slow.
@dataclass(slots=True, eq=False)
class Evidence:
    """What a card can be refitted from without the text: the trunk's z and embedding."""

    z: Vector
    embedding: Vector


@dataclass(slots=True)
class Classification:
    """P(success) per ability, 0 to 1; empty when unknown. `evidence` is kept for the feedback."""

    success: Mapping[str, float]
    evidence: Evidence | None = field(default=None, compare=False, repr=False)


UNKNOWN: Final = Classification(MappingProxyType({}))
