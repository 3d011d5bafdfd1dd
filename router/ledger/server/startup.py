"""What a server must be before it may keep a ledger, and what the first gateway writes there."""

import os
from dataclasses import dataclass
from typing import Final

import hiredis

from router.ledger.keys import META
from router.ledger.server.connection import Connection

FORMAT: Final = 3
_READABLE: Final = (
    1,
    2,
    FORMAT,
)  # the scripts and the journal read them; only the newest is written
SHARDS: Final = 64
_OLDEST: Final = (6, 2)


class StartupError(RuntimeError):
    """The server must be set up otherwise before it can keep a ledger; the message says how."""


@dataclass(slots=True)
class Founding:
    """What a ledger fixed when it was founded: virtual shards, and the key of its pseudonyms."""

    shards: int = SHARDS
    secret: bytes = b""


async def found(connection: Connection, founding: Founding) -> None:
    """Check a node; found the ledger where none is, else read what was founded.

    Raises StartupError where the node would lose or misread limits.
    """
    await _check_server(connection)
    try:
        await _read_meta(connection, founding)
    except hiredis.ReplyError as error:
        if not str(error).startswith("MOVED"):  # another node of the cluster keeps it
            raise


async def _check_server(connection: Connection) -> None:
    facts = _facts(await connection.ask("INFO", "everything"))
    version = facts.get("valkey_version") or facts.get("redis_version", "0")
    if tuple(int(part) for part in version.split(".")[:2]) < _OLDEST:
        raise StartupError(
            f"The ledger's server is version {version}; Turnout needs Redis or Valkey 6.2 or newer."
        )
    policy = facts.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        raise StartupError(
            f"The ledger's server at {connection.node} has maxmemory-policy {policy}: under memory"
            " pressure it would delete limits and bills without a word. Set it to noeviction"
            " (CONFIG SET maxmemory-policy noeviction, and in its configuration file)."
        )


async def _read_meta(connection: Connection, founding: Founding) -> None:
    fresh: dict[str, int | str] = {
        "format": FORMAT,
        "shards": SHARDS,
        "secret": os.urandom(16).hex(),
    }
    for field, value in fresh.items():
        await connection.ask("HSETNX", META, field, value)
    version, shards, secret = await connection.ask("HMGET", META, "format", "shards", "secret")
    if int(version) not in _READABLE or int(shards) != SHARDS:
        raise StartupError(
            f"The ledger at {connection.node} has format {int(version)} with {int(shards)} virtual"
            f" shards; this Turnout writes format {FORMAT} with {SHARDS}. Use the Turnout version"
            " that wrote it, or another database."
        )
    if int(version) != FORMAT:
        await connection.ask("HSET", META, "format", FORMAT)  # earlier versions now refuse to start
    founding.secret = bytes.fromhex(secret.decode())


def _facts(info: bytes) -> dict[str, str]:
    lines = (line.partition(":") for line in info.decode("utf-8", "replace").splitlines())
    return {name: value for name, mark, value in lines if mark}
