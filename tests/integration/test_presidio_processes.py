"""Processes that run Presidio, with a library that stands in: apart, replaced, ended in time."""

import asyncio
import logging
import os
import sys
from pathlib import Path

import patience
import presidiokit
import pytest

from policies.pii.reading import PrivateData
from router.pipeline.second_reading import Bounds, SecondReading
from router.presidio.pool import Pool
from router.presidio.process import Died, NotRead, Raised, environment_of
from router.presidio.spec import Unusable

SECRET = "hold-this-back-7d1f"


@pytest.fixture(autouse=True)
def stand_in(monkeypatch) -> None:
    monkeypatch.setenv("PYTHONPATH", presidiokit.STAND_IN)


def seen(pid: int, name: str) -> str:
    """What Linux shows of a process."""
    return Path(f"/proc/{pid}/{name}").read_text()


async def test_one_that_hangs_is_ended_and_replaced_and_that_is_told_once(tmp_path, caplog) -> None:
    async with presidiokit.running(Pool(presidiokit.spec(tmp_path), hangs_after=0.3)) as pool:
        with pytest.raises(Died):
            await pool.ask([f"[hang] {SECRET}"])
        with pytest.raises(NotRead):
            await pool.ask(["Jane Doe"])
        await asyncio.to_thread(patience.until, lambda: pool.deaths and pool.living)
        assert (pool.deaths, len(await pool.ask(["Good morning."]))) == (1, 1)
    told = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert [record.message.split(";")[0] for record in told] == [
        "a process of Presidio is down and is replaced"
    ]
    assert SECRET not in caplog.text


async def test_it_keeps_to_itself(tmp_path, caplog, monkeypatch) -> None:
    """No connection, no core, no word, and the processor is the gateway's first."""
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    async with presidiokit.running(Pool(presidiokit.spec(tmp_path))) as pool:
        for _ in range(2):
            with pytest.raises(Raised, match="PermissionError"):
                await pool.ask([f"[connect] {SECRET}"])
        (process,) = pool._living
        pid = process._process.pid
        assert os.getpriority(os.PRIO_PROCESS, pid) > os.getpriority(os.PRIO_PROCESS, 0)
        if sys.platform == "linux":
            (core,) = [line for line in seen(pid, "limits").splitlines() if "core" in line]
            assert core.split()[4:6] == ["0", "0"]
            assert SECRET not in seen(pid, "cmdline")
    assert process._process.returncode == 0  # it ended by itself, as its pipe did
    assert SECRET not in environment_of(presidiokit.spec(tmp_path)).values()
    assert [record.message for record in caplog.records].count(
        "Presidio could not read a text, which counts as private"
    ) == 1
    assert SECRET not in caplog.text


async def test_what_it_lacks_stops_the_start_and_is_said(tmp_path) -> None:
    spec = presidiokit.spec(tmp_path)
    reasons = []
    for pool in (
        Pool(presidiokit.spec(tmp_path, device="cuda"), 2),
        Pool(spec, command=(sys.executable, "-c", "import a_library_that_is_missing")),
    ):
        with pytest.raises(Unusable) as caught:
            await pool.start()
        assert pool.living == 0
        reasons.append(str(caught.value))
    assert "CuPy is not installed" in reasons[0]
    assert "spacy[cuda12x]" in reasons[0]
    assert "No module named 'a_library_that_is_missing'" in reasons[1]


async def test_a_deadline_leaves_the_process_alive(tmp_path) -> None:
    async with presidiokit.running(Pool(presidiokit.spec(tmp_path), hangs_after=0.5)) as pool:
        hasty = SecondReading(pool, Bounds(seconds=0.05))
        found = await hasty.finding(lambda: [b'["[hang]"]'], "acme")
        assert (found, pool.deaths) == (PrivateData.UNREAD, 0)
