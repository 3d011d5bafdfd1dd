import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from classifier_prompts import PLAIN

from classifiers.artifact import SHIPPED, Artifact, ArtifactError, read_artifact, write_artifact
from classifiers.cards.card_format import CARD_FORMAT, from_json, read_card, to_json
from classifiers.serving import Classifier
from classifiers.text.lexical_features import FEATURE_NAMES
from classifiers.trunk import check_width


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return write_artifact(tmp_path, read_artifact())


def test_what_ships_loads_and_is_what_its_manifest_says() -> None:
    classifier = Classifier.load(device="cpu")
    assert classifier.abilities == ("local", "moe", "premium")
    assert classifier.version.startswith("swift-")
    assert classifier.provider == "CPUExecutionProvider"
    assert SHIPPED.with_suffix(".onnx").stat().st_size < 16_000_000


def test_a_copied_artifact_scores_the_same(copy: Path) -> None:
    assert Classifier.load(copy).score([PLAIN]) == Classifier.load().score([PLAIN])


def test_a_changed_trunk_is_refused(copy: Path) -> None:
    trunk = copy.with_suffix(".onnx")
    trunk.write_bytes(trunk.read_bytes() + b"\0")
    with pytest.raises(ArtifactError, match="not the one its manifest names"):
        Classifier.load(copy)


def test_a_changed_card_is_refused(copy: Path) -> None:
    card = copy.with_name("moe.json")
    card.write_bytes(card.read_bytes().replace(b'"b"', b'"b" '))
    with pytest.raises(ArtifactError, match="not the one its manifest names"):
        Classifier.load(copy)


@pytest.mark.parametrize("key", ["format", "features_version"])
def test_another_version_is_refused_with_what_to_do(copy: Path, key: str) -> None:
    copy.write_text(json.dumps({**json.loads(copy.read_text()), key: 99}))
    with pytest.raises(ArtifactError, match=rf"says {key} 99.*Train it anew"):
        Classifier.load(copy)


def test_a_missing_or_malformed_manifest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="There is no classifier manifest at"):
        Classifier.load(tmp_path / "none.json")
    (tmp_path / "odd.json").write_text("[]{")
    with pytest.raises(ArtifactError, match="cannot be read"):
        Classifier.load(tmp_path / "odd.json")
    (tmp_path / "other.json").write_text('{"name": "x"}')
    with pytest.raises(ArtifactError, match="is not a classifier manifest"):
        Classifier.load(tmp_path / "other.json")


def test_an_unreadable_onnx_file_is_an_artifact_error() -> None:
    artifact = read_artifact()
    broken = Artifact(artifact.manifest, b"not onnx", artifact.cards)
    with pytest.raises(ArtifactError, match="onnxruntime cannot load"):
        Classifier.from_artifact(broken, device="cpu")


def test_a_trunk_of_another_number_of_features_is_refused_when_it_is_loaded() -> None:
    class Session:
        def get_inputs(self) -> list[SimpleNamespace]:
            return [
                SimpleNamespace(name="lexical_features", shape=["batch", len(FEATURE_NAMES) + 1])
            ]

    with pytest.raises(ArtifactError, match="FEATURES_VERSION and train it anew"):
        check_width(Session(), len(FEATURE_NAMES))


def test_a_card_survives_being_written_and_read() -> None:
    shipped = read_artifact().cards["moe.json"]
    card = from_json(shipped, where="moe.json")
    assert json.loads(to_json(card)) == {**json.loads(shipped), "format": CARD_FORMAT}


def test_a_card_of_another_trunk_is_refused(tmp_path: Path) -> None:
    document = json.loads(read_artifact().cards["moe.json"])
    (tmp_path / "mine.json").write_text(json.dumps({**document, "classifier": "swift-other"}))
    with pytest.raises(ArtifactError, match=r"was fitted on swift-other.*turnout calibrate"):
        Classifier.load(cards=[tmp_path / "mine.json"])


@pytest.mark.parametrize(
    "wrong", ["{}", "[]", "nonsense", '{"format": 1}', '{"format": 1, "a": "x"}']
)
def test_a_wrong_card_is_refused_by_name(tmp_path: Path, wrong: str) -> None:
    (tmp_path / "card.json").write_text(wrong)
    with pytest.raises(ArtifactError, match=r"card\.json is not a usable ability card"):
        read_card(tmp_path / "card.json")


def test_a_card_with_infinite_numbers_is_refused(tmp_path: Path) -> None:
    document = json.loads(read_artifact().cards["moe.json"])
    (tmp_path / "card.json").write_text(json.dumps({**document, "b": float("inf")}))
    with pytest.raises(ArtifactError, match="not finite"):
        read_card(tmp_path / "card.json")


def test_a_card_replaces_the_shipped_one_of_its_name_or_joins_them(tmp_path: Path) -> None:
    document = json.loads(read_artifact().cards["moe.json"])
    for name, b in (("moe", 4.0), ("mine", -4.0)):
        (tmp_path / f"{name}.json").write_text(json.dumps({**document, "ability": name, "b": b}))
    cards = [tmp_path / "moe.json", tmp_path / "mine.json"]
    success = Classifier.load(cards=cards).score([PLAIN])[0].success
    assert list(success) == ["local", "moe", "premium", "mine"]
    assert success["moe"] > success["mine"]
