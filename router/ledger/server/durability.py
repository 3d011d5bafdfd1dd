"""Whether a server keeps over a restart what it was told, and what to change where it does not.

What is amiss is said by name, in the log, and what would surely lose the ledger at the next restart
is refused. How strictly is the operator's to say (`ledger_server.durability`): `warn` so, `require`
refuses whatever is amiss or cannot be seen, `accept` looks at nothing.

A script's writes lie in the append-only file as one transaction. When servers load it, they check
whether the user `default` may run each of its commands, and leave out without a word what it may
not (redis 14541, valkey 3983). So `user default off`, as guides to hardening have it, drops nearly
all that the ledger wrote. A user that is off may keep its rights, though, and is as shut out.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from router.ledger.keys import PREFIX, shard
from router.ledger.server.address import LedgerAddress, Node
from router.ledger.server.clients import Client, ask_each
from router.ledger.server.demands import Durability
from router.ledger.server.errors import StartupError

_LOG: Final = logging.getLogger("turnout")
_DEFAULT: Final = "default"
_REPLAYS_ALL: Final = (9, 1, 2)  # the first Valkey that does, by trial
_KEY: Final = shard(0).base + "x"
# Every command by which scripts write, with arguments, as the append-only file has it.
WRITES: Final = (
    ("SET", _KEY, "1"), ("MSET", _KEY, "1"), ("INCR", _KEY), ("SETBIT", _KEY, "0", "1"),
    ("SETRANGE", _KEY, "0", "1"), ("HSET", _KEY, "f", "1"), ("HSETNX", _KEY, "f", "1"),
    ("HDEL", _KEY, "f"), ("ZADD", _KEY, "1", "m"), ("ZREM", _KEY, "m"),
    ("ZREMRANGEBYSCORE", _KEY, "0", "0"),
    ("XADD", _KEY, "1-1", "f", "1"), ("DEL", _KEY), ("UNLINK", _KEY), ("PEXPIRE", _KEY, "1"),
    ("PEXPIREAT", _KEY, "1"),
)  # fmt: skip
_GRANT: Final = (
    f"Give it the rights, it may stay off: ACL SETUSER default +@all ~{PREFIX}:*, and the same in"
    " the server's configuration or ACL file (docs/operations.md, The ledger's server)."
)
_ACCEPT: Final = (
    "Where the data is kept in another way, write `ledger_server: {durability: accept}`."
)


@dataclass(frozen=True, slots=True)
class Doubt:
    """What may lose the ledger, and what to change; `fatal` where the next restart surely does."""

    words: str
    fatal: bool = False


class DurabilityCheck:
    """Judges the servers of one ledger; says each doubt once.

    A gateway that serves is not cut off from a server that was changed meanwhile: it is told.
    """

    def __init__(self, durability: Durability, address: LedgerAddress) -> None:
        self._durability = durability
        self._named = address.username not in (None, _DEFAULT)
        self._said: set[str] = set()
        self._passed = False

    async def judge(self, client: Client, facts: Mapping[str, Any], node: Node) -> None:
        """Look at a server that says these facts of itself (INFO).

        Raises StartupError where it is refused, Disconnected where it does not answer.
        """
        if self._durability == "accept":
            return
        for doubt in await doubts(client, facts, node, named=self._named):
            if not self._passed and (doubt.fatal or self._durability == "require"):
                raise StartupError(doubt.words)
            if doubt.words not in self._said:
                self._said.add(doubt.words)
                _LOG.warning("%s", doubt.words)
        self._passed = True


async def doubts(
    client: Client, facts: Mapping[str, Any], node: Node, *, named: bool
) -> list[Doubt]:
    """What may lose the ledger on this server. `named`: we are another user than its default."""
    server = f"The ledger's server at {node}"
    kept = facts.get("aof_enabled")
    if kept is None:
        return [Doubt(f"{server} does not tell whether it has an append-only file. {_ACCEPT}")]
    if not kept:
        return [_no_file(server, bool(facts.get("connected_slaves")))]
    fsync, who, *may = await ask_each(
        client,
        [
            ("CONFIG", "GET", "appendfsync"),
            ("ACL", "WHOAMI"),
            *(("ACL", "DRYRUN", _DEFAULT, *write) for write in WRITES),
        ],
    )
    found = []
    if fsync and b"no" in fsync:
        found.append(_no_fsync(server))
    if who != _DEFAULT.encode() and (named or who is not None):
        found += _drops_writes(server, str(facts.get("valkey_version", "0")), may)
    return found


def _no_file(server: str, replicas: bool) -> Doubt:
    copies = ", and its replicas copy what is left" if replicas else ""
    return Doubt(
        f"{server} has appendonly no: a restart loses what it counted since its last snapshot,"
        f" limits, bills and prepaid balances alike{copies}. Set appendonly yes (CONFIG SET"
        f" appendonly yes, and in its configuration file). {_ACCEPT}"
    )


def _no_fsync(server: str) -> Doubt:
    return Doubt(
        f"{server} has appendfsync no: a machine that loses power loses up to half a minute of what"
        " was counted. Set it to everysec (CONFIG SET appendfsync everysec, and in its"
        f" configuration file). {_ACCEPT}"
    )


def _drops_writes(server: str, valkey: str, may: list[bytes | None]) -> list[Doubt]:
    """Whether the file would be loaded whole, by what the default user may run."""
    if None in may:
        return [
            Doubt(
                f"{server} does not tell whether its user `default` may run what scripts write (ACL"
                " DRYRUN is refused, or unknown to it). Where it may not, a restart drops their"
                f" writes from the append-only file. {_GRANT} {_ACCEPT}"
            )
        ]
    denied = [write[0] for write, reply in zip(WRITES, may, strict=True) if reply != b"OK"]
    if not denied:
        return []
    more = f" and {len(denied) - 3} more" if len(denied) > 3 else ""
    user = f"{server} has a user `default` that may not run {', '.join(denied[:3])}{more}"
    if tuple(int(part) for part in valkey.split(".")[:3]) >= _REPLAYS_ALL:
        return [
            Doubt(
                f"{user}. Valkey {valkey} does not mind, but older ones and Redis drop what scripts"
                f" wrote when they load the append-only file. {_GRANT}"
            )
        ]
    return [
        Doubt(
            f"{user}: its next restart drops what the ledger's scripts wrote from the append-only"
            f" file, without a word (redis 14541, valkey 3983). {_GRANT}",
            fatal=True,
        )
    ]
