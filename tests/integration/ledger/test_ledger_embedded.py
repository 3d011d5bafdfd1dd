"""The embedded server: shared by processes, up again after a crash, stopped by the last to go."""

import os
import signal
from pathlib import Path

import pytest
import redis

from router.ledger.server.embedded import Embedded, EmbeddedError


def client(embedded: Embedded) -> redis.Redis:
    return redis.Redis(unix_socket_path=embedded.url.removeprefix("unix://"))


def test_two_processes_share_one_server_and_the_last_to_leave_stops_it(tmp_path: Path) -> None:
    first, second = Embedded(tmp_path), Embedded(tmp_path)
    first.start()
    second.start()
    assert first.url == second.url
    pid = first.pid
    first.stop()
    assert second.pid == pid
    with client(second) as connected:
        connected.set("here", 1)
    second.stop()
    assert second.pid is None
    with pytest.raises(redis.ConnectionError), client(second) as connected:
        connected.ping()


def test_what_was_written_survives_kill_9_and_a_stop(tmp_path: Path) -> None:
    with Embedded(tmp_path) as embedded:
        with client(embedded) as connected:
            connected.set("kept", 1)
        assert embedded.pid is not None
        os.kill(embedded.pid, signal.SIGKILL)
        embedded.start()
        with client(embedded) as connected:
            assert connected.get("kept") == b"1"
            connected.set("too", 2)
    with Embedded(tmp_path) as embedded, client(embedded) as connected:
        assert connected.mget("kept", "too") == [b"1", b"2"]


def test_a_folder_with_a_long_name_works_too(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 30)
    with Embedded(folder) as embedded, client(embedded) as connected:
        assert connected.ping()
        assert (folder / "appendonlydir").is_dir()


def test_the_socket_and_its_folder_are_for_this_user_alone(tmp_path: Path) -> None:
    with Embedded(tmp_path / "data") as embedded:
        path = Path(embedded.url.removeprefix("unix://"))
        assert path.stat().st_mode & 0o777 == 0o700
        assert path.parent.stat().st_mode & 0o777 == 0o700


def test_a_server_that_cannot_start_says_where_it_says_why(tmp_path: Path) -> None:
    embedded = Embedded(tmp_path, fsync="sometimes")
    with pytest.raises(EmbeddedError, match=r"valkey\.log says why"):
        embedded.start()
    embedded.stop()


async def test_it_is_an_async_block_too(tmp_path: Path) -> None:
    async with Embedded(tmp_path) as embedded:
        with client(embedded) as connected:
            assert connected.ping()
    assert embedded.pid is None
