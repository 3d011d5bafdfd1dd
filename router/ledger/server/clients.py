"""redis-py's clients of the ledger's servers: for everything that is not on the path of requests.

Finding masters and slots, start-up checks, checking and repairing, drills. The path of requests has
its own connection (router.ledger.server.connection): one write and one parsed reply a command.
"""

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Final

from redis import Redis as BlockingRedis
from redis.asyncio import Redis, RedisCluster
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff
from redis.retry import Retry as BlockingRetry

from router.ledger.server.address import LedgerAddress, Node
from router.ledger.server.errors import Disconnected, translated
from router.ledger.server.scripts import ledger_scripts

Client = Any  # Redis or RedisCluster: their commands are annotated for both blocking and async use
_ONCE: Final[dict[str, Any]] = {"retry": Retry(NoBackoff(), 0), "protocol": 2}
_SHORT_SECONDS: Final = 2.0
_LONG_SECONDS: Final = 30.0  # a look at a large shard


@asynccontextmanager
async def client_of(
    node: Node, address: LedgerAddress, seconds: float = _SHORT_SECONDS
) -> AsyncIterator[Redis]:
    """A client of one node. Raises Disconnected or Refused, also for what is done with it."""
    place = {"unix_socket_path": node.path} if node.path else {"host": node.host, "port": node.port}
    settings = _settings(address, seconds) | {"db": address.database} | place
    with translated():
        async with Redis(**settings) as client:
            yield client


@contextmanager
def blocking_client(socket_path: Path, seconds: float) -> Iterator[BlockingRedis]:
    """A blocking client of a server on a unix socket. Raises as `client_of`."""
    settings: dict[str, Any] = {"retry": BlockingRetry(NoBackoff(), 0), "protocol": 2}
    with (
        translated(),
        BlockingRedis(
            unix_socket_path=str(socket_path), socket_timeout=seconds, **settings
        ) as client,
    ):
        yield client


async def ask_each(client: Redis, commands: Iterable[Sequence[str]]) -> list[Any]:
    """The reply to each of some commands, None for one that the server refuses: one round trip.

    Raises as `client_of`.
    """
    with translated():
        batch = client.pipeline(transaction=False)
        for command in commands:
            batch.execute_command(*command)
        replies = await batch.execute(raise_on_error=False)
    return [None if isinstance(reply, Exception) else reply for reply in replies]


@asynccontextmanager
async def client_at(address: LedgerAddress) -> AsyncIterator[Client]:
    """A client of a whole ledger, wherever its keys live. Raises as `client_of`."""
    if address.kind == "cluster":
        async with _cluster(address, address.nodes, _LONG_SECONDS) as client:
            yield client
    else:
        node = address.nodes[0]
        if address.kind == "sentinel":
            async with Masters(address) as masters:
                node = await masters.find()
        async with client_of(node, address, _LONG_SECONDS) as client:
            yield client


async def run_script(client: Client, name: str, keys: Sequence[Any], args: Sequence[Any]) -> Any:
    """Run one of the ledger's scripts by a client: its keys all of one virtual shard."""
    source = ledger_scripts()[name].source.decode()
    with translated():
        return await client.eval(source, len(keys), *keys, *args)


async def send_to_all(address: LedgerAddress, *command: str) -> None:
    """Send a command to every master of a ledger, for drills. Raises as `client_of`."""
    async with client_at(address) as client:
        everywhere = {"target_nodes": "primaries"} if address.kind == "cluster" else {}
        await client.execute_command(*command, **everywhere)


class Masters:
    """Asks the Sentinels of an address which node is its master now."""

    def __init__(self, address: LedgerAddress) -> None:
        self._service = address.service
        self._sentinel = Sentinel(  # type: ignore[no-untyped-call]
            [(node.host, node.port) for node in address.nodes],
            sentinel_kwargs=_timeouts(_SHORT_SECONDS),
        )

    async def __aenter__(self) -> "Masters":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def find(self) -> Node:
        """The master. Raises Disconnected where no Sentinel knows one."""
        with translated():
            host, port = await self._sentinel.discover_master(self._service)
        return Node(host, port)

    async def close(self) -> None:
        """Close the connections to the Sentinels."""
        for client in self._sentinel.sentinels:
            await client.aclose()


async def owners_of(
    keys: Iterable[str], address: LedgerAddress, known: Iterable[Node]
) -> list[Node]:
    """The master of each key of a Cluster, as whichever node answers first tells it.

    `known`: nodes to ask besides those of the address. Raises Disconnected, also where no master
    serves one of the cluster's slots.
    """
    nodes = dict.fromkeys((*known, *address.nodes))
    async with _cluster(address, nodes, _SHORT_SECONDS) as cluster:
        return [_owner(cluster, key) for key in keys]


def _owner(cluster: RedisCluster, key: str) -> Node:
    owner = cluster.get_node_from_key(key)
    if owner is None:
        raise Disconnected(f"No master of the cluster serves {key}.")
    return Node(owner.host, int(owner.port))


@asynccontextmanager
async def _cluster(
    address: LedgerAddress, nodes: Iterable[Node], seconds: float
) -> AsyncIterator[RedisCluster]:
    startup = [ClusterNode(node.host, node.port) for node in nodes]
    with translated():
        async with RedisCluster(startup_nodes=startup, **_settings(address, seconds)) as cluster:
            yield cluster


def _settings(address: LedgerAddress, seconds: float) -> dict[str, Any]:
    tls = {"ssl": True, "ssl_ca_certs": address.ca_file} if address.tls else {}
    login = {"username": address.username, "password": address.password}
    return {**_timeouts(seconds), **login, **tls}


def _timeouts(seconds: float) -> dict[str, Any]:
    return {**_ONCE, "socket_timeout": seconds, "socket_connect_timeout": _SHORT_SECONDS}
