"""Plain data as a person reads it."""

import io
from typing import Any

from rich.console import Console

from router.cli.common.state_printer import print_state


def printed(state: dict[str, Any]) -> str:
    out = io.StringIO()
    print_state(state, Console(file=out, width=120))
    return out.getvalue()


def test_names_are_words_and_instants_are_utc() -> None:
    text = printed(
        {"lease_ends_at": 1_796_000_000_123, "from_at": 1_796_000_000_000 // 60_000 * 60_000}
    )
    assert text == "lease ends: 2026-11-30 00:53:20.123Z\nfrom: 2026-11-30 00:53Z\n"


def test_an_instant_beyond_all_calendars_is_never() -> None:
    assert printed({"until_at": 9 * 10**15}) == "until: never\n"


def test_money_is_shown_in_dollars_whatever_its_unit() -> None:
    assert printed({"cost_pico": 600_000_000}) == "cost: $0.0006\n"
    table = printed({"counts": [{"unit": "nano-USD", "used": 600_000}]})
    assert "USD   $0.0006" in table


def test_what_is_not_known_is_left_out() -> None:
    assert printed({"limit": None, "open": True}) == "open: yes\n"


def test_names_of_customers_are_never_read_as_markup() -> None:
    odd = ":o:[bold]acme[/]"
    assert printed({"key": odd, "members": {odd: 1}}) == f"key: {odd}\nmembers: {odd} 1\n"
    assert odd in printed({"counts": [{"key": odd}]})


def test_lists_that_hold_lists_are_printed_one_below_the_other() -> None:
    text = printed(
        {"scopes": [{"name": "a", "counts": [{"used": 1}]}, {"name": "b", "counts": []}]}
    )
    assert "scopes: 2\n  name: a\n  counts: 1\n" in text
    assert "counts: none" in text
