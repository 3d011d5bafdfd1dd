"""A gateway's ledger and books over its life: started, its data lost, started again, repaired."""

import asyncio
import shutil
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from click.testing import CliRunner
from ledgerkit import reserve_request, used

from router.bookkeeping import start_bookkeeping
from router.cli.ledger import ledger as commands
from router.ledger.loss import Cause
from router.usage.books import LedgerBooks
from router.world.documents import Documents, read_documents
from router.world.snapshot import Snapshot, compile_snapshot

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
  pro: {usd_per_month: 1000, timezone: America/New_York, billing_day: 15}
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "policy.yaml").write_text(POLICY)
    (tmp_path / "turnout.yaml").write_text(CONFIG)
    return tmp_path / "turnout.yaml"


def world(config: Path) -> tuple[Documents, Snapshot]:
    documents = read_documents(config, {})
    documents.data.mkdir(exist_ok=True)
    return documents, compile_snapshot(documents.loaded, documents.policy)


async def test_a_ledger_whose_data_is_gone_is_noticed_at_the_start_and_made_again(
    config: Path,
) -> None:
    documents, snapshot = world(config)
    async with AsyncExitStack() as stack:
        kept = await start_bookkeeping(stack, documents, snapshot)
        async with kept.ledger.hold(reserve_request(snapshot.quotas["pro"]), used) as hold:
            hold.dispatched()
    shutil.rmtree(documents.data / "ledger")
    async with AsyncExitStack() as stack:
        kept = await start_bookkeeping(stack, documents, snapshot)
        assert {loss.cause for loss in kept.watch.lost.values()} == {Cause.EMPTY}
    words = ["repair", "--yes", "--config", str(config)]
    repaired = await asyncio.to_thread(CliRunner().invoke, commands, words)
    assert repaired.exit_code == 0
    assert "-15 (America/New_York): nothing -> $0.0006 used" in repaired.output
    async with AsyncExitStack() as stack:
        kept = await start_bookkeeping(stack, documents, snapshot)
        assert kept.watch.trouble is None


async def test_the_books_are_told_which_limits_count_and_when_they_change(config: Path) -> None:
    documents, snapshot = world(config)
    async with AsyncExitStack() as stack:
        kept = await start_bookkeeping(stack, documents, snapshot)
        kept.adopted(snapshot)  # nothing has changed
        (config.parent / "policy.yaml").write_text(POLICY.replace("1000,", "1000, usd_per_day: 9,"))
        kept.adopted(world(config)[1])
    books = LedgerBooks(documents.database)
    month, day = "organization.usd_per_month", "organization.usd_per_day"
    assert [of.limits for of in books.limits()] == [{"pro": {month}}, {"pro": {month, day}}]
    books.close()
