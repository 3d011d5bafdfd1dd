"""The money of batches: held for at their begin, settled once at their end, whoever dies."""

import asyncio
import json
import re
from decimal import Decimal

import openai
import pytest
import redis
import turnoutkit
from fileskit import file_gateways
from ledgerkit import Outside
from openai import OpenAI
from patience import LONGEST_SECONDS, until

from router.ledger.ledger import Ledger

LIMIT = 40


def lines(*texts: str) -> bytes:
    """A file of chats."""
    rows = []
    for number, text in enumerate(texts):
        turn = {"role": "user", "content": text}
        body = {"model": "mini", "messages": [turn], "max_tokens": LIMIT}
        row = {"custom_id": f"r{number}", "method": "POST", "url": "/v1/chat/completions"}
        rows.append(json.dumps(row | {"body": body}).encode())
    return b"\n".join(rows)


@pytest.fixture(scope="module")
def _gateways(tmp_path_factory, shared_database):
    batches = {"look": "200ms", "most": 2}
    with file_gateways(tmp_path_factory.mktemp("two"), shared_database, batches=batches) as running:
        yield running


@pytest.fixture
def gateways(_gateways):
    keeping = _gateways.openai.keeping
    keeping.waits = keeping.loses = False
    until(lambda: _open_holds(_gateways) == 0)
    keeping.kept.clear()
    return _gateways


def _client(gateway, key: str) -> OpenAI:
    return OpenAI(base_url=gateway.url, api_key=key, max_retries=0)


def _begun(client: OpenAI, *texts: str):
    file = client.files.create(file=("a", lines(*texts)), purpose="batch")
    return client.batches.create(
        input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h"
    )


def _usage(gateways, organization: str) -> list[dict]:
    wanted = ("--by", "backend", "--organization", organization, "--format", "json")
    done = turnoutkit.run("usage", "--config", gateways.running[0].config, *wanted)
    return json.loads(done.stdout)["rows"]


def _open_holds(gateways) -> int:
    with redis.Redis(unix_socket_path=gateways.ledger_url.removeprefix("unix://")) as client:
        return Outside(client).open_leases()


def _no_drift(gateways) -> bool:
    """Whether the ledger agrees with the stored usage and with its own open holds."""
    done = turnoutkit.run("ledger", "check", "--config", gateways.running[0].config)
    return done.stdout.endswith("no drift\n")


def _used_in_results(gateways) -> tuple[int, int]:
    """Prompt and completion tokens, as the server's results tell them."""
    rows = [
        json.loads(line)["response"]["body"]["usage"]
        for kept in gateways.openai.keeping.kept.values()
        if kept.shown.get("purpose") == "batch_output"
        for line in kept.content.splitlines()
    ]
    prompt = sum(row["prompt_tokens"] for row in rows)
    return prompt, sum(row["completion_tokens"] for row in rows)


def test_a_batch_is_held_for_and_settled_once_by_what_it_used(gateways):
    keeping = gateways.openai.keeping
    keeping.waits = True
    with _client(gateways.first, gateways.key("pro", "acme")) as client:
        batch = _begun(client, "Hello", "And more")
        assert _open_holds(gateways) == 1
        until(lambda: len([1 for each in keeping.heard if each[1].endswith(batch.id)]) > 3)
        assert _open_holds(gateways) == 1
        assert _usage(gateways, "acme") == []
        assert _no_drift(gateways)
        keeping.waits = False
        until(lambda: _open_holds(gateways) == 0)
        (row,) = until(lambda: _usage(gateways, "acme"))
        prompt, completion = _used_in_results(gateways)
        assert (row["requests"], row["backend"]) == (2, "mini")
        assert (row["input_tokens"], row["output_tokens"]) == (prompt, completion)
        half = Decimal(prompt * 10 + completion * 20) / 2_000_000
        assert Decimal(row["cost_usd"]) == half
        looks = len(keeping.heard)
        client.batches.retrieve(batch.id)
        assert client.files.delete(batch.input_file_id).deleted
        assert len(keeping.heard) == looks + 2
        assert _usage(gateways, "acme") == [row]
        assert _no_drift(gateways)


