"""What tells that a ledger lost what it held, and by which limits a row counted."""

import pytest

from router.ledger.check.history import ALWAYS, LimitHistory
from router.ledger.codec import CLOCK_PAIR
from router.ledger.keys import HoldIds
from router.ledger.loss import Cause, Known, Loss, Witness, judge, loss_words
from router.ledger.quotas.calendar import FOREVER

NOW = 1_795_996_800_000
OURS, THEIRS = "ours", "theirs"
FRESH = CLOCK_PAIR.pack(NOW, NOW)
LATE = CLOCK_PAIR.pack(NOW - 60_000, NOW - 60_000)
DAILY = "organization.tokens_per_day"


@pytest.mark.parametrize(
    ("known", "found", "clock", "lost"),
    [
        (Known(), None, None, None),  # nobody ever used it
        (Known(newest=NOW), None, FRESH, None),  # a version before had no witness
        (Known(newest=NOW), None, None, Loss(Cause.EMPTY)),
        (Known(newest=NOW), None, LATE, Loss(Cause.OLDER, NOW - 60_000)),
        (Known(OURS), None, FRESH, Loss(Cause.EMPTY)),  # flushed, and in use again
        (Known(OURS, NOW), Witness(OURS, NOW), FRESH, None),
        (Known(OURS, NOW), Witness(OURS, NOW + 5), None, None),  # of a shard that nobody uses
        (Known(OURS, NOW), Witness(OURS, NOW - 9), FRESH, Loss(Cause.OLDER, NOW - 9)),
        (Known(OURS, newest=NOW), Witness(OURS, NOW), LATE, Loss(Cause.OLDER, NOW - 60_000)),
        (Known(OURS, newest=NOW + 900), Witness(OURS, NOW), FRESH, None),  # clocks are stored late
        (Known(OURS), Witness(THEIRS, NOW), FRESH, Loss(Cause.FOREIGN)),
        (Known(), Witness(THEIRS, NOW), FRESH, None),  # books that belong to none yet
        (Known(OURS, NOW), Witness(OURS, 9, Cause.EMPTY), FRESH, Loss(Cause.EMPTY)),
    ],
)
def test_a_shard_is_judged_by_its_witness_its_clock_and_the_books(
    known: Known, found: Witness | None, clock: bytes | None, lost: Loss | None
) -> None:
    assert judge(known, found, clock) == lost


@pytest.mark.parametrize("witness", [Witness(OURS, NOW), Witness(OURS, 1, Cause.OLDER, NOW)])
def test_a_witness_is_read_as_it_was_written(witness: Witness) -> None:
    assert Witness.read(witness.write()) == witness


@pytest.mark.parametrize("raw", [None, b"", b"something else"])
def test_what_is_no_witness_is_none(raw: bytes | None) -> None:
    assert Witness.read(raw) is None


def test_a_loss_is_told_by_its_gravest_cause_and_how_much_of_the_ledger_it_is() -> None:
    everything = loss_words([Loss(Cause.EMPTY)] * 64, 64)
    assert everything.endswith("was promoted).")
    some = loss_words([Loss(Cause.OLDER, NOW), Loss(Cause.OLDER, NOW + 9_000)], 64)
    assert "after 2026-11-30 00:00:00 UTC" in some
    assert some.endswith("in 2 of its 64 virtual shards.")


def test_a_row_counts_by_the_limits_that_its_gateway_had_then() -> None:
    has, lacks = {"pro": frozenset({DAILY})}, {"pro": frozenset[str]()}
    said = [("added", 10, lacks), ("added", 20, has), ("always", 5, has), ("never", 5, lacks)]
    history = LimitHistory([*said, ("gap", 1, has), ("gap", 2, lacks), ("gap", 3, has)], lacks)
    assert history.spans("added", "pro", DAILY) == [(20, FOREVER)]
    assert history.spans("always", "pro", DAILY) == [ALWAYS]
    assert history.spans("never", "pro", DAILY) == []
    assert history.spans("gap", "pro", DAILY) == [(0, 2), (3, FOREVER)]
    assert history.spans("always", "free", DAILY) == []
    assert history.first("pro", DAILY) == 1
    assert history.names("pro") == {DAILY}


def test_a_row_of_a_gateway_that_said_nothing_counts_by_todays_policy() -> None:
    history = LimitHistory([], {"pro": frozenset({DAILY})})
    process = HoldIds(64).process
    assert not history.knows(process)
    assert history.spans(process, "pro", DAILY) == [ALWAYS]
    assert history.spans(process, "free", DAILY) == []
