"""A gateway process to be killed: it opens holds and then only waits.

python ledger_gateway.py URL HOLDS DISPATCHED
"""

import asyncio
import sys
from contextlib import AsyncExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from ledgerkit import beat, reserve_request, used

from router.ledger.ledger import Ledger
from router.ledger.quotas.dimensions import quotas

LIMITS = quotas({"key": {"tokens_per_day": 10**9, "concurrency": 10_000}})


async def main(url: str, holds: int, dispatched: int) -> None:
    ledger = await Ledger.connect(url, command_seconds=5)
    async with AsyncExitStack() as stack:
        opened = [
            await stack.enter_async_context(
                ledger.hold(reserve_request(LIMITS), lambda: used(10, 7))
            )
            for _ in range(holds)
        ]
        for hold in opened[:dispatched]:
            hold.dispatched()
        await beat(ledger)
        sys.stdout.write("open\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    url, *numbers = sys.argv[1:]
    asyncio.run(main(url, *(int(n) for n in numbers)))
