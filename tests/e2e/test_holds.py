"""What docs/quotas.md says is held, asked of a live gateway: its examples, number by number."""

import json
import re
from pathlib import Path

import httpx
import turnoutkit

PAGE = (Path(__file__).parents[2] / "docs" / "quotas.md").read_text("utf-8")
EXAMPLE = next(line.strip() for line in PAGE.splitlines() if line.startswith('    {"model":"moe"'))
COUNTS = json.loads((Path(__file__).parents[1] / "golden" / "token_counts.json").read_text("utf-8"))


def ask(gateway, key: str, raw: str, path: str = "/chat/completions") -> httpx.Response:
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    return httpx.post(gateway.url + path, headers=headers, content=raw.encode(), timeout=60)


def capped(cap: int) -> str:
    return EXAMPLE[:-1] + f',"max_tokens":{cap}}}'


def numbers(pattern: str) -> list[int]:
    """The numbers that the page has in a sentence."""
    found = re.search(pattern, re.sub(r"\s+", " ", PAGE))
    assert found, pattern
    return [int(each.replace(",", "")) for each in found.groups()]


def left(answer: httpx.Response) -> int:
    assert answer.status_code == 200, answer.text
    return int(answer.headers["x-ratelimit-remaining-tokens"])


def test_the_first_example_holds_and_gives_back_what_it_says(gateway):
    held, prompt, output = numbers(
        r"The hold is ([\d,]+) tokens: ([\d,]+) for .*?, and ([\d,]+) for the answer"
    )
    assert held == prompt + output
    (remaining,) = numbers(r"`x-ratelimit-remaining-tokens: (\d+)`")
    assert remaining == 20_000 - held
    first = ask(gateway, gateway.new_key("minute"), EXAMPLE)
    assert left(first) == remaining
    read, written = numbers(r"The backend reports (\d+) and (\d+) tokens")
    usage = first.json()["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"]) == (read, written)
    stay, back = numbers(r"tokens: (\d+) stay counted, ([\d,]+) come back")
    assert (stay, back) == (read + written, held - read - written)


def test_max_tokens_only_lowers_a_hold(gateway):
    # A key each: a minute may be over between two requests.
    bodies = {None: EXAMPLE, 100: capped(100), 1_000_000: capped(1_000_000)}
    held = {
        cap: 20_000 - left(ask(gateway, gateway.new_key("minute"), raw))
        for cap, raw in bodies.items()
    }
    assert held[1_000_000] <= held[None] <= held[1_000_000] + 2
    assert held[None] - held[100] >= 1_024 - 100


def test_a_limit_smaller_than_the_estimate_serves_those_who_say_max_tokens_too(gateway):
    key = gateway.new_key("small")
    long = ask(gateway, key, EXAMPLE.replace("Why", "Why " * 1_000))
    assert (long.status_code, long.headers["x-should-retry"]) == (429, "false")
    assert left(ask(gateway, key, capped(4_000))) == 0


def test_a_prepaid_tier_holds_as_much_for_those_who_say_a_large_max_tokens_as_for_the_silent(
    gateway,
):
    organization = "prepaid-holds"
    key = gateway.new_key("prepaid", organization)
    paid = ("--organization", organization, "--usd", "0.04", "--id", "first")
    turnoutkit.run("ledger", "credit", "--config", gateway.config, *paid)
    for raw in (EXAMPLE, capped(1_000_000)):
        answer = ask(gateway, key, raw)
        assert answer.status_code == 200, answer.text
        gateway.until(lambda: gateway.open_holds() == 0)


def test_the_prompt_of_a_real_model_is_never_more_than_was_held_for_it(gateway):
    for kind in ("digits", "base64", "emoji"):
        text = next(row["text"] for row in COUNTS if row["kind"] == kind)
        body = {"model": "local", "messages": [{"role": "user", "content": text}], "max_tokens": 1}
        raw = json.dumps(body, ensure_ascii=False)
        answer = ask(gateway, gateway.new_key("minute"), raw)
        used = answer.json()["usage"]["total_tokens"]
        assert used <= 20_000 - left(answer) < 3 * used, kind
