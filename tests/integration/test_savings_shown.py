"""`turnout savings`, `recalibrate --history` and `keys` as an operator reads them."""

import json
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import pytest
from operatorkit import POLICY, configured, database_of, run_with_config
from rich.console import Console

from router.cli.common.tables import show
from router.cli.keys import keys
from router.cli.recalibrate import recalibrate_cards
from router.cli.savings import _costs_table, _quality_table, show_savings
from router.customers.keys import KeyStore
from router.loop.card_store import CardStore
from router.loop.outcome_store import JudgedDecision, OutcomeStore
from router.usage.rows import NAMES, USAGE
from router.usage.savings import Line, Quality
from router.usage.store import UsageStore

QUALITY = Quality(0.82, 0.61, 0.93, 1_204)
LINE = Line(
    *("premium-eu-west", 1_234_567, 987_654_321, 1_234_567_890_123_456, 9_876_543_210_123_456, 7),
    *(0.7, 1234.5, "declared", 98.7, 123_456_789, QUALITY),
)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return configured(tmp_path, "local")


def _served(config: Path, day: str, score: float) -> None:
    """Store a request of that day and its audit."""
    row: dict[str, object] = {column.name: 0 for column in USAGE.columns}
    row |= {"hold_id": day, "status": "settled", "day": day, "organization": "acme"}
    row |= {"backend": "local", "requests": 1, "operation": "chat"}
    row |= dict.fromkeys(("verifier", "energy_source", "counts", "baseline", "service_tier"))
    usage = UsageStore(database_of(config))
    usage.add([tuple(row[name] for name in NAMES)])
    usage.close()
    at = round(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp() * 1000)
    text = ("auto", "local", "local", 0.7, score, "swift-1", b"", b"")
    store = OutcomeStore(database_of(config), keep=10)
    store.add([JudgedDecision(day, "audit", "judge", at, "acme", *text)])
    store.close()


def test_the_tables_of_savings_fit_80_columns_with_the_interval_of_the_quality():
    console = Console(width=80, file=StringIO())
    show(_costs_table([LINE], "premium"), console)
    show(_quality_table([LINE]), console)
    text = console.file.getvalue()
    assert "…" not in text
    assert "0.61–0.93" in text
    for whole in ("premium-eu-west", "987,654,321", "1,234.57", "0.000123", "1234.5 declared"):
        assert whole in text
    assert max(map(len, text.splitlines())) <= 80


def test_a_pipe_gets_whole_lines(config, monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")
    _served(config, "2026-03-02", 1.0)
    shown = run_with_config(show_savings, config)
    assert shown.exit_code == 0, shown.output
    [line] = [line for line in shown.stdout.splitlines() if "local" in line and "–1.00" in line]
    assert "0.21–1.00" in line


def test_the_days_asked_for_are_those_of_usage_and_of_audits(config):
    for day, score in (("2026-03-01", 0.0), ("2026-03-02", 1.0), ("2026-03-03", 0.0)):
        _served(config, day, score)
    days = ("--since", "2026-03-02", "--until", "2026-03-03")
    local = json.loads(run_with_config(show_savings, config, "--format", "json", *days).stdout)[
        "backends"
    ][0]
    assert local["requests"] == 1
    assert (local["quality"]["mean"], local["quality"]["answers"]) == (1.0, 1)


def test_the_history_of_cards_needs_no_wide_terminal(config):
    why = "better by 0.012 [0.004, 0.020] on 240 outcomes that it was not fitted on"
    store = CardStore(database_of(config))
    store.promote("moe", "swift-1", b"{}", reason=why, at=0)
    store.close()
    shown = run_with_config(recalibrate_cards, config, "--history").stdout
    assert shown == f"moe 1, promoted 1970-01-01 00:00 UTC, in force\n  {why}\n"


def test_a_policy_without_tiers_has_keys_without_a_tier(config):
    made = run_with_config(keys, config, "create", "--organization", "acme")
    assert made.exit_code == 0, made.output
    store = KeyStore(database_of(config))
    [key] = store.all()
    store.close()
    assert key.tier == ""
    named = run_with_config(keys, config, "create", "--organization", "acme", "--tier", "pro")
    assert named.exit_code == 2
    assert "leave it out" in named.output


def test_a_policy_with_tiers_says_which_there_are(config):
    (config.parent / "policy.yaml").write_text(
        f"{POLICY.format(name='local')}tiers: {{pro: {{}}, free: {{}}}}\n"
    )
    made = run_with_config(keys, config, "create", "--organization", "acme")
    assert made.exit_code == 2
    assert "tiers: pro, free" in made.output
