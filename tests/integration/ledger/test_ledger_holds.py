"""A hold, from admission to settlement, against a real Valkey."""

import asyncio
from contextlib import suppress

import pytest
from clocks import Timeless
from ledgerkit import Outside, RoundTrips, eventually, reserve_request, used
from patience import LONGEST_SECONDS

from router.domain import Outcome
from router.errors import LedgerUnavailable, LimitExceeded
from router.ledger.ledger import Ledger
from router.ledger.lua_constants import lua_constants
from router.ledger.quotas.dimensions import quotas
from router.ledger.server.embedded import Embedded
from router.ledger.server.scripts import compile_scripts

EVERY = {
    "organization": {"usd_per_month": 200 * 10**12, "tokens_per_day": 10**6},
    "team": {"usd_per_day": 10**13},
    "key": {"requests_per_minute": 100, "tokens_per_minute": 10_000, "concurrency": 20},
    "user": {"requests_per_day": 50},
    "model": {"tokens_per_minute": 9_000},
}


async def settled(ledger: Ledger) -> None:
    assert await ledger.settled(LONGEST_SECONDS)


async def test_a_hold_keeps_its_lease_also_after_a_rest_without_holds(
    server: Embedded, outside: Outside
) -> None:
    ledger = await Ledger.connect(server.url, command_seconds=5, lease_ms=3_000)
    for _ in range(2):
        async with ledger.hold(reserve_request(EVERY), used) as hold:
            holds, hold_id = hold.shard.holds, hold.hold_id
            ends = outside.lease_ends(holds, hold_id)
            await eventually(lambda a=holds, b=hold_id, c=ends: outside.lease_ends(a, b) > c)
        await settled(ledger)
    await ledger.close()


async def test_a_settled_request_leaves_its_actual_use_and_nothing_held(
    ledger: Ledger, outside: Outside
) -> None:
    asked = reserve_request(EVERY, team="ml", user="bob")
    async with ledger.hold(asked, used) as hold:
        hold.dispatched()
        during = outside.scopes()
    await settled(ledger)
    after = outside.scopes()
    assert sum(during["k:acme/key1"]["tpm"][1:]) == 100
    assert during["o:acme"]["tpd"][2:4] == (0, 100)
    assert sum(after["k:acme/key1"]["tpm"][1:]) == 60
    assert sum(after["m:acme/auto"]["tpm"][1:]) == 60
    assert after["o:acme"]["tpd"][2:4] == (60, 0)
    assert after["t:acme/ml"]["usdd"][2:4] == (60 * 10**4, 0)
    assert after["k:acme/key1"]["conc"] == (0,)
    assert outside.open_leases() == 0
    (row,) = outside.rows()
    assert row["used"] == f"1,60,10,50,{60 * 10**7}"
    assert row["status"] == "completed"


async def test_a_request_takes_one_round_trip_to_reserve_and_one_to_settle(
    ledger: Ledger, outside: Outside
) -> None:
    asked = reserve_request(EVERY, team="ml", user="bob")
    trips = RoundTrips(ledger)
    async with ledger.hold(asked, used) as hold:
        hold.dispatched()
        assert trips.count == 1
    assert trips.count == 2
    await settled(ledger)
    assert trips.count == 2


async def test_a_denial_writes_nothing_and_names_level_and_dimension(
    ledger: Ledger, outside: Outside
) -> None:
    limits = {"organization": {"tokens_per_day": 10_000}, "key": {"tokens_per_minute": 150}}
    asked = reserve_request(limits, firm=True)
    async with ledger.hold(asked, used) as hold:
        hold.dispatched()
        before = outside.dump()
        with pytest.raises(LimitExceeded) as denied:
            async with ledger.hold(asked, used):
                pass
        assert outside.dump() == before
    headers = dict(denied.value.headers)
    assert headers["x-turnout-limit"] == "key:tokens_per_minute"
    assert denied.value.type == "tokens"
    assert denied.value.code == "rate_limit_exceeded"
    assert "Limit 150, Used 100, Requested 100." in denied.value.message
    assert int(headers["retry-after-ms"]) <= 65_000
    assert int(headers["retry-after"]) * 1000 >= int(headers["retry-after-ms"])


async def test_a_used_up_pool_is_insufficient_quota_that_clients_do_not_retry(
    ledger: Ledger, outside: Outside
) -> None:
    asked = reserve_request({"organization": {"usd_per_month": 1_500 * 10**6}})
    async with ledger.hold(asked, used) as hold:
        hold.dispatched()
        with pytest.raises(LimitExceeded) as denied:
            async with ledger.hold(asked, used):
                pass
    assert denied.value.code == "insufficient_quota"
    assert dict(denied.value.headers)["x-should-retry"] == "false"
    assert "Limit $0.001500, Used $0.001000, Requested $0.001000." in denied.value.message


async def test_a_request_larger_than_its_limit_is_told_that_waiting_cannot_help(
    ledger: Ledger, outside: Outside
) -> None:
    asked = reserve_request({"key": {"tokens_per_minute": 50}}, firm=True)
    with pytest.raises(LimitExceeded) as denied:
        async with ledger.hold(asked, used):
            pass
    assert dict(denied.value.headers)["x-should-retry"] == "false"
    assert "retry-after" not in dict(denied.value.headers)


async def test_a_limit_smaller_than_the_default_estimate_stays_usable(
    ledger: Ledger, outside: Outside
) -> None:
    asked = reserve_request({"key": {"tokens_per_minute": 50}}, output_tokens=1024)
    async with ledger.hold(asked, lambda: used(10, 20)) as hold:
        hold.dispatched()
        assert dict(hold.admission.headers)["x-ratelimit-remaining-tokens"] == "0"
    await settled(ledger)
    assert sum(outside.scopes()["k:acme/key1"]["tpm"][1:]) == 30


