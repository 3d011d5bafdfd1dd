"""What format 1 left in a ledger is settled, reaped, reconciled and stored by this one."""

import struct
from pathlib import Path

import pytest
from ledgerkit import Outside

from router.ledger.embedded import Embedded
from router.ledger.keys import shard, shard_of
from router.ledger.ledger import Ledger
from router.ledger.settlement import Settlement
from router.usage.journal import JournalConsumer
from router.usage.store import UsageStore

HOME = shard(shard_of("acme", 64))
RID, SCOPE = "019a00000000abcdef01" + "00000001", HOME.scopes + "o:acme"
META = b'{"request":"req","organization":"acme","key":"key1","tier":"pro","model":"auto"}'
# A pool held 60 + 40 (two top-ups of a stream that crossed no window), a ring in two slots.
RECORD = """
local crash = struct.pack('>i8i8i8i8i8', 1, 10, 10, 0, 70)
redis.call('SET', KEYS[1], cmsgpack.pack({1, 1000, 1, crash, '', '', ARGV[1], {KEYS[2]}, {
  {1, 'tpm', 'S', 2, 60, 200, 5000, 1000, 1}, {1, 'tpo', 'C', 2, 100, 0, 0, 500, 1},
  {1, 'conc', 'L', 1, 1, 0, 0, 5, 1}, {1, 'tpm', 'S', 2, 40, 201, 5000, 1000, 1}}}))
"""


@pytest.fixture
def older(outside: Outside) -> Outside:
    client = outside.client
    client.hset("lg:meta", mapping={"format": 1, "shards": 64, "secret": "00" * 16})
    client.eval(RECORD, 2, HOME.records + RID, SCOPE, META)
    slots = [0] * 13
    slots[200 % 13], slots[201 % 13] = 60, 40
    client.hset(
        SCOPE,
        mapping={
            "tpm": struct.pack(">14q", 201, *slots),
            "tpo": struct.pack(">11q", 0, 9 * 10**15, 5, 100, 0, 500, 0, 0, 0, 0, 0),
            "conc": struct.pack(">q", 1),
        },
    )
    row = {"rid": "0" * 28, "seq": 0, "status": "completed", "t0": 1, "t1": 2}
    row |= {"used": "1,5,5,0,0", "meta": META, "payload": "{}"}
    client.xadd(HOME.journal, row)
    return outside


async def test_a_lease_of_format_1_is_reaped_and_its_rows_are_stored(
    server: Embedded, older: Outside, tmp_path: Path
) -> None:
    older.client.zadd(HOME.leases, {RID: 1})
    ledger = await Ledger.connect(server.url, command_seconds=5)
    await ledger.reap()
    assert older.client.hget("lg:meta", "format") == b"2"
    state = older.scopes()["o:acme"]
    assert state["tpo"][2:4] == (15, 0)
    assert state["conc"] == (0,)
    assert older.client.zcard(HOME.leases) == 0
    assert [(row["status"], row["used"]) for row in older.rows()] == [
        ("completed", "1,5,5,0,0"),
        ("expired", "1,10,10,0,70"),
    ]
    store = UsageStore(f"sqlite:///{tmp_path}/usage.sqlite")
    assert await JournalConsumer(ledger.journal(), store).drain() == 2
    store.close()
    await ledger.close()


async def test_a_hold_of_format_1_is_settled_with_its_top_ups(
    server: Embedded, older: Outside
) -> None:
    older.client.zadd(HOME.leases, {RID: 9 * 10**15})
    ledger = await Ledger.connect(server.url, command_seconds=5)
    used = struct.pack(">5q", 1, 80, 10, 70, 800)
    ledger._settlements.settle(Settlement(HOME, RID, "completed", used, b"{}", None))
    assert await ledger.settled()
    state = older.scopes()["o:acme"]
    assert state["tpo"][2:4] == (85, 0)
    assert state["conc"] == (0,)
    assert older.rows()[-1]["used"] == "1,80,10,70,800"
    await ledger.close()
