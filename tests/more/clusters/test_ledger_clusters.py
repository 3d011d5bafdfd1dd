"""A ledger on a Cluster of nodes, and behind Sentinels."""

import asyncio
import contextlib
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from ledger_servers import CLUSTERED, answers, cluster, sentinel, server, whole
from ledgerkit import (
    TEN_A_MINUTE,
    Outside,
    beat,
    eventually,
    reserve_request,
    ten_of_twelve_are_served,
    used,
)
from patience import until
from ports import free_port
from redis.crc import key_slot

from router.ledger.check.show import show
from router.ledger.keys import shard, shard_of
from router.ledger.ledger import Ledger
from router.ledger.server.address import parse_address
from router.ledger.server.clients import send_to_all
from router.ledger.server.startup import SHARDS
from router.usage.books import LedgerBooks
from router.usage.journal import JournalConsumer
from router.usage.store import UsageStore


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[int]]:
    with cluster(tmp_path_factory.mktemp("cluster")) as ports:
        yield ports


async def test_a_cluster_of_three_keeps_each_organization_whole_on_one_node(
    nodes: list[int],
) -> None:
    ledger = await Ledger.connect(f"redis+cluster://127.0.0.1:{nodes[0]}", command_seconds=5)
    organizations = [f"org{n}" for n in range(12)]
    for organization in organizations:
        await ten_of_twelve_are_served(ledger, organization)
    assert await ledger.settled()
    rows = []
    for port in nodes:
        with redis.Redis(port=port) as client:
            here = Outside(client)
            assert here.rows(), "every node has some organization"
            assert here.open_leases() == 0
            rows += here.rows()
    assert len(rows) == 120
    await ledger.close()


async def test_a_cluster_is_used_with_the_documented_rights(nodes: list[int]) -> None:
    page = (Path(__file__).parents[3] / "docs" / "operations.md").read_text("utf-8")
    (user,) = re.findall(r"^user turnout (.+)$", page, re.MULTILINE)
    (besides,) = re.findall(r"A Cluster needs `(.+?)` besides", page)
    for port in nodes:
        with redis.Redis(port=port) as client:
            client.execute_command("ACL", "SETUSER", "turnout", *user.split(), *besides.split())
    url = f"redis+cluster://turnout:SECRET@127.0.0.1:{nodes[0]}"
    ledger = await Ledger.connect(url, command_seconds=5)
    for organization in ("first", "second", "third", "fourth"):
        await ten_of_twelve_are_served(ledger, organization)
        assert await show(parse_address(url), organization)
    assert await ledger.settled()
    await ledger.close()


async def test_a_cluster_is_checked_repaired_and_shown_as_one_ledger(
    nodes: list[int], tmp_path: Path
) -> None:
    url = f"redis+cluster://127.0.0.1:{nodes[0]}"
    ledger = await Ledger.connect(url, command_seconds=5)
    organizations = [f"shown{n}" for n in range(6)]
    for organization in organizations:
        wanted = reserve_request(TEN_A_MINUTE, organization=organization)
        async with ledger.hold(wanted, used) as hold:
            hold.dispatched()
    assert await ledger.settled()
    url_of_books = f"sqlite:///{tmp_path}/usage.sqlite"
    store, books = UsageStore(url_of_books), LedgerBooks(url_of_books)
    await JournalConsumer(ledger.journal(), store).drain()
    checking, watch = ledger.check(books, {"pro": TEN_A_MINUTE}), ledger.watch(books)
    await watch.look()
    report = await checking.check()
    assert (report.findings, watch.lost) == ([], {})
    assert report.scopes >= 2 * len(organizations)
    for organization in organizations:
        (scope, *_) = (await show(parse_address(url), organization))["scopes"]
        assert scope["counts"][0]["used"] == 60
    await send_to_all(parse_address(url), "FLUSHALL")
    await watch.look()
    assert len(watch.lost) == SHARDS
    changes = (await checking.check()).changes
    # Tests that ran before left organizations of theirs in the journal.
    assert await checking.repair(changes) == len(changes) >= len(organizations)
    await checking.declare_whole()
    await watch.look()
    assert ((await checking.check()).agrees, watch.lost) == (True, {})
    with redis.Redis(port=nodes[1]) as node:
        node.flushall()
    await watch.look()
    assert 0 < len(watch.lost) < SHARDS
    assert "virtual shards" in str(watch.trouble)
    books.close()
    store.close()
    await ledger.close()


async def test_a_slot_that_moves_to_another_node_is_followed(nodes: list[int]) -> None:
    ledger = await Ledger.connect(f"redis+cluster://127.0.0.1:{nodes[0]}", command_seconds=5)
    organization = "mover"
    slot = slot_of(shard_of(organization, 64))
    async with ledger.hold(reserve_request(TEN_A_MINUTE, organization=organization), used) as hold:
        hold.dispatched()
        await asyncio.to_thread(move, slot, nodes)
    assert await ledger.settled(10)
    async with ledger.hold(reserve_request(TEN_A_MINUTE, organization=organization), used) as hold:
        hold.dispatched()
    assert await ledger.settled(10)
    await ledger.close()


def slot_of(shard_number: int) -> int:
    """The cluster slot of a virtual shard."""
    return key_slot(shard(shard_number).scopes.encode())


