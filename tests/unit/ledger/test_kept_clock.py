"""What a server's clock said is known to the process that comes next, and to no other machine."""

from pathlib import Path

import pytest

from router.ledger.server.address import Node
from router.ledger.server.kept_clock import FILE, KeptClock, Reading, boot_id

NODES = [Node("127.0.0.1", 6379)]
READ = Reading(1_795_000_000_000, 5_000)


def test_the_next_process_knows_what_the_last_one_read(tmp_path: Path) -> None:
    KeptClock(tmp_path / "spool", NODES, "this run").write(READ)
    assert KeptClock(tmp_path / "spool", NODES, "this run").read(6_000) == READ
    assert (tmp_path / "spool" / FILE).stat().st_mode & 0o077 == 0


def test_another_run_of_the_machine_another_ledger_and_a_clock_before_it_know_nothing(
    tmp_path: Path,
) -> None:
    KeptClock(tmp_path, NODES, "this run").write(READ)
    assert KeptClock(tmp_path, NODES, "another run").read(6_000) is None
    assert KeptClock(tmp_path, [Node("127.0.0.1", 6380)], "this run").read(6_000) is None
    assert KeptClock(tmp_path, NODES, "this run").read(4_999) is None


@pytest.mark.parametrize(
    "text",
    ["", "null", "[]", "{", '{"server": 1}', '{"server": "x", "elapsed": 1}', "\ud800", "[" * 9999],
)
def test_a_file_that_is_none_is_as_if_there_was_none(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text, "utf-8", errors="surrogatepass")
    assert KeptClock(tmp_path, NODES, "this run").read(6_000) is None


def test_nothing_is_kept_without_a_folder_or_a_name_of_the_run_or_where_the_disk_refuses(
    tmp_path: Path,
) -> None:
    (tmp_path / "file").write_text("no folder", "utf-8")
    for folder, boot in ((None, "run"), (tmp_path / "none", ""), (tmp_path / "file", "run")):
        kept = KeptClock(folder, NODES, boot)
        kept.write(READ)
        assert kept.read(6_000) is None
    assert not (tmp_path / "none").exists()


def test_this_machine_names_its_run() -> None:
    assert boot_id() == boot_id()
    assert len(boot_id()) == 36
