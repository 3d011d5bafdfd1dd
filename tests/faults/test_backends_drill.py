"""The drill in short: every fault, mixed; nothing wrong, nothing left, nothing amplified."""

import backends_drill
from transports import NewTransport


async def test_no_fault_leaves_anything_behind(new_transport: NewTransport) -> None:
    report = await backends_drill.run(new_transport(), 500)
    assert report.wrong == []
    assert sum(report.outcomes.values()) == 500
    assert (report.left_in_flight, report.left_waiting, report.left_open) == (0, 0, 0)
    assert report.outcomes["answered by sound"] > 120
    assert report.amplification <= 1.1
