import json
import random
from pathlib import Path

import pytest
from click.testing import CliRunner

from classifiers.__main__ import main
from classifiers.bench import main as bench
from classifiers.list_features import main as features
from classifiers.prompt import prompt_of_text
from classifiers.serving import Classifier
from classifiers.text.lexical_features import FEATURE_NAMES, FEATURES_VERSION, LEXICAL
from router.cli.calibrate import calibrate
from router.cli.score import score

RUNNER = CliRunner()


def request(text: str, **fields: object) -> str:
    return json.dumps({"messages": [{"role": "user", "content": text}], **fields})


def test_score_gives_one_line_per_request_in_order() -> None:
    lines = [request("What is 2 + 2?", id="a"), request("Prove it", model="auto", tools=[])]
    lines.append(json.dumps({"custom_id": "c", "body": json.loads(request("Hi"))}))
    result = RUNNER.invoke(score, input="\n".join(lines))
    assert result.exit_code == 0
    text = [json.loads(line) for line in result.stdout.splitlines()]
    assert [one["id"] for one in text] == ["a", 2, "c"]
    assert {one["features_version"] for one in text} == {FEATURES_VERSION}
    assert all(0 < p < 1 for one in text for p in one["success"].values())


def test_score_goes_on_after_a_line_it_cannot_read_and_says_so() -> None:
    lines = ["{", "[]", '{"id": 7}', request("Hi", id="good")]
    result = RUNNER.invoke(score, input="\n".join(lines))
    assert result.exit_code == 1
    text = [json.loads(line) for line in result.stdout.splitlines()]
    assert [bool(one["success"]) for one in text] == [False, False, False, True]
    assert text[2] == {**text[2], "id": 7, "success": {}}
    assert "line 3 has no `messages`" in text[2]["error"]
    assert "3 lines could not be read" in result.stderr


def test_score_answers_a_line_whose_id_is_too_deep_to_be_repeated() -> None:
    deep = json.loads("[" * 300 + "]" * 300)
    lines = [request("Hi", id=deep), request("Hi", id=[["fine"]])]
    result = RUNNER.invoke(score, input="\n".join(lines))
    assert result.exit_code == 1
    first, second = [json.loads(line) for line in result.stdout.splitlines()]
    assert (first["id"], first["success"]) == (1, {})
    assert "nested too deeply" in first["error"]
    assert (second["id"], len(second["success"])) == ([["fine"]], 3)


def test_an_id_of_null_is_no_id_and_a_byte_order_mark_no_mistake() -> None:
    lines = [request("Hi", id=None), "", request("Hi", id=None, custom_id="c")]
    result = RUNNER.invoke(score, input="\ufeff" + "\n".join(lines))
    assert result.exit_code == 0
    assert [json.loads(line)["id"] for line in result.stdout.splitlines()] == [1, "c"]


def test_lines_longer_and_more_than_are_read_at_once_keep_their_numbers() -> None:
    lines = [request("Hi"), request("x " * 1_300_000), *[request("Hi")] * 200]
    result = RUNNER.invoke(score, input="\n".join(lines))
    assert [json.loads(line)["id"] for line in result.stdout.splitlines()] == [*range(1, 203)]


def outcomes(backend: str, good: bool) -> list[str]:
    return [
        request(f"Question {number}: is {number} prime?", backend=backend, score=float(good))
        for number in range(60)
    ]


def test_a_card_calibrated_on_failures_lowers_what_score_says(tmp_path: Path) -> None:
    source = tmp_path / "outcomes.jsonl"
    source.write_text("\n".join(outcomes("moe", good=False)))
    card = tmp_path / "moe-here.json"
    made = RUNNER.invoke(calibrate, ["--outcomes", str(source), "--out", str(card)])
    assert made.exit_code == 0, made.output
    assert "60 outcomes, started from moe" in made.stderr
    asked = request("Is 91 prime?")
    before = json.loads(RUNNER.invoke(score, input=asked).stdout)["success"]
    after = json.loads(RUNNER.invoke(score, ["--ability", str(card)], input=asked).stdout)[
        "success"
    ]
    assert after["moe"] < before["moe"] - 0.2
    assert after["premium"] == before["premium"]


def test_a_card_that_forecasts_no_better_is_written_and_called_so(tmp_path: Path) -> None:
    dice = random.Random(1)
    texts = [f"What is {dice.randrange(999)} plus {dice.randrange(99)}?" for _ in range(60)]
    classifier = Classifier.load(device="cpu")
    output = [one.success["moe"] for one in classifier.score([prompt_of_text(t) for t in texts])]
    classifier.close()
    lines = [
        request(text, backend="moe", score=float(dice.random() < p))
        for text, p in zip(texts, output, strict=True)
    ]
    source, card = tmp_path / "outcomes.jsonl", tmp_path / "moe.json"
    source.write_text("\n".join(lines))
    made = RUNNER.invoke(calibrate, ["--outcomes", str(source), "--out", str(card)])
    assert made.exit_code == 0, made.output
    assert card.exists()
    assert "no better than moe" in made.stderr


