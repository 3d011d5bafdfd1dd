"""The scripts keep every promise of the ledger, and the test notices when they do not."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from ledger_machine import machine_for

from router.ledger.lua_constants import lua_constants
from router.ledger.server.embedded import Embedded
from router.ledger.server.scripts import read_sources

QUICK = settings(
    max_examples=100,
    stateful_step_count=40,
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
    "no debt after the window": ("ring", "if change > 0", "if change > 10000"),
    "settling twice counts twice": ("settle", "call('HDEL', holds, hold_id)", ""),
    "what was settled is forgotten": (
        "reserve", "remember(keys[KEYS_BEFORE_SCOPES], mark, bit, now)", "",
    ),
    "a mark is not looked at": ("mark", "before = mark and", "before = false and"),
    "a mark tells of its neighbour": (
        "mark", "(BYTE_BITS - 1 - bit % BYTE_BITS)", "(BYTE_BITS - 2 - bit % BYTE_BITS)",
    ),
    "a late refund of the last window is lost": (
        "calendar", "left + freed - floor(more / scale)", "left",
    ),
    "a denial writes": ("reserve", "if denied > 0 then\n", "if reserved_before then\n"),
    "a top-up ignores the limit": (
        "ring", "values[i + 1] + values[i + 2] + amount <= limit, slot", "true, slot",
    ),
    "a top-up writes in part": (
        "top_up", "writes[#writes + 1] = {", "redis.call('SET', unpack({",
    ),
    "a settlement ignores the split over slots": (
        "ring", "part, part_charge = min(use, amount)", "part, part_charge = 0",
    ),
    "an adjustment forgets what was charged": (
        "ring", "part - (is_open and amount or part_charge)", "part - (is_open and amount or 0)",
    ),
    "the hold stays after settling": (
        "calendar", "values[i + 1] = values[i + 1] - freed", "values[i + 1] = values[i + 1]",
    ),
    "a late settlement counts in the newest slot": (
        "ring", "elseif position == slot then", "elseif position then",
    ),
    "a ring that turns loses what it held": (
        "ring", "struct.pack(NUMBER, used), nil", "struct.pack(NUMBER, 0), nil",
    ),
    "a ring that turns keeps what has left": (
        "ring", "sub(EMPTY_RING, 1, NUMBER_BYTES * (to - slot))",
        "sub(resting, offset + NUMBER_BYTES * (from + 1) + 1, behind_last)",
    ),
    "a ring that turns past its end keeps what has left": (
        "ring", "sub(EMPTY_RING, 1, NUMBER_BYTES * (last + 1))",
        "sub(resting, offset + 1, behind_last)",
    ),
    "the pico remainder is dropped": (
        "calendar", "values[i] + floor(more / scale), more % scale",
        "values[i] + floor(more / scale), 0",
    ),
    "the clock may run backwards": ("clock", "ahead = last - now\n", "ahead = 0\n"),
    "rollover is not capped": (
        "calendar", "carried = left < most_carried and left", "carried = left",
    ),
    "the reaper forgets what was reported": (
        "reap", "if progress > 0 then used =", "if false then used =",
    ),
    "the reaper leaves the lease": ("reap", "redis.call('HDEL', holds, hold_id)", ""),
    "concurrency lets one too many in": (
        "leases", "if used + amount > most then wait", "if used > most then wait",
    ),
    "a ring goes back with the clock": ("ring", "if newest > slot then", "if newest ~= slot then"),
    "a bucket refills twice": (
        "bucket", "if now > since then level, since = level + (now - since) * limit, now end",
        "level, since = level + math.max(0, now - since) * limit, now",
    ),
    "the wait is a slot too short": (
        "ring", "wait = (leaving + RING_SLOTS) * slot_ms - now",
        "wait = (leaving + RING_SLOTS - 1) * slot_ms - now",
    ),
    "a bucket refills past its size": ("bucket", "level = math.min(full, level)\n", ""),
}  # fmt: skip
HUNT = settings(QUICK, max_examples=200, phases=[Phase.generate], report_multiple_bugs=False)
CAUGHT = (AssertionError, redis.ResponseError)


def test_a_ring_that_is_a_slot_short_is_caught(client: "redis.Redis[bytes]") -> None:
    short = lua_constants() | {"RING_SLOTS": "12"}
    with pytest.raises(CAUGHT):
        run_state_machine_as_test(machine_for(client, constants=short), settings=HUNT)


@pytest.mark.parametrize("bug", MUTANTS)
def test_a_seeded_bug_is_caught(client: "redis.Redis[bytes]", bug: str) -> None:
    file, right, wrong = MUTANTS[bug]
    sources = read_sources()
    assert right in sources[file], f"the mutant {bug!r} no longer fits {file}.lua"
    sources[file] = sources[file].replace(right, wrong)
    with pytest.raises(CAUGHT):
        run_state_machine_as_test(machine_for(client, sources), settings=HUNT)
