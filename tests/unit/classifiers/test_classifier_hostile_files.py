"""Cards and manifests that somebody wrote by hand: refused by name, whatever they hold."""

import json
from pathlib import Path
from typing import Any

import pytest

from classifiers.artifact import ArtifactError, read_artifact, write_artifact
from classifiers.cards.card_format import from_json, read_card
from classifiers.serving import Classifier

MOE: dict[str, Any] = json.loads(read_artifact().cards["moe.json"])
SIZE = read_artifact().manifest.z_size
DEEP = "[" * 200_000 + "]" * 200_000


def card(**changes: object) -> bytes:
    return json.dumps({**MOE, **changes}).encode()


@pytest.mark.parametrize(
    "changes",
    [
        {"outcomes": float("inf")},
        {"outcomes": -1},
        {"outcomes": 1.5},
        {"outcomes": "9"},
        {"b": 10**400},
        {"b": 1e40},
        {"b": float("nan")},
        {"b": None},
        {"a": [10**400] * SIZE},
        {"a": [1e40] * SIZE},
        {"a": [[1.0] * SIZE]},
        {"a": 1.0},
        {"a": {}},
        {"fitted": 5},
        {"residual": 5},
        {"rbf": []},
        {"classifier": None},
    ],
)
def test_a_card_of_wrong_numbers_is_refused_by_its_file(changes: dict[str, object]) -> None:
    with pytest.raises(ArtifactError, match=r"mine\.json is not a usable ability card"):
        from_json(card(**changes), where="mine.json")


@pytest.mark.parametrize(
    "name",
    ["", " ", None, 5, {}, ["moe"], "a\0b", "a\nb", "a\x1b[2J", "\x85", "\ud800", "x" * 129],
)
def test_a_card_is_named_by_something_that_can_be_shown(name: object) -> None:
    with pytest.raises(ArtifactError, match="`ability`"):
        from_json(card(ability=name), where="mine.json")


@pytest.mark.parametrize("name", ["openai/gpt-4o", "Größe 7b", "模型", "x" * 128])
def test_a_card_may_have_any_everyday_name(name: str) -> None:
    assert from_json(card(ability=name), where="mine.json").name == name


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b'{"format": 2, "format": 2}', "'format' is there twice"),
        (b'{"format": 2, "a": ' + DEEP.encode() + b"}", "nested too deeply"),
        (b'{"format": 2}', "'ability' is missing"),
        (b"\xff\xfe", "not a usable ability card"),
    ],
)
def test_a_card_of_wrong_json_is_refused_with_why(tmp_path: Path, text: bytes, why: str) -> None:
    (tmp_path / "mine.json").write_bytes(text)
    with pytest.raises(ArtifactError, match=why) as refused:
        read_card(tmp_path / "mine.json")
    assert "mine.json" in str(refused.value)


def test_a_card_of_another_shape_is_refused_for_its_shape(tmp_path: Path) -> None:
    (tmp_path / "mine.json").write_bytes(card(a=[1.0] * 5))
    with pytest.raises(
        ArtifactError, match=rf"mine\.json .*`a` holds 5 numbers, swift-\w+ has {SIZE}"
    ):
        Classifier.load(cards=[tmp_path / "mine.json"])


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"cards": []}, "`cards` must be an object"),
        ({"cards": 5}, "`cards` must be an object"),
        ({"cards": {"moe.json": None}}, "64 hexadecimal digits"),
        ({"cards": {"../moe.json": "0" * 64}}, "not the name of a file beside it"),
        ({"onnx": 5}, "`onnx` must be a text"),
        ({"onnx": "../art/swift.onnx"}, "not the name of a file beside it"),
        ({"onnx": "/etc/hostname"}, "not the name of a file beside it"),
        ({"onnx": ".."}, "not the name of a file beside it"),
        ({"sha256": None}, "`sha256` must be a text"),
        ({"sha256": 5}, "`sha256` must be a text"),
        ({"name": ["x"]}, "`name` must be a text"),
        ({"z_size": "16"}, "`z_size` must be a number"),
        ({"training": None}, "`training` must be an object"),
    ],
)
def test_a_manifest_of_wrong_kinds_is_refused(
    tmp_path: Path, changes: dict[str, object], why: str
) -> None:
    path = write_artifact(tmp_path, read_artifact())
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    with pytest.raises(ArtifactError, match=why) as refused:
        read_artifact(path)
    assert str(path) in str(refused.value)


@pytest.mark.parametrize("text", [DEEP, "[]", "5", "null", '{"name": "a", "name": "b"}'])
def test_a_manifest_of_wrong_json_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "swift.json"
    path.write_text(text)
    with pytest.raises(ArtifactError, match=r"swift\.json"):
        read_artifact(path)
