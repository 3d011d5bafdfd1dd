"""What a gateway keeps of each request: ids that are its own, and no more memory than they need."""

import tracemalloc
from typing import Any, cast

from router.domain import Charge, Outcome, Usage
from router.ledger.estimate import OutputHistory
from router.ledger.hold import Hold
from router.ledger.keys import HoldIds, hold_time

NOW = 1_700_000_000_000
CHARGE = Charge(Usage(300, 120), 234_000_000, Outcome.COMPLETED, backend="moe", model="model-moe")


def test_256_holds_of_a_shard_in_a_row_share_a_mark_whatever_other_shards_do() -> None:
    ids = HoldIds(64)
    marks = {ids.new(NOW, shard=number % 64)[12:26] for number in range(64 * 256)}
    assert len(marks) <= 64 * 2  # where counting begins is random: a row of 256 may touch two


def test_no_two_holds_of_a_process_have_the_same_id_even_at_the_same_instant() -> None:
    ids = HoldIds(64)
    made = [ids.new(NOW, shard) for shard in range(64) for _ in range(1_000)]
    assert len(set(made)) == len(made)
    assert {(len(hold_id), hold_time(hold_id)) for hold_id in made} == {(28, NOW)}


def test_a_bill_that_is_kept_fills_hardly_more_memory_than_it_says() -> None:
    hold = Hold(cast("Any", None), cast("Any", None), lambda: CHARGE)
    tracemalloc.start()
    try:
        kept = [hold.bill()[2] for _ in range(100)]
        filled, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert filled < 2 * sum(map(len, kept)) + 20_000


def test_the_largest_count_that_a_server_may_tell_is_remembered() -> None:
    history = OutputHistory()
    for _ in range(100):
        history.observe("key", "model", 2**53)
    assert history.expected("key", "model") == 2**53
