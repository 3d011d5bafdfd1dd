"""Schedules of faults between gateways and their ledger, each from a seed, keep every promise."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from ledger_simulation.run import Simulation
from ledger_simulation.schedule import KINDS, Fault, faults_of

from router.ledger.server.embedded import Embedded
from router.ledger.server.scripts import read_sources

QUICK = range(8)
EACH = [[Fault(5.0, kind, 3.0, 0), Fault(20.0, kind, 12.0, 1)] for kind in KINDS]
AHEAD = "restarted with a clock an hour ahead"
UNHEARD = {  # of whose hold on the ledger's time nothing came, and the seeds that found it
    "read-only": (905, [Fault(20.916, "read-only", 4.001, 0), Fault(23.232, AHEAD, 0.131, 0)]),
    "out of memory": (
        1398,
        [Fault(26.316, AHEAD, 1.513, 0), Fault(28.018, "out of memory", 10.812, 0)],
    ),
    "a gateway started anew meets it first": (657, faults_of(657)),
    "all were late": (1889, faults_of(1889)),
}
SETTLED_TWICE = ("settle", "call('HDEL', holds, hold_id)", "")


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator["redis.Redis[bytes]"]:
    folder: Path = tmp_path_factory.mktemp("valkey")
    with (
        Embedded(folder) as embedded,
        redis.Redis(unix_socket_path=embedded.url.removeprefix("unix://")) as connected,
    ):
        yield connected


@pytest.mark.parametrize("seed", QUICK)
def test_a_schedule_of_faults_breaks_no_promise(client: "redis.Redis[bytes]", seed: int) -> None:
    outcome = Simulation(client).run(seed)
    assert not outcome.broken, str(outcome)
    assert outcome.counts["admitted"] > 0


@pytest.mark.parametrize("number", range(len(EACH)), ids=list(KINDS))
def test_each_kind_of_fault_alone_breaks_no_promise(
    client: "redis.Redis[bytes]", number: int
) -> None:
    outcome = Simulation(client).run(1000 + number, EACH[number])
    assert not outcome.broken, str(outcome)


@pytest.mark.parametrize("what", UNHEARD)
def test_a_clock_that_jumped_is_not_forgotten(client: "redis.Redis[bytes]", what: str) -> None:
    seed, faults = UNHEARD[what]
    outcome = Simulation(client).run(seed, faults)
    assert not outcome.broken, str(outcome)


def test_a_seed_replays_and_says_how(client: "redis.Redis[bytes]") -> None:
    once, again = Simulation(client).run(7), Simulation(client).run(7)
    assert once.counts == again.counts
    assert once.faults == again.faults
    assert str(once.faults[0]) in str(once)
    assert "python -m ledger_simulation --seed 7" in str(once)


def test_scripts_that_settle_twice_are_caught_and_the_schedule_is_made_shorter(
    client: "redis.Redis[bytes]",
) -> None:
    file, right, wrong = SETTLED_TWICE
    sources = read_sources()
    assert right in sources[file]
    broken = Simulation(client, sources | {file: sources[file].replace(right, wrong)})
    outcome = broken.run(0, faults_of(0)[:3])
    assert any(line.startswith("doubled") for line in outcome.broken)
    shorter = broken.shrink(outcome)
    assert shorter.broken
    assert len(shorter.faults) < len(outcome.faults)


def test_a_clock_that_stands_still_after_it_went_back_is_caught(
    client: "redis.Redis[bytes]",
) -> None:
    """As it did: where only the reaper looked, a dead gateway's hold was kept for an hour."""
    right = "redis.call('SET', clock_key, struct.pack(CLOCK_PAIR, now + ahead, now))\n"
    sources = read_sources()
    assert right in sources["clock"]
    still = "clock = struct.pack(CLOCK_PAIR, now + ahead, now)\n"
    stopped = Simulation(client, sources | {"clock": sources["clock"].replace(right, still)})
    faults = [
        Fault(12.939, "killed, started again after", 0.043, 0),
        Fault(13.928, "restarted with a clock an hour back", 0.570, 0),
    ]
    outcomes = (stopped.run(seed, faults) for seed in range(4, 40))
    assert any(line.startswith("held") for outcome in outcomes for line in outcome.broken)
