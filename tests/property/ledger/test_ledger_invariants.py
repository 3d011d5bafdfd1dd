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
        "constants", "SLOTS = 13", "SLOTS = 12",
    ),
    "no debt after the window": ("closing", "elseif delta > 0 then", "elseif delta > 10000 then"),
    "settling twice counts twice": (
        "settle", "if state == 2 or state == 4 then return 1 end", "",
    ),
    "a late refund of the last window is lost": (
        "closing", "if used == 9 then c[5]", "if used == 99 then c[5]",
    ),
    "a denial writes": (
        "reserve", "if reply[1] ~= 0 then return reply end", "if old then return reply end",
    ),
    "a top-up ignores the limit": (
        "topup", "if ring_sum(r) + amount > item[4] then return nil end", "",
    ),
    "a top-up writes in part": (
        "topup", "states[#states + 1] = {keys[item[2]], item[10], grown}",
        "redis.call('HSET', keys[item[2]], item[10], grown)",
    ),
    "a settlement ignores the split over slots": (
        "closing",
        "if more then to, from = math.min(to, item[12] * item[9])",
        "if more then to, from = 0",
    ),
    "an adjustment forgets what was charged": (
        "closing",
        "if not held then was = math.ceil(from / item[9]) end",
        "if not held then was = 0 end",
    ),
    "the hold stays after settling": (
        "closing", "if held then c[hold] = c[hold] - from end", "",
    ),
    "the pico remainder is dropped": ("closing", "c[rem] = pico % scale", "c[rem] = 0"),
    "the clock may run backwards": ("clock", "ahead = last - real\n", "ahead = 0\n"),
    "rollover is not capped": (
        "states", "return math.max(0, math.min(cap, c[5]))", "return math.max(0, c[5])",
    ),
    "the reaper charges nothing": (
        "reaping", "rec[5] ~= '' and rec[5] or rec[3] == 1 and rec[4] or", "",
    ),
    "the reaper leaves the lease": ("reaping", "redis.call('ZREM', leases, rid)", ""),
    "concurrency lets one too many in": (
        "reserve", "if count + amount > limit then", "if count > limit then",
    ),
    "a ring goes back with the clock": ("states", "if slot <= from then return r, from end", ""),
    "a bucket refills twice": (
        "states", "if now <= ts then return math.min(cap, level), ts end",
        "if now <= ts then return math.min(cap, level), now end",
    ),
    "the wait is a slot too short": (
        "reserve", "wait = (k + SLOTS) * sub - now", "wait = (k + SLOTS - 1) * sub - now",
    ),
    "a bucket refills past its size": (
        "states", "return math.min(cap, level + (now - ts) * limit), now",
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
