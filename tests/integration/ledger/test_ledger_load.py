"""One hot key, four gateway processes: the limit, exactly."""

from router.drills.ledger_drill import Drill, drill_organization
from router.drills.ledger_worker import DrillLoad
from router.ledger.server.embedded import Embedded


async def test_four_gateways_offered_20000_admit_exactly_the_limit_in_every_window(
    server: Embedded,
) -> None:
    load = DrillLoad(drill_organization(), limit=1000, window_ms=600, offered=5_000)
    result = await Drill(server.url).run(load, workers=4)
    assert result.kept, result.promises
    assert result.promises[0][2] == "at most 1000"
    counts = {name: int(result.figures[name]) for name in ("admitted", "denied", "unavailable")}
    assert sum(counts.values()) == 20_000
    assert counts["admitted"] >= 1_000
    assert counts["unavailable"] == 0


async def test_gateways_that_die_and_forget_leave_a_ledger_that_adds_up(server: Embedded) -> None:
    load = DrillLoad(drill_organization(), 400, 2_000, seconds=4.0, abandoned=0.05)
    result = await Drill(server.url).run(load, workers=2, kill=True)
    assert result.kept, result.promises
    assert int(result.figures["closed by the reaper"]) > 0
