"""The drill in short: every fault, mixed; nothing wrong, nothing left, nothing amplified."""

import backends_drill


async def test_no_fault_leaves_anything_behind() -> None:
    report = await backends_drill.run(1200)
    assert report.wrong == []
    assert sum(report.outcomes.values()) == 1200
    assert (report.left_in_flight, report.left_waiting, report.left_open) == (0, 0, 0)
    assert report.outcomes["answered by sound"] > 300
    assert report.worst_amplification <= 1.1
