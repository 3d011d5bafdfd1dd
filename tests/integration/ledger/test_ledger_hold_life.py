"""The table of a hold's life is what the scripts do: every event in every state."""

from collections.abc import Callable
from typing import Any, get_args

import pytest
from ledgerkit import Outside, ended, reserve_request

from router.ledger import codec
from router.ledger.hold_life import NEXT, HoldEvent, HoldState
from router.ledger.keys import MARK_BIT, MARK_NAME, shard
from router.ledger.reserve_call import ReserveCall, ReserveCalls
from router.ledger.server.scripts import compile_scripts
from router.ledger.server.startup import LedgerMeta
from router.ledger.settlement import Settlement

LEASE_MS = 3_600_000
SCRIPTS = compile_scripts()
USED = codec.VECTOR.pack(1, 30, 10, 20, 900)
MORE = codec.VECTOR.pack(0, 5, 0, 5, 100)
EVENTS: tuple[HoldEvent, ...] = get_args(HoldEvent)


class Life:
    """One hold, and what may happen to it."""

    def __init__(self, outside: Outside) -> None:
        limits = {"key": {"tokens_per_minute": 10_000, "concurrency": 5}}
        calls = ReserveCalls(LedgerMeta(64, b"key"), [shard(n) for n in range(64)], LEASE_MS, 0)
        self.call: ReserveCall
        self.client = outside.client
        self.hold_id, frame, self.call = calls.write(reserve_request(limits))
        self.home = frame.home

    def run(self, name: str, keys: tuple[Any, ...], *args: Any) -> Any:
        return self.client.eval(SCRIPTS[name].source.decode(), len(keys), *keys, *args)

    def happens(self, event: HoldEvent) -> int | None:
        """Let an event happen; returns what the script replies."""
        happen: dict[HoldEvent, Callable[[], Any]] = {
            "reserve": lambda: self.run("reserve", self.call.keys, *self.call.args),
            "renew": lambda: self.beat(""),
            "dispatch": lambda: self.beat("d"),
            "top up": self.top_up,
            "settle": self.settle,
            "lease ends": self.lease_ends,
        }
        reply = happen[event]()
        if isinstance(reply, bytes):
            return codec.GRANTED
        return reply[0] if isinstance(reply, list) else reply

    def beat(self, reached: str) -> Any:
        keys = (self.home.holds, self.home.clock)
        return self.run("renew", keys, LEASE_MS, self.hold_id, reached, b"", b"")

    def top_up(self) -> Any:
        keys = (self.home.holds, self.home.clock)
        return self.run("top_up", keys, self.hold_id, LEASE_MS, MORE)

    def settle(self) -> Any:
        keys, args = Settlement(self.home, self.hold_id, "completed", USED, b"{}", None).call()
        return self.run("settle", keys, *args)

    def lease_ends(self) -> None:
        """Shorten the lease to nothing, and let the reaper pass."""
        record = self.client.hget(self.home.holds, self.hold_id)
        if record is not None:
            self.client.hset(self.home.holds, self.hold_id, ended(record))
        self.run("reap", self.home.closing, 0, 1_000)

    def state(self) -> HoldState:
        """What the ledger's keys say."""
        record = self.client.hget(self.home.holds, self.hold_id)
        if record is not None:
            return HoldState.DISPATCHED if codec.read_hold(record).dispatched else HoldState.OPEN
        if self.client.exists(self.home.expired + self.hold_id):
            return HoldState.EXPIRED
        mark = self.client.get(self.home.marks + self.hold_id[MARK_NAME]) or b""
        marked = int(self.hold_id[MARK_BIT], 16) in codec.read_mark(mark)
        return HoldState.SETTLED if marked else HoldState.UNKNOWN


PATHS: dict[HoldState, tuple[HoldEvent, ...]] = {
    HoldState.UNKNOWN: (),
    HoldState.OPEN: ("reserve",),
    HoldState.DISPATCHED: ("reserve", "dispatch"),
    HoldState.EXPIRED: ("reserve", "dispatch", "lease ends"),
    HoldState.SETTLED: ("reserve", "settle"),
}


def test_the_table_says_what_every_event_does_in_every_state() -> None:
    assert NEXT.keys() == set(HoldState)
    assert all(set(row) == set(EVENTS) for row in NEXT.values())


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("state", HoldState, ids=lambda state: state.name)
def test_the_scripts_do_what_the_table_says(
    outside: Outside, state: HoldState, event: HoldEvent
) -> None:
    life = Life(outside)
    for before in PATHS[state]:
        life.happens(before)
    assert life.state() is state
    after, reply = NEXT[state][event]
    assert life.happens(event) == reply
    assert life.state() is after


def test_a_hold_that_was_adjusted_is_settled_and_has_one_row_and_a_correction(
    outside: Outside,
) -> None:
    life = Life(outside)
    events: tuple[HoldEvent, ...] = (
        "reserve",
        "dispatch",
        "lease ends",
        "settle",
        "settle",
        "reserve",
    )
    assert [life.happens(event) for event in events] == [
        codec.GRANTED, codec.RENEWED, None, codec.ADJUSTED, codec.SETTLED_BEFORE,
        codec.RESERVED_BEFORE,
    ]  # fmt: skip
    assert [(row["seq"], row["used"]) for row in outside.rows()] == [
        ("0", f"1,10,10,0,{10 * 10**7}"),
        ("1", f"0,20,0,20,{900 - 10 * 10**7}"),
    ]
    assert outside.scopes()["k:acme/key1"]["conc"] == (0,)
