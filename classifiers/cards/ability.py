"""Ability cards: what one kind of backend can do, as a few numbers on top of the trunk.

    P(success) = sigmoid(a . z + b + residual . embedding + nearby(embedding))

A card is a small JSON document. It is fitted by training, by `turnout calibrate` or by
`turnout recalibrate`, and records how many outcomes it rests on and how well calibrated it was on
outcomes it had not seen. `nearby` is absent until a card has seen enough outcomes of its own.
Cards of format 1 may hold a `residual` instead; they are read, and no longer written by a fit.
"""

import base64
import binascii
import json
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from classifiers.artifact import ArtifactError, strict_json
from classifiers.cards.rbf import Nearby

CARD_FORMAT: Final = 2
READABLE: Final = (1, 2)  # format 1 knew no `nearby`
LOGIT_LIMIT: Final = 8.0  # no card claims more certainty than 0.9997
LARGEST: Final = 1e6  # of any number in a card: far beyond a fit's, far below overflow
LONGEST_NAME: Final = 128  # characters, as many as the table of cards holds

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
    nearby: Nearby | None = None
    outcomes: int = 0
    fitted: Mapping[str, Any] = field(default_factory=dict)  # date, Brier score, ECE, base, ...

    def logits(self, z: Vector, embedding: Vector) -> Vector:
        """One logit per row of z [B, Z] and embedding [B, E], within +-LOGIT_LIMIT."""
        raw = z @ self.a + np.float32(self.b)
        if self.residual is not None:
            raw = raw + embedding @ self.residual
        if self.nearby is not None:
            raw = raw + self.nearby.logits(embedding)
        clipped: Vector = np.clip(raw, -LOGIT_LIMIT, LOGIT_LIMIT)
        return clipped

    def probabilities(self, z: Vector, embedding: Vector) -> Vector:
        """P(success) per row."""
        return sigmoid(self.logits(z, embedding))


@dataclass(frozen=True, slots=True, eq=False)
class Heads:
    """Several cards side by side: a [Z, C], b [C], residual [E, C]; one product scores them all.

    `nearby` joins the places of all cards; its weights [M, C] are zero for places of another card.
    """

    a: Vector
    b: Vector
    residual: Vector | None
    nearby: Nearby | None

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
            _joined([card.nearby for card in cards]),
        )

    def probabilities(self, z: Vector, embedding: Vector) -> Vector:
        """P(success) [N, C], one column per card in the order given."""
        raw: Vector = z @ self.a
        raw += self.b
        if self.residual is not None:
            raw += embedding @ self.residual
        if self.nearby is not None:
            raw += self.nearby.logits(embedding)
        np.maximum(raw, _LOW, out=raw)
        np.minimum(raw, _HIGH, out=raw)
        np.exp(np.negative(raw, out=raw), out=raw)
        raw += _ONE
        return np.reciprocal(raw, out=raw)


def _joined(cards: Sequence[Nearby | None]) -> Nearby | None:
    """The places of all cards under one another, and weights with one column per card."""
    if not any(cards):
        return None
    places = [card.places for card in cards if card is not None]
    weights = np.zeros((sum(map(len, places)), len(cards)), dtype=np.float32)
    row = 0
    for column, card in enumerate(cards):
        if card is not None:
            weights[row : row + len(card.places), column] = card.weights
            row += len(card.places)
    return Nearby(np.concatenate(places), weights)


def sigmoid(logits: Vector) -> Vector:
    """Logits to probabilities."""
    scaled: Vector = np.reciprocal(1 + np.exp(-logits), dtype=np.float32)
    return scaled


def to_json(ability: Ability) -> bytes:
    """The card as a document: numbers rounded to what matters, long rows of them packed."""
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
        document["residual"] = _packed(ability.residual, "<f2")
    if ability.nearby is not None:
        document["nearby"] = {
            "places": _packed(ability.nearby.places, "<f2"),
            "weights": _packed(ability.nearby.weights, "<f4"),
        }
    return (json.dumps(document, indent=2, sort_keys=True) + "\n").encode()


