"""One hot key, four gateway processes: the limit, exactly."""

from router.drills.ledger_drill import Drill, drill_organization
from router.drills.ledger_worker import DrillLoad
from router.ledger.server.embedded import Embedded


async def test_four_gateways_offered_20000_admit_exactly_the_limit_in_every_window(
    server: Embedded,
) -> None:
    load = DrillLoad(drill_organization(), limit=1000, window_ms=600, offered=5_000)
    drill = Drill(server.url)
    result = await drill.run(load, workers=4)
    assert result.kept, result.promises
    assert result.promises[0][2] == "at most 1000"
    assert drill.granted.offered == 20_000
    assert drill.granted.counts["admitted"] >= 1_000
    assert drill.granted.counts["unavailable"] == 0


async def test_gateways_that_die_and_forget_leave_a_ledger_that_adds_up(server: Embedded) -> None:
    load = DrillLoad(drill_organization(), 400, 2_000, seconds=4.0, abandoned=0.05)
    result = await Drill(server.url).run(load, workers=2, kill=True)
    assert result.kept, result.promises
    assert int(result.figures["closed by the reaper"]) > 0


async def test_a_drill_tells_what_the_ledger_was_asked_from_what_gateways_remembered(
    server: Embedded,
) -> None:
    load = DrillLoad(drill_organization(), limit=100, window_ms=5_000, offered=2_000)
    drill = Drill(server.url)
    result = await drill.run(load, workers=2)
    assert result.kept, result.promises
    assert drill.granted.offered == 4_000
    assert drill.granted.from_memory > drill.granted.reached > 0
    assert drill.granted.from_memory + drill.granted.reached == 4_000


async def test_without_memory_of_denials_the_ledger_is_asked_about_every_request(
    server: Embedded,
) -> None:
    load = DrillLoad(
        drill_organization(), limit=100, window_ms=5_000, offered=2_000, denial_memory=False
    )
    drill = Drill(server.url)
    result = await drill.run(load, workers=2)
    assert result.kept, result.promises
    assert result.promises[0] == (
        "the ledger was asked about every request", True, "0 answered from memory",
    )  # fmt: skip
    assert (drill.granted.offered, drill.granted.reached) == (4_000, 4_000)
