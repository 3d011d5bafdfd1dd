"""What formats 1 and 2 left in a ledger is settled, reaped, reconciled and stored by this one."""

import base64
import struct
from pathlib import Path

import orjson
import pytest
from ledgerkit import Outside, ticket, used

from router.errors import LimitExceeded
from router.ledger.keys import shard, shard_of
from router.ledger.ledger import Ledger
from router.ledger.quotas.calendar import window_at
from router.ledger.quotas.dimensions import quotas
from router.ledger.server.embedded import Embedded
from router.ledger.settlement import Settlement
from router.usage.journal import JournalConsumer
from router.usage.store import UsageStore

HOME = shard(shard_of("acme", 64))
RID, SCOPE = "019a00000000abcdef01" + "00000001", HOME.scopes + "o:acme"
LEASES = HOME.scopes.removesuffix("s:") + "x"
META = b'{"request":"req","organization":"acme","key":"key1","tier":"pro","model":"auto"}'
# A pool held 60 + 40 (two top-ups of a stream that crossed no window), a ring in two slots.
FIRST = """
local crash = struct.pack('>i8i8i8i8i8', 1, 10, 10, 0, 70)
redis.call('SET', KEYS[1], cmsgpack.pack({1, 1000, 1, crash, '', '', ARGV[1], {KEYS[2]}, {
  {1, 'tpm', 'S', 2, 60, 200, 5000, 1000, 1}, {1, 'tpo', 'C', 2, 100, 0, 0, 500, 1},
  {1, 'conc', 'L', 1, 1, 0, 0, 5, 1}, {1, 'tpm', 'S', 2, 40, 201, 5000, 1000, 1}}}))
"""


def second_record() -> bytes:
    """The same as format 2 wrote it."""
    items = (
        (b"S", 1000, (5000, 0, 0, 0), b"tpm"), (b"S", 1000, (5000, 0, 0, 0), b"tpm"),
        (b"C", 500, (0, 9 * 10**15, 9 * 10**15 + 1, 0), b"tpo"), (b"L", 5, (0, 0, 0, 0), b"conc"),
    )  # fmt: skip
    blob = b"".join(
        struct.pack(">cBBqqqqqiB", algo, 1, 1 if algo == b"L" else 2, limit, *n, 1, len(name))
        + name
        for algo, limit, n, name in items
    )
    numbers = struct.pack(">8q", 60, 200, 40, 201, 100, 0, 1, 0)
    parts = (SCOPE.encode(), numbers, blob, META)
    crash = struct.pack(">5q", 1, 10, 10, 0, 70)
    head = struct.pack(">BBBq40sBI", 2, 1, 1, 1000, crash, 0, 0)
    return head + b"".join(struct.pack(">I", len(part)) + part for part in parts)


@pytest.fixture(params=[1, 2])
def older(outside: Outside, request: pytest.FixtureRequest) -> Outside:
    client = outside.client
    client.hset("lg:meta", mapping={"format": request.param, "shards": 64, "secret": "00" * 16})
    if request.param == 1:
        client.eval(FIRST, 2, HOME.records + RID, SCOPE, META)
    else:
        client.set(HOME.records + RID, second_record())
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
    if request.param == 1:
        row = {"rid": "0" * 28, "seq": 0, "status": "completed", "t0": 1, "t1": 2}
        client.xadd(HOME.journal, row | {"used": "1,5,5,0,0", "meta": META, "payload": "{}"})
    else:
        head = struct.pack(">B7qBBI", 0, 1, 2, 1, 5, 5, 0, 0, 28, 9, len(META))
        client.xadd(HOME.journal, {"e": head + b"0" * 28 + b"completed" + META + b"{}"})
    return outside


async def test_an_earlier_lease_is_reaped_and_its_rows_are_stored(
    server: Embedded, older: Outside, tmp_path: Path
) -> None:
    older.client.zadd(LEASES, {RID: 1})
    ledger = await Ledger.connect(server.url, command_seconds=5)
    await ledger.reap()
    assert older.client.hget("lg:meta", "format") == b"3"
    state = older.scopes()["o:acme"]
    assert state["tpo"][2:4] == (15, 0)
    assert state["conc"] == (0,)
    assert older.client.zcard(LEASES) == 0
    assert [(row["status"], row["used"]) for row in older.rows()] == [
        ("completed", "1,5,5,0,0"),
        ("expired", "1,10,10,0,70"),
    ]
    store = UsageStore(f"sqlite:///{tmp_path}/usage.sqlite")
    assert await JournalConsumer(ledger.journal(), store).drain() == 2
    store.close()
    await ledger.close()


