"""Servers that may lose the ledger are named; the minimal rights of docs/operations.md suffice."""

import asyncio
import contextlib
import logging
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import redis
from ledger_servers import server
from ledgerkit import eventually
from patience import until

from router.ledger.ledger import Ledger
from router.ledger.server.address import parse_address
from router.ledger.server.clients import client_of
from router.ledger.server.durability import WRITES, doubts
from router.ledger.server.errors import StartupError
from router.ledger.server.scripts import read_sources

KEEPS = ("--appendonly", "yes")
LOGIN = "turnout:pw"
ALL = "user turnout on >pw +@all ~* &*"
OFF = f"user default off\n{ALL}\n"


@contextlib.asynccontextmanager
async def running(folder: Path, *options: str, users: str = "") -> AsyncIterator[str]:
    """The address of a server, with these lines as its users."""
    login = f"{LOGIN}@" if users else ""
    with server(folder, *options, *_users(folder, users)) as port:
        url = f"redis://{login}127.0.0.1:{port}"
        with redis.Redis.from_url(url) as client:
            await asyncio.to_thread(until, lambda: _responds(client))
        yield url


def _users(folder: Path, lines: str) -> tuple[str, ...]:
    if not lines:
        return ()
    (folder / "users.acl").write_text(lines)
    return "--aclfile", str(folder / "users.acl")


def _responds(client: redis.Redis) -> bool:
    with contextlib.suppress(redis.ConnectionError):
        return bool(client.ping())
    return False


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "turnout"]


async def _opened(url: str, durability: str) -> None:
    ledger = await Ledger.connect(url, command_seconds=5, durability=durability)  # type: ignore[arg-type]
    await ledger.close()


@pytest.mark.parametrize(
    ("options", "users", "names"),
    [
        (("--appendonly", "no"), "", r"appendonly no: .*Set appendonly yes .*durability: accept"),
        ((*KEEPS, "--appendfsync", "no"), "", r"appendfsync no: .*Set it to everysec"),
        (
            KEEPS, OFF,
            r"`default` that may not run SET, MSET, INCR and 13 more.*ACL SETUSER default \+@all",
        ),
        (
            KEEPS, f"user default off\n{ALL} -acl\n",
            r"does not tell whether its user `default` may run .*ACL DRYRUN is refused",
        ),
    ],
    ids=["appendonly", "appendfsync", "default", "hidden"],
)  # fmt: skip
async def test_a_server_that_may_lose_the_ledger_is_named_or_refused_or_taken_as_told(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    options: tuple[str, ...],
    users: str,
    names: str,
) -> None:
    caplog.set_level(logging.WARNING, "turnout")
    async with running(tmp_path, *options, users=users) as url:
        await _opened(url, "accept")
        assert said(caplog) == []
        await _opened(url, "warn")
        (words,) = said(caplog)
        assert re.search(names, words)
        with pytest.raises(StartupError, match=names):
            await _opened(url, "require")


async def test_a_server_that_keeps_everything_is_taken_without_a_word(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    users = f"user default off +@all ~lg:*\n{ALL}\n"
    async with running(tmp_path, *KEEPS, users=users) as url:
        await _opened(url, "require")
    async with running(tmp_path / "usual", *KEEPS) as url:
        await _opened(url, "require")
    assert said(caplog) == []


@pytest.mark.parametrize("version", [{"valkey_version": "9.1.1"}, {"redis_version": "8.2.3"}])
async def test_a_server_that_drops_writes_at_its_next_restart_is_refused(
    tmp_path: Path, version: dict[str, str]
) -> None:
    async with running(tmp_path, *KEEPS, users=OFF) as url:
        address = parse_address(url)
        (node,) = address.nodes
        async with client_of(node, address) as client:
            (doubt,) = await doubts(client, {"aof_enabled": 1, **version}, node, named=True)
    assert doubt.fatal
    assert "redis 14541, valkey 3983" in doubt.words


async def test_a_gateway_that_serves_is_told_of_a_change_and_not_cut_off(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(tmp_path, *KEEPS) as url:
        ledger = await Ledger.connect(url, command_seconds=5, durability="require")
        with redis.Redis.from_url(url) as client:
            client.config_set("appendonly", "no")
            client.client_kill_filter(_type="normal", skipme=True)
        await eventually(lambda: bool(said(caplog)))
        await eventually(lambda: ledger.connected)
        await ledger.close()
    (words,) = said(caplog)
    assert "appendonly no" in words


def test_every_command_by_which_scripts_write_is_looked_at() -> None:
    reads = {
        "EXISTS", "GET", "HEXISTS", "HGET", "HGETALL", "HSCAN", "HVALS", "MGET", "TIME", "XRANGE",
        "ZCOUNT", "ZRANGEBYSCORE", "ZSCORE",
    }  # fmt: skip
    assert _of_scripts() - reads == {write[0] for write in WRITES} - {"UNLINK", "PEXPIREAT"}


def _of_scripts() -> set[str]:
    """The commands that the scripts call."""
    return set(re.findall(r"call\('([A-Z]+)'", "".join(read_sources().values())))
