"""`turnout ledger show`: any state of the ledger in words."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from ledgerkit import PRICE, Outside, beat, reserve_request, used

from router.cli.ledger import ledger as commands
from router.ledger.check.show import UnknownKey, show
from router.ledger.hold_life import HoldState
from router.ledger.ledger import Ledger
from router.ledger.server.address import parse_address
from router.ledger.server.embedded import Embedded

LIMITS = {
    "organization": {"usd_per_month": 10**15, "tokens_per_day": 10**6},
    "key": {"requests_per_minute": 100, "tokens_per_minute": {"limit": 9_000, "burst": 9_000}},
    "user": {"tokens_per_day": 5_000},
    "model": {"concurrency": 7},
}


@pytest.fixture
def url(server: Embedded) -> str:
    return server.url


async def shown(url: str, key: str) -> dict[str, Any]:
    return await show(parse_address(url), key)


def counts(scope: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {count["dimension"]: count for count in scope["counts"]}


async def test_an_organization_shows_its_scopes_and_what_its_open_holds_hold(
    ledger: Ledger, url: str
) -> None:
    async with ledger.hold(reserve_request(LIMITS, user="bob"), used) as hold:
        hold.dispatched()
        result = await shown(url, "acme")
    assert [(scope["level"], scope["name"]) for scope in result["scopes"]] == [
        ("organization", None), ("key", "key1"), ("model", "auto"),
        ("user", result["scopes"][3]["name"]),
    ]  # fmt: skip
    tokens = counts(result["scopes"][0])["tokens_per_day"]
    assert (tokens["used"], tokens["held"], tokens["limit"]) == (0, 100, 10**6)
    assert tokens["from_at"] < hold.call.quotas._until <= tokens["until_at"]
    minute = counts(result["scopes"][1])["requests_per_minute"]
    assert (minute["used_and_held"], minute["limit"], minute["unit"]) == (1, 100, "requests")
    assert counts(result["scopes"][2])["concurrency"]["open"] == 1
    assert result["scopes"][3]["expires_in_ms"] > 0
    (opened,) = result["open_holds"]
    assert (opened["hold_id"], opened["key"], opened["tier"]) == (hold.hold_id, "key1", "pro")
    assert {"scope": "k:acme/key1", "dimension": "requests_per_minute", "unit": "requests",
            "amount": 1, "limit": 100} in opened["holds"]  # fmt: skip


async def test_a_hold_is_shown_in_every_state_of_its_life(
    ledger: Ledger, url: str, outside: Outside
) -> None:
    async with ledger.hold(reserve_request(LIMITS), used) as hold:
        opened = await shown(url, hold.hold_id)
        hold.dispatched()
        await beat(ledger)
        dispatched = await shown(url, hold.hold_id)
    assert await ledger.settled()
    settled = await shown(url, hold.hold_id)
    states = [result["state"] for result in (opened, dispatched, settled)]
    assert states == [HoldState.OPEN.value, HoldState.DISPATCHED.value, HoldState.SETTLED.value]
    assert opened["charged_if_its_gateway_dies"]["tokens"] == 0
    assert dispatched["progress"]["cost_pico"] == 60 * PRICE
    assert dispatched["charged_if_its_gateway_dies"] == dispatched["progress"]


async def test_a_hold_that_the_reaper_closed_shows_what_it_was_charged(
    server: Embedded, outside: Outside
) -> None:
    ledger = await Ledger.connect(server.url, command_seconds=5, lease_ms=60_000)
    hold = ledger.hold(reserve_request(LIMITS), used)
    await hold.__aenter__()
    hold.dispatched()
    ledger.abandon(hold)
    record = outside.client.hget(hold.shard.holds, hold.hold_id)
    assert record is not None
    outside.client.hset(hold.shard.holds, hold.hold_id, record[:3] + bytes(8) + record[11:])
    await ledger.reap()
    result = await shown(server.url, hold.hold_id)
    assert (result["state"], result["charged"]["tokens"]) == (HoldState.EXPIRED.value, 0)
    assert result["a_settlement_now"] == "corrects what was charged"
    await ledger.close()


async def test_every_kind_of_raw_key_is_shown_in_words(
    ledger: Ledger, url: str, outside: Outside
) -> None:
    async with ledger.hold(reserve_request(LIMITS, user="bob"), used) as hold:
        hold.dispatched()
    assert await ledger.settled()
    await ledger.credit("acme", 5, "invoice-1")
    shares = ledger.shares()
    await shares.claim("gpu", 2, {}, "pro", 0)
    async with ledger.hold(reserve_request(LIMITS), used):
        kinds = {}
        for raw in outside.client.keys("lg:*"):
            key = raw.decode()
            kinds[key] = (await shown(url, key))["kind"]
    assert not {key for key, kind in kinds.items() if kind == "a key"}
    assert len(set(kinds.values())) >= 9
    assert "secret" not in await shown(url, "lg:meta")
    await shares.close()


@pytest.mark.parametrize("key", ["nobody", "0" * 28, "f" * 28, "k:acme/none", "lg:{v00}:h", "lg:x"])
async def test_an_unknown_key_is_told_what_keys_look_like(
    ledger: Ledger, url: str, key: str
) -> None:
    with pytest.raises(UnknownKey, match=r"k:acme/key1"):
        await shown(url, key)


@pytest.fixture
def config(tmp_path: Path, url: str) -> Path:
    (tmp_path / "policy.yaml").write_text(
        "version: 1\nroutes:\n  auto: {candidates: [local], objective: fixed}\n"
    )
    (tmp_path / "turnout.yaml").write_text(
        f"version: 1\npolicy: policy.yaml\nledger: '{url}'\nbackends:\n"
        "  local: {base_url: 'http://127.0.0.1:9/v1', model: m, price: {input: 1, output: 2}}\n"
    )
    return tmp_path / "turnout.yaml"


def run(*words: str) -> tuple[int, str]:
    result = CliRunner(env={**os.environ, "COLUMNS": "40"}).invoke(commands, words)
    return result.exit_code, result.output


@pytest.fixture
async def served(ledger: Ledger) -> str:
    async with ledger.hold(reserve_request(LIMITS), used) as hold:
        hold.dispatched()
    assert await ledger.settled()
    return hold.hold_id


def test_the_command_prints_words_and_for_pipes_json(config: Path, served: str) -> None:
    code, text = run("show", "--config", str(config), "acme")
    assert code == 0
    assert "organization: acme" in text
    assert "tokens_per_day" in text
    assert "$0.0006" in text  # sixty tokens, of the month's money
    code, text = run("show", "--config", str(config), "--json", served)
    assert (code, json.loads(text)["state"]) == (0, "settled")


def test_the_command_fails_on_an_unknown_key(config: Path, ledger: Ledger) -> None:
    code, text = run("show", "--config", str(config), "nobody")
    assert code == 1
    assert "Give the name of an organization" in text
