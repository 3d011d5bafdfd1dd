"""The quick reading of a prompt says, bit for bit, what the plain one says."""

import inspect
import random
from collections.abc import Sequence

import numpy as np
import pytest
from classifier_reference import plain_reading
from hypothesis import given
from hypothesis import strategies as st

from classifiers.prompt import Prompt, PromptTurn, prompt_of_text
from classifiers.text import features
from classifiers.text.features import encode
from classifiers.text.lexical_features import FEATURE_NAMES
from classifiers.text.vocabulary import COUNTED, CUES, PRESENT

TABLES = (*COUNTED.values(), *PRESENT.values(), *CUES.values())
KNOWN = sorted({word for words in TABLES for word in words})
PIECES = (
    *KNOWN,
    *("Which", "DEF", "internationalisation", "x2", "3.14", "2026", "1234567890123", "a_b__c"),
    *(" ", "  ", "\n", "\n\n", "\t", "\r\n", "\n- ", "\n* ", "\n - ", "\n    ", "\n\t", "\n12. "),
    *(
        "\nA. ",
        "\n(B) 12",
        "\n  [C] x",
        "\nD:\n\n",
        "E.",
        "```",
        "? ",
        ". ",
        ":",
        "__",
        "\\frac{1}",
    ),
    *("é", "ß", "İ", "\u212a", "量子", "、", "\u3000", "한국", "مرحبا", "שלום", "👩‍👩‍👧", "“q”"),
    *("٣", "²", "\u2028", "\x85", "\x1c", "\x00", "\x7f", "\ud800", "𝒳", "ﬁ", "ा", "–"),
)
ANY_TEXT = st.one_of(
    st.lists(st.sampled_from(PIECES), max_size=60).map("".join),
    st.lists(st.sampled_from(PIECES), max_size=60).map(" ".join),
    st.text(max_size=300),
    st.text(st.characters(max_codepoint=127), max_size=300),
    st.binary(max_size=300).map(lambda raw: raw.decode("utf-8", "surrogateescape")),
)
PROMPTS = st.builds(
    Prompt,
    system=ANY_TEXT,
    turns=st.lists(
        st.builds(
            PromptTurn, role=st.sampled_from(["user", "assistant", "tool", ""]), text=ANY_TEXT
        ),
        max_size=7,
    ).map(tuple),
    tools=st.lists(st.text(max_size=30), max_size=4).map(tuple),
)
TABLE = "| name | price |\n|---|---|\n" + "".join(f"| item {n} | {n * 7}.5 |\n" for n in range(90))
CODE = inspect.getsource(features)
PROBLEM = (
    "A baker has 48 rolls and sells half of them for $2 each. She bakes 25 percent more than are "
    "left. How many rolls has she in total?"
)
ODD = {
    "empty": Prompt(),
    "no user": Prompt(turns=(PromptTurn("tool", "42"), PromptTurn("assistant", "It is 42."))),
    "only a system prompt": Prompt(system="Answer with one letter."),
    "emoji": prompt_of_text("👩‍👩‍👧‍👦🎉 party? " * 90),
    "right to left": prompt_of_text("ما هي عاصمة فرنسا؟ ומה השעה? " * 40),
    "Chinese": prompt_of_text("请解释量子纠缠，并举一个例子。" * 300),
    "German": prompt_of_text("Erkläre bitte, warum 12 Äpfel süß schmecken – “genau”! " * 30),
    "code": prompt_of_text(CODE),
    "table": prompt_of_text(TABLE),
    "digits": prompt_of_text("9" * 5000),
    "numbers": prompt_of_text(" ".join(str(n) for n in range(2000))),
    "blank lines": prompt_of_text("\n" * 900 + "A. x\n \n\nB) 12\n(C)\n\n\nD. z"),
    "signs": prompt_of_text("".join(map(chr, range(128))) * 9),
    "word problem": prompt_of_text(PROBLEM),
    "word problem of too many lines": prompt_of_text(PROBLEM.replace(". ", ".\n\n")),
    "word problem on as many lines as may be": prompt_of_text(f"{PROBLEM}\n\n\n"),
    "word problem with answer options": prompt_of_text(f"{PROBLEM}\nA. 30\nB. 54"),
    "word problem in LaTeX": prompt_of_text(f"{PROBLEM} \\frac{{1}}{{2}}"),
    "word problem with numbers in LaTeX": prompt_of_text(PROBLEM.replace("48", "$48$")),
    "word problem that ends in a dollar sign": prompt_of_text(f"{PROBLEM} $"),
    "word problem that ends in a dollar sign and a stop": prompt_of_text(f"{PROBLEM} $."),
    "word problem with an equation": prompt_of_text(f"{PROBLEM} rolls = 48"),
    "word problem in cents": prompt_of_text(PROBLEM.replace("$2", "$.50")),
    "word problem of one number": prompt_of_text(
        "A baker has 48 rolls. " + "How many are left? " * 4
    ),
    "word problem of few words": prompt_of_text("5 rolls cost $3. How many can I buy for 12?"),
    "word problem in code": prompt_of_text(f"{PROBLEM} Return a list: def rolls, class Baker"),
    "word problem with accents": prompt_of_text(PROBLEM.replace("rolls", "rølls")),
    "word problem that only asks how many": prompt_of_text(
        "A baker has 48 rolls and sells 12 of them. She bakes 25 on top. How many has she then?"
    ),
    "word problem that asks nothing": prompt_of_text(
        "A baker had 48 rolls and sold 12 of them in 1914. She was born in Rome. What was her name?"
    ),
    "word problem told half abroad": prompt_of_text(PROBLEM.replace("rolls", "брецели")),
    "one megabyte": prompt_of_text("The quick brown fox 12345, is it? " * 31_000),
    "long conversation": Prompt(
        CODE,
        tuple(
            PromptTurn("user" if n % 2 else "assistant", f"{n} {TABLE}"[:1500]) for n in range(12)
        ),
        tuple(f"tool_{n}" for n in range(99)),
    ),
}


