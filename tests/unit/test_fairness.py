"""Who is next where something is scarce, and who is sent away where a line is full."""

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.fairness import CHARGES, Line, Ticket


def line() -> Line[str]:
    return Line(lambda item: item == "gone")


def served(waiting: Line[str]) -> list[str]:
    """Serve one after the other; who was it?"""
    order = []
    while waiting:
        head = waiting.heads()[0]
        waiting.served(head)
        order.append(str(head.customer))
    return order


def order(*asked: tuple[int, str, int]) -> list[str]:
    """The customers in the order in which they are served who all wait at once."""
    waiting = line()
    for rank, customer, cost in asked:
        waiting.join(rank, customer, "", cost)
    return served(waiting)


def test_who_asks_often_stands_behind_who_asks_once() -> None:
    assert order((1, "a", 1), (1, "a", 1), (1, "a", 1), (1, "b", 1)) == ["a", "b", "a", "a"]


def test_who_asks_for_much_waits_as_long_as_others_ask_for_as_much() -> None:
    asked = [(1, "a", 30), (1, "a", 30), *[(1, "b", 10)] * 4]
    assert order(*asked) == ["a", "b", "b", "b", "a", "b"]


def test_a_higher_rank_goes_first() -> None:
    assert order((2, "a", 1), (1, "b", 1), (0, "c", 1)) == ["c", "b", "a"]


def test_ranks_have_turns_by_their_weight_however_many_customers_they_have() -> None:
    asked = [(rank, f"{rank}{n % (9 - 4 * rank)}", 1) for n in range(63) for rank in range(3)]
    assert Counter(name[0] for name in order(*asked)[:63]) == {"0": 48, "1": 12, "2": 3}


def test_who_was_away_has_saved_nothing_up() -> None:
    waiting = line()
    for _ in range(20):
        waiting.join(1, "a", "")
    for _ in range(10):
        waiting.served(waiting.heads()[0])
    for _ in range(3):
        waiting.join(1, "b", "")
    assert served(waiting)[:6] == ["b", "a", "b", "a", "b", "a"]


def test_who_gave_up_or_was_sent_away_has_used_nothing() -> None:
    waiting = line()
    waiting.join(1, "a", "")
    for _ in range(50):
        waiting.leave(waiting.join(1, "b", ""))
    waiting.join(1, "b", "")
    waiting.join(1, "a", "")
    assert served(waiting) == ["a", "b", "a"]


def test_who_has_given_up_holds_up_nobody() -> None:
    waiting = line()
    waiting.join(1, "a", "gone")
    waiting.join(1, "a", "second")
    assert [head.item for head in waiting.heads()] == ["second"]


def test_the_newest_of_the_greediest_makes_room_and_nobody_for_the_greediest() -> None:
    waiting = line()
    tickets = [waiting.join(1, name, "") for name in "aabaab"]
    assert waiting.greediest(1, "c") is tickets[4]
    assert waiting.greediest(1, "b") is tickets[4]
    assert waiting.greediest(1, "a") is None
    assert waiting.greediest(1, "c", {(1, "b"): 9}) is tickets[5]
    assert waiting.greediest(0, "d", {(0, "d"): 15}) is None  # sixteen of its own for one of theirs


Step = tuple[str, int, str, int]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["join", "join", "serve", "leave"]),
        st.integers(0, 2),
        st.sampled_from("abc"),
        st.integers(1, 9),
    ),
    max_size=60,
)


@given(STEPS)
def test_each_ones_own_requests_are_served_in_their_order_and_none_twice(steps: list[Step]) -> None:
    waiting, inside, done = line(), list[Ticket[str]](), list[Ticket[str]]()
    for what, rank, customer, cost in steps:
        if what == "join":
            inside.append(waiting.join(rank, customer, "", cost))
        elif inside and what == "leave":
            waiting.leave(inside.pop(cost % len(inside)))
        elif inside:
            done.append(head := waiting.heads()[0])
            assert waiting.before(head) == 0
            waiting.served(head)
            inside.remove(head)
        assert len(waiting) == len(inside)
    holders: dict[object, list[int]] = {}
    for ticket in done:
        holders.setdefault((ticket.rank, ticket.customer), []).append(ticket.arrival)
    assert all(one < next_ for each in holders.values() for one, next_ in pairwise(each))


@pytest.mark.parametrize("rank", [0, 1, 2])
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 9)), min_size=1, max_size=30))
def test_no_flood_of_anyone_keeps_another_out(rank: int, flood: list[tuple[int, int]]) -> None:
    """What is served before the first of a newcomer is bounded by weight and cost alone."""
    waiting = line()
    for its_rank, cost in flood * 20:
        waiting.join(its_rank, "loud", "", cost)
    quiet, before = waiting.join(rank, "quiet", ""), Counter[int]()
    while (head := waiting.heads()[0]) is not quiet:
        before[head.rank] += head.cost
        waiting.served(head)
    for its_rank, cost in before.items():
        assert cost <= 9 + 9 * CHARGES[rank] // CHARGES[its_rank] + 9
