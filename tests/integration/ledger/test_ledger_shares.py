"""Tiers in contention for a backend's slots: a guaranteed share is found, an idle one is lent."""

import asyncio
import random
from collections import Counter

from ledgerkit import Outside, eventually

from router.ledger.ledger import Ledger
from router.ledger.server.embedded import Embedded
from router.ledger.shares import Share, SlotPool, divide

POOL = divide("local", 10, {"enterprise": 0.4, "pro": 0.2})


async def test_free_traffic_never_takes_what_an_active_tier_was_promised(
    ledger: Ledger, outside: Outside
) -> None:
    shares = ledger.shares()
    first = await shares.take(POOL, "enterprise")
    assert first is not None
    taken = [await shares.take(POOL, "free") for _ in range(10)]
    # Ten slots: one is enterprise's, three more are kept for it, one (of two) for idle pro.
    assert sum(slot is not None for slot in taken) == 5
    for _ in range(3):
        assert await shares.take(POOL, "enterprise") is not None
    await shares.close()


async def test_an_idle_share_is_lent_but_for_one_slot_and_returns_with_demand(
    ledger: Ledger, outside: Outside
) -> None:
    shares = ledger.shares()
    lent = [slot for _ in range(10) if (slot := await shares.take(POOL, "free")) is not None]
    assert len(lent) == 8  # one slot each stays for enterprise and pro
    assert await shares.take(POOL, "enterprise") is not None  # at once, whatever is lent
    assert await shares.take(POOL, "enterprise") is None
    for slot in lent[:3]:
        await shares.give(POOL, slot)
    # What came back is enterprise's: free traffic gets none of it, enterprise all of its four.
    assert await shares.take(POOL, "free") is None
    for _ in range(3):
        assert await shares.take(POOL, "enterprise") is not None
    await shares.close()


async def test_slots_of_a_dead_gateway_are_free_after_their_lease(
    ledger: Ledger, server: Embedded, outside: Outside
) -> None:
    one = SlotPool("solo", 1, {})
    dead, alive = ledger.shares(), ledger.shares()
    assert await dead.take(one, "free") is not None
    dead._task.cancel()  # it renews no more
    assert await alive.take(one, "free") is None
    outside.end_slots()
    assert await alive.claim("solo", 1, {}, "free", 10) is not None
    await alive.close()


async def test_a_living_gateway_keeps_its_slots(ledger: Ledger, outside: Outside) -> None:
    one = SlotPool("solo", 1, {})
    shares = ledger.shares(lease_ms=3_000)
    assert await shares.take(one, "free") is not None
    (key,) = outside.client.keys("*cap:solo:leases")
    begun = outside.client.zrange(key, 0, -1, withscores=True)[0][1]
    await eventually(lambda: outside.client.zrange(key, 0, -1, withscores=True)[0][1] > begun)
    assert await shares.take(one, "free") is None
    await shares.close()


async def test_a_thousand_random_takes_obey_the_formula(ledger: Ledger, outside: Outside) -> None:
    pool = SlotPool("mixed", 9, {"a": Share(3, 9), "b": Share(2, 6)})
    shares, chance = ledger.shares(idle_ms=10**9), random.Random(7)
    for tier in ("a", "b"):  # both are active from here on
        slot = await shares.take(pool, tier)
        assert slot is not None
        await shares.give(pool, slot)
    used: Counter[str] = Counter()
    held: list[tuple[str, str]] = []
    for _ in range(1_000):
        if held and chance.random() < 0.45:
            tier, slot = held.pop(chance.randrange(len(held)))
            await shares.give(pool, slot)
            used[tier] -= 1
            continue
        tier = chance.choice(["a", "b", "free"])
        kept = sum(
            max(0, share.guaranteed - used[name])
            for name, share in pool.shares.items() if name != tier
        )  # fmt: skip
        ceiling = pool.shares[tier].ceiling if tier in pool.shares else pool.slots
        fits = used.total() + 1 <= pool.slots - kept and used[tier] + 1 <= ceiling
        slot = await shares.take(pool, tier)
        assert (slot is not None) == fits
        if slot is not None:
            held.append((tier, slot))
            used[tier] += 1
            assert used.total() <= pool.slots
    await shares.close()


def test_a_share_is_whole_slots() -> None:
    assert divide("tiny", 2, {"a": 0.4, "b": 0.6}).shares == {"b": Share(1, 2)}


async def test_a_claim_waits_for_a_slot_of_another_gateway(
    ledger: Ledger, server: Embedded, outside: Outside
) -> None:
    other = await Ledger.connect(server.url, command_seconds=5)
    here, there = ledger.shares(), other.shares()
    give_back = await there.claim("gpu", 1, {}, "free", 0)
    assert give_back is not None
    assert await here.claim("gpu", 1, {}, "free", 0) is None
    waiting = asyncio.create_task(here.claim("gpu", 1, {}, "free", 10))
    await asyncio.sleep(0)
    give_back()
    assert await waiting is not None
    await there.close()
    await here.close()
    await other.close()


async def test_while_the_ledger_is_away_each_gateway_is_left_to_its_own_bound(
    server: Embedded, outside: Outside
) -> None:
    away = await Ledger.connect(server.url, command_seconds=5)
    shares = away.shares()
    await away.close()
    assert await shares.claim("gpu", 1, {}, "free", 1) is not None
    assert await shares.claim("gpu", 1, {}, "free", 1) is not None
    await shares.close()
