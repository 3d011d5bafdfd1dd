"""Retries are paid for, and their waits are random."""

from router.backends.dispatch.retry import RetryBudget, RetryPolicy, backoff


def test_retries_stay_within_a_tenth_of_the_requests() -> None:
    budget = RetryBudget(RetryPolicy(share=0.1, saved=10.0))
    spent = 0
    for _ in range(1000):
        budget.earn()
        spent += budget.spend()
    assert spent <= 1000 * 0.1 + 10


def test_what_is_saved_up_is_bounded() -> None:
    budget = RetryBudget(RetryPolicy(saved=3.0))
    for _ in range(1000):
        budget.earn()
    assert [budget.spend() for _ in range(5)] == [True, True, True, False, False]


def test_the_wait_is_a_random_part_of_a_growing_bounded_time() -> None:
    policy = RetryPolicy(base=0.5, longest=3.0)
    assert [backoff(policy, n, lambda: 1.0) for n in (0, 1, 2, 3)] == [0.5, 1.0, 2.0, 3.0]
    assert backoff(policy, 3, lambda: 0.0) == 0.0
