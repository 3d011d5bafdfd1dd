import json

import pytest

from classifiers.probing.checks import check
from classifiers.probing.probes import EACH, Probe, probes


def right_answer(probe: Probe) -> str:
    if probe.kind == "json":
        return f"Here you are:\n```json\n{json.dumps(probe.expected)}\n```"
    return {
        "arithmetic": f"First ... so the result is {probe.expected:,}"
        if probe.kind == "arithmetic"
        else "",
        "extraction": f'"{probe.expected}".',
        "choice": f"The answer is {probe.expected}.",
    }[probe.kind]


def test_every_run_asks_the_same_distinct_questions() -> None:
    asked = probes()
    assert asked == probes()
    assert len({probe.text for probe in asked}) == len(asked) == 5 * EACH
    assert len({probe.id for probe in asked}) == len(asked)


def test_a_run_cut_short_has_seen_every_kind() -> None:
    assert {probe.kind for probe in probes()[:5]} == {probe.kind for probe in probes()}


@pytest.mark.parametrize("kind", ["arithmetic", "extraction", "json", "choice"])
def test_a_right_answer_scores_1_and_a_wrong_one_0(kind: str) -> None:
    for probe in probes():
        if probe.kind == kind:
            assert check(probe, right_answer(probe)) == 1.0
            for wrong in ("", "I do not know", "-1", "[", "E", "\ud800" * 3, "[" * 5000):
                assert check(probe, wrong) == 0.0


@pytest.mark.parametrize(
    ("kind", "expected", "right", "wrong"),
    [
        ("arithmetic", -7, "It is \u22127", "It is \u22128"),
        ("arithmetic", 12, "<think>13</think> **12**", "<think>12</think> 13"),
        ("extraction", "A-1234", "A\u20111234.", "A1234"),
        ("choice", "B", "b", "c"),
        ("choice", "B", "The answer is (b).", "It is a mistake"),
        ("choice", "B", "**b)** Tuesday", "a"),
        ("json", [{"n": 1}], 'As asked [see below], [1]: [{"n": 1}]', '[[{"n": 1}], 2]'),
        ("json", [], "[]", "[none]"),
    ],
)
def test_right_answers_are_right_however_they_are_dressed(
    kind: str, expected: object, right: str, wrong: str
) -> None:
    probe = Probe("x", kind, "?", expected)
    assert check(probe, right) == 1.0
    assert check(probe, wrong) == 0.0


def test_a_heap_of_brackets_is_read_quickly() -> None:
    assert check(Probe("x", "json", "?", [{"n": 1}]), "[" * 200_000) == 0.0