def from_json(data: bytes, *, where: str) -> Ability:
    """Read a card; `where` names it in the ArtifactError of a wrong one."""
    try:
        document = strict_json(data)
        if not isinstance(document, dict) or document.get("format") not in READABLE:
            raise ValueError(f"it is not an ability card of format {READABLE[0]} or {READABLE[1]}")
        ability = _ability(document)
    except KeyError as error:
        raise _unusable(where, f"{error} is missing") from None
    except (ValueError, TypeError, OverflowError, binascii.Error) as error:
        raise _unusable(where, str(error)) from None
    return ability


def _unusable(where: str, why: str) -> ArtifactError:
    return ArtifactError(
        f"{where} is not a usable ability card: {why}. Fit it again with `turnout calibrate`."
    )


def read_card(path: Path) -> Ability:
    """Read a card from a file; ArtifactError when it is missing or wrong."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ArtifactError(f"The ability card {path} cannot be read: {error.strerror}") from None
    return from_json(data, where=str(path))


def check_fits(
    ability: Ability, *, classifier: str, z_size: int, embedding_size: int, where: str
) -> None:
    """Raise ArtifactError when a card was fitted on another trunk; `where` names it there."""
    if ability.classifier != classifier:
        raise ArtifactError(
            f"The ability card {where} was fitted on {ability.classifier}, and {classifier} "
            "is loaded: its numbers mean nothing there. Fit it again with `turnout calibrate`."
        )
    residual, nearby = ability.residual, ability.nearby
    for what, found, wanted in (
        ("`a`", len(ability.a), z_size),
        ("`residual`", embedding_size if residual is None else len(residual), embedding_size),
        (
            "a place of `nearby`",
            embedding_size if nearby is None else nearby.places.shape[1],
            embedding_size,
        ),
    ):
        if found != wanted:
            raise _unusable(where, f"{what} holds {found} numbers, {classifier} has {wanted}")


def _packed(numbers: Vector, kind: str) -> str:
    return base64.b64encode(numbers.astype(kind).tobytes()).decode("ascii")


def _unpacked(text: str, kind: str) -> Vector:
    raw = base64.b64decode(text, validate=True)
    return _checked(np.frombuffer(raw, dtype=kind).astype(np.float64))


def _checked(numbers: NDArray[Any]) -> Vector:
    if numbers.ndim != 1:
        raise ValueError("`a` must be a row of numbers")
    if not np.all(np.abs(numbers) <= LARGEST):  # false for NaN too
        raise ValueError(f"it holds numbers that are not finite, or beyond {LARGEST:,.0f}")
    return numbers.astype(np.float32)


def _nearby(document: Mapping[str, Any]) -> Nearby:
    weights = _unpacked(document["weights"], "<f4")
    if not len(weights):
        raise ValueError("its `nearby` holds no places")
    return Nearby(_unpacked(document["places"], "<f2").reshape(len(weights), -1), weights)


def _ability(document: Mapping[str, Any]) -> Ability:
    residual, nearby = document.get("residual"), document.get("nearby")
    return Ability(
        name=_name(document["ability"], "`ability`"),
        classifier=_name(document["classifier"], "`classifier`"),
        a=_checked(np.array(document["a"], dtype=np.float64)),
        b=float(_checked(np.array([document["b"]], dtype=np.float64))[0]),
        residual=None if residual is None else _unpacked(residual, "<f2"),
        nearby=None if nearby is None else _nearby(nearby),
        outcomes=_count(document["outcomes"]),
        fitted=dict(document["fitted"]),
    )


def _name(name: Any, what: str) -> str:
    """A name that can be shown, logged and stored; a slash is as good as any character."""
    if not isinstance(name, str) or not name.strip():
        raise ValueError(f"{what} must be a name")
    if len(name) > LONGEST_NAME:
        raise ValueError(f"{what} is longer than {LONGEST_NAME} characters")
    if any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in name):
        raise ValueError(f"{what} holds control characters or half of a character")
    return name


def _count(number: Any) -> int:
    if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number <= LARGEST**2:
        raise ValueError("`outcomes` must be a count")
    return number
