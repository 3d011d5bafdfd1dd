"""What prompts become must not change unnoticed: an artifact was trained on these very numbers."""

import json
from pathlib import Path

import pytest

from classifiers.prompt import Prompt, PromptTurn, prompt_of_text
from classifiers.text.features import encode
from classifiers.text.lexical_features import FEATURES_VERSION

GOLDEN = json.loads(Path(__file__).with_name("classifier_features.json").read_text("utf-8"))
OPTIONS = "\nA. Mars\nB. Earth\nC. 12\nD. none of these\nAnswer:"
PROMPTS = {
    "question": prompt_of_text(f"Which planet is 3.5 times larger?{OPTIONS}"),
    "conversation": Prompt(
        "You write Python.",
        (
            PromptTurn("user", "def f(x):\n    return x[::-1]"),
            PromptTurn("assistant", "It reverses x."),
            PromptTurn("user", "And why?"),
        ),
        ("run_python",),
    ),
    "foreign": prompt_of_text("请解释量子纠缠。 Erkläre 2 Übungen."),
    "word problem": prompt_of_text(
        "A baker has 48 rolls and sells half of them for $2 each. She bakes 25 percent more than "
        "are left. How many rolls has she in total?"
    ),
    "empty": Prompt(),
}


@pytest.mark.parametrize("name", PROMPTS)
def test_features_of_this_version_stay_as_they_are(name: str) -> None:
    assert GOLDEN["features_version"] == FEATURES_VERSION, "new version: write the golden file anew"
    batch, golden = encode([PROMPTS[name]]), GOLDEN["prompts"][name]
    assert batch.words[0].tolist() == golden["words"]
    assert batch.pairs[0].tolist() == golden["pairs"]
    assert batch.word_weights[0].tolist() == pytest.approx(golden["word_weights"], abs=1e-4)
    assert batch.lexical[0].tolist() == pytest.approx(golden["lexical"], abs=1e-4)
