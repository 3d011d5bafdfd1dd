"""The nodes of a ledger and the scripts on them: which one to ask, and when to ask again."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from router.ledger.keys import shard as shard_keys
from router.ledger.server.address import LedgerAddress, Node
from router.ledger.server.connection import CommandPart, PipelinedConnection
from router.ledger.server.errors import Disconnected, ErrorReply, Refused
from router.ledger.server.kept_clock import KeptClock
from router.ledger.server.scripts import Script, ledger_scripts
from router.ledger.server.server_clocks import MACHINE, MachineTime, ServerClocks
from router.ledger.server.topology import Cluster, SingleNode, Topology

_TRIES: Final = 3
_ASK_SECONDS: Final = 2.0
_LEAST_SECONDS: Final = 0.001


class Nodes:
    """Runs the ledger's scripts where their keys live.

    `timeout`: seconds a command may take. `spool`: where what the servers' clocks said is kept.
    `on_restart` is called when a node turns out to be another process than before, with perhaps
    less in it than was acknowledged.
    """

    def __init__(
        self,
        address: LedgerAddress,
        timeout: float,
        shards: int,
        check: Callable[[Node], Awaitable[None]],
        *,
        scripts: Mapping[str, Script] | None = None,
        machine: MachineTime = MACHINE,
        spool: Path | None = None,
    ) -> None:
        self._scripts = scripts or ledger_scripts()
        self._shas = {name: script.sha for name, script in self._scripts.items()}
        self._check = check
        self.on_restart: Callable[[], None] | None = None
        self.clocks = ServerClocks(
            self._scripts["hold_back"],
            [shard_keys(number) for number in range(shards)],
            machine.elapsed_ms,
            KeptClock(spool, address.nodes, machine.boot_id()),
        )
        self._run_ids: dict[PipelinedConnection, bytes] = {}
        self._topology: Topology = (
            Cluster(address, timeout, self._greet, shards=shards, on_change=self._restarted)
            if address.kind == "cluster"
            else SingleNode(address, timeout, self._greet)
        )

    async def open(self) -> None:
        """Connect. Raises OSError (Disconnected, Refused), or what the check raises."""
        await self._topology.open()

    async def check(self) -> None:
        """Check every node again, so that one that lost all has its meta back. Raises as `open`."""
        for connection in self.connections():
            await self._check(connection.node)

    async def close(self) -> None:
        """Close every connection."""
        await self._topology.close()

    def connections(self) -> Sequence[PipelinedConnection]:
        """One connection per node."""
        return self._topology.connections()

    def connection(self, shard: int) -> PipelinedConnection:
        """The connection to the node of a virtual shard."""
        return self._topology.connection(shard)

    def send(
        self,
        script: str,
        shard: int,
        keys: Sequence[CommandPart],
        args: Sequence[CommandPart],
        *,
        seconds: float | None = None,
    ) -> asyncio.Future[Any]:
        """Send a script's call, once; error replies are the future's result."""
        command = (b"EVALSHA", self._shas[script], len(keys), *keys, *args)
        return self._topology.connection(shard).send(command, seconds)

    async def send_again(
        self,
        lost: Disconnected,
        script: str,
        shard: int,
        keys: Sequence[CommandPart],
        args: Sequence[CommandPart],
    ) -> Any:
        """Send a call that a lost connection took with it once more, on the next one, before the
        deadline that it had. Only for calls that may be made twice. As `send`; raises Disconnected.
        """
        connection = self._topology.connection(shard)
        await connection.opened(lost.until)
        left = lost.until - asyncio.get_running_loop().time()
        return await self.send(script, shard, keys, args, seconds=max(left, _LEAST_SECONDS))

    async def run(
        self,
        script: str,
        shard: int,
        keys: Sequence[CommandPart],
        args: Sequence[CommandPart],
        *,
        seconds: float | None = None,
    ) -> Any:
        """Run a script: one round trip, unless the node lacks the script or has moved.

        Raises TimedOut, Disconnected, or Refused.
        """
        reply = await self.send(script, shard, keys, args, seconds=seconds)
        tries = 1
        while isinstance(reply, ErrorReply) and tries < _TRIES:
            tries += 1
            if reply.lacks_script:
                source = self._scripts[script].source
                connection = self._topology.connection(shard)
                reply = await connection.call(
                    "EVAL", source, len(keys), *keys, *args, seconds=seconds
                )
            elif self.trouble(shard, reply):
                await asyncio.sleep(0.01)
                reply = await self.send(script, shard, keys, args, seconds=seconds)
            else:
                break
        if isinstance(reply, ErrorReply):
            raise reply.refusal()
        return reply

    async def ask_all(self, commands: Iterable[tuple[int, tuple[CommandPart, ...]]]) -> list[Any]:
        """Ask many shards, one command each: one write and no task for all that a node keeps.

        Raises Disconnected, for an error reply too.
        """
        replies = await asyncio.gather(
            *(
                self._topology.connection(shard).send(command, _ASK_SECONDS)
                for shard, command in commands
            )
        )
        for reply in replies:
            if isinstance(reply, ErrorReply):
                raise reply.refusal()
        return replies

    async def look_at_clocks(self) -> int:
        """Read every node's clock, and hold the ledger's time back where one jumped ahead; returns
        the latest, in Unix milliseconds. Raises Disconnected.
        """
        looks = [self._look(connection) for connection in self.connections()]
        return max(await asyncio.gather(*looks))

    async def _look(self, connection: PipelinedConnection) -> int:
        try:
            return await self.clocks.look(connection)
        except Refused:
            connection.kick()  # it opens again when nobody is served by a time that jumped
            raise

    def trouble(self, shard: int, error: ErrorReply) -> bool:
        """Act on an error reply; true where asking again, elsewhere, may help."""
        if not error.is_elsewhere:
            return False
        self._topology.moved(self._topology.connection(shard))
        return True

    async def _greet(self, connection: PipelinedConnection) -> None:
        await self._check(connection.node)
        await self.clocks.look(connection)  # before anything is asked by a time that jumped
        for script in self._scripts.values():
            with contextlib.suppress(Refused):  # then EVAL carries the source
                await connection.ask("SCRIPT", "LOAD", script.source)
        info = await connection.ask("INFO", "server")
        run_id = next((ln for ln in info.split(b"\r\n") if ln.startswith(b"run_id:")), b"")
        before = self._run_ids.get(connection)
        self._run_ids[connection] = run_id
        if before is not None and before != run_id:
            self._restarted()

    def _restarted(self) -> None:
        if self.on_restart is not None:
            self.on_restart()
