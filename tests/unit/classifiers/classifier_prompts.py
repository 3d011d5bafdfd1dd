"""Prompts that the classifier's tests share."""

from classifiers.prompt import Prompt, PromptTurn

PLAIN = Prompt(turns=(PromptTurn("user", "What is the capital of France?"),))
CODE = Prompt(
    system="You write Python.",
    turns=(
        PromptTurn("user", "def f(x):\n    return x[::-1]\n\nassert f('ab') == ??"),
        PromptTurn("assistant", "'ba'"),
        PromptTurn("user", "And for the empty string?"),
    ),
    tools=("run_python",),
)
EMPTY = Prompt()
HUGE = Prompt(turns=(PromptTurn("user", "the quick brown fox 12345 " * 40_000),))
STRANGE = (
    "",
    "\x00\xff\x1b",
    "\ud800 alone",
    "👩‍👩‍👧‍👦" * 50,
    "请解释量子纠缠，并举一个例子。",
    "ما هي عاصمة فرنسا؟",
    "İI ß ﬁ ",
    "9" * 5000,
    "\n" * 3000,
)
