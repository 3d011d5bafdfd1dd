"""What others wait while one customer sends what is dear to read, measured and told.

The client and the backends are in this process, and share its interpreter with bodies of 6 MB: the
figures are an upper bound of what the gateway makes others wait.
"""

import asyncio
import json
import statistics
import time

import httpx
from patience import LONGEST_SECONDS
from privacykit import NEAR_MISS, private_gateway

QUIET, BESIDE = 200, 400
AT_ONCE = 8


def body(text: str) -> bytes:
    return json.dumps(
        {"model": "auto", "max_tokens": 9, "messages": [{"role": "user", "content": text}]}
    ).encode()


async def test_one_free_key_that_sends_what_is_dear_to_read_has_nobody_else_refused(
    tmp_path, figures
) -> None:
    with private_gateway(tmp_path, limits={"body": "8MB"}) as gateway:
        free, other = gateway.key("free"), gateway.key("other")
        hostile = body(NEAR_MISS * 300_000)
        async with httpx.AsyncClient(timeout=LONGEST_SECONDS) as client:

            async def sent(raw: bytes, key: str) -> tuple[int, float]:
                headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
                begun = time.perf_counter()
                url = f"{gateway.url}/chat/completions"
                status = (await client.post(url, content=raw, headers=headers)).status_code
                return status, 1_000 * (time.perf_counter() - begun)

            async def attack() -> int:
                number = 0
                while not over.is_set():
                    await sent(hostile, free)
                    number += 1
                return number

            over = asyncio.Event()
            quiet = [await sent(body("Good morning."), other) for _ in range(QUIET)]
            attackers = [asyncio.create_task(attack()) for _ in range(AT_ONCE)]
            beside = [await sent(body("Good morning."), other) for _ in range(BESIDE)]
            over.set()
            hostile_sent = sum(await asyncio.gather(*attackers))
    before, during = (
        statistics.quantiles([took for _, took in answers], n=100)[98]
        for answers in (quiet, beside)
    )
    figures.add("requests dear to read", hostile_sent)
    figures.add("requests of others beside them", BESIDE)
    figures.add("of them refused", sum(status != 200 for status, _ in beside))
    figures.add("p99 quiet, microseconds", round(1_000 * before))
    figures.add("p99 beside them, microseconds", round(1_000 * during))
    assert {status for status, _ in beside} == {200}
