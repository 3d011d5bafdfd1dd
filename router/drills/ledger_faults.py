"""Faults of the ledger's server: killed, still, with another clock, and beside a full disk."""

import asyncio
import json
import resource
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from router.drills.fault_tools import AWAY_SECONDS, NotRun, Scene
from router.drills.processes import DrillGateway, until

HOUR_MS: Final = 3_600_000
_BEFORE_SECONDS: Final = 0.5  # of load, before the fault
# Lines of decisions, and settlements, that a full disk refused.
_UNWRITTEN: Final = ("turnout_decisions_lost_total", 'turnout_ledger{what="spool_failures"}')
_ROOM: Final = 400  # bytes that a file may still grow by on the full disk: part of a line


async def kill_the_ledger(scene: Scene) -> None:
    """SIGKILL, then a start on what it had written."""
    ledger = scene.stack.ledger
    async with scene.busy():
        await asyncio.sleep(_BEFORE_SECONDS)
        await ledger.kill()
        down = time.monotonic()
        await scene.is_told("the ledger is dead")
        await asyncio.sleep(max(0.0, down + AWAY_SECONDS - time.monotonic()))
        mended = time.monotonic()
        await ledger.start()
        await scene.comes_back(mended)
    scene.judge_away(down, mended)


async def stall_the_ledger(scene: Scene) -> None:
    """SIGSTOP, then SIGCONT."""
    ledger = scene.stack.ledger
    async with scene.busy():
        await asyncio.sleep(_BEFORE_SECONDS)
        ledger.stall()
        down = time.monotonic()
        try:
            await scene.is_told("the ledger stands still")
            await asyncio.sleep(max(0.0, down + AWAY_SECONDS - time.monotonic()))
        finally:
            mended = time.monotonic()
            ledger.go_on()
        await scene.comes_back(mended)
    scene.judge_away(down, mended)


async def fill_the_disk(scene: Scene) -> None:
    """Streams are under way when no file grows any more and the ledger dies: what they used goes
    to the spool, on a full disk.
    """
    if not hasattr(resource, "prlimit"):
        raise NotRun("a limit on another process's files (prlimit) needs Linux")
    ledger, gateways = scene.stack.ledger, scene.gateways
    before = [await _unwritten(gateways, name) for name in _UNWRITTEN]
    async with scene.busy():
        streams = await scene.streams(4, gateways)
        for gateway in gateways:
            gateway.files_end_at(_size(gateway.home / "data" / "decisions.jsonl") + _ROOM)
        await ledger.kill()
        down = time.monotonic()
        try:
            await streams.ended()
            await asyncio.sleep(max(0.0, down + AWAY_SECONDS - time.monotonic()))
        finally:
            for gateway in gateways:
                gateway.files_end_at(None)
            mended = time.monotonic()
            await ledger.start()
        await scene.comes_back(mended)
    after = [await _unwritten(gateways, name) for name in _UNWRITTEN]
    lines, settlements = (now - then for now, then in zip(after, before, strict=True))
    if not lines + settlements:
        raise NotRun("the disk was full, and no gateway wanted to write: say more --requests")
    scene.findings.notes.append(
        f"the full disk refused {lines} lines of decisions and {settlements} settlements at first"
    )
    _judge_lines(scene, gateways)
    scene.judge_away(down, mended)


async def _unwritten(gateways: Sequence[DrillGateway], name: str) -> int:
    return int(sum([await gateway.metric(name) for gateway in gateways]))


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _judge_lines(scene: Scene, gateways: Sequence[DrillGateway]) -> None:
    """Every line of the decision logs is whole."""
    lines = [
        line
        for gateway in gateways
        for path in sorted((gateway.home / "data").glob("decisions*.jsonl*"))
        for line in path.read_bytes().splitlines()
    ]
    halves = sum(not _is_whole(line) for line in lines)
    text = "the decision log has whole lines alone"
    scene.findings.promise(text, f"{halves} halves in {len(lines)} lines", kept=halves == 0)


def _is_whole(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


async def move_the_clock(scene: Scene) -> None:
    """The server restarts with its clock an hour ahead, then an hour behind, then right."""
    ledger, clock = scene.stack.ledger, scene.stack.clock
    if clock is None:
        raise NotRun(scene.stack.no_clock)
    async with scene.busy():
        for ms, words in ((HOUR_MS, "an hour ahead"), (-HOUR_MS, "an hour behind")):
            await asyncio.sleep(_BEFORE_SECONDS)
            await ledger.kill()
            clock.move(ms)
            await ledger.start()
            await _tells_the_clock(scene, words)
        await ledger.kill()
        clock.move(0)
        mended = time.monotonic()
        await ledger.start()
        await scene.comes_back(mended)


async def _tells_the_clock(scene: Scene, words: str) -> None:
    """Each gateway serves, and says beside it what is amiss."""

    async def said() -> bool:
        answers = [await gateway.readiness() for gateway in scene.gateways]
        return all(status == 200 and "clock" in ledger for status, ledger in answers)

    took = await until(said, 30)
    figure = "never" if took is None else f"after {took:.1f} s"
    text = f"/readyz names the clock that is {words}, and gateways serve"
    scene.findings.promise(text, figure, kept=took is not None)
