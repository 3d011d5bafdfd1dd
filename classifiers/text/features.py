"""Prompts to numbers: the one reading of a text that training and serving share.

A prompt becomes weighted word numbers, weighted numbers of neighbouring word pairs, and a row of
lexical features. The final user message counts most; earlier turns, the system prompt and tool
names are read with smaller weights. Long text is cut to its head and tail first, so the cost is
bounded whatever arrives. Nothing here depends on the process (words are hashed with crc32, not with
Python's salted hash), and nothing raises: empty, binary, right-to-left and astronomically long
texts all give finite numbers.

Change anything that alters a number here and `FEATURES_VERSION` of lexical_features.py must rise:
an artifact trained on other numbers refuses to load.
"""

from collections.abc import Sequence
from typing import Final

from classifiers.prompt import Prompt
from classifiers.text.bag import UNIT
from classifiers.text.batch import Batch, Opened, Passage
from classifiers.text.reading import READ

FINAL_CHARS: Final = 4000  # of the final user message: three quarters head, one quarter tail
EARLIER_CHARS: Final = 1000  # of each of the earlier turns
EARLIER_TURNS: Final = 4
SYSTEM_CHARS: Final = 500

FINAL_WEIGHT: Final = UNIT  # weights in twentieths
USER_WEIGHT: Final = UNIT // 2  # an earlier question says much about a follow-up
OTHER_WEIGHT: Final = 3  # answers, tool results, system prompt, tool names


def clip(text: str, size: int) -> str:
    """At most `size` characters: three quarters from the head, one quarter from the tail."""
    if len(text) <= size:
        return text
    tail = size // 4
    return f"{text[: size - tail]}\n{text[-tail:]}"


def encode(prompts: Sequence[Prompt]) -> Batch:
    """Read prompts into one padded batch."""
    return READ([_opened(prompt) for prompt in prompts])


def _opened(prompt: Prompt) -> Opened:
    final, earlier = _final_and_earlier(prompt)
    passages = [(clip(final, FINAL_CHARS), FINAL_WEIGHT)]
    if earlier or prompt.system or prompt.tools:
        passages += _context(prompt, earlier)
    return passages, (len(final), len(prompt.system), len(prompt.turns), len(prompt.tools))


def _final_and_earlier(prompt: Prompt) -> tuple[str, int]:
    """The last user message, and how many turns come before it."""
    turns = prompt.turns
    if not turns:
        return prompt.system, 0
    for index in range(len(turns) - 1, -1, -1):
        if turns[index].role == "user":
            return turns[index].text, index
    return turns[-1].text, len(turns) - 1


def _context(prompt: Prompt, earlier: int) -> list[Passage]:
    """The other texts that are not empty with their weights, nearest first."""
    context = []
    if earlier:
        for turn in reversed(prompt.turns[max(0, earlier - EARLIER_TURNS) : earlier]):
            weight = USER_WEIGHT if turn.role == "user" else OTHER_WEIGHT
            context.append((clip(turn.text, EARLIER_CHARS), weight))
    if prompt.system:
        context.append((clip(prompt.system, SYSTEM_CHARS), OTHER_WEIGHT))
    if prompt.tools:
        context.append((clip(" ".join(prompt.tools), SYSTEM_CHARS), OTHER_WEIGHT))
    return context