async def test_a_request_that_no_backend_took_is_refunded_in_full(
    ledger: Ledger, outside: Outside
) -> None:
    with suppress(ConnectionError):
        async with ledger.hold(reserve_request(EVERY), lambda: used(0, 0, Outcome.FAILED)):
            raise ConnectionError
    await settled(ledger)
    state = outside.scopes()
    assert sum(state["k:acme/key1"]["rpm"][1:]) == 0
    assert sum(state["k:acme/key1"]["tpm"][1:]) == 0
    assert outside.rows()[0]["used"] == "0,0,0,0,0"


async def test_fifty_cancelled_requests_leave_nothing_reserved_and_the_right_charge(
    ledger: Ledger, outside: Outside
) -> None:
    limits = quotas({"key": {"tokens_per_minute": 100_000, "concurrency": 50}})
    begun = asyncio.Semaphore(0)

    async def stream() -> None:
        charge = lambda: used(10, 8, Outcome.DISCONNECTED)  # noqa: E731
        async with ledger.hold(reserve_request(limits), charge) as hold:
            hold.dispatched()
            begun.release()
            await asyncio.Event().wait()

    streams = [asyncio.create_task(stream()) for _ in range(50)]
    for _ in streams:
        await begun.acquire()
    for task in streams:
        task.cancel()
    await asyncio.gather(*streams, return_exceptions=True)
    await settled(ledger)
    state = outside.scopes()["k:acme/key1"]
    assert state["conc"] == (0,)
    assert sum(state["tpm"][1:]) == 50 * 18
    assert outside.open_leases() == 0
    assert len(outside.rows()) == 50


async def test_a_charge_that_cannot_be_computed_is_settled_for_the_prompt(
    ledger: Ledger, outside: Outside
) -> None:
    def broken() -> None:
        raise RuntimeError("a meter that broke")

    async with ledger.hold(reserve_request(EVERY), broken) as hold:  # type: ignore[arg-type]
        hold.dispatched()
    await settled(ledger)
    (row,) = outside.rows()
    assert row["used"] == f"1,10,10,0,{10 * 10**7}"


async def test_the_next_gateway_finds_what_the_last_one_left(
    server: Embedded, outside: Outside
) -> None:
    asked = reserve_request({"key": {"requests_per_minute": 3}})
    for _ in range(3):
        ledger = await Ledger.connect(server.url)
        async with ledger.hold(asked, used) as hold:
            hold.dispatched()
        await ledger.close()
    ledger = await Ledger.connect(server.url)
    with pytest.raises(LimitExceeded):
        async with ledger.hold(asked, used):
            pass
    await ledger.close()


def test_a_ledger_that_is_not_there_is_unavailable_at_once() -> None:
    async def connect() -> None:
        with pytest.raises(LedgerUnavailable):
            await Ledger.connect("unix:///nowhere/valkey.sock")

    with asyncio.Runner(loop_factory=Timeless) as runner:
        runner.run(connect())


async def test_a_server_that_hangs_up_is_unavailable_without_being_asked_again() -> None:
    asked: list[object] = []

    def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(writer)
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(LedgerUnavailable):
        await Ledger.connect(f"redis://127.0.0.1:{port}")
    server.close()
    assert len(asked) < 10


async def test_scripts_flushed_from_the_server_are_sent_again(
    ledger: Ledger, outside: Outside
) -> None:
    outside.client.script_flush()
    async with ledger.hold(reserve_request(EVERY), used) as hold:
        hold.dispatched()
        outside.client.script_flush()
    await settled(ledger)
    assert outside.open_leases() == 0
    assert len(outside.rows()) == 1


async def test_a_client_that_floods_is_denied_without_asking_until_something_is_given_back(
    ledger: Ledger, outside: Outside
) -> None:
    asked = reserve_request({"key": {"tokens_per_minute": 150}}, firm=True)
    async with ledger.hold(asked, lambda: used(10, 20)) as hold:
        hold.dispatched()
        trips = RoundTrips(ledger)
        for _ in range(100):
            with pytest.raises(LimitExceeded):
                async with ledger.hold(asked, used):
                    pass
        assert trips.count < 20
        assert ledger.counts["denied_from_memory"] > 80
    assert await ledger.settled()
    async with ledger.hold(asked, used) as hold:
        hold.dispatched()


async def test_a_stream_that_outlives_its_mark_is_still_settled_once(
    server: Embedded, outside: Outside
) -> None:
    short_lived = lua_constants() | {"MARK_FRESH_MS": "50", "MARK_LIFE_MS": "600"}
    scripts = compile_scripts(constants=short_lived)
    ledger = await Ledger.connect(server.url, command_seconds=5, scripts=scripts)
    async with ledger.hold(reserve_request(EVERY), used) as hold:
        hold.dispatched()
        await eventually(lambda: not outside.client.keys("lg:{*}:d:*"))
    await settled(ledger)
    assert len(outside.client.keys("lg:{*}:d:*")) == 1
    ledger.restarted()  # what was settled is told again
    await settled(ledger)
    assert len(outside.rows()) == 1
    assert ledger.counts["recharged"] == 0
    await ledger.close()


async def test_marks_are_kept_by_process_and_do_not_last(ledger: Ledger, outside: Outside) -> None:
    for _ in range(300):
        async with ledger.hold(reserve_request(EVERY), used):
            pass
    await settled(ledger)
    marks = outside.client.keys("lg:{*}:d:*")
    assert len(marks) in {2, 3}  # 256 holds each
    hour = 3_600_000
    assert all(16 * hour < outside.client.pttl(mark) < 17 * hour for mark in marks)