def test_from_two_hundred_outcomes_a_card_tells_kinds_of_prompts_apart(tmp_path: Path) -> None:
    source, card = tmp_path / "outcomes.jsonl", tmp_path / "moe.json"
    primes = [f"Is {number} a prime number?" for number in range(150)]
    poems = [f"Write a poem of {number} lines about the sea." for number in range(150)]
    lines = [request(text, backend="moe", score=1) for text in primes]
    lines += [request(text, backend="moe", score=0) for text in poems]
    source.write_text("\n".join(lines))
    made = RUNNER.invoke(calibrate, ["--outcomes", str(source), "--out", str(card)])
    assert made.exit_code == 0, made.output
    assert "correction: what is near" in made.stderr
    asked = "\n".join([request("Is 977 a prime number?"), request("Write a poem about the sea.")])
    result = RUNNER.invoke(score, ["--ability", str(card)], input=asked)
    prime, poem = [json.loads(line)["success"]["moe"] for line in result.stdout.splitlines()]
    assert prime > 0.9
    assert poem < 0.2


def test_a_new_backend_gets_a_card_of_its_own_name(tmp_path: Path) -> None:
    source = tmp_path / "outcomes.jsonl"
    source.write_text("\n".join([*outcomes("tiny", good=False)[:40], *outcomes("tiny", True)[40:]]))
    card = tmp_path / "tiny.json"
    assert RUNNER.invoke(calibrate, ["--outcomes", str(source), "--out", str(card)]).exit_code == 0
    assert Classifier.load(cards=[card]).abilities == ("local", "moe", "premium", "tiny")


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ([request("Hi", backend="moe", score=1)], "1 outcomes are too few"),
        (["nonsense"], "line 1 is not JSON"),
        ([], "holds no outcomes"),
        ([*outcomes("moe", True), *outcomes("big", True)], "leave --out away"),
    ],
)
def test_calibrate_says_what_is_wrong_with_outcomes(
    tmp_path: Path, lines: list[str], why: str
) -> None:
    source = tmp_path / "outcomes.jsonl"
    source.write_text("\n".join(lines))
    result = RUNNER.invoke(
        calibrate, ["--outcomes", str(source), "--out", str(tmp_path / "x.json")]
    )
    assert result.exit_code == 1
    assert why in result.stderr


def test_calibrate_wants_a_backend_or_outcomes() -> None:
    result = RUNNER.invoke(calibrate, [])
    assert result.exit_code == 2
    assert "name a BACKEND to ask, or give --outcomes" in result.stderr


def test_bench_prints_every_timing_as_json() -> None:
    result = RUNNER.invoke(bench, ["--rounds", "2", "--json"])
    timings = {one["what"]: one for one in json.loads(result.stdout)}
    assert timings["read and score 1 KB"]["budget"] == 250
    assert all(one["p50"] > 0 for one in timings.values())


@pytest.mark.parametrize("rounds", ["0", "-3"])
def test_bench_wants_a_round_at_least(rounds: str) -> None:
    result = RUNNER.invoke(bench, ["--rounds", rounds])
    assert result.exit_code == 2
    assert "--rounds" in result.stderr


@pytest.mark.parametrize("text", [None, "{", "[]"])
def test_bench_says_in_one_line_what_is_wrong_with_a_classifier(
    tmp_path: Path, text: str | None
) -> None:
    if text is not None:
        (tmp_path / "swift.json").write_text(text)
    result = RUNNER.invoke(bench, ["--classifier", str(tmp_path / "swift.json")])
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("\n") == 1
    assert "swift.json" in result.stderr


def test_features_lists_every_feature_and_every_measure_it_is_made_of() -> None:
    result = RUNNER.invoke(features)
    assert result.output.startswith(f"{len(LEXICAL.features)} features, version {FEATURES_VERSION}")
    lines = [line.strip() for line in result.output.splitlines()]
    listed = {line.partition(" = ")[0] for line in lines if " = " in line}
    assert listed >= set(FEATURE_NAMES)
    measured = {line.partition(": ")[0] for line in lines if ": " in line}
    assert measured >= set(LEXICAL.layout()) - {"one"}
    assert "log_words_per_sentence = log(1 + words / sentences)" in lines
    assert "problem_log_rest = log(1 + cue_rest), if word_problem, else 0" in lines


def test_an_unknown_command_shows_the_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["guess"]) == 2
    assert "train|evaluate|episodes|deep|bench" in capsys.readouterr().err
    assert main(["--help"]) == 0
