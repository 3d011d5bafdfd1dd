"""A state of the ledger as a person reads it."""

from io import StringIO

from rich.console import Console

from router.cli.common.state_printer import print_state

STATE = {
    "kind": "scope",
    "counts": [
        {"dimension": "tokens_per_day", "counted_by": "calendar window", "limit": 1_000_000},
        {"dimension": "concurrency", "counted_by": "open holds", "limit": 7},
    ],
}


def shown(width: int) -> str:
    out = StringIO()
    print_state(STATE, Console(file=out, width=width))
    return out.getvalue()


def test_alike_things_are_a_table_where_it_fits():
    (head,) = [line for line in shown(200).splitlines() if "counted by" in line]
    assert head.split() == ["dimension", "counted", "by", "limit"]


def test_no_word_is_broken_where_a_table_does_not_fit():
    text = shown(30)
    for word in ("dimension", "tokens_per_day", "counted by", "calendar window", "concurrency"):
        assert word in text
