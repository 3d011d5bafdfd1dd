"""What the ledger's tests share: requests, charges, and a look into the ledger from outside."""

import asyncio
from collections.abc import Callable
from typing import Any

import redis

from router.domain import Charge, Estimate, Outcome, Principal, Usage
from router.errors import LimitExceeded
from router.ledger.codec import HOLD_HEAD, lease_ends, read_row, read_scope, write_scope
from router.ledger.ledger import Ledger
from router.ledger.quotas.dimensions import Quota, quotas
from router.ledger.reserve_request import ReserveRequest, Run

PRICE = 10**7  # pico-USD per token, in these tests


def reserve_request(
    limits: dict[str, dict[str, Any]] | tuple[Quota, ...],
    *,
    organization: str = "acme",
    key: str = "key1",
    team: str | None = None,
    tier: str = "pro",
    user: str | None = None,
    model: str = "auto",
    input_tokens: int = 10,
    output_tokens: int = 90,
    firm: bool = False,
    request: str = "req",
    run: Run | None = None,
) -> ReserveRequest:
    total = input_tokens + output_tokens
    estimate = Estimate(input_tokens, output_tokens, total * PRICE, input_tokens * PRICE, firm)
    principal = Principal(key, organization, tier, team=team)
    made = limits if isinstance(limits, tuple) else quotas(limits)
    return ReserveRequest(request, principal, model, user, made, estimate, run=run)


def used(
    input_tokens: int = 10, output_tokens: int = 50, outcome: Outcome = Outcome.COMPLETED
) -> Charge:
    usage = Usage(input_tokens, output_tokens)
    cost = (input_tokens + output_tokens) * PRICE
    return Charge(
        usage, cost, outcome, backend="local", model="m", route="auto", price_version="v1"
    )


TEN_A_MINUTE = quotas(
    {
        "organization": {"tokens_per_day": 10**9},
        "key": {"requests_per_minute": 10, "concurrency": 50},
    }
)


async def ten_of_twelve_are_served(ledger: Ledger, organization: str) -> None:
    denied = 0
    for _ in range(12):
        try:
            async with ledger.hold(
                reserve_request(TEN_A_MINUTE, organization=organization), used
            ) as hold:
                hold.dispatched()
        except LimitExceeded:
            denied += 1
    assert denied == 2


async def beat(ledger: Ledger) -> None:
    """Send the heartbeats of every hold of this process, now."""
    for hold in ledger._beats.live():
        await ledger._beats.renew([hold])


class RoundTrips:
    """Counts the scripts that a ledger sends on the path of requests, from now on."""

    def __init__(self, ledger: Ledger) -> None:
        self._send = ledger._nodes.send
        self.count = 0
        ledger._nodes.send = self  # type: ignore[method-assign]

    def __call__(self, script: str, *args: Any, **options: Any) -> asyncio.Future[Any]:
        self.count += script in {"reserve", "settle", "top_up"}
        return self._send(script, *args, **options)


async def eventually(happened: Callable[[], bool]) -> None:
    """Wait for what another process does, which nobody announces here; the test's limit ends it."""
    while not happened():  # noqa: ASYNC110  # no event crosses from another process
        await asyncio.sleep(0.02)


def ended(record: bytes) -> bytes:
    """A packed hold whose lease ended long ago."""
    head = HOLD_HEAD.size
    return record[:head] + bytes(8) + record[head + 8 :]


class Outside:
    """The ledger as another client of the same server sees it."""

    def __init__(self, client: "redis.Redis[bytes]") -> None:
        self.client = client

    def scopes(self) -> dict[str, dict[str, tuple[int, ...]]]:
        """Every scope's state, unpacked."""
        result = {}
        for key in self.client.keys("lg:{*}:s:*"):
            result[key.decode().split(":s:")[1]] = {
                place[1:]: numbers
                for place, numbers in read_scope(self.client.get(key) or b"").items()
            }
        return result

    def tweak(self, key: bytes, place: str, numbers: tuple[int, ...]) -> None:
        """Replace one state of a scope behind the ledger's back."""
        states = read_scope(self.client.get(key) or b"")
        self.client.set(key, write_scope(states | {place: numbers}))

    def rows(self) -> list[dict[str, str]]:
        """Every row of every journal stream."""
        result = [
            read_row([part for pair in entry.items() for part in pair])
            for key in self.client.keys("lg:{*}:j")
            for _, entry in self.client.xrange(key)
        ]
        return [
            {
                **{name: str(value) for name, value in row._asdict().items()},
                "used": ",".join(str(n) for n in row.used),
                "meta": row.meta.decode(),
                "payload": row.payload.decode(),
            }
            for row in result
        ]

    def open_leases(self) -> int:
        """How many leases are open."""
        return sum(self.client.hlen(key) for key in self.client.keys("lg:{*}:h"))

    def lease_ends(self, holds: bytes, hold_id: str) -> int:
        """When the lease of an open hold ends, in Unix milliseconds."""
        raw = self.client.hget(holds, hold_id)
        assert raw is not None
        return lease_ends(raw)

    def end_leases(self) -> None:
        """Let the lease of every open hold end now, as if its time had passed."""
        for key in self.client.keys("lg:{*}:h"):
            for hold_id, record in self.client.hgetall(key).items():
                self.client.hset(key, hold_id, ended(record))

    def end_slots(self) -> None:
        """Let the lease of every slot of every pool end now."""
        for key in self.client.keys("*cap:*:leases"):
            self.client.zadd(key, dict.fromkeys(self.client.zrange(key, 0, -1), 0))

    def dump(self) -> dict[bytes, bytes]:
        """Every key's serialized value."""
        return {key: self.client.dump(key) for key in self.client.keys("*")}
