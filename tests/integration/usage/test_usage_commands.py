"""The commands an operator runs: usage, ledger check, repair, credit."""

import asyncio
import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from ledgerkit import reserve_request, used

from router.cli.audit import audit
from router.cli.ledger import ledger
from router.cli.usage import usage
from router.ledger.ledger import Ledger
from router.ledger.quotas.dimensions import quotas
from router.ledger.server.address import parse_address
from router.ledger.server.clients import send_to_all
from router.ledger.server.embedded import Embedded

LIMITS = quotas({"organization": {"usd_per_month": 10**15}, "key": {"tokens_per_day": 10**6}})
CONFIG = """
version: 1
policy: policy.yaml
data: data
backends:
  local: {base_url: "http://127.0.0.1:9/v1", model: m, price: {input: 1, output: 2}}
"""
POLICY = """
version: 1
routes:
  auto: {candidates: [local], objective: fixed}
tiers:
  pro: {usd_per_month: 1000, per_key: {tokens_per_day: 1_000_000}}
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "policy.yaml").write_text(POLICY)
    (tmp_path / "turnout.yaml").write_text(CONFIG)
    return tmp_path / "turnout.yaml"


def run(command: object, *words: str) -> tuple[int, str]:
    result = CliRunner().invoke(command, words)  # type: ignore[arg-type]
    return result.exit_code, result.output


def serve(config: Path, times: int, *, forget: bool = False) -> None:
    async def main(url: str) -> None:
        connected = await Ledger.connect(url, command_seconds=5)
        for _ in range(times):
            async with connected.hold(reserve_request(LIMITS), used) as hold:
                hold.dispatched()
        assert await connected.settled()
        if forget:
            await send_to_all(parse_address(url), "FLUSHALL")
        await connected.close()

    with Embedded(config.parent / "data" / "ledger") as embedded:
        asyncio.run(main(embedded.url))


def test_usage_is_checked_stored_and_shown(config: Path) -> None:
    serve(config, 3)
    code, text = run(ledger, "check", "--config", str(config))
    assert (code, text) == (0, "2 scopes, 3 stored rows (3 new): no drift\n")
    code, text = run(usage, "--config", str(config), "--by", "tier", "--format", "json")
    assert code == 0
    assert json.loads(text)["total"] == {
        "requests": 3, "input_tokens": 30, "output_tokens": 150, "cached_tokens": 0,
        "cache_write_tokens": 0, "reasoning_tokens": 0, "images": 0, "seconds": 0,
        "characters": 0, "searches": 0,
        "bytes": 0, "cost_usd": "0.0018", "price_usd": "0.0018", "amount": "0.00",
    }  # fmt: skip
    code, text = run(usage, "--config", str(config), "--by", "key", "--since", "2020-01-01")
    assert code == 0
    assert "key1" in text
    assert "0.0018" in text


def test_a_lost_ledger_is_told_first_and_repaired_when_that_is_agreed_to(config: Path) -> None:
    serve(config, 3)
    run(ledger, "check", "--config", str(config))
    serve(config, 0, forget=True)
    code, text = run(ledger, "check", "--config", str(config))
    lost, *drifts, summary = text.splitlines()
    assert code == 1
    assert lost.startswith("The ledger lost what it held")
    assert f"`turnout ledger repair --config {config}`" in lost
    assert [line.split(" from ")[0] for line in drifts] == [
        "key key1 of organization acme, tokens a day",
        "organization acme, US dollars a month",
    ]
    assert drifts[1].endswith(": the ledger lost this; the books say $0.0018 used")
    assert summary == "2 scopes, 3 stored rows (0 new): 2 drifts"
    code, text = run(ledger, "repair", "--config", str(config), "--dry-run")
    assert code == 1
    assert "nothing -> $0.0018 used, as the books say" in text
    code, text = run(ledger, "repair", "--config", str(config))
    assert code == 2
    assert "--yes" in text
    code, text = run(ledger, "repair", "--yes", "--config", str(config))
    assert code == 0
    assert text.splitlines()[-2:] == [
        "2 of 2 repaired.",
        "2 scopes, 3 stored rows (0 new): no drift",
    ]
    assert run(ledger, "check", "--config", str(config))[0] == 0


def test_a_check_tells_programs_in_json(config: Path) -> None:
    serve(config, 3)
    run(ledger, "check", "--config", str(config))
    serve(config, 0, forget=True)
    code, text = run(ledger, "check", "--json", "--config", str(config))
    told = json.loads(text)
    assert (code, told["agrees"], told["stored_rows"]) == (1, False, 3)
    (money,) = [finding for finding in told["findings"] if finding["unit"] == "USD"]
    assert (money["kind"], money["ledger"], money["books"]) == ("lost", "0.00", "0.0018")
    assert money["limit"] == "usd_per_month"


def test_nothing_is_to_be_repaired_where_ledger_and_books_agree(config: Path) -> None:
    serve(config, 1)
    assert run(ledger, "repair", "--config", str(config)) == (
        0, "2 scopes, 1 stored row (1 new): no drift\n",
    )  # fmt: skip


def test_a_credit_is_added_once(config: Path) -> None:
    words = ("credit", "--config", str(config), "--organization", "acme")
    assert run(ledger, *words, "--usd", "50", "--id", "a") == (
        0, "granted $50.00  used $0.00  held $0.00  left $50.00\n",
    )  # fmt: skip
    _, text = run(ledger, *words, "--usd", "50", "--id", "a")
    assert "was added before" in text
    assert "left $50.00" in text
    assert run(ledger, *words, "--usd", "50")[0] == 2
    assert run(ledger, *words, "--usd", "fifty", "--id", "b")[0] == 2
    _, logged = run(
        audit, "list", "--config", str(config), "--format", "json", "--action", "ledger.credit"
    )
    row = json.loads(logged.splitlines()[0])
    assert row["target"] == "organizations/acme/credits/a"
    assert row["after"] == {"id": "a", "amount_usd": "50.00"}


@pytest.mark.parametrize("day", ["yesterday", "2026-13-01"])
def test_a_wrong_day_is_refused(config: Path, day: str) -> None:
    code, text = run(usage, "--config", str(config), "--since", day)
    assert code == 2
    assert "write YYYY-MM-DD" in text
