"""The whole drill: a stack is started, faults are caused one by one, then books and notes matched.

The books are read once, when all faults are over and nothing is held any more: what a killed
gateway held comes back within its lease, and meanwhile the other faults are caused.
"""

import asyncio
import contextlib
import json
import sys
import time
from asyncio.subprocess import PIPE
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from router.drills.clients import Caller, Note
from router.drills.copied import CannotRun, Original, read_original, replaced
from router.drills.fault_tools import NotRun, Scene
from router.drills.faults import FAULTS, LEDGER, Fault
from router.drills.findings import DrillFindings, FaultFindings, Promise
from router.drills.ledger_alone import drill_ledger
from router.drills.matching import Bounds, bounds_of, match
from router.drills.processes import passed_on, until
from router.drills.settings_words import meaning_of
from router.drills.stack import PROBE, DrillStack, config_of, running_stack
from router.ledger.server.errors import Disconnected
from router.settings import environment
from router.usage.store import UsageStore
from router.usage_row import UsageRow

REST_SECONDS: Final = 60.0  # a lease, what the reaper takes, and what a busy machine does
_CHECK_SECONDS: Final = 60.0
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a drill is asked for: which faults, with how much load. `ledger_url`: the server for the
    ledger's own drill instead of an embedded one; `ledger_seconds`: how long that one lasts.
    """

    config: Path
    faults: Sequence[str]
    requests: int
    seed: int
    ledger_seconds: float
    ledger_url: str | None = None
    ledger_asks: bool = False  # its gateways ask about every request: no memory of denials


async def run_drill(wanted: Wanted, tell: Tell) -> DrillFindings:
    """Run it; `tell` hears a line for each step. Raises CannotRun, DocumentError."""
    began = time.monotonic()
    staged = [name for name in wanted.faults if name in FAULTS]
    original = read_original(wanted.config) if staged else None
    found = DrillFindings(
        version("turnout"),
        datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        wanted.seed,
        str(wanted.config) if original else "none: the ledger alone",
        original.settings_hash if original else "none",
    )
    if original is not None:
        found.replaced = replaced(original)
        await _staged(original, wanted, staged, found, tell)
    if LEDGER in wanted.faults:
        found.faults.append(await _timed(drill_ledger, wanted, tell))
    found.seconds = time.monotonic() - began
    return found


async def _timed(drilled: Any, wanted: Wanted, tell: Tell) -> FaultFindings:
    tell(f"{LEDGER}: load on one hot key, gateways killed, the server hurt")
    began = time.monotonic()
    findings: FaultFindings = await drilled(
        wanted.ledger_url, wanted.ledger_seconds, asks=wanted.ledger_asks
    )
    findings.seconds = time.monotonic() - began
    tell(_told(findings))
    return findings


async def _staged(
    original: Original, wanted: Wanted, names: Sequence[str], found: DrillFindings, tell: Tell
) -> None:
    """The faults that need a stack."""
    for line in found.replaced:
        tell(f"in place of yours: {line}")
    tell("starting a ledger, stand-ins and two gateways")
    moves_clock = "skew" in names
    async with running_stack(original, names, wanted.seed, moves_clock=moves_clock) as stack:
        found.meaning = meaning_of(stack.documents)
        models, busiest = await _probed(stack, found, tell)
        for name in names:
            found.faults.append(
                await _caused(stack, name, _with_models(stack, name, models), wanted, busiest)
            )
            tell(_told(found.faults[-1]))
        tell("matching every request with the books")
        await _judged(stack, found)


async def _caused(
    stack: DrillStack, name: str, callers: Sequence[Caller], wanted: Wanted, busiest: str
) -> FaultFindings:
    """Cause one fault; what goes wrong with the drill itself is told as not run."""
    fault = FAULTS[name]
    findings = FaultFindings(name, fault.what)
    each = max(4, wanted.requests // len(callers))
    began = time.monotonic()
    try:
        await fault.cause(Scene(stack, findings, callers, each, busiest))
    except* (NotRun, CannotRun) as group:
        reason = _first(group)
        if isinstance(reason, NotRun):
            findings.why = str(reason)
        else:
            findings.promise("gateways start and stay", str(reason), kept=False)
    findings.seconds = time.monotonic() - began
    return findings


def _first(group: BaseExceptionGroup[Any]) -> BaseException:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _told(findings: FaultFindings) -> str:
    beside = f": {findings.why}" if findings.why else ""
    if findings.verdict == "broken":
        beside = ": " + "; ".join(f"{p.text} ({p.figure})" for p in findings.promises if not p.kept)
    return f"{findings.name}: {findings.verdict} after {findings.seconds:.1f} s{beside}"


def _with_models(stack: DrillStack, fault: str, models: Mapping[str, str]) -> list[Caller]:
    """The customers of a fault whose tier is served at all, each with what it asks for."""
    return [
        replace(caller, model=models[caller.tier])
        for caller in stack.callers_of(fault)
        if caller.tier in models
    ]


async def _probed(
    stack: DrillStack, found: DrillFindings, tell: Tell
) -> tuple[dict[str, str], str]:
    """What each tier may ask and is answered, and the backend that answers most. Raises CannotRun
    where nothing is served at all.
    """
    models: dict[str, str] = {}
    served: Counter[str] = Counter()
    for caller in stack.callers_of(PROBE):
        notes = [note async for note in _probes(stack, caller)]
        good = [(model, note) for model, note in notes if note.whole]
        if good:
            models[caller.tier] = good[0][0]
            served[good[0][1].backend] += 1
        else:
            refusals = Counter(f"{note.status} {note.code}".strip() for _, note in notes)
            why = ", ".join(refusals) or "no route of its own"
            tell(f"tier `{caller.tier}` is not drilled: every route answers {why}")
            found.meaning = [*found.meaning, f"Tier `{caller.tier}` was not drilled: {why}."]
    if not models:
        raise CannotRun(
            "no tier gets a chat answer from any route, though every backend answers. `turnout"
            " explain` says why a request is refused."
        )
    return models, served.most_common(1)[0][0]


async def _probes(stack: DrillStack, caller: Caller) -> AsyncIterator[tuple[str, Note]]:
    """Ask each route in turn, until one serves."""
    policy = stack.documents.policy
    for model in policy.visible(caller.tier):
        if model in policy.routes:
            note = await stack.clients.ask(replace(caller, model=model), stream=False)
            yield model, note
            if note.whole:
                return


async def _judged(stack: DrillStack, found: DrillFindings) -> None:
    """Match notes with books, fault by fault; then the ledger with the books, and what is held."""
    held = await _at_rest(stack)
    rows = await asyncio.to_thread(_rows, stack.database)
    exact = not any(each.hedge_after for each in stack.documents.backends.values())
    for findings in found.faults:
        if findings.verdict != "not run":
            mine = {caller.organization for caller in stack.callers_of(findings.name)}
            notes = [note for note in stack.clients.notes if note.organization in mine]
            booked = [row for row in rows if row.organization in mine]
            bounds = _bounds(stack, FAULTS[findings.name])
            findings.adopt(match(notes, booked, bounds, exact=exact))
    figure = "ledger did not answer" if held is None else f"{held} holds"
    found.promises.append(Promise("nothing stays held", held == 0, figure))
    found.promises.append(await _checked(stack))


def _bounds(stack: DrillStack, fault: Fault) -> dict[str, Bounds]:
    gateways = len(stack.gateways)
    return {
        name: bounds_of(tier, gateways=gateways, away=fault.away)
        for name, tier in stack.tiers.items()
    }


async def _at_rest(stack: DrillStack) -> int | None:
    """The holds that stay open, once nothing changes any more."""
    held: int | None = None
    seen = -1

    async def rests() -> bool:
        nonlocal held, seen
        before = seen
        with contextlib.suppress(Disconnected):
            held = await stack.open_holds()
        seen = len(await asyncio.to_thread(_rows, stack.database))
        return held == 0 and seen == before

    await until(rests, REST_SECONDS, 1.5)  # gateways store what the ledger tells once a second
    return held


def _rows(database: str) -> list[UsageRow]:
    store = UsageStore(database)
    try:
        return list(store.each(None, None))
    finally:
        store.close()


async def _checked(stack: DrillStack) -> Promise:
    """What `turnout ledger check` says, as an operator would ask it."""
    config = config_of(stack)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "router.cli", "ledger", "check", "--json", "--config", str(config)),
        stdout=PIPE,
        stderr=PIPE,
        env=passed_on(environment(), config.read_text("utf-8")),
    )
    try:
        out, err = await asyncio.wait_for(process.communicate(), _CHECK_SECONDS)
    except TimeoutError:
        process.kill()
        return Promise("the ledger agrees with the books", False, "the check does not end")
    try:
        said = json.loads(out)
    except ValueError:
        last = (err.decode(errors="replace").strip().splitlines() or ["nothing"])[-1]
        return Promise("the ledger agrees with the books", False, f"the check says: {last}")
    drifts = [finding["words"] for finding in said["findings"] if finding["drift"]]
    lost = [said["lost"]] if said["lost"] else []
    figure = "; ".join((lost + drifts)[:3]) or f"{said['scopes']} scopes, no drift"
    return Promise("the ledger agrees with the books", bool(said["agrees"]), figure)
