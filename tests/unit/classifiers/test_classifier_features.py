import shutil
import sysconfig
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from classifier_prompts import CODE, EMPTY, HUGE, PLAIN, STRANGE

from classifiers.prompt import Prompt, PromptTurn, prompt_of_messages, prompt_of_text
from classifiers.text.bag import MAX_WORDS, PAIRS
from classifiers.text.features import clip, encode
from classifiers.text.lexical_features import FEATURE_NAMES
from classifiers.text.reading import READ, READS_IN
from classifiers.text.words import REMEMBERED, WORDS, KnownWords, number_of, words_of

_HEADERS = Path(sysconfig.get_path("include")) / "Python.h"


def test_where_there_is_a_compiler_prompts_are_read_in_c() -> None:
    able = shutil.which("cc") is not None and _HEADERS.exists()
    assert READS_IN == "c" or not able, "installing did not build classifiers/native"


@pytest.mark.skipif(READS_IN != "c", reason="no C compiler when this was installed")
@pytest.mark.parametrize(
    "prompt",
    [
        None,
        [],
        ([("text", 20)],),
        ([("text", 20)], (4, 0, 1)),
        ([], (0, 0, 0, 0)),
        ((), (0, 0, 0, 0)),
        ([("text",)], (4, 0, 1, 0)),
        ([("text", 21)], (4, 0, 1, 0)),
        ([(b"text", 1)], (4, 0, 1, 0)),
        ([("text", 1), None], (4, 0, 1, 0)),
    ],
)
def test_the_extension_refuses_what_is_no_prompt(prompt: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        READ([([("text", 1)], (4, 0, 1, 0)), prompt])


def test_words_are_remembered_up_to_a_bound_and_enormous_ones_not_at_all() -> None:
    known = KnownWords({})
    packed = known["a" * 4000]
    assert known["a" * 4000] == packed
    assert not known
    sizes = {len(known) for word in map(str, range(REMEMBERED + 9)) if known[word]}
    assert max(sizes) == REMEMBERED
    assert len(known) == 9


def test_words_are_runs_of_letters_and_digits_signs_and_single_chinese_characters() -> None:
    assert words_of("Let x2 = 42, 量子") == ["let", "x0", "=", "00", ",", "量", "子"]


def test_ascii_text_reads_the_same_beside_a_foreign_letter() -> None:
    text = 'Prove: f_1(x) >= 3.5e2 [a]\t{b}! "q" \\frac{1}{2} ~^`|'
    assert words_of(f"{text} é")[:-1] == words_of(text)


def test_long_text_keeps_its_head_and_its_tail() -> None:
    cut = clip("a" * 900 + "z" * 900, 400)
    assert cut == "a" * 300 + "\n" + "z" * 100


def test_a_batch_gives_each_prompt_the_numbers_it_has_alone() -> None:
    prompts = [PLAIN, CODE, EMPTY, HUGE]
    together = encode(prompts)
    for row, prompt in enumerate(prompts):
        alone = encode([prompt])
        for numbers, weights in (("words", "word_weights"), ("pairs", "pair_weights")):
            one, padded = getattr(alone, numbers)[0], getattr(together, numbers)[row]
            assert np.array_equal(padded[: len(one)], one)
            assert not padded[len(one) :].any()
            weight = getattr(together, weights)[row, : len(one)]
            assert np.array_equal(weight, getattr(alone, weights)[0])
        assert np.array_equal(together.lexical[row], alone.lexical[0])


def test_a_word_stands_once_and_weighs_one_plus_the_logarithm_of_its_count() -> None:
    batch = encode([prompt_of_text("a a a b")])
    weight = dict(zip(batch.words[0].tolist(), batch.word_weights[0].tolist(), strict=True))
    assert weight == {number_of("a"): pytest.approx(1 + np.log(3)), number_of("b"): 1.0}


def test_the_final_question_weighs_most_and_tool_names_least() -> None:
    batch = encode([CODE])
    weight = dict(zip(batch.words[0].tolist(), batch.word_weights[0].tolist(), strict=True))
    of = {word: weight[number_of(word)] for word in ("empty", "return", "run")}
    assert of["empty"] > of["return"] > of["run"]


def test_only_a_bounded_part_of_an_enormous_prompt_is_read() -> None:
    assert encode([HUGE]).pairs.shape[1] <= MAX_WORDS


@pytest.mark.parametrize("text", STRANGE)
def test_strange_text_gives_finite_numbers(text: str) -> None:
    batch = encode([prompt_of_text(text), Prompt(system=text, turns=(PromptTurn("tool", text),))])
    assert np.isfinite(batch.lexical).all()
    assert np.isfinite(batch.word_weights).all()
    assert np.isfinite(batch.pair_weights).all()
    assert ((batch.words >= 0) & (batch.words < WORDS)).all()
    assert ((batch.pairs >= 0) & (batch.pairs < PAIRS)).all()
    assert batch.lexical.shape == (2, len(FEATURE_NAMES))


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
    turns = (PromptTurn("user", "Hi"), PromptTurn("assistant", ""))
    assert prompt == Prompt("Be brief.", turns, ("search", "web"))
    assert prompt_of_messages("nonsense", 7) == EMPTY
