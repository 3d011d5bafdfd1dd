import subprocess
import sys

import numpy as np
import pytest
from classifier_prompts import CODE, EMPTY, HUGE, PLAIN, STRANGE

from classifiers.features import BUCKETS, MAX_WORDS, bucket_of, clip, encode, words_of
from classifiers.hand import HAND_FEATURES
from classifiers.prompt import Prompt, Turn, prompt_of_messages, prompt_of_text


def test_a_word_has_the_same_number_in_every_process() -> None:
    program = "from classifiers.features import bucket_of; print(bucket_of('naïve'))"
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert int(said.stdout) == bucket_of("naïve")


def test_words_are_letters_numbers_by_length_signs_and_single_chinese_characters() -> None:
    assert words_of("Let x = 42, 量子") == ["let", "x", "=", "00", ",", "量", "子"]


def test_ascii_text_reads_the_same_beside_a_foreign_letter() -> None:
    text = "Prove: f_1(x) >= 3.5e2 [a]\t{b}!"
    assert words_of(f"{text} é")[:-1] == words_of(text)


def test_long_text_keeps_its_head_and_its_tail() -> None:
    cut = clip("a" * 900 + "z" * 900, 400)
    assert cut == "a" * 300 + "\n" + "z" * 100


def test_a_batch_gives_each_prompt_the_numbers_it_has_alone() -> None:
    prompts = [PLAIN, CODE, EMPTY, HUGE]
    together = encode(prompts)
    for row, prompt in enumerate(prompts):
        alone = encode([prompt])
        width = alone.ids.shape[1]
        assert np.array_equal(together.ids[row, :width], alone.ids[0])
        assert not together.ids[row, width:].any()
        assert np.array_equal(together.weights[row, :width], alone.weights[0])
        assert np.array_equal(together.hand[row], alone.hand[0])


def test_the_final_question_weighs_most_and_tool_names_least() -> None:
    batch = encode([CODE])
    weight = dict(zip(batch.ids[0].tolist(), batch.weights[0].tolist(), strict=True))
    assert weight[bucket_of("empty")] > weight[bucket_of("return")] > weight[bucket_of("python")]
    assert batch.weights.sum() == pytest.approx(1.0)


def test_only_a_bounded_part_of_an_enormous_prompt_is_read() -> None:
    assert encode([HUGE]).ids.shape[1] <= MAX_WORDS


@pytest.mark.parametrize("text", STRANGE)
def test_strange_text_gives_finite_numbers(text: str) -> None:
    batch = encode([prompt_of_text(text), Prompt(system=text, turns=(Turn("tool", text),))])
    assert np.isfinite(batch.hand).all()
    assert np.isfinite(batch.weights).all()
    assert ((batch.ids >= 0) & (batch.ids < BUCKETS)).all()
    assert batch.hand.shape == (2, len(HAND_FEATURES))


def test_feature_names_are_distinct() -> None:
    assert len(set(HAND_FEATURES)) == len(HAND_FEATURES)


def test_messages_are_read_tolerantly() -> None:
    prompt = prompt_of_messages(
        [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": [{"type": "text", "text": "Hi"}, {"type": "image_url"}]},
            "not a message",
            {"role": "assistant", "content": None},
        ],
        [{"function": {"name": "search"}}, {"type": "web"}],
    )
    assert prompt == Prompt("Be brief.", (Turn("user", "Hi"), Turn("assistant", "")), ("search",))
    assert prompt_of_messages("nonsense", 7) == EMPTY