def check(prompts: Sequence[Prompt]) -> None:
    batch = encode(prompts)
    for row, prompt in enumerate(prompts):
        words, pairs, lexical = plain_reading(prompt)
        for numbers, weights, plain in (
            (batch.words[row], batch.word_weights[row], words),
            (batch.pairs[row], batch.pair_weights[row], pairs),
        ):
            assert numbers[: len(plain)].tolist() == list(plain)
            assert weights[: len(plain)].tolist() == list(plain.values())
            assert not numbers[len(plain) :].any()
            assert not weights[len(plain) :].any()
        assert dict(zip(FEATURE_NAMES, batch.lexical[row].tolist(), strict=True)) == lexical
    for numbers in (batch.words, batch.pairs):
        assert numbers.dtype == np.int32
        assert numbers.flags.c_contiguous
    for floats in (batch.word_weights, batch.pair_weights, batch.lexical):
        assert floats.dtype == np.float32
        assert floats.flags.c_contiguous


@pytest.mark.parametrize("name", ODD)
def test_an_odd_prompt_reads_as_the_plain_reading_says(name: str) -> None:
    check([ODD[name]])


def test_all_odd_prompts_read_the_same_together() -> None:
    check(list(ODD.values()))


def test_every_known_word_is_counted_and_noticed_as_the_tables_say() -> None:
    check([prompt_of_text(word) for word in KNOWN])


def test_no_prompts_give_a_batch_of_no_rows() -> None:
    assert encode([]).lexical.shape[0] == 0


def test_word_problems_are_told_from_what_looks_like_them() -> None:
    at = FEATURE_NAMES.index("word_problem")
    result = {
        name for name, row in zip(ODD, encode(list(ODD.values())).lexical, strict=True) if row[at]
    }
    problems = {name for name in ODD if name.startswith("word problem")}
    assert result & problems == {
        "word problem",
        "word problem on as many lines as may be",
        "word problem in cents",
        "word problem that only asks how many",
        "word problem with accents",
    }


@given(st.lists(PROMPTS, min_size=1, max_size=3))
def test_any_prompt_reads_as_the_plain_reading_says(prompts: list[Prompt]) -> None:
    check(prompts)


def test_texts_of_random_characters_read_as_the_plain_reading_says() -> None:
    pick = random.Random(7)
    for _ in range(40):
        top = pick.choice((0x7F, 0xFF, 0x3FF, 0x9FFF, 0xD7FF))
        chars = [chr(pick.randint(1, top)) for _ in range(pick.randint(1, 1500))]
        check([prompt_of_text("".join(pick.choices([*chars, " "], k=1500)))])
