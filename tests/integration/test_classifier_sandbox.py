"""Code in answers to probes is judged by running it, behind a wall."""

import resource
import textwrap
from collections.abc import Iterator

import pytest
from wallkit import a_wall

from classifiers.probing.checks import check
from classifiers.probing.probes import EACH, probes
from classifiers.probing.sandbox import passes
from classifiers.probing.walls.wall import Wall

ADD = [([1, 2], 4), ([], 1)]


@pytest.fixture(scope="module")
def wall() -> Iterator[Wall]:
    with a_wall() as opened:
        yield opened


def test_formulas_have_their_value(wall: Wall) -> None:
    formulas = [probe for probe in probes() if probe.text.startswith("What is ")]
    assert len(formulas) == EACH // 2
    values = [probe.text.removeprefix("What is ").partition("?")[0] for probe in formulas]
    expected = [(number, probe.expected) for number, probe in enumerate(formulas)]
    assert passes(wall, f"def f(number):\n    return [{', '.join(values)}][number]", "f", expected)


def test_code_is_judged_by_running_it(wall: Wall) -> None:
    probe = next(probe for probe in probes() if probe.id == "code-00")
    (shift,) = [want for case, want in probe.expected["cases"] if case == []]
    answer = f"```python\ndef add(a):\n    return sum(a) + {shift}\n```\nDone."
    assert check(probe, answer, wall) == 1.0
    assert check(probe, answer.replace("sum(a)", "len(a)"), wall) == 0.0


def test_the_sandbox_runs_plain_functions_with_the_usual_modules(wall: Wall) -> None:
    source = "from collections import Counter\nimport bisect\ndef add(a):\n    return sum(a) + 1"
    assert passes(wall, source, "add", ADD)


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
def test_the_sandbox_refuses(wall: Wall, body: str) -> None:
    assert not passes(wall, f"def add(a):\n    {body}\n    return sum(a) + 1", "add", ADD)


@pytest.mark.parametrize("source", ["", "def add(:", "add = 3", "def other(a): return 4"])
def test_code_that_does_not_define_the_function_fails(wall: Wall, source: str) -> None:
    assert not passes(wall, source, "add", ADD)


def test_an_endless_loop_is_ended(wall: Wall) -> None:
    assert not passes(wall, "def add(a):\n    while True: pass", "add", ADD)


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
def test_an_answer_that_floods_its_output_fails_and_takes_no_memory(
    wall: Wall, source: str
) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert not passes(wall, source, "add", ADD)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 32_000  # kB


def test_what_an_answer_prints_does_not_count(wall: Wall) -> None:
    source = "def add(a):\n    print('adding')\n    return sum(a) + 1\nprint(add([1, 2]))"
    assert passes(wall, source, "add", ADD)


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
def test_right_code_is_right_however_it_is_dressed(wall: Wall, dressed: str) -> None:
    probe = next(probe for probe in probes() if probe.id == "code-00")
    (shift,) = [want for case, want in probe.expected["cases"] if case == []]
    code = CODE.format(shift=shift)
    answer = dressed.format(code=code, indented=textwrap.indent(code, "    "))
    assert check(probe, answer, wall) == 1.0
    assert check(probe, answer.replace("sum(a)", "len(a)"), wall) == 0.0
