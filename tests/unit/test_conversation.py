"""A conversation keeps its name from turn to turn, and shares it with no other."""

from classifiers.prompt import Prompt, PromptTurn
from router.conversation import HEAD, conversation_of, prefix_of

FIRST = Prompt("Be brief.", (PromptTurn("user", "Hello"),))
GROWN = Prompt(
    "Be brief.",
    (PromptTurn("user", "Hello"), PromptTurn("assistant", "Hi"), PromptTurn("user", "More")),
)
OTHERS = (
    Prompt("Be brief.", (PromptTurn("user", "Goodbye"),)),
    Prompt("Be kind.", (PromptTurn("user", "Hello"),)),
    Prompt("", (PromptTurn("user", "Be brief.\nHello"),)),
    Prompt("Be brief."),
    Prompt(),
)


def test_a_conversation_keeps_its_name_as_it_grows():
    assert conversation_of(FIRST, "key-1") == conversation_of(GROWN, "key-1")
    assert prefix_of(FIRST) == prefix_of(GROWN)


def test_what_begins_otherwise_has_another_name():
    names = {conversation_of(prompt, "key-1") for prompt in (FIRST, *OTHERS)}
    assert len(names) == len({prefix_of(prompt) for prompt in (FIRST, *OTHERS)}) == 6


def test_keys_share_a_cached_prefix_but_no_conversation():
    assert conversation_of(FIRST, "key-1") != conversation_of(FIRST, "key-2")
    assert prefix_of(FIRST) == prefix_of(FIRST)


def test_only_the_head_of_a_long_text_is_looked_at():
    long = "x" * HEAD
    first, second = (Prompt(turns=(PromptTurn("user", long + tail),)) for tail in ("a", "b"))
    assert conversation_of(first, "key-1") == conversation_of(second, "key-1")
