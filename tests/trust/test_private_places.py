"""What keys, ledger and decisions lie in is closed to others, and no place of others is trusted."""

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from router.ledger.server.clients import blocking_client
from router.ledger.server.embedded import Embedded
from router.ledger.server.socket_place import known_socket, make_socket_place
from router.private_files import (
    close_to_others,
    is_private_folder,
    make_private_folder,
)
from router.world.data_folder import make_data_folder
from router.world.documents import read_documents

LONG = "long" * 30
CONFIG = """
version: 1
data: {data}
decisions: {{to: decisions.jsonl}}
backends: {{b: {{base_url: "http://h/v1", model: m, price: {{input: 1, output: 1}}}}}}
"""


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def temporary(monkeypatch) -> Iterator[Path]:
    """The folder for temporary files, which everybody may write to."""
    folder = Path(tempfile.mkdtemp(dir="/tmp", prefix="tt"))  # short, as sockets need it
    folder.chmod(0o1777)
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / LONG
    folder.mkdir(mode=0o700)
    return folder


def test_a_socket_that_fits_lies_in_the_data_folder(tmp_path: Path, temporary: Path):
    folder = Path(tempfile.mkdtemp(dir=temporary))
    assert make_socket_place(folder).parent == known_socket(folder).parent == folder


def test_one_that_does_not_fit_lies_in_a_folder_that_is_ours_alone(data: Path, temporary: Path):
    place = make_socket_place(data)
    assert place == known_socket(data) == make_socket_place(data)
    assert place.parent.parent == temporary
    assert is_private_folder(place.parent)


def prepared_by_somebody_else(usual: Path, how: str, elsewhere: Path) -> None:
    """Somebody was there first, under the name that we would take."""
    elsewhere.mkdir(mode=0o700)
    if how == "link":
        usual.symlink_to(elsewhere)
    elif how == "dangling link":
        usual.symlink_to(elsewhere / "nowhere")
    elif how == "file":
        usual.touch(mode=0o600)
    else:
        usual.mkdir()
        usual.chmod(0o777)


@pytest.mark.parametrize("how", ["link", "dangling link", "file", "open folder"])
def test_a_place_that_somebody_prepared_is_not_used_and_told(
    data: Path, temporary: Path, tmp_path: Path, caplog, how: str
):
    usual = known_socket(data).parent
    prepared_by_somebody_else(usual, how, tmp_path / "elsewhere")
    place = make_socket_place(data)
    assert place.parent != usual
    assert is_private_folder(place.parent)
    assert list((tmp_path / "elsewhere").iterdir()) == []
    assert known_socket(data) == make_socket_place(data) == place  # all find the same
    (told,) = caplog.records
    assert (told.refused, told.folder) == (str(usual), str(place.parent))


def test_a_folder_of_another_user_is_not_used(data: Path, temporary: Path, monkeypatch):
    usual = known_socket(data).parent
    usual.mkdir(mode=0o700)
    monkeypatch.setattr(os, "geteuid", lambda: usual.stat().st_uid + 1)
    assert not is_private_folder(usual)


def test_the_ledger_serves_from_a_fresh_folder_where_the_usual_one_is_not_ours(
    data: Path, temporary: Path, caplog
):
    usual = known_socket(data).parent
    usual.mkdir()
    usual.chmod(0o777)
    with Embedded(data) as first, Embedded(data) as second:
        assert first.url == second.url
        socket = Path(first.url.removeprefix("unix://"))
        assert socket.parent != usual
        with blocking_client(socket, 5) as client:
            assert client.ping()
        ours = [path for path in data.rglob("*") if not path.is_socket()]
        assert {path.name: oct(mode(path)) for path in ours if mode(path) & 0o077} == {}
    assert list(usual.iterdir()) == []
    assert "files were open" not in caplog.text


def opened(folder: Path, data: str) -> Path:
    (folder / "turnout.yaml").write_text(CONFIG.format(data=data))
    documents = read_documents(folder / "turnout.yaml", {})
    make_data_folder(documents)
    return documents.data


def test_a_new_data_folder_is_its_owners_alone(tmp_path: Path, caplog):
    assert mode(opened(tmp_path, "data")) == 0o700
    assert caplog.records == []


def test_a_data_folder_that_was_open_is_closed_with_what_is_ours_in_it_and_told(
    tmp_path: Path, caplog
):
    folder = tmp_path / "data"
    (folder / "spool").mkdir(parents=True)
    ours = ["turnout.db", "turnout.db-wal", "decisions.jsonl", "decisions.jsonl.1", "spool/s.jsonl"]
    for name in (*ours, "theirs.txt"):
        (folder / name).touch()
        (folder / name).chmod(0o644)
    folder.chmod(0o755)
    outside = tmp_path / "outside"
    outside.touch(mode=0o644)
    (folder / "decisions.jsonl.2").symlink_to(outside)
    opened(tmp_path, "data")
    assert mode(folder) == 0o700
    assert {name: oct(mode(folder / name)) for name in ours} == dict.fromkeys(ours, "0o600")
    assert mode(folder / "theirs.txt") == mode(outside) == 0o644
    assert [record.message for record in caplog.records] == [
        "the folder was open to others; it is closed",
        "files were open to others; they are closed",
    ]
    caplog.clear()
    opened(tmp_path, "data")
    assert caplog.records == []


@pytest.mark.parametrize("data", [".", ".."])
def test_a_folder_that_holds_more_than_ours_is_not_closed_but_told(
    tmp_path: Path, caplog, data: str
):
    folder = tmp_path / "shared" / "config"
    folder.mkdir(parents=True)
    for each in (folder, folder.parent):
        each.chmod(0o755)
    opened(folder, data)
    assert mode(folder) == mode(folder.parent) == 0o755
    assert "choose another `data`" in caplog.text


def test_a_folder_of_many_users_is_not_closed(temporary: Path, caplog):
    make_private_folder(temporary)
    assert mode(temporary) == 0o1777
    assert "is not ours alone" in caplog.text


def test_what_another_user_owns_is_left_as_it_is(tmp_path: Path, monkeypatch, caplog):
    (tmp_path / "turnout.db").touch(mode=0o644)
    monkeypatch.setattr(os, "geteuid", lambda: (tmp_path / "turnout.db").stat().st_uid + 1)
    close_to_others(tmp_path, ["*"])
    assert mode(tmp_path / "turnout.db") & 0o044
    assert caplog.records == []
