"""Ability cards: what one kind of backend can do, as a few numbers on top of the trunk.

    P(success) = sigmoid(a . z + b + residual . embedding)

A card is a small JSON document. It is fitted by training, by `turnout calibrate` or by
`turnout recalibrate`, and records how many outcomes it rests on and how well calibrated it was on
outcomes it had not seen. `residual` is absent until a card has seen enough outcomes of its own.
"""

import base64
import binascii
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from classifiers.artifact import ArtifactError

CARD_FORMAT: Final = 1
LOGIT_LIMIT: Final = 8.0  # no card claims more certainty than 0.9997

Vector = NDArray[np.float32]

_LOW: Final = np.float32(-LOGIT_LIMIT)
_HIGH: Final = np.float32(LOGIT_LIMIT)
_ONE: Final = np.float32(1)


@dataclass(frozen=True, slots=True, eq=False)
class Ability:
    """One card, ready to score. `classifier` names the trunk whose z and embedding it reads."""

    name: str
    classifier: str
    a: Vector
    b: float
    residual: Vector | None = None
    outcomes: int = 0
    fitted: Mapping[str, Any] = field(default_factory=dict)  # date, Brier score, ECE, base, ...

    def logits(self, z: Vector, embedding: Vector) -> Vector:
        """One logit per row of z [B, Z] and embedding [B, E], within +-LOGIT_LIMIT."""
        raw = z @ self.a + np.float32(self.b)
        if self.residual is not None:
            raw = raw + embedding @ self.residual
        clipped: Vector = np.clip(raw, -LOGIT_LIMIT, LOGIT_LIMIT)
        return clipped

    def probabilities(self, z: Vector, embedding: Vector) -> Vector:
        """P(success) per row."""
        return sigmoid(self.logits(z, embedding))


@dataclass(frozen=True, slots=True, eq=False)
class Heads:
    """Several cards side by side: a [Z, C], b [C], residual [E, C]; one product scores them all."""

    a: Vector
    b: Vector
    residual: Vector | None

    @classmethod
    def of(cls, cards: Sequence[Ability]) -> "Heads":
        """Join cards of one trunk; a card without a residual gets zeros."""
        sizes = [len(card.residual) for card in cards if card.residual is not None]
        residual = None
        if sizes:
            none = np.zeros(sizes[0], dtype=np.float32)
            columns = [none if card.residual is None else card.residual for card in cards]
            residual = np.column_stack(columns)
        return cls(
            np.array([card.a for card in cards], dtype=np.float32).T,
            np.array([card.b for card in cards], dtype=np.float32),
            residual,
        )

    def probabilities(self, z: Vector, embedding: Vector) -> Vector:
        """P(success) [N, C], one column per card in the order given."""
        raw: Vector = z @ self.a
        raw += self.b
        if self.residual is not None:
            raw += embedding @ self.residual
        np.maximum(raw, _LOW, out=raw)
        np.minimum(raw, _HIGH, out=raw)
        np.exp(np.negative(raw, out=raw), out=raw)
        raw += _ONE
        return np.reciprocal(raw, out=raw)


def sigmoid(logits: Vector) -> Vector:
    """Logits to probabilities."""
    scaled: Vector = np.reciprocal(1 + np.exp(-logits), dtype=np.float32)
    return scaled


def to_json(ability: Ability) -> bytes:
    """The card as a document: numbers rounded to what matters, the residual packed as float16."""
    document: dict[str, Any] = {
        "format": CARD_FORMAT,
        "ability": ability.name,
        "classifier": ability.classifier,
        "a": [round(float(value), 5) for value in ability.a],
        "b": round(float(ability.b), 5),
        "outcomes": ability.outcomes,
        "fitted": dict(ability.fitted),
    }
    if ability.residual is not None:
        packed = ability.residual.astype("<f2").tobytes()
        document["residual"] = base64.b64encode(packed).decode("ascii")
    return (json.dumps(document, indent=2, sort_keys=True) + "\n").encode()


def from_json(data: bytes, *, where: str) -> Ability:
    """Read a card; `where` names it in the ArtifactError of a wrong one."""
    try:
        document = json.loads(data)
        if not isinstance(document, dict) or document.get("format") != CARD_FORMAT:
            raise ValueError(f"it is not an ability card of format {CARD_FORMAT}")
        ability = _ability(document)
    except (ValueError, TypeError, KeyError, binascii.Error) as error:
        raise ArtifactError(
            f"{where} is not a usable ability card: {error}. Fit it again with `turnout calibrate`."
        ) from None
    return ability


def read_card(path: Path) -> Ability:
    """Read a card from a file; ArtifactError when it is missing or wrong."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ArtifactError(f"The ability card {path} cannot be read: {error.strerror}") from None
    return from_json(data, where=str(path))


def check_fits(ability: Ability, *, classifier: str, z_size: int, embedding_size: int) -> None:
    """Raise ArtifactError when a card was fitted on another trunk."""
    residual = ability.residual
    if (
        ability.classifier == classifier
        and ability.a.shape == (z_size,)
        and (residual is None or residual.shape == (embedding_size,))
    ):
        return
    raise ArtifactError(
        f"The ability card {ability.name!r} was fitted on {ability.classifier}, and {classifier} "
        "is loaded: its numbers mean nothing there. Fit it again with `turnout calibrate`."
    )


def _ability(document: Mapping[str, Any]) -> Ability:
    packed = document.get("residual")
    residual = None
    if packed is not None:
        raw = base64.b64decode(packed, validate=True)
        residual = np.frombuffer(raw, dtype="<f2").astype(np.float32)
    ability = Ability(
        name=str(document["ability"]),
        classifier=str(document["classifier"]),
        a=np.array(document["a"], dtype=np.float32),
        b=float(document["b"]),
        residual=residual,
        outcomes=int(document["outcomes"]),
        fitted=dict(document["fitted"]),
    )
    numbers = [ability.b, float(np.abs(ability.a).sum())]
    numbers += [] if residual is None else [float(np.abs(residual).sum())]
    if not all(map(math.isfinite, numbers)):
        raise ValueError("it holds numbers that are not finite")
    return ability