async def test_an_earlier_hold_is_settled_once_with_its_top_ups(
    server: Embedded, older: Outside
) -> None:
    older.client.zadd(LEASES, {RID: 9 * 10**15})
    ledger = await Ledger.connect(server.url, command_seconds=5)
    told = struct.pack(">5q", 1, 80, 10, 70, 800)
    for _ in range(2):
        ledger._settlements.settle(Settlement(HOME, RID, "completed", told, b"{}", None))
        assert await ledger.settled()
    state = older.scopes()["o:acme"]
    assert state["tpo"][2:4] == (85, 0)
    assert state["conc"] == (0,)
    assert [row["used"] for row in older.rows()][1:] == ["1,80,10,70,800"]
    assert older.client.zcard(LEASES) == 0
    await ledger.close()


async def test_an_earlier_hold_that_was_settled_is_not_settled_again(
    server: Embedded, older: Outside
) -> None:
    older.client.set(HOME.records + RID, b"\2\2")
    ledger = await Ledger.connect(server.url, command_seconds=5)
    before = older.scopes, older.rows()
    told = struct.pack(">5q", 1, 80, 10, 70, 800)
    ledger._settlements.settle(Settlement(HOME, RID, "completed", told, b"{}", None))
    assert await ledger.settled()
    assert (older.scopes, older.rows()) == before
    await ledger.close()


async def test_what_earlier_formats_counted_still_counts(server: Embedded, older: Outside) -> None:
    ledger = await Ledger.connect(server.url, command_seconds=5)
    limits = {"organization": {"concurrency": 2, "tokens_per_month": 500}}
    window = window_of(ledger.now())
    held = struct.pack(">11q", *window, 5, 380, 0, 500, 0, 0, 0, 0, 0)
    older.client.hset(SCOPE, "tpo", held)
    async with ledger.hold(ticket(limits), used) as hold:
        hold.dispatched()
        state = older.scopes()["o:acme"]
        assert state["conc"] == (2,)
        assert state["tpo"][2:4] == (5, 480)
        assert sum(state["tpm"][1:]) == 100
        with pytest.raises(LimitExceeded):
            async with ledger.hold(ticket(limits), used):
                pass
    assert await ledger.settled()
    await ledger.close()


def window_of(now_ms: int) -> tuple[int, int]:
    """This month, in UTC."""
    window = window_at(now_ms, "month")
    return window.start, window.end


async def test_what_an_earlier_process_left_on_disk_is_charged(
    server: Embedded, outside: Outside, tmp_path: Path
) -> None:
    limits = quotas({"key": {"tokens_per_day": 1000}})
    ledger = await Ledger.connect(server.url, command_seconds=5)
    async with ledger.hold(ticket(limits), used) as hold:
        pass
    assert await ledger.settled()
    rid = f"{ledger.now():012x}" + "5" * 16
    vectors = struct.pack(">15q", 1, 100, 10, 90, 700, 1, 11, 10, 1, 70, 1, 10, 10, 0, 70)
    keys = [HOME.records + rid, [""], [""], [""], "n", "o", HOME.scopes + "k:acme/key1"]
    args = [rid, 15_000, encoded(vectors), encoded(b"..."), encoded(META), "", 0, 1, 1]
    line = {
        "shard": HOME.number, "rid": rid, "status": "completed", "payload": "{}",
        "used": encoded(struct.pack(">5q", 1, 30, 10, 20, 70))[0],
        "reservation": {
            "keys": keys, "args": args, "levels": hold.call.plan.levels,
            "quotas": [
                {"level": q.level, "dimension": q.dimension, "limit": q.limit, "options": {}}
                for q in limits
            ],
        },
    }  # fmt: skip
    (tmp_path / "spool").mkdir()
    (tmp_path / "spool" / "spool-1-0.jsonl").write_bytes(orjson.dumps(line) + b"\n")
    heir = await Ledger.connect(server.url, command_seconds=5, spool=tmp_path / "spool")
    assert await heir.settled()
    assert outside.scopes()["k:acme/key1"]["tpd"][2:4] == (30, 0)
    assert outside.rows()[-1]["used"] == "1,30,10,20,70"
    for ended in (heir, ledger):
        await ended.close()


def encoded(part: bytes) -> list[str]:
    """Bytes in a line of the spool."""
    return [base64.b64encode(part).decode()]
