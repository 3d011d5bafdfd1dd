"""One data folder has one ledger server, whatever becomes of the server's socket."""

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from router.ledger.server import embedded as module
from router.ledger.server.embedded import Embedded, EmbeddedError
from router.ledger.server.living import becomes_free, server_lock

LONG = "long" * 30  # its socket lies in a folder for temporary files


@pytest.fixture
def data(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / LONG
    folder.mkdir(mode=0o700)
    yield folder
    shutil.rmtree(socket_of(Embedded(folder)).parent, ignore_errors=True)


def socket_of(server: Embedded) -> Path:
    return Path(server.url.removeprefix("unix://"))


def client(server: Embedded) -> redis.Redis:
    return redis.Redis(unix_socket_path=str(socket_of(server)))


def lives(pid: int | None) -> bool:
    try:
        return bool(Path(f"/proc/{pid}/cwd").readlink())  # one that nobody buried works nowhere
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("folder_too", [False, True])
def test_a_server_whose_socket_was_cleaned_away_gives_way_and_loses_nothing(
    data: Path, caplog, folder_too: bool
):
    first = Embedded(data)
    first.start()
    socket, before = socket_of(first), first.pid
    with client(first) as early:
        early.set("kept", 1)
        socket.unlink()
        if folder_too:
            socket.parent.rmdir()
        early.set("too", 2)  # connections that are open go on
        with Embedded(data) as second, client(second) as late:
            assert not lives(before)
            assert socket_of(second) == socket  # where those that run look for it again
            assert late.mget("kept", "too") == [b"1", b"2"]
            late.set("later", 3)
            assert early.get("later") == b"3"
    first.stop()
    (told,) = [record for record in caplog.records if "socket" in record.message]
    assert (told.socket, told.server) == (str(socket), before)


def test_the_last_to_leave_ends_a_server_whose_socket_is_gone(data: Path):
    server = Embedded(data)
    server.start()
    with client(server) as early:
        early.set("kept", 1)
    pid = server.pid
    socket_of(server).unlink()
    server.stop()
    assert not lives(pid)
    with Embedded(data) as again, client(again) as late:
        assert late.get("kept") == b"1"


def test_a_server_that_stands_still_is_not_joined_by_another(data: Path, monkeypatch):
    first, second = Embedded(data), Embedded(data)
    first.start()
    assert first.pid is not None
    monkeypatch.setattr(module, "_START_SECONDS", 0.01)
    monkeypatch.setattr(module, "_GRACE_SECONDS", 0.01)
    monkeypatch.setattr(module, "_ANSWER_SECONDS", 0.1)
    os.kill(first.pid, signal.SIGSTOP)
    try:
        with pytest.raises(EmbeddedError, match=f"process {first.pid} and does not answer"):
            second.start()
    finally:
        os.kill(first.pid, signal.SIGCONT)
    second.stop()
    with client(first) as connected:
        assert connected.ping()
    first.stop()


def test_a_process_that_is_not_the_server_is_never_ended(data: Path, monkeypatch):
    monkeypatch.setattr(module, "_START_SECONDS", 0.01)
    monkeypatch.setattr(module, "_GRACE_SECONDS", 0.01)
    with server_lock(data) as lock:  # held by somebody, and the number is another's
        assert becomes_free(lock, data, 0)
        (data / "valkey.pid").write_text(str(os.getppid()))
        with pytest.raises(EmbeddedError, match="Another is not started on the same data"):
            Embedded(data).start()


def test_the_socket_comes_back_in_the_fresh_folder_that_was_made_for_it(data: Path, monkeypatch):
    temporary = Path(tempfile.mkdtemp(dir="/tmp", prefix="tt"))
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    usual = socket_of(Embedded(data)).parent
    usual.mkdir()
    usual.chmod(0o777)
    first, second = Embedded(data), Embedded(data)
    first.start()
    place = socket_of(first)
    shutil.rmtree(place.parent)
    second.start()
    assert socket_of(second) == place
    second.stop()
    first.stop()
    shutil.rmtree(temporary)
