"""The server of docs/operations.md, "The ledger's server": its rights suffice and are no more than
needed; what is counted under them outlives the server.
"""

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from ledger_servers import server
from ledgerkit import Outside, beat, reserve_request, used
from patience import LONGEST_SECONDS, until
from ports import free_port

from router.errors import LimitExceeded
from router.ledger.check.show import show
from router.ledger.ledger import Ledger
from router.ledger.quotas.dimensions import quotas
from router.ledger.server.address import parse_address
from router.ledger.server.scripts import read_sources
from router.ledger.shares import divide
from router.usage.books import LedgerBooks
from router.usage.journal import JournalConsumer
from router.usage.store import UsageStore

PAGE = (Path(__file__).parents[3] / "docs" / "operations.md").read_text("utf-8")
(CONF,) = re.findall(r"```conf\n(.+?)```", PAGE, re.DOTALL)
(USERS,) = re.findall(r"```acl\n(.+?)```", PAGE, re.DOTALL)
LIMITS = quotas(
    {
        "organization": {"tokens_per_month": 10**9, "prepaid_usd": True},
        "key": {"tokens_per_minute": 10**6, "concurrency": 10},
        "user": {"tokens_per_day": 10**6},
    }
)


class Documented:
    """The documented server: started, killed and started again in one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.port = free_port()
        self.url = f"redis://turnout:SECRET@127.0.0.1:{self.port}/2"
        # Who looks on from outside is another user.
        (folder / "users.acl").write_text(f"{USERS}user onlooker on >pw +@all ~* &*\n")

    @contextlib.contextmanager
    def running(self) -> Iterator[Outside]:
        places = {"aclfile": str(self._folder / "users.acl")}
        lines = [line.split() for line in CONF.splitlines()]
        options = [word for key, *rest in lines for word in ("--" + key, places.get(key, *rest))]
        client = redis.Redis(port=self.port, username="onlooker", password="pw", db=2)
        with server(self._folder, *options, port=self.port), client:
            until(lambda: self._responds(client))
            yield Outside(client)

    @staticmethod
    def _responds(client: redis.Redis) -> bool:
        with contextlib.suppress(redis.ConnectionError, redis.BusyLoadingError):
            return bool(client.ping())
        return False


async def everything(
    ledger: Ledger, outside: Outside, store: UsageStore, kept: LedgerBooks, url: str
) -> None:
    """All that Turnout does to a ledger."""
    await ledger.credit("acme", 10**12, "invoice-1")
    asked = reserve_request(LIMITS, user="ann")
    async with ledger.hold(asked, lambda: used(10, 200)) as hold:
        hold.dispatched()
        assert await hold.cover(200)
        await beat(ledger)
    async with ledger.hold(asked, lambda: used(10, 20)) as hold:
        hold.dispatched()
        ledger.abandon(hold)
        outside.end_leases()
        assert await ledger.reap() == 1
    outside.client.script_flush()
    with pytest.raises(LimitExceeded):
        async with ledger.hold(reserve_request(LIMITS, input_tokens=2 * 10**6), used):
            pass
    holds = ledger.long_holds()
    begun, _ = await holds.begin(asked)
    assert await holds.keep(begun, used(1, 1))
    assert await holds.settle(begun, used(1, 1))
    ledger.conversations().served("acme", "talk", "local")
    assert await ledger.conversations().previous("acme", "talk", follow_up=True) == "local"
    assert await ledger.settled(LONGEST_SECONDS)
    assert await ledger.ping()
    assert await JournalConsumer(ledger.journal(), store).drain() > 0
    shares = ledger.shares()
    assert await shares.take(divide("gpu", 4, {"pro": 0.5}), "pro")
    await books(ledger, outside, kept, url)
    await shares.close()


async def books(ledger: Ledger, outside: Outside, kept: LedgerBooks, url: str) -> None:
    """What the commands of `turnout ledger` do."""
    async with ledger.hold(reserve_request(LIMITS, user="ann"), used) as hold:
        hold.dispatched()
        for key in ("acme", hold.hold_id, *(k.decode() for k in outside.client.keys("lg:*"))):
            await show(parse_address(url), key)
    assert await ledger.settled(LONGEST_SECONDS)
    checking = ledger.check(kept, {"pro": LIMITS})
    assert (await checking.check()).agrees
    await ledger.watch(kept).look()
    (key,) = outside.client.keys("*:s:o:acme")
    state = list(outside.scopes()["o:acme"]["tpo"])
    state[2] += 7
    outside.tweak(key, "Ctpo", tuple(state))
    assert await checking.repair((await checking.check()).changes) == 1
    await checking.declare_whole()


def ran(outside: Outside) -> set[str]:
    """The commands that the server ran."""
    stats = outside.client.info("commandstats")
    return {name.removeprefix("cmdstat_") for name, told in stats.items() if told["calls"]}


async def test_the_documented_rights_suffice_are_needed_and_outlive_the_server(
    tmp_path: Path, database: str
) -> None:
    documented, store, kept = Documented(tmp_path), UsageStore(database), LedgerBooks(database)
    with documented.running() as outside:
        ledger = await Ledger.connect(documented.url, command_seconds=5, durability="require")
        await everything(ledger, outside, store, kept, documented.url)
        granted = set(re.findall(r" \+([a-z|]+)", USERS.splitlines()[1]))
        scripted = re.findall(r"call\('([A-Z]+)'", "".join(read_sources().values()))
        assert granted - ran(outside) - {name.lower() for name in scripted} == set()
        missed = {entry["object"] for entry in outside.client.acl_log()}
        assert missed == {"client|setinfo", "config|get", "acl|whoami"}  # as the page says
        await ledger.close()
        before = outside.scopes()
    with documented.running() as outside:
        assert outside.scopes() == before
        assert before["o:acme"]["usdp"][2] > 0
    store.close()
    kept.close()
