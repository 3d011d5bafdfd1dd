"""What a drill starts: a ledger, stand-ins, two gateways, keys of its own. All of it ends with the
block, however the block ends, and its folder is deleted.
"""

import asyncio
import contextlib
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from policies.language.tiers import Tier
from router.children.child import Child, ChildFailed
from router.customers.keys import KeyStore
from router.drills.clients import Caller, Clients
from router.drills.copied import (
    CONFIG,
    NAMES,
    CannotRun,
    Original,
    Places,
    read_copy,
    write_copy,
)
from router.drills.processes import DrillGateway, DrillLedger, passed_on
from router.drills.shifted_clock import NoClock, ShiftedClock
from router.ledger.keys import PREFIX
from router.ledger.ledger import Ledger
from router.ledger.server.address import parse_address
from router.ledger.server.clients import client_at
from router.settings import environment
from router.world.documents import Documents

_SIMULATOR: Final = "router.simulator.server"
_STAND_INS: Final = 6  # processes; further backends share the last
_CREDIT_NANO: Final = 1_000_000_000_000  # a thousand dollars, for prepaid tiers
PROBE: Final = "probe"


@dataclass(slots=True)
class DrillStack:
    """A running copy of the operator's deployment."""

    folder: Path
    ledger: DrillLedger
    clock: ShiftedClock | None  # None: it cannot be moved
    no_clock: str
    gateways: list[DrillGateway]
    stand_ins: Mapping[str, Child]  # by backend
    documents: Documents
    clients: Clients
    callers: Mapping[tuple[str, str], Caller]  # by fault and tier
    database: str

    @property
    def tiers(self) -> Mapping[str, Tier]:
        """The operator's tiers; the empty name where the policy has none."""
        return self.documents.policy.tiers or {"": Tier("")}

    def callers_of(self, fault: str) -> list[Caller]:
        """A customer of each tier that is there for one fault alone, so that its limits are new."""
        return [caller for (name, _), caller in self.callers.items() if name == fault]

    async def wish(self, backend: str, fault: str) -> None:
        """Let a stand-in answer with a fault of the simulator; empty: as it should."""
        root = self.stand_ins[backend].base_url.removesuffix("/v1")
        await self.clients.tell(f"{root}/wish", fault)

    async def open_holds(self) -> int:
        """The requests that the ledger holds something for. Raises Disconnected."""
        async with client_at(parse_address(self.ledger.url)) as client:
            keys = [key async for key in client.scan_iter(match=f"{PREFIX}:{{*}}:h", count=1000)]
            return sum([int(await client.hlen(key)) for key in keys])


@contextlib.asynccontextmanager
async def running_stack(
    original: Original, faults: Sequence[str], seed: int, *, moves_clock: bool
) -> AsyncIterator[DrillStack]:
    """Start everything, yield it, end it. Raises CannotRun."""
    folder = _scratch()
    async with contextlib.AsyncExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        clock, why = _clock(folder) if moves_clock else (None, "it was not asked for")
        ledger = DrillLedger(folder / "ledger", {} if clock is None else clock.environment)
        stack.callback(shutil.rmtree, ledger.place, ignore_errors=True)
        stack.push_async_callback(ledger.kill)
        await ledger.start()
        stand_ins = await _stand_ins(stack, list(original.backends))
        urls = {name: child.base_url for name, child in stand_ins.items()}
        places = Places(folder, ledger.url, urls)
        gateways = [_gateway(original, places, name) for name in NAMES]
        documents = read_copy(gateways[0].config, environment())
        callers = await _customers(documents, places, faults)
        for gateway in gateways:
            stack.push_async_callback(gateway.end)
            await gateway.start()
        clients = Clients(gateways, seed)
        stack.push_async_callback(clients.close)
        await asyncio.gather(*(gateway.until_ready() for gateway in gateways))
        yield DrillStack(
            folder, ledger, clock, why, gateways, stand_ins, documents, clients, callers,
            places.database,
        )  # fmt: skip


def _scratch() -> Path:
    return Path(tempfile.mkdtemp(prefix="turnout-drill-")).resolve()


def _clock(folder: Path) -> tuple[ShiftedClock | None, str]:
    try:
        return ShiftedClock(folder), ""
    except NoClock as error:
        return None, str(error)


async def _stand_ins(
    stack: contextlib.AsyncExitStack, backends: Sequence[str]
) -> Mapping[str, Child]:
    """A stand-in for each backend, by name. Raises CannotRun."""
    children = [Child(_SIMULATOR, "--name", "drill") for _ in backends[:_STAND_INS]]
    for child in children:
        child.start()
        stack.callback(child.stop)
    try:
        for child in children:
            await asyncio.to_thread(child.await_ready)
    except ChildFailed as error:
        raise CannotRun(f"a stand-in does not start: {error}") from None
    shared = [*children, *([children[-1]] * (len(backends) - len(children)))]
    return dict(zip(backends, shared, strict=True))


def _gateway(original: Original, places: Places, name: str) -> DrillGateway:
    port = free_port()
    config = write_copy(original, places, name, port)
    return DrillGateway(config, port, passed_on(environment(), config.read_text("utf-8")))


def free_port() -> int:
    """A port that nobody listens on at this moment."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


async def _customers(
    documents: Documents, places: Places, faults: Sequence[str]
) -> dict[tuple[str, str], Caller]:
    """Make a customer of each tier for each fault, with credit where it pays beforehand."""
    tiers = documents.policy.tiers or {"": Tier("")}
    store = KeyStore(places.database)
    try:
        made = {
            (fault, name): Caller(
                name,
                f"drill-{fault}-{name or 'all'}",
                store.create(f"drill-{fault}-{name or 'all'}", name)[0],
                user="somebody" if "user" in tier.require else None,
            )
            for fault in (PROBE, *faults)
            for name, tier in tiers.items()
        }
    finally:
        store.close()
    prepaid = {name for name, tier in tiers.items() if _pays_beforehand(tier)}
    owed = [caller.organization for caller in made.values() if caller.tier in prepaid]
    if owed:
        ledger = await Ledger.connect(places.ledger, command_seconds=5)
        for organization in owed:
            await ledger.credit(organization, _CREDIT_NANO, "drill")
        await ledger.close()
    return made


def _pays_beforehand(tier: Tier) -> bool:
    return any("prepaid_usd" in limits for limits in tier.limits.values())


def config_of(stack: DrillStack) -> Path:
    """The first gateway's turnout.yaml: what commands of an operator are pointed at."""
    return stack.folder / NAMES[0] / CONFIG
