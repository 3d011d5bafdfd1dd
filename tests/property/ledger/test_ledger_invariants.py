"""The scripts keep every promise of the ledger, and the test notices when they do not."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from ledger_machine import machine_for

from router.ledger.server.embedded import Embedded
from router.ledger.server.scripts import read_sources

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
    "no debt after the window": (
        "closing", "if delta > 0 then v[i + 1]", "if delta > 10000 then v[i + 1]",
    ),
    "settling twice counts twice": ("settle", "call('HDEL', holds, rid)", ""),
    "what was settled is forgotten": ("reserve", "remember(keys[3], mark, bit, now)", ""),
    "a mark is not looked at": ("reserve", "local old = mark and", "local old = false and"),
    "a mark tells of its neighbour": ("reserve", "(7 - bit % 8)) % 2", "(6 - bit % 8)) % 2"),
    "a late refund of the last window is lost": (
        "closing", "left + freed - floor(pico / scale)", "left",
    ),
    "a denial writes": ("reserve", "if bad > 0 then return {1", "if old then return {1"),
    "a top-up ignores the limit": (
        "topup", "if v[i + 1] + v[i + 2] + amount > limit then return nil end", "",
    ),
    "a top-up writes in part": (
        "topup", "writes[#writes + 1] = {key, layout .. struct.pack(format, unpack(v)) .. rest}",
        "redis.call('SET', key, layout .. struct.pack(format, unpack(v)) .. rest)",
    ),
    "a settlement ignores the split over slots": (
        "closing", "share, charged = min(to, was)", "share, charged = 0",
    ),
    "an adjustment forgets what was charged": (
        "closing", "share - (held and was or charged)", "share - (held and was or 0)",
    ),
    "the hold stays after settling": (
        "closing", "if held then v[i + 1] = v[i + 1] - was end", "",
    ),
    "a late settlement counts in the newest slot": (
        "closing", "elseif pos == slot then", "elseif pos then",
    ),
    "a ring that turns loses what it held": (
        "states", "struct.pack('<d', used), nil", "struct.pack('<d', 0), nil",
    ),
    "a ring that turns keeps what has left": (
        "states", "sub(ZEROS, 1, 8 * (to - slot))", "sub(rest, o + 8 * from + 9, o + 8 * last + 8)",
    ),
    "a ring that turns past its end keeps what has left": (
        "states", "sub(ZEROS, 1, 8 * last + 8)", "sub(rest, o + 1, o + 8 * last + 8)",
    ),
    "the pico remainder is dropped": (
        "closing", "floor(pico / scale), pico % scale", "floor(pico / scale), 0",
    ),
    "the clock may run backwards": ("clock", "ahead = last - now\n", "ahead = 0\n"),
    "rollover is not capped": (
        "reserve", "carried = left < d and left or d", "carried = left",
    ),
    "the reaper forgets what was reported": (
        "reaping", "if progress > 0 then used =", "if false then used =",
    ),
    "the reaper leaves the lease": ("reap", "redis.call('HDEL', KEYS[1], rid)", ""),
    "concurrency lets one too many in": (
        "reserve", "if used + amount > most then wait = most >= 1",
        "if used > most then wait = most >= 1",
    ),
    "a ring goes back with the clock": ("reserve", "if to > slot then", "if to ~= slot then"),
    "a bucket refills twice": (
        "reserve", "if now > ts then level, ts = level + (now - ts) * limit, now end",
        "level, ts = level + math.max(0, now - ts) * limit, now",
    ),
    "the wait is a slot too short": (
        "reserve", "wait = (k + SLOTS) * a - now", "wait = (k + SLOTS - 1) * a - now",
    ),
    "a bucket refills past its size": ("reserve", "level = math.min(pos, level)\n", ""),
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