def move(slot: int, ports: list[int]) -> None:
    """Move one slot, keys and all, to the next node."""
    clients = {port: redis.Redis(port=port) for port in ports}
    ids = {port: c.execute_command("CLUSTER", "MYID") for port, c in clients.items()}
    old = ports[slot * len(ports) // 16384]
    new = ports[(ports.index(old) + 1) % len(ports)]
    clients[new].execute_command("CLUSTER", "SETSLOT", slot, "IMPORTING", ids[old])
    clients[old].execute_command("CLUSTER", "SETSLOT", slot, "MIGRATING", ids[new])
    while keys := clients[old].execute_command("CLUSTER", "GETKEYSINSLOT", slot, 100):
        clients[old].execute_command("MIGRATE", "127.0.0.1", new, "", 0, 5000, "KEYS", *keys)
    for port in (new, old):
        clients[port].execute_command("CLUSTER", "SETSLOT", slot, "NODE", ids[new])
    for client in clients.values():
        client.close()


async def test_a_master_of_the_cluster_that_dies_is_replaced_and_nothing_is_lost(
    tmp_path: Path,
) -> None:
    with contextlib.ExitStack() as stack:
        ports = stack.enter_context(cluster(tmp_path / "masters"))
        spare = stack.enter_context(server(tmp_path / "spare", *CLUSTERED))
        client = await asyncio.to_thread(answers, spare)
        masters = [stack.enter_context(redis.Redis(port=port)) for port in ports]
        stack.callback(client.close)
        home = slot_of(shard_of("acme", 64)) * len(ports) // 16384
        await asyncio.to_thread(join, client, masters[home], ports[home])
        ledger = await Ledger.connect(f"redis+cluster://127.0.0.1:{ports[0]}", command_seconds=1)
        async with ledger.hold(reserve_request(TEN_A_MINUTE), used) as hold:
            hold.dispatched()
            await beat(ledger)
            await eventually(lambda: replicated(client, 1))
            os.kill(masters[home].info("server")["process_id"], signal.SIGKILL)
            await eventually(lambda: client.info("replication")["role"] == "master")
        assert await ledger.settled(20)
        assert len(Outside(client).rows()) == 1
        assert Outside(client).open_leases() == 0
        await ledger.close()


def join(replica: redis.Redis, master: redis.Redis, port: int) -> None:
    """Make a node of the cluster a replica of one of its masters."""
    replica.execute_command("CLUSTER", "MEET", "127.0.0.1", port)
    identity = master.execute_command("CLUSTER", "MYID")
    until(lambda: whole(replica) and knows(replica, identity))
    replica.execute_command("CLUSTER", "REPLICATE", identity)
    until(lambda: replica.info("replication").get("master_link_status") == "up")


def knows(client: redis.Redis, identity: bytes) -> bool:
    return identity in bytes(client.execute_command("CLUSTER", "NODES"))


def replicated(client: redis.Redis, leases: int) -> bool:
    """Whether a replica of a cluster has so many open leases."""
    client.execute_command("READONLY")
    return Outside(client).open_leases() == leases


def fails_over(watch: redis.Redis) -> bool:
    """Whether the sentinel knows its replica well enough by now to promote it."""
    with contextlib.suppress(redis.ResponseError):
        return bool(watch.execute_command("SENTINEL", "FAILOVER", "turnout"))
    return False


async def test_a_failover_behind_sentinels_is_followed_and_nothing_is_charged_twice(
    tmp_path: Path,
) -> None:
    with contextlib.ExitStack() as stack:
        at_once = ("--repl-diskless-sync-delay", "0")
        master = stack.enter_context(server(tmp_path / "master", *at_once))
        await asyncio.to_thread(lambda: answers(master).close())
        replica = stack.enter_context(
            server(tmp_path / "replica", "--replicaof", f"127.0.0.1 {master}")
        )
        copy = await asyncio.to_thread(answers, replica)
        stack.callback(copy.close)
        await eventually(lambda: copy.info("replication")["master_link_status"] == "up")
        guard = free_port()
        config = tmp_path / "sentinel.conf"
        config.write_text(
            f"port {guard}\nsentinel monitor turnout 127.0.0.1 {master} 1\n"
            "sentinel down-after-milliseconds turnout 500\n"
        )
        stack.enter_context(sentinel(config))
        watch = await asyncio.to_thread(answers, guard)
        stack.callback(watch.close)
        replicas = ("SENTINEL", "REPLICAS", "turnout")
        await eventually(lambda: bool(watch.execute_command(*replicas)))
        url = f"redis+sentinel://127.0.0.1:{guard}/turnout"
        ledger = await Ledger.connect(url, command_seconds=5)
        async with ledger.hold(reserve_request(TEN_A_MINUTE), used) as hold:
            hold.dispatched()
            await beat(ledger)
            await eventually(lambda: Outside(copy).open_leases() == 1)
            await eventually(lambda: fails_over(watch))
            await eventually(lambda: copy.info("replication")["role"] == "master")
        assert await ledger.settled(20)
        await eventually(lambda: len(Outside(copy).rows()) == 1)
        assert Outside(copy).open_leases() == 0
        shown = await show(parse_address(url), hold.hold_id)  # asks whoever is the master now
        assert shown["state"] == "settled"
        await ledger.close()
