"""Ability cards as JSON documents: written, read, and refused where they are wrong.

`rbf` holds what a card adds near its `centers` (radial basis functions) and their `weights`.
"""

import base64
import binascii
import json
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from classifiers.artifact import ArtifactError, strict_json
from classifiers.cards.ability import Ability, Vector
from classifiers.cards.rbf import RadialBasis

CARD_FORMAT: Final = 2
LARGEST: Final = 1e6  # of any number in a card: far beyond a fit's, far below overflow
_KEYS: Final = {"format", "ability", "classifier", "a", "b", "rbf", "outcomes", "fitted"}
LONGEST_NAME: Final = 128  # characters, as many as the table of cards holds


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
    if ability.rbf is not None:
        document["rbf"] = {
            "centers": _packed(ability.rbf.centers, "<f2"),
            "weights": _packed(ability.rbf.weights, "<f4"),
        }
    return (json.dumps(document, indent=2, sort_keys=True) + "\n").encode()


def from_json(data: bytes, *, where: str) -> Ability:
    """Read a card; `where` names it in the ArtifactError of a wrong one."""
    try:
        document = strict_json(data)
        if not isinstance(document, dict) or document.get("format") != CARD_FORMAT:
            raise ValueError(f"it is not an ability card of format {CARD_FORMAT}")
        _check_keys(document)
        ability = _ability(document)
    except KeyError as error:
        raise _unusable(where, f"{error} is missing") from None
    except (ValueError, TypeError, OverflowError, binascii.Error) as error:
        raise _unusable(where, str(error)) from None
    return ability


def _check_keys(document: Mapping[str, Any]) -> None:
    """A card that says more than is understood here would forecast something else."""
    unknown = sorted(document.keys() - _KEYS)
    if unknown:
        raise ValueError(f"nothing is known of its {unknown[0]!r}")


def _unusable(where: str, why: str) -> ArtifactError:
    return ArtifactError(
        f"{where} is not a usable ability card: {why}. Fit it again with `turnout calibrate`."
    )


def read_card(path: Path) -> Ability:
    """Read a card from a file; ArtifactError when it is missing or wrong."""
    if path.exists() and not (
        path.is_file() or path.is_dir()
    ):  # a pipe, whose reader waits for ever
        raise ArtifactError(f"The ability card {path} cannot be read: it is no file")
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
    rbf = ability.rbf
    for what, size, wanted in (
        ("`a`", len(ability.a), z_size),
        (
            "a center of `rbf`",
            embedding_size if rbf is None else rbf.centers.shape[1],
            embedding_size,
        ),
    ):
        if size != wanted:
            raise _unusable(where, f"{what} holds {size} numbers, {classifier} has {wanted}")


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


def _rbf(document: Mapping[str, Any]) -> RadialBasis:
    weights = _unpacked(document["weights"], "<f4")
    if not len(weights):
        raise ValueError("its `rbf` holds no centers")
    return RadialBasis(_unpacked(document["centers"], "<f2").reshape(len(weights), -1), weights)


def _ability(document: Mapping[str, Any]) -> Ability:
    rbf = document.get("rbf")
    return Ability(
        name=_name(document["ability"], "`ability`"),
        classifier=_name(document["classifier"], "`classifier`"),
        a=_checked(np.array(document["a"], dtype=np.float64)),
        b=float(_checked(np.array([document["b"]], dtype=np.float64))[0]),
        rbf=None if rbf is None else _rbf(rbf),
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
