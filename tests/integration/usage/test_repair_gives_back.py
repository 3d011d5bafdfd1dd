"""Books that know of less than a prepaid balance has paid for give nothing back unasked."""

import asyncio
from pathlib import Path

import pytest
from click.testing import CliRunner
from ledgerkit import reserve_request, used

from router.cli.ledger import ledger
from router.ledger.ledger import Ledger
from router.ledger.quotas.dimensions import quotas
from router.ledger.server.embedded import Embedded

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
  pro: {prepaid_usd: true}
"""
PREPAID = quotas({"organization": {"prepaid_usd": True}})


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "policy.yaml").write_text(POLICY)
    (tmp_path / "turnout.yaml").write_text(CONFIG)
    return tmp_path / "turnout.yaml"


def run(config: Path, *words: str) -> tuple[int, str]:
    result = CliRunner().invoke(ledger, [*words, "--config", str(config)])
    return result.exit_code, result.output


def serve(config: Path, times: int) -> None:
    async def main(url: str) -> None:
        connected = await Ledger.connect(url, command_seconds=5)
        await connected.credit("acme", 10**9, "invoice-1")
        for _ in range(times):
            async with connected.hold(reserve_request(PREPAID), used) as hold:
                hold.dispatched()
        assert await connected.settled()
        await connected.close()

    with Embedded(config.parent / "data" / "ledger") as embedded:
        asyncio.run(main(embedded.url))


def test_other_books_lower_a_prepaid_balance_only_where_that_is_said(config: Path) -> None:
    serve(config, 3)
    assert run(config, "check")[0] == 0
    (config.parent / "data" / "turnout.db").unlink()
    code, text = run(config, "check")
    assert code == 1
    assert "used, the books $0.00" in text
    code, text = run(config, "repair", "--yes")
    assert code == 1
    assert "Is this the database that every gateway writes" in text
    assert "--give-back" in text
    assert "0 of 0 repaired." in text
    assert "used, the books $0.00" in text
    code, text = run(config, "repair", "--yes", "--give-back")
    assert code == 0
    assert "1 of 1 repaired." in text
