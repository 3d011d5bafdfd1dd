"""Where a ledger may live: TCP with a password, TLS; tests/more has clusters of servers."""

import asyncio
import contextlib
import ssl
from pathlib import Path

import pytest
import redis
import trustme
from ledger_servers import answers, server
from ledgerkit import Outside, ten_of_twelve_are_served
from patience import until

from router.errors import LedgerUnavailable
from router.ledger.check.show import show
from router.ledger.ledger import Ledger
from router.ledger.server.address import parse_address
from router.ledger.server.errors import StartupError
from router.ledger.server.startup import FORMAT


async def test_over_tcp_with_a_password_and_a_database(tmp_path: Path) -> None:
    with (
        server(tmp_path, "--requirepass", "s3cret") as port,
        redis.Redis(port=port, password="s3cret", db=3) as client,
    ):
        until(lambda: responds(client))
        ledger = await Ledger.connect(f"redis://:s3cret@127.0.0.1:{port}/3", command_seconds=5)
        await ten_of_twelve_are_served(ledger, "acme")
        assert await ledger.settled()
        await ledger.close()
        assert len(Outside(client).rows()) == 10


def responds(client: redis.Redis) -> bool:
    with contextlib.suppress(redis.ConnectionError):
        return bool(client.ping())
    return False


async def test_over_tls_and_never_to_a_server_that_cannot_prove_itself(tmp_path: Path) -> None:
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    with server(tmp_path) as port:
        (await asyncio.to_thread(answers, port)).close()

        async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            behind = await asyncio.open_connection("127.0.0.1", port)
            await asyncio.gather(pump(reader, behind[1]), pump(behind[0], writer))

        # The embedded binary is built without TLS: it is ended in front of it.
        front = await asyncio.start_server(forward, "localhost", ssl=context)
        url = f"rediss://localhost:{front.sockets[0].getsockname()[1]}"
        ledger = await Ledger.connect(f"{url}?ca={tmp_path / 'ca.pem'}", command_seconds=5)
        await ten_of_twelve_are_served(ledger, "acme")
        await ledger.close()
        with pytest.raises(LedgerUnavailable, match="CERTIFICATE_VERIFY_FAILED"):
            await Ledger.connect(url)
        front.close()


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
    writer.close()


async def test_a_server_that_may_evict_is_refused_with_what_to_change(tmp_path: Path) -> None:
    with server(tmp_path, "--maxmemory-policy", "allkeys-lru") as port:
        (await asyncio.to_thread(answers, port)).close()
        with pytest.raises(StartupError, match=r"maxmemory-policy allkeys-lru.*noeviction"):
            await Ledger.connect(f"redis://127.0.0.1:{port}")


async def test_a_ledger_of_another_format_is_refused(tmp_path: Path) -> None:
    with server(tmp_path) as port:
        client = await asyncio.to_thread(answers, port)
        url = f"redis://127.0.0.1:{port}"
        for version in (1, FORMAT - 1, FORMAT + 1, 99):
            client.hset("lg:meta", mapping={"format": version, "shards": 64, "secret": "00"})
            with pytest.raises(StartupError, match=f"has format {version} .*another database"):
                await Ledger.connect(url)
            with pytest.raises(StartupError, match=f"has format {version}"):
                await show(parse_address(url), "acme")
            assert client.hget("lg:meta", "format") == str(version).encode()
        client.close()
