"""The nodes of a ledger and the scripts on them: which one to ask, and what its errors mean.

The only file that reads Redis' error replies.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

import hiredis

from router.ledger.server.address import parse_address
from router.ledger.server.connection import Connection, Disconnected, Part
from router.ledger.server.scripts import Script, compile_scripts
from router.ledger.server.topology import Cluster, SingleNode, Topology

_ELSEWHERE: Final = ("MOVED", "ASK", "READONLY", "CLUSTERDOWN", "TRYAGAIN", "MASTERDOWN")
_TRIES: Final = 3


class Refused(Disconnected):
    """A node answered, but would not do it: out of memory, read-only, moving, loading."""


class Nodes:
    """Runs the ledger's scripts where their keys live.

    `timeout`: seconds a command may take. `on_restart` is called when a node turns out to be
    another process than before, with perhaps less in it than was acknowledged. `calls` counts
    the calls sent, by script.
    """

    def __init__(
        self,
        url: str,
        *,
        timeout: float,
        shards: int,
        scripts: Mapping[str, Script] | None = None,
        check: Callable[[Connection], Awaitable[None]] | None = None,
    ) -> None:
        address = parse_address(url)
        self._scripts = scripts or compile_scripts()
        self._shas = {name: script.sha for name, script in self._scripts.items()}
        self._check = check
        self.on_restart: Callable[[], None] | None = None
        self.calls: Counter[str] = Counter()
        self._run_ids: dict[Connection, bytes] = {}
        self._topology: Topology = (
            Cluster(address, timeout, self._greet, shards=shards, on_change=self._restarted)
            if address.kind == "cluster"
            else SingleNode(address, timeout, self._greet)
        )

    async def open(self) -> None:
        """Connect. Raises OSError, Disconnected, hiredis.ReplyError or what the check raises."""
        await self._topology.open()

    async def close(self) -> None:
        """Close every connection."""
        await self._topology.close()

    def connections(self) -> Sequence[Connection]:
        """One connection per node."""
        return self._topology.connections()

    def connection(self, shard: int) -> Connection:
        """The connection to the node of a virtual shard."""
        return self._topology.connection(shard)

    def send(
        self,
        script: str,
        shard: int,
        keys: Sequence[Part],
        args: Sequence[Part],
        *,
        seconds: float | None = None,
    ) -> asyncio.Future[Any]:
        """Send a script's call, once; error replies are the future's result."""
        self.calls[script] += 1
        command = (b"EVALSHA", self._shas[script], len(keys), *keys, *args)
        return self._topology.connection(shard).send(command, seconds)

    async def run(
        self,
        script: str,
        shard: int,
        keys: Sequence[Part],
        args: Sequence[Part],
        *,
        seconds: float | None = None,
    ) -> Any:
        """Run a script: one round trip, unless the node lacks the script or has moved.

        Raises TimedOut, Disconnected, or Refused.
        """
        reply = await self.send(script, shard, keys, args, seconds=seconds)
        tries = 1
        while isinstance(reply, hiredis.ReplyError) and tries < _TRIES:
            tries += 1
            if str(reply).startswith("NOSCRIPT"):
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
        if isinstance(reply, hiredis.ReplyError):
            raise Refused(str(reply).split(":", 1)[0])
        return reply

    def trouble(self, shard: int, error: hiredis.ReplyError) -> bool:
        """Act on an error reply; true where asking again, elsewhere, may help."""
        if not str(error).startswith(_ELSEWHERE):
            return False
        self._topology.moved(self._topology.connection(shard), error)
        return True

    async def _greet(self, connection: Connection) -> None:
        if self._check is not None:
            await self._check(connection)
        for script in self._scripts.values():
            with contextlib.suppress(hiredis.ReplyError):  # then EVAL carries the source
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
