"""Faults of gateways: one is killed, both are restarted in turn, a broken policy is reloaded."""

import asyncio
import signal
import time
from dataclasses import dataclass, field
from typing import Final

from router.drills.clients import Caller, Note
from router.drills.copied import POLICY
from router.drills.fault_tools import Scene
from router.drills.processes import DrillGateway, until

_LOOK_SECONDS: Final = 0.25  # between two looks of the balancer at /readyz
_BROKEN_POLICY: Final = "version: 1\nroutes: {broken: {candidates: [nobody-has-this]}}\n"
_REFUSED: Final = 'turnout_reloads_total{result="refused"}'


async def kill_a_gateway(scene: Scene) -> None:
    """SIGKILL while it streams; the other goes on; it is started again."""
    victim, survivor = scene.gateways
    async with scene.busy():
        streams = await scene.streams(6, [victim])
        killed = time.monotonic()
        await victim.kill()
        notes = await streams.ended()
        await victim.start()
        await victim.until_ready()
        back = time.monotonic()
        await scene.comes_back(back)
    cut = sum(note.admitted and not note.whole for note in notes)
    scene.findings.notes.append(f"{cut} streams were cut by it: what they had is billed")
    meanwhile = [n for n in scene.notes() if n.gateway == survivor.name and n.began > killed]
    failed = [n for n in meanwhile if n.over < back and not (n.whole or 400 <= n.status < 500)]
    scene.findings.promise(
        "the other gateway serves meanwhile as before",
        f"{len(failed)} of {len(meanwhile)} failed there",
        kept=not failed,
    )


@dataclass(slots=True)
class Balancer:
    """A load balancer: it asks /readyz, sends to who is ready, and tries the other gateway where no
    answer began.
    """

    scene: Scene
    ready: set[str] = field(default_factory=set)
    tries: list[list[Note]] = field(default_factory=list)

    async def look(self) -> None:
        """Look at /readyz, for ever."""
        while True:
            for gateway in self.scene.gateways:
                status, _ = await gateway.readiness()
                (self.ready.add if status == 200 else self.ready.discard)(gateway.name)
            await asyncio.sleep(_LOOK_SECONDS)

    async def ask(self, caller: Caller, number: int) -> None:
        """One request: it is tried at each gateway at most once."""
        tried: list[Note] = []
        self.tries.append(tried)
        for gateway in self._order(number):
            note = await self.scene.stack.clients.ask(caller, gateway, tokens=60)
            tried.append(note)
            if note.status not in {0, 503}:
                return

    def _order(self, number: int) -> list[DrillGateway]:
        turned = [*self.scene.gateways[number % 2 :], *self.scene.gateways[: number % 2]]
        return sorted(turned, key=lambda gateway: gateway.name not in self.ready)

    def lost(self) -> int:
        """Requests that got neither a whole answer nor a refusal that is their own fault."""
        last = [tried[-1] for tried in self.tries if tried]
        return sum(not (note.whole or 400 <= note.status < 500) for note in last)

    def retried(self) -> int:
        """Requests that went to the other gateway, too."""
        return sum(len(tried) > 1 for tried in self.tries)


async def restart_in_turn(scene: Scene) -> None:
    """SIGTERM to one gateway, a start, then the same to the other: nobody notices."""
    balancer, over = Balancer(scene), asyncio.Event()

    async def client(caller: Caller) -> None:
        sent = 0
        while not over.is_set() or sent < scene.requests // 4:
            await balancer.ask(caller, sent)
            sent += 1
            await asyncio.sleep(0.05)

    looking = asyncio.create_task(balancer.look())
    try:
        async with asyncio.TaskGroup() as group:
            for caller in scene.callers:
                for _ in range(3):
                    group.create_task(client(caller))
            try:
                for gateway in scene.gateways:
                    await asyncio.sleep(1.0)
                    await _restart(scene, gateway)
            finally:
                over.set()
        await scene.comes_back(time.monotonic())
    finally:
        looking.cancel()
    lost, asked = balancer.lost(), len(balancer.tries)
    scene.findings.promise("no request is lost, no stream cut", f"{lost} of {asked}", kept=not lost)
    scene.findings.notes.append(
        f"the balancer sent {balancer.retried()} of {asked} requests to the other gateway, too"
    )


async def _restart(scene: Scene, gateway: DrillGateway) -> None:
    noticed = scene.stack.documents.config.stop.notice is not None
    stopping = asyncio.create_task(gateway.stop())

    async def says_503() -> bool:
        return (await gateway.readiness())[0] == 503

    told = await until(says_503, 2.0, 0.02) if noticed else 0.0
    ended = await stopping
    if noticed:
        figure = "never" if told is None else f"after {told:.1f} s"
        text = f"/readyz of gateway {gateway.name} says 503 once it is to stop, while it serves on"
        scene.findings.promise(text, figure, kept=told is not None)
    words = "by itself" if ended else "not by itself"
    scene.findings.promise(f"gateway {gateway.name} finishes and ends", words, kept=ended)
    await gateway.start()
    await gateway.until_ready()


async def reload_a_broken_policy(scene: Scene) -> None:
    """The old policy stays in force, and a metric says that the new one was refused."""
    policies = [gateway.home / POLICY for gateway in scene.gateways]
    whole = policies[0].read_text(encoding="utf-8")
    before = [await gateway.metric(_REFUSED) for gateway in scene.gateways]
    async with scene.busy():
        began = time.monotonic()
        for gateway, path in zip(scene.gateways, policies, strict=True):
            path.write_text(_BROKEN_POLICY, encoding="utf-8")
            gateway.send(signal.SIGHUP)

        async def refused() -> bool:
            now = [await gateway.metric(_REFUSED) for gateway in scene.gateways]
            return all(new > old for new, old in zip(now, before, strict=True))

        took = await until(refused, 15)
        await asyncio.sleep(1.0)
        statuses = [(await gateway.readiness())[0] for gateway in scene.gateways]
        mended = time.monotonic()
        for gateway, path in zip(scene.gateways, policies, strict=True):
            path.write_text(whole, encoding="utf-8")
            gateway.send(signal.SIGHUP)
        await scene.comes_back(mended)
    figure = "never" if took is None else f"after {took:.1f} s"
    scene.findings.promise(
        "the broken policy is refused, and counted", figure, kept=took is not None
    )
    text = "gateways stay ready with the policy before"
    scene.findings.promise(text, f"{statuses}", kept=set(statuses) == {200})
    notes = [note for note in scene.notes() if note.began > began]
    failed = sum(not (note.whole or note.status == 429) for note in notes)
    scene.findings.promise("requests go on", f"{failed} of {len(notes)} failed", kept=not failed)
