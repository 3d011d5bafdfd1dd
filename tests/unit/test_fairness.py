"""Who is next where something is scarce."""

from router.fairness import Tag, Turns


def order(*asked: tuple[int, str, int]) -> list[str]:
    """The customers in the order in which they are served who all wait at once."""
    turns = Turns()
    tags: list[tuple[Tag, str]] = [(turns.tag(*one), one[1]) for one in asked]
    return [customer for _, customer in sorted(tags)]


def test_who_asks_often_stands_behind_who_asks_once() -> None:
    assert order((1, "a", 1), (1, "a", 1), (1, "a", 1), (1, "b", 1)) == ["a", "b", "a", "a"]


def test_who_asks_for_much_waits_as_long_as_others_ask_for_as_much() -> None:
    asked = [(1, "a", 30), (1, "a", 30), *[(1, "b", 10)] * 4]
    assert order(*asked) == ["a", "b", "b", "b", "a", "b"]


def test_a_higher_rank_goes_first() -> None:
    assert order((2, "a", 1), (1, "b", 1), (0, "c", 1)) == ["c", "b", "a"]


def test_who_was_away_has_saved_nothing_up() -> None:
    turns = Turns()
    for _ in range(10):
        turns.served(turns.tag(1, "a"))
    late, next_of_a = turns.tag(1, "b"), turns.tag(1, "a")
    assert late < next_of_a
    assert late[1] == 9
