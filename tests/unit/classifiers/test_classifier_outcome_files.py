"""`turnout calibrate --outcomes`: what a file may hold, and where its cards go."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click import ClickException
from click.testing import CliRunner, Result

from classifiers.artifact import read_artifact
from classifiers.cards.observations import MOST_OUTCOMES
from classifiers.outcome_files import LARGEST_NUMBER, read_outcomes, sampled
from classifiers.serving import Classifier
from router.cli.calibrate import calibrate
from router.cli.common.card_files import write_card
from router.cli.score import score

SIZE = read_artifact().manifest.z_size
Z, EMBEDDING = [0.1] * SIZE, [0.0] * 256


def asked(backend: str, number: int = 0, **fields: object) -> str:
    messages = [{"role": "user", "content": f"What is {number} + 2?"}]
    return json.dumps({"messages": messages, "backend": backend, "score": number % 2, **fields})


def numbers(**fields: object) -> str:
    record = {"z": Z, "embedding": EMBEDDING, "backend": "moe", "score": 1, **fields}
    return json.dumps(record)


def forty(backend: str) -> list[str]:
    return [asked(backend, number) for number in range(40)]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Calibrates on these lines in an empty folder; the file is its `in.jsonl`."""
    monkeypatch.chdir(tmp_path)

    def invoke(lines: list[str], *arguments: str) -> Result:
        Path("in.jsonl").write_text("\n".join(lines))
        return CliRunner().invoke(calibrate, ["--outcomes", "in.jsonl", *arguments])

    return invoke


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (numbers(z=[math.nan] * SIZE), "line 41 is not JSON"),
        (numbers(z=[math.inf] * SIZE), "line 41 is not JSON"),
        (numbers(z=[None] * SIZE), "`z` must hold numbers from -1000 to 1000, not None"),
        (numbers(z=[1e300] * SIZE), "`z` must hold numbers from -1000 to 1000, not 1e+300"),
        (numbers(z=[{}] * SIZE), "`z` must hold numbers"),
        (numbers(z=[True] * SIZE), "`z` must hold numbers"),
        (numbers(embedding=["1"] * 256), "`embedding` must hold numbers"),
        (numbers(embedding=[[0.1]] * 256), "`embedding` must hold numbers"),
        (numbers(z=[10**400] * SIZE), ""),
        (numbers(z="abc"), "line 41 needs `messages`, or `z` and `embedding`, each a list"),
        (numbers(z=[0.1] * 15), "`z` holds 15 numbers, and the classifier"),
        (numbers(embedding=[]), "`embedding` holds 0 numbers, and the classifier"),
        (numbers(classifier="other-1"), "made by the classifier other-1"),
        (numbers(weight=5e-324), "`weight` must be from 0.001 to 1"),
        (numbers(weight="1"), "`weight` must be from 0.001 to 1"),
        (numbers(score="9" * 5000), "`score` must be a number from 0 to 1"),
        ("[" * 200_000, "line 41 is not JSON"),
    ],
)
def test_a_wrong_line_is_refused_with_its_number(
    run: Callable[..., Result], line: str, why: str
) -> None:
    result = run([*forty("moe"), line], "--out", "moe.json")
    assert result.exit_code == 1
    assert "Error: line 41" in result.stderr
    assert why in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not Path("moe.json").exists()


def test_the_largest_numbers_that_are_read_give_a_card_that_can_be_used(
    run: Callable[..., Result],
) -> None:
    largest = [LARGEST_NUMBER, -LARGEST_NUMBER] * 128
    lines = [
        numbers(z=largest[:SIZE], embedding=largest, score=number % 2, weight=0.001)
        for number in range(300)
    ]
    assert run([*lines, *forty("moe")]).exit_code == 0
    text = CliRunner().invoke(score, ["--ability", "moe.json"], input=asked("moe"))
    assert 0 < json.loads(text.stdout)["success"]["moe"] < 1


def test_numbers_of_this_classifier_are_taken(run: Callable[..., Result]) -> None:
    version = Classifier.load(device="cpu").version
    lines = [numbers(classifier=version, score=number % 2) for number in range(40)]
    assert run(lines).exit_code == 0
    assert json.loads(Path("moe.json").read_text())["outcomes"] == 40


