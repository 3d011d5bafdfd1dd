"""The drill of a ledger alone: one hot key, gateways that are killed, a server that is hurt.

Without an address it is an embedded server in a scratch folder; a server of the operator's is
flushed of its scripts, its connections are cut, it is paused: it is neither stopped nor killed.
"""

import asyncio
import os
import signal
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from router.drills.findings import FaultFindings
from router.drills.ledger_drill import Drill, drill_organization
from router.drills.ledger_findings import Findings
from router.drills.ledger_worker import DrillLoad
from router.ledger.server.address import parse_address
from router.ledger.server.clients import send_to_all
from router.ledger.server.embedded import Embedded

GATEWAYS: Final = 4
LIMIT: Final = 1000  # of the hot key, a window
_MINUTE_SECONDS: Final = 60  # a drill as long as this has a true minute as its window
_SHORT_MS: Final = 5_000  # another's
_ABANDONED: Final = 0.02
_STALL_SECONDS: Final = 3
_WHAT: Final = (
    "load on one hot key; gateway processes are killed, connections cut, scripts flushed, the"
    " server paused"
)


async def drill_ledger(url: str | None, seconds: float, *, asks: bool) -> FaultFindings:
    """Drill it for so long. Raises LedgerUnavailable, StartupError, AddressError, EmbeddedError."""
    long = seconds >= _MINUTE_SECONDS
    load = DrillLoad(
        drill_organization(),
        LIMIT,
        _MINUTE_SECONDS * 1000 if long else _SHORT_MS,
        seconds=seconds,
        abandoned=_ABANDONED,
        denial_memory=not asks,
    )
    if url is not None:
        drill = Drill(url, _anywhere(url))
        found = await drill.run(load, workers=GATEWAYS, kill=True)
        return _as_fault(found, f"{_WHAT} (the server that --ledger names)")
    with tempfile.TemporaryDirectory(prefix="turnout-drill-") as folder:
        async with Embedded(Path(folder)) as embedded:
            faults = [*_anywhere(embedded.url), *_embedded(embedded)]
            drill = Drill(embedded.url, faults)
            found = await drill.run(load, workers=GATEWAYS, kill=True)
    return _as_fault(found, f"{_WHAT}, stopped, and killed")


def _as_fault(found: Findings, what: str) -> FaultFindings:
    findings = FaultFindings("ledger", what)
    for text, kept, figure in found.promises:
        findings.promise(text, figure, kept=kept)
    findings.notes += [f"{name.strip()}: {value}" for name, value in found.figures.items()]
    return findings


def _anywhere(url: str) -> list[Callable[[], Awaitable[str]]]:
    def sending(name: str, *command: str) -> Callable[[], Awaitable[str]]:
        async def fault() -> str:
            await send_to_all(parse_address(url), *command)
            return name

        return fault

    return [
        sending("scripts flushed", "SCRIPT", "FLUSH"),
        sending("all connections cut", "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"),
        sending("server paused for 500 ms", "CLIENT", "PAUSE", "500", "ALL"),
    ]


def _embedded(embedded: Embedded) -> list[Callable[[], Awaitable[str]]]:
    async def stop() -> str:
        pid = embedded.pid or 0
        os.kill(pid, signal.SIGSTOP)
        try:
            await asyncio.sleep(_STALL_SECONDS)
        finally:
            os.kill(pid, signal.SIGCONT)
        return f"server stopped for {_STALL_SECONDS} s"

    async def kill() -> str:
        os.kill(embedded.pid or 0, signal.SIGKILL)
        await asyncio.to_thread(embedded.start)
        return "server killed and restarted"

    return [stop, kill]
