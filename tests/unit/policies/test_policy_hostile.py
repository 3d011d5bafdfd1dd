"""Files made to hurt the reader: each is refused early, in words."""

import pytest

from bench.instructions import counted
from policies.findings import DocumentError
from policies.policy import load

LAUGHS = "a0: &a0 [lol, lol]\n" + "".join(
    f"a{n}: &a{n} [" + ", ".join([f"*a{n - 1}"] * 9) + "]\n" for n in range(1, 12)
)
ROUTE = "version: 1\nroutes:\n  auto:\n    candidates: [local, moe]\n"

HOSTILE = {
    "billion laughs": (LAUGHS, "anchor `&a0` is not allowed"),
    "cyclic alias": ("version: 1\nroutes: &r\n  auto: *r\n", "alias `*r` is not allowed"),
    "over a megabyte": (ROUTE + "# " + "x" * 1_100_000, "the file is over 1 MB"),
    "a megabyte of values": (ROUTE + "x: [" + "1," * 490_000 + "1]", "over 60000 values"),
    "a megabyte of keys": (
        ROUTE + "".join(f"k{n}: 1\n" for n in range(90_000)),
        "over 60000 values",
    ),
    "nested for ever": ("a: " + "[" * 50_000, "nested deeper than 24 levels"),
    "nested mappings": ("{a: " * 20_000, "nested deeper than 24 levels"),
    "python object": (
        ROUTE + "x: !!python/object/apply:os.system [id]\n",
        "tag `!!python/object/apply:os.system` is not allowed",
    ),
    "python name": (ROUTE + "x: !!python/name:os.system\n", "is not allowed"),
    "custom tag": (ROUTE + "x: !env SECRET\n", "tag `!env` is not allowed"),
    "not a number as a limit": (
        ROUTE + "tiers: {a: {tokens_per_day: .nan}}\n",
        "must be a whole number",
    ),
    "ten thousand digits": (
        ROUTE + f"tiers: {{a: {{tokens_per_day: {'9' * 10_000}}}}}\n",
        "digits",
    ),
    "an enormous condition": (
        ROUTE
        + "    rules:\n      - {name: r, when: '"
        + "request.pii || " * 3_000
        + "true', deny: n}\n",
        "a condition over 4000 characters",
    ),
    "a condition nested for ever": (
        ROUTE
        + "    rules:\n      - {name: r, when: '"
        + "(" * 1_900
        + "true"
        + ")" * 1_900
        + "', deny: n}\n",
        "the condition is too complicated",
    ),
    "control characters": ("version: 1\x00\n", "characters that YAML forbids"),
    "lone surrogate": ("version: \ud800\n", "characters that YAML forbids"),
    "byte order mark twice": ("\ufeff\ufeffversion: 1\n", ""),
}


@pytest.mark.parametrize(("text", "words"), HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_file_is_refused_cheaply_and_clearly(text, words):
    messages = []

    def refuse():
        with pytest.raises(DocumentError) as refused:
            load(text, "policy.yaml")
        messages.append(str(refused.value))

    assert counted(refuse) < 20_000 + 16 * len(text)
    assert words in messages[0]
    assert len(messages[0]) < 20_000
