"""What the spool promised is on disk, whatever becomes of the disk; what is odd stops nobody."""

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import orjson
import pytest
from full_disk import files_end_at
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from trust.settlements import settlement

from router.ledger.settlement import Settlement
from router.ledger.spool import Spool, SpoolThread
from router.ledger.spool_lines import OddLine, read_line, read_lines, write_line

ONE = settlement()
LINE = write_line(ONE)


def left_by(*lines: bytes, folder: Path) -> Path:
    """The spool of a process that is dead."""
    path = folder / "spool-1-dead.jsonl"
    path.write_bytes(b"".join(lines))
    return path


def adopted(folder: Path) -> list[Settlement]:
    spool = Spool(folder)
    try:
        return spool.adopt()
    finally:
        spool.close()


def used_of(settlements: list[Settlement]) -> list[bytes]:
    return [one.used for one in settlements]


def test_a_settlement_comes_back_from_its_line_to_the_last_byte():
    back = read_line(LINE.rstrip(b"\n"))
    assert write_line(back) == LINE
    assert (back.hold_id, back.used, back.payload) == (ONE.hold_id, ONE.used, ONE.payload)


@pytest.mark.parametrize("room", range(0, len(LINE) + 40, 37))
def test_a_filling_disk_cuts_no_line_that_was_promised(tmp_path: Path, room: int):
    spool, kept = Spool(tmp_path), []
    before, cut, behind = (settlement(n) for n in (1, 2, 3))
    spool.append(before)
    size = spool.path.stat().st_size
    with files_end_at(size + room):
        try:
            spool.append(cut)
        except OSError:
            assert spool.path.stat().st_size == size  # undone
        else:
            kept = [cut]
    spool.append(behind)
    spool.close()
    assert used_of(adopted(tmp_path)) == used_of([before, *kept, behind])
    assert list(tmp_path.glob("odd-*")) == []


def test_a_device_that_can_neither_write_nor_undo_is_told_of_each_line(tmp_path: Path):
    spool = Spool(tmp_path)
    spool.path.symlink_to("/dev/full")
    for _ in range(2):
        with pytest.raises(OSError, match="No space left"):
            spool.append(ONE)
    spool.close()


def test_a_cut_line_of_an_older_version_does_not_swallow_the_next(tmp_path: Path):
    body = json.loads(LINE)
    del body["crc"]
    older = json.dumps(body).encode() + b"\n"
    left_by(older, LINE[:-50], b"\n", write_line(settlement(5)), folder=tmp_path)
    assert len(adopted(tmp_path)) == 2


def test_a_line_of_which_a_byte_changed_is_known(tmp_path: Path):
    for at in range(len(LINE) - 1):
        changed = bytearray(LINE[:-1])
        changed[at] ^= 1
        with pytest.raises(OddLine):
            read_line(bytes(changed))


ODD: list[Any] = [None, True, 0, 1e400, [], {}, "x", [[]], {"shard": None}]
FIELDS = sorted(json.loads(LINE))


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("odd", ODD, ids=str)
def test_a_line_with_an_odd_field_is_odd_or_right_and_no_crash(field: str, odd: Any):
    body = json.loads(LINE)
    del body["crc"]
    with pytest.raises(OddLine):
        read_line(json.dumps(body | {field: odd, "crc": 1}).encode())
    for _, read in read_lines(json.dumps(body | {field: odd}).encode()):
        assert read is None or orjson.loads(write_line(read))[field] == odd


@given(junk=st.lists(st.binary(max_size=60) | st.sampled_from([b"null", b"[]", b"{}", b"0"])))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_a_spool_holds_the_start_goes_on_and_loses_no_settlement(
    tmp_path: Path, junk: list[bytes]
):
    folder = tmp_path / os.urandom(4).hex()
    folder.mkdir()
    left_by(*(piece + b"\n" + LINE for piece in junk), LINE, folder=folder)
    spool = Spool(folder)
    assert used_of(spool.adopt()) == [ONE.used]
    expected = [line for piece in junk for line in piece.split(b"\n") if line]
    kept = b"".join(path.read_bytes() for path in folder.glob("odd-*"))
    assert [line for line in kept.split(b"\n") if line] == expected
    assert spool.odd == len(expected)
    spool.close()


def test_odd_lines_are_put_aside_by_name_told_and_outlive_the_spool(tmp_path: Path, caplog):
    left_by(b"null\n", LINE, b'{"hold_id": "x"}\n', folder=tmp_path)
    spool = Spool(tmp_path)
    assert used_of(spool.adopt()) == [ONE.used]
    spool.clear()
    aside = tmp_path / "odd-spool-1-dead.jsonl"
    assert [path.name for path in tmp_path.iterdir()] == [aside.name]
    assert aside.read_bytes() == b'null\n{"hold_id": "x"}\n'
    assert aside.stat().st_mode & 0o777 == 0o600
    (told,) = caplog.records
    assert (told.file, told.lines, spool.odd) == (str(aside), 2, 2)
    assert "hold_id" not in caplog.text


async def test_what_the_disk_did_not_take_is_written_when_it_has_room_again(tmp_path: Path, caplog):
    thread = SpoolThread(Spool(tmp_path))
    with files_end_at(0):
        for used in (1, 2, 3):
            thread.write(settlement(used))
        await asyncio.wrap_future(thread._thread.submit(int))
    assert thread.failures == 3
    thread.write(settlement(4))
    await thread.close()
    assert len(adopted(tmp_path)) == 4
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]


async def test_what_the_disk_did_not_take_is_tried_once_more_at_the_end(tmp_path: Path):
    thread = SpoolThread(Spool(tmp_path))
    with files_end_at(0):
        thread.write(ONE)
        await asyncio.wrap_future(thread._thread.submit(int))
    await thread.close()
    assert used_of(adopted(tmp_path)) == [ONE.used]
