"""The breaker in front of the ledger, and the local allowance behind it."""

from router.domain import Estimate
from router.ledger.denial_cache import Denied
from router.ledger.outage import Outage
from router.ledger.quotas.compiled_quotas import CompiledQuotas
from router.ledger.quotas.dimensions import quotas
from router.ledger.server.breaker import LedgerBreaker

SCOPES = {1: "k"}
WANT = (1, 100, 10, 90, 10**9)


def test_five_failures_in_a_row_open_it_and_one_probe_at_a_time_tries_again() -> None:
    now = [0.0]
    breaker = LedgerBreaker(lambda: now[0])
    for _ in range(4):
        breaker.failed(now[0])
    breaker.succeeded()
    for _ in range(5):
        assert breaker.allows()
        breaker.failed(now[0])
    assert breaker.open
    assert not breaker.allows()
    now[0] = 0.26
    assert breaker.allows()
    assert not breaker.allows()  # one probe is out
    breaker.failed(now[0])
    now[0] = 0.5
    assert not breaker.allows()
    now[0] = 0.8
    assert breaker.allows()
    breaker.succeeded()
    assert not breaker.open


def test_everything_that_one_moment_failed_is_one_failure() -> None:
    now = [0.0]
    breaker = LedgerBreaker(lambda: now[0])
    for moment in range(1, 5):
        sent, now[0] = now[0], float(moment)
        for _ in range(100):  # all on their way when the server stood still
            breaker.failed(sent)
        assert not breaker.open
    breaker.failed(now[0])
    assert breaker.open


def test_a_probe_that_never_came_to_ask_gives_its_turn_to_another() -> None:
    now = [0.0]
    breaker = LedgerBreaker(lambda: now[0])
    for _ in range(5):
        breaker.failed(now[0])
    now[0] = 1.0
    assert breaker.allows()
    breaker.undecided()  # its client left, or the connection was down
    assert breaker.allows()
    assert not breaker.allows()


def test_an_allowance_is_a_share_of_every_limit_and_its_tightest_decides() -> None:
    clock = [0]
    compiled = CompiledQuotas(
        quotas({"key": {"tokens_per_day": 10_000, "requests_per_minute": 100}}), ("key",)
    )
    outage = Outage(lambda: clock[0])
    admitted = [outage.admit(compiled, SCOPES, WANT, 0.03) for _ in range(5)]
    assert [local is not None for local in admitted] == [True, True, True, False, False]


def test_minutes_come_back_and_pools_only_when_the_ledger_was_told() -> None:
    clock = [0]
    compiled = CompiledQuotas(
        quotas({"key": {"requests_per_minute": 20, "tokens_per_day": 20_000}}), ("key",)
    )
    outage = Outage(lambda: clock[0])

    def admits() -> int:
        return sum(outage.admit(compiled, SCOPES, WANT, 0.1) is not None for _ in range(50))

    assert admits() == 2
    for minute in range(1, 10):
        clock[0] = minute * 65_000
        assert admits() == 2
    clock[0] += 65_000
    assert admits() == 0  # twenty times a hundred tokens: the day's allowance
    outage.ledger_knows_all()
    assert admits() == 2


def test_what_was_settled_counts_with_its_actual_use() -> None:
    compiled = CompiledQuotas(
        quotas({"key": {"tokens_per_day": 1_000, "concurrency": 10}}), ("key",)
    )
    outage = Outage(lambda: 0)
    for _ in range(10):
        local = outage.admit(compiled, SCOPES, WANT, 0.1)
        assert local is not None
        assert outage.admit(compiled, SCOPES, WANT, 0.1) is None
        outage.settle(compiled, local, SCOPES, (1, 0, 0, 0, 0))


def test_a_prepaid_balance_is_never_spent_without_the_ledger() -> None:
    compiled = CompiledQuotas(quotas({"key": {"prepaid_usd": True}}), ("key",))
    assert Outage(lambda: 0).admit(compiled, SCOPES, WANT, 1.0) is None


def test_a_denial_is_remembered_for_a_moment_and_only_for_no_smaller_requests() -> None:
    size = Estimate(10, 90, 100, 10)
    denied = Denied.remember([1, 1, 5_000, 10, 10, 10, 0, 3, 6_000], size, 1_000)
    assert denied is not None
    assert denied.denies(size, 1_249)
    assert not denied.denies(size, 1_250)
    assert not denied.denies(Estimate(10, 89, 100, 10), 1_100)
    assert denied.reply_at(1_100) == [1, 1, 4_900, 10, 10, 10, 0, 3, 5_900]


def test_a_denial_that_may_end_sooner_is_asked_again() -> None:
    for wait in (-1, 0, 249):
        assert Denied.remember([1, 1, wait, 0, 0, 0, 0], Estimate(1, 1, 1), 0) is None
