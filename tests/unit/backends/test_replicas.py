"""Which replica is asked: the conversation's own, unless it is busy or sick."""

from router.backends.health.affinity import preference
from router.backends.health.ejection import Pace, outliers

REPLICAS = ["http://a", "http://b", "http://c", "http://d"]


def test_a_conversation_stays_with_its_replica() -> None:
    idle = [0, 0, 0, 0]
    assert preference(b"x", REPLICAS, idle) == preference(b"x", REPLICAS, idle)


def test_conversations_spread_over_all_replicas() -> None:
    first = [preference(bytes([n]), REPLICAS, [0, 0, 0, 0])[0] for n in range(200)]
    assert all(first.count(at) > 25 for at in range(4))


def test_only_the_conversations_of_a_lost_replica_move() -> None:
    for n in range(100):
        name = bytes([n])
        before = preference(name, REPLICAS, [0, 0, 0, 0])[0]
        after = preference(name, REPLICAS[:3], [0, 0, 0])[0]
        assert before in (after, 3)


def test_a_replica_over_its_fair_share_is_passed_over() -> None:
    home = preference(b"x", REPLICAS, [0, 0, 0, 0])[0]
    loads = [1, 1, 1, 1]
    loads[home] = 9
    order = preference(b"x", REPLICAS, loads)
    assert order[0] != home
    assert order[-1] == home


def paces(*means: float, answers: int = 20) -> list[Pace]:
    made = []
    for mean in means:
        pace = Pace()
        for _ in range(answers):
            pace.add(mean)
        made.append(pace)
    return made


def test_a_replica_far_slower_than_its_sisters_is_avoided() -> None:
    assert outliers(paces(0.1, 0.12, 0.9)) == [False, False, True]


def test_two_replicas_or_too_few_answers_are_not_judged() -> None:
    assert outliers(paces(0.1, 9.0)) == [False, False]
    assert outliers(paces(0.1, 0.1, 9.0, answers=3)) == [False] * 3


def test_at_most_a_third_is_avoided() -> None:
    assert sum(outliers(paces(0.1, 0.1, 0.1, 5.0, 6.0))) == 1
