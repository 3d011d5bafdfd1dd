"""Start-up time, idle CPU and memory of Turnout, and what two workers give."""

import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from bench.native import LoadPlan, run_load, upstream
from bench.payloads import MODEL, chat
from bench.processes import (
    CORES,
    await_ready,
    cpu_seconds,
    free_port,
    memory_mb,
    start,
    stop,
    tree,
    wake_ups,
)
from bench.systems import ledger_pid, new_keys, turnout_command, turnout_config

IDLE_SECONDS: Final = 30.0


def _alone(port: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="turnout-foot-") as name:
        folder, own = Path(name), free_port()
        config = turnout_config(folder, port, own)
        key = new_keys(folder, ["measured"])["measured"]
        log = folder / "turnout.log"
        process = start(turnout_command(config), log=log)
        try:
            ready = await_ready(own, process, log)
            time.sleep(3)
            pids, ledger = tree(process.pid), ledger_pid(folder)
            rest = _at_rest(pids, ledger)
            at_rest = memory_mb(pids)
            body = chat(model=MODEL)
            head = f"Authorization: Bearer {key}\r\n"
            for _ in range(3):
                run_load(own, LoadPlan(64, 4.0, body), head)
            return {
                "ready_seconds": ready,
                **rest,
                "memory_mb": at_rest,
                "memory_after_load_mb": memory_mb(pids),
                "ledger_memory_mb": memory_mb(ledger),
            }
        finally:
            stop(process)


def _at_rest(gateway: Sequence[int], ledger: Sequence[int]) -> dict[str, float]:
    """CPU seconds and wake-ups a second while nobody asks for anything."""
    before = [f(pids) for f in (cpu_seconds, wake_ups) for pids in (gateway, ledger)]
    time.sleep(IDLE_SECONDS)
    after = [f(pids) for f in (cpu_seconds, wake_ups) for pids in (gateway, ledger)]
    spent = [(late - early) / IDLE_SECONDS for early, late in zip(before, after, strict=True)]
    names = ("idle_gateway_cpu", "idle_ledger_cpu", "gateway_wakes", "ledger_wakes")
    return {"idle_cpu": spent[0] + spent[1]} | dict(zip(names, spent, strict=True))


def _throughput(port: int, workers: int) -> float:
    """Requests a second, the load generator and the upstream beside the workers on all cores."""
    with tempfile.TemporaryDirectory(prefix="turnout-foot-") as name, ExitStack() as stack:
        folder, own = Path(name), free_port()
        config = turnout_config(folder, port, own)
        key = new_keys(folder, ["measured"])["measured"]
        log = folder / "turnout.log"
        command = turnout_command(config, "--workers", str(workers))
        process = start(
            command, log=log, core=f"{CORES[0]}-{CORES[-1]}" if workers > 1 else CORES[0]
        )
        stack.callback(stop, process)
        await_ready(own, process, log)
        time.sleep(4)  # the second worker follows the first
        head = f"Authorization: Bearer {key}\r\n"
        body = chat(model="moe")
        run_load(own, LoadPlan(32, 1.0, body), head)
        load = run_load(own, LoadPlan(32, 5.0, body), head)
        return load.requests / load.seconds


def footprint() -> dict[str, Any]:
    """Measure; see the keys."""
    with upstream() as port:
        record = _alone(port)
        pairs = [(_throughput(port, 1), _throughput(port, 2)) for _ in range(2)]
    best = max(pairs, key=lambda pair: pair[1] / pair[0])
    return record | {"one_worker": best[0], "two_workers": best[1], "gain": best[1] / best[0]}


def soak(minutes: float, share: float = 1.0) -> dict[str, Any]:
    """Memory of gateway and ledger every ten seconds under load: plain and streamed in turn.

    `share` of the time is under load, the rest without.
    """
    with upstream() as port, tempfile.TemporaryDirectory(prefix="turnout-soak-") as name:
        folder, own = Path(name), free_port()
        config = turnout_config(folder, port, own)
        key = new_keys(folder, ["measured"])["measured"]
        log = folder / "turnout.log"
        process = start(turnout_command(config), log=log)
        try:
            await_ready(own, process, log)
            head = f"Authorization: Bearer {key}\r\n"
            bodies = (chat(model=MODEL), chat(model=MODEL, stream=True))
            memory, requests, errors = [memory_mb(tree(process.pid))], 0, 0
            ledger = [memory_mb(ledger_pid(folder))]
            for number in range(max(1, round(minutes * 6))):
                load = run_load(own, LoadPlan(16, 10.0 * share, bodies[number % 2]), head)
                time.sleep(10.0 * (1 - share))
                requests, errors = requests + load.requests, errors + load.errors
                memory.append(memory_mb(tree(process.pid)))
                ledger.append(memory_mb(ledger_pid(folder)))
                print(f"{(number + 1) * 10:>6} s  {memory[-1]:.1f} MB  {requests:,}", flush=True)
            return {
                "minutes": minutes,
                "share": share,
                "requests": requests,
                "errors": errors,
                "memory_mb": memory,
                "ledger_mb": ledger,
            }
        finally:
            stop(process)
