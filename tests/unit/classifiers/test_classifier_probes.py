import json
import resource
import textwrap

import pytest

from classifiers.probing.checks import check
from classifiers.probing.probes import EACH, Probe, probes
from classifiers.probing.sandbox import passes

ADD = [([1, 2], 4), ([], 1)]


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


def test_formulas_have_their_value() -> None:
    formulas = [probe for probe in probes() if probe.text.startswith("What is ")]
    assert len(formulas) == EACH // 2
    for probe in formulas:
        formula = probe.text.removeprefix("What is ").partition("?")[0]
        assert passes(f"def f(_):\n    return {formula}", "f", [(0, probe.expected)])


def test_code_is_judged_by_running_it() -> None:
    probe = next(probe for probe in probes() if probe.id == "code-00")
    (shift,) = [want for case, want in probe.expected["cases"] if case == []]
    answer = f"```python\ndef add(a):\n    return sum(a) + {shift}\n```\nDone."
    assert check(probe, answer) == 1.0
    assert check(probe, answer.replace("sum(a)", "len(a)")) == 0.0


def test_the_sandbox_runs_plain_functions_with_the_usual_modules() -> None:
    source = "from collections import Counter\nimport bisect\ndef add(a):\n    return sum(a) + 1"
    assert passes(source, "add", ADD)


@pytest.mark.parametrize(
    "body",
    [
        "import os; os.system('true')",
        "import subprocess; subprocess.run(['true'])",
        "import socket; socket.socket()",
        "open('/etc/hostname').read()",
        "open('left', 'w').write('x')",
        "import ctypes",
        "bytearray(10**10)",
        "1 / 0",
        "raise SystemExit(0)",
    ],
)
def test_the_sandbox_refuses(body: str) -> None:
    assert not passes(f"def add(a):\n    {body}\n    return sum(a) + 1", "add", ADD)


@pytest.mark.parametrize("source", ["", "def add(:", "add = 3", "def other(a): return 4"])
def test_code_that_does_not_define_the_function_fails(source: str) -> None:
    assert not passes(source, "add", ADD)


def test_an_endless_loop_is_ended() -> None:
    assert not passes("def add(a):\n    while True: pass", "add", ADD)


FLOOD = "import sys\ns = 'x' * (1 << 20)\nwhile True: sys.__stdout__.write(s)"


@pytest.mark.parametrize(
    "source",
    [
        FLOOD,
        FLOOD.replace("__stdout__", "stdout"),
        "import os\nwhile True: os.write(1, bytes(1 << 20))",
        "import sys\nsys.__stdout__.write('[' * 200000)\nsys.__stdout__.flush()\n"
        "import os\nos._exit(0)",
        "def add(a): return '9' * (1 << 20)",
    ],
)
def test_an_answer_that_floods_its_output_fails_and_takes_no_memory(source: str) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert not passes(source, "add", ADD)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 32_000  # kB


def test_what_an_answer_prints_does_not_count() -> None:
    source = "def add(a):\n    print('adding')\n    return sum(a) + 1\nprint(add([1, 2]))"
    assert passes(source, "add", ADD)


CODE = "def add(a):\n    return sum(a) + {shift}\n"


@pytest.mark.parametrize(
    "dressed",
    [
        "```Python\n{code}```",
        "```python3\n{code}```",
        "```py \r\n{code}```",
        "~~~python\n{code}~~~",
        "1. Like this:\n\n    ```python\n{indented}    ```",
        "```\nadd([1, 2])\n```\nis answered by\n```python\n{code}```",
        "<think>```python\ndef add(a): return 0\n```</think>\n```python\n{code}```",
        "```python\ndef add(a): return 0\n```\n</think>{code}",
        "```python\nfrom __future__ import annotations\n{code}print(add([1, 2]))\n```",
        "```python\n{code}",
        "{code}",
    ],
)
def test_right_code_is_right_however_it_is_dressed(dressed: str) -> None:
    probe = next(probe for probe in probes() if probe.id == "code-00")
    (shift,) = [want for case, want in probe.expected["cases"] if case == []]
    code = CODE.format(shift=shift)
    answer = dressed.format(code=code, indented=textwrap.indent(code, "    "))
    assert check(probe, answer) == 1.0
    assert check(probe, answer.replace("sum(a)", "len(a)")) == 0.0


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