def test_a_quota_refuses_a_batch_and_holds_nothing(gateways):
    with _client(gateways.first, gateways.key("small-day", "small")) as client:
        with pytest.raises(openai.RateLimitError) as caught:
            _begun(client, *["x" * 300] * 20)
        assert caught.value.code == "insufficient_quota"
        assert "tokens" in caught.value.message
        assert _open_holds(gateways) == 0
        assert list(client.batches.list()) == []
    with _client(gateways.first, gateways.key("few", "few")) as client:
        with pytest.raises(openai.RateLimitError):
            _begun(client, "1", "2", "3", "4")
        _begun(client, "1", "2", "3")
        with pytest.raises(openai.RateLimitError):
            client.chat.completions.create(
                model="mini", messages=[{"role": "user", "content": "x"}], max_tokens=1
            )


def test_without_credit_no_batch_is_begun(gateways):
    with _client(gateways.first, gateways.key("paid", "poor")) as client:
        with pytest.raises(openai.RateLimitError) as caught:
            _begun(client, "Hello")
        assert caught.value.code == "insufficient_quota"


def test_a_balance_that_does_not_suffice_says_what_is_left_and_what_is_needed(gateways):
    async def credit() -> None:
        ledger = await Ledger.connect(gateways.ledger_url, command_seconds=LONGEST_SECONDS)
        await ledger.credit("thrifty", 1_500_000, "invoice-1")  # 0.0015 USD, in nano-USD
        await ledger.close()

    ask = {"model": "mini", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 100}
    with _client(gateways.first, gateways.key("paid", "thrifty")) as client:
        with pytest.raises(openai.RateLimitError, match=r"thrifty is used up: \$0\.00 left") as out:
            client.chat.completions.create(**ask)
        assert out.value.code == "insufficient_quota"
        assert re.search(r"needs up to \$0\.00\d+\. Ask your provider to add", str(out.value))
        asyncio.run(credit())
        with pytest.raises(openai.RateLimitError, match=r"too low for small: \$0\.0015 left"):
            client.chat.completions.create(**ask)
        client.chat.completions.create(**ask | {"max_tokens": 1})


def test_what_the_server_refuses_is_given_back_at_once(gateways):
    with _client(gateways.first, gateways.key("pro", "refused")) as client:
        file = client.files.create(file=("a", lines("Hello")), purpose="batch")
        gateways.openai.keeping.kept.pop(file.id)
        with pytest.raises(openai.BadRequestError) as caught:
            client.batches.create(
                input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h"
            )
        assert "no such file" in caught.value.message
        assert _open_holds(gateways) == 0


def test_no_more_batches_run_than_an_organization_may_have(gateways):
    gateways.openai.keeping.waits = True
    with _client(gateways.first, gateways.key("pro", "busy")) as client:
        _begun(client, "Hello")
        _begun(client, "Hello")
        with pytest.raises(openai.RateLimitError) as caught:
            _begun(client, "More")
        assert "2 batches that run" in caught.value.message
        assert _open_holds(gateways) == 2


def test_a_batch_whose_gateway_was_killed_is_settled_by_another(gateways):
    gateways.openai.keeping.waits = True
    with _client(gateways.first, gateways.key("pro", "survivor")) as client:
        batch = _begun(client, "Hello")
    for number in (0, 1):
        gateways.kill(number)
    gateways.openai.keeping.waits = False
    assert _open_holds(gateways) == 1
    gateways.start(1)
    until(lambda: _open_holds(gateways) == 0)
    (row,) = until(lambda: _usage(gateways, "survivor"))
    assert (row["requests"], row["input_tokens"]) == (1, _used_in_results(gateways)[0])
    with _client(gateways.second, client.api_key) as elsewhere:
        done = elsewhere.batches.retrieve(batch.id)
        assert done.status == "completed"
        assert elsewhere.files.content(done.output_file_id).text