def test_a_file_in_any_order_is_sampled_evenly_and_always_alike() -> None:
    lines = [asked("moe", 0)] * 6000 + [asked("moe", 1)] * 6000
    read = read_outcomes(lines)
    drawn = sampled(read)
    assert len(drawn) == MOST_OUTCOMES
    assert 0.45 < sum(one.score for one in drawn) / MOST_OUTCOMES < 0.55
    assert [one.line for one in drawn] == [one.line for one in sampled(read)]
    assert [one.line for one in drawn] == sorted(one.line for one in drawn)


def test_sampling_is_told(run: Callable[..., Result]) -> None:
    result = run([numbers(score=number > 3000) for number in range(5001)])
    assert result.exit_code == 0, result.output
    assert "moe: 5000 of 5001 outcomes are used, drawn at random" in result.stderr


@pytest.mark.parametrize("name", ["/evil", "openai/gpt", "a\nb", " ", "--x", "..", "x" * 300])
def test_a_name_that_is_no_plain_file_name_needs_an_out(
    run: Callable[..., Result], name: str
) -> None:
    result = run(forty(name))
    assert result.exit_code == 1
    assert "is no plain file name: say with --out" in result.stderr
    assert sorted(path.name for path in Path().iterdir()) == ["in.jsonl"]
    assert run(forty(name), "--out", "card.json").exit_code == 0


@pytest.mark.parametrize("out", ["in.jsonl", "link.json", "./sub/../in.jsonl"])
def test_a_card_is_never_written_over_its_outcomes(run: Callable[..., Result], out: str) -> None:
    Path("sub").mkdir()
    Path("link.json").symlink_to("in.jsonl")
    result = run(forty("moe"), "--out", out)
    assert result.exit_code == 1
    assert "would be written over the outcomes" in result.stderr
    assert Path("in.jsonl").read_text().splitlines() == forty("moe")


def test_an_out_that_cannot_be_written_is_one_line(run: Callable[..., Result]) -> None:
    for out in ("missing/card.json", "in.jsonl/card.json"):
        result = run(forty("moe"), "--out", out)
        assert result.exit_code == 1
        assert f"{out} cannot be written" in result.stderr
        assert len(result.stderr.splitlines()) == 1


def test_a_card_that_breaks_off_leaves_the_old_one(tmp_path: Path) -> None:
    card = tmp_path / "moe.json"
    card.write_text("old")
    (tmp_path / ".moe.json.part").symlink_to("/dev/full")
    with pytest.raises(ClickException, match="No space left on device"):
        write_card(card, b"new")
    assert card.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["moe.json"]


def test_a_byte_order_mark_is_looked_past_as_score_does(run: Callable[..., Result]) -> None:
    first, *rest = forty("moe")
    assert run(["\ufeff" + first, *rest]).exit_code == 0
    assert "error" not in CliRunner().invoke(score, input="\ufeff" + asked("moe")).stdout


def test_a_group_too_small_is_named_and_no_card_is_written(run: Callable[..., Result]) -> None:
    result = run([*forty("moe"), asked("tiny"), *forty("big")])
    assert result.exit_code == 1
    assert "tiny: 1 outcomes are too few" in result.stderr
    assert [path.name for path in Path().iterdir()] == ["in.jsonl"]


def test_several_backends_get_a_card_each(run: Callable[..., Result]) -> None:
    assert run([*forty("moe"), *forty("big")]).exit_code == 0
    cards: list[Any] = [json.loads(Path(f"{name}.json").read_text()) for name in ("moe", "big")]
    assert [card["ability"] for card in cards] == ["moe", "big"]


def test_a_dash_writes_the_card_to_standard_output(run: Callable[..., Result]) -> None:
    result = run(forty("moe"), "--out", "-")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["ability"] == "moe"
    assert not Path("-").exists()


def test_probes_of_a_name_that_is_no_file_name_need_an_out_that_is_one() -> None:
    refused = CliRunner().invoke(calibrate, ["openai/gpt", "--out", "-"])
    assert refused.exit_code == 1
    assert "is no plain file name" in refused.stderr
