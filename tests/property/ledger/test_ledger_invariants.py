"""The scripts keep every promise of the ledger, and the test notices when they do not."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from ledger_machine import machine_for

from router.ledger.embedded import Embedded
from router.ledger.scripts import read_sources

QUICK = settings(
    max_examples=100,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator["redis.Redis[bytes]"]:
    folder: Path = tmp_path_factory.mktemp("valkey")
    with (
        Embedded(folder) as embedded,
        redis.Redis(unix_socket_path=embedded.url.removeprefix("unix://")) as connected,
    ):
        yield connected


def test_every_promise_holds_under_random_calls_on_virtual_time(
    client: "redis.Redis[bytes]",
) -> None:
    run_state_machine_as_test(machine_for(client), settings=QUICK)


MUTANTS = {
    "the ring is one slot short": (
        "prelude", "local SLOTS, TOMBSTONE, REST = 13,", "local SLOTS, TOMBSTONE, REST = 12,",
    ),
    "no debt after the window": ("prelude", "elseif delta > 0 then", "elseif delta > 10000 then"),
    "settling twice counts twice": (
        "settle", "if state == 2 or state == 4 then return 1 end", "",
    ),
    "a late refund of the last window is lost": (
        "prelude", "if used == 9 then c[5]", "if used == 99 then c[5]",
    ),
    "a denial writes": (
        "reserve", "if reply[1] ~= 0 then return reply end", "if old then return reply end",
    ),
    "a top-up ignores the limit": (
        "topup", "if ring_sum(r) + amount > item[4] then return nil end", "",
    ),
    "a top-up writes in part": (
        "topup", "states[#states + 1] = {keys[item[2]], item[10], grown}",
        "call('HSET', keys[item[2]], item[10], grown)",
    ),
    "a settlement ignores the split over slots": (
        "prelude",
        "if more then to, from = min(to, item[12] * item[9])",
        "if more then to, from = 0",
    ),
    "an adjustment forgets what was charged": (
        "prelude",
        "if not held then was = ceil(from / item[9]) end",
        "if not held then was = 0 end",
    ),
    "the hold stays after settling": (
        "prelude", "if held then c[hold] = c[hold] - from end", "",
    ),
    "the pico remainder is dropped": ("prelude", "c[rem] = pico % scale", "c[rem] = 0"),
    "the clock may run backwards": ("prelude", "ahead = last - real\n", "ahead = 0\n"),
    "rollover is not capped": ("prelude", "return max(0, min(cap, c[5]))", "return max(0, c[5])"),
    "the reaper charges nothing": (
        "prelude", "rec[5] ~= '' and rec[5] or rec[3] == 1 and rec[4] or NOTHING", "NOTHING",
    ),
    "the reaper leaves the lease": ("prelude", "call('ZREM', leases, rid)", ""),
    "concurrency lets one too many in": (
        "reserve", "if count + amount > limit then", "if count > limit then",
    ),
    "a ring goes back with the clock": ("prelude", "if slot <= from then return r, from end", ""),
    "a bucket refills twice": (
        "prelude", "if now <= ts then return min(cap, level), ts end",
        "if now <= ts then return min(cap, level), now end",
    ),
    "the wait is a slot too short": (
        "reserve", "wait = (k + SLOTS) * sub - now", "wait = (k + SLOTS - 1) * sub - now",
    ),
    "a bucket refills past its size": (
        "prelude", "return min(cap, level + (now - ts) * limit), now",
        "return level + (now - ts) * limit, now",
    ),
}  # fmt: skip


@pytest.mark.parametrize("bug", MUTANTS)
def test_a_seeded_bug_is_caught(client: "redis.Redis[bytes]", bug: str) -> None:
    file, right, wrong = MUTANTS[bug]
    sources = read_sources()
    assert right in sources[file], f"the mutant {bug!r} no longer fits {file}.lua"
    sources[file] = sources[file].replace(right, wrong)
    hunt = settings(QUICK, max_examples=200, phases=[Phase.generate], report_multiple_bugs=False)
    with pytest.raises((AssertionError, redis.ResponseError)):
        run_state_machine_as_test(machine_for(client, sources), settings=hunt)
