"""How a judge is asked, what it may write, and what is made of it."""

from collections.abc import Callable

import pytest

from router.ask import Ask
from router.backends.judging import (
    LONGEST,
    judging_request,
    material,
    read_good_enough,
    read_preference,
)

CLEAR = {
    "A": [
        "A", "a", "A.", "(A)", "[[A]]", "**A**", '"A"', "`A`", "\n\nA\n", "Answer A", "answer a",
        "Option A.", "Answer A is better", "A is better.", "A is clearly better", "A wins!",
        "**Answer A** is the better answer.", "The better answer is A.", "Verdict: A",
        "Final verdict: **A**", "My verdict is A", "I would choose A.", "I prefer answer A",
        "<think>B looks right, but no.</think>A", "</think>\nA", "Winner: Answer A",
        "$\\boxed{A}$", '{"verdict": "A"}', "A is better because it adds up.",
        "A\n\nAnswer B has the sum wrong.", "Answer B has the sum wrong.\n\nA",
        "Answer A:\nIt adds up.\nAnswer B:\nIt does not.\nVerdict: A",
    ],
    "B": [
        "B", "b", "B.", "(B)", "**B**", "Answer B", "Answer B is better", "Verdict: B",
        "<think>x</think>B", "\n\nB", "Answer: B", "So, the final answer is B", "Response B wins",
        "Verdict - see above\nB",
    ],
    "TIE": [
        "TIE", "tie", "Tie.", "**TIE**", "[TIE]", "It is a tie", "It's a tie.", "A tie.", "Equal",
        "Both are equally good", "As good as each other", "They are about as good.", "Verdict: TIE",
        "The two answers are equivalent.", "Final verdict: a tie", "TIE. Both add up.",
    ],
}  # fmt: skip
UNCLEAR = [
    "", " \n", "?", "C", "AB", "A B", "A/B", "A or B", "A, B or TIE", "Neither", "Both", "Yes",
    "A good answer", "A\nB", "Verdict: A\nVerdict: B", "Not A", "A is not better", "A is worse",
    "A is better, but B is right", "TIE, but A is slightly better", "It is not a tie",
    "A. B is worse", "As an AI model I cannot judge", "Better", "Because",
    "<think>Answer A is better", "Answer A:\nIt adds up", "A is better or it is a tie",
    "Both are wrong", "A isn't better",
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "meant"), [(text, meant) for meant, many in CLEAR.items() for text in many]
)
def test_a_clear_verdict_is_read_in_whatever_words_it_comes(text, meant):
    assert read_preference(text) == meant


@pytest.mark.parametrize("text", UNCLEAR)
def test_what_names_both_or_neither_is_no_verdict(text):
    assert read_preference(text) is None


def test_a_megabyte_of_near_verdicts_is_read_at_once():
    assert read_preference("the " * 250_000) is None
    assert read_preference("A is " * 200_000) is None
    assert read_preference("so " * 300_000 + "A") is None


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("PASS", True),
        (" **pass**.", True),
        ("FAIL", False),
        ("`Fail`: it adds up wrong", False),
        ("", None),
        ("It will PASS", None),
        ("maybe", None),
    ],
)
def test_an_answer_is_good_enough_only_where_the_judge_says_so_first(text, meant):
    assert read_good_enough(text) is meant


def test_a_judge_is_asked_coldly_and_reads_the_end_of_a_long_conversation(
    chat: Callable[..., Ask],
) -> None:
    request = chat("x" * LONGEST + " the end")
    parts = {"Request": material(request), "Answer": "42"}
    asked = judging_request("Be fair.", parts, "PASS or FAIL", max_tokens=8)
    system, question = asked.body["messages"]
    assert system == {"role": "system", "content": "Be fair."}
    assert question["content"].endswith("=== Answer ===\n42\n\n=== Your verdict: PASS or FAIL ===")
    assert "the end" in question["content"]
    assert len(parts["Request"]) == LONGEST
    assert asked.body["temperature"] == 0
    assert asked.max_output_tokens == 8
