"""`replay`, `diff` and `tune` over a log of decisions, as an operator uses them."""

import json
from importlib.util import find_spec

from policy_commands import run

from router.cli.diff import diff
from router.cli.replay import replay
from router.cli.tune import tune
from router.loop.outcome_store import JudgedDecision, OutcomeStore


def test_replay_prints_a_table_and_counts_what_it_could_not_read(log):
    done = run(replay, log, "--policy", "balanced")
    assert done.exit_code == 0
    assert "over 300 requests" in done.stdout
    assert "shuffled control" in done.stdout
    assert "1 lines of the log are not decision records" in done.stderr


def test_replay_of_other_tiers_says_how_to_name_them(log):
    done = run(replay, log, "--policy", "cost-cap")
    assert "denied: unknown tier free" in done.stdout
    assert "--as-tier OLD=NEW" in done.stdout
    named = run(
        replay,
        log,
        "--policy",
        "cost-cap",
        "--as-tier",
        "free=small",
        "--as-tier",
        "pro=large",
        "--json",
    )
    result = json.loads(named.stdout)
    assert result["total"]["denied"] == 0
    assert set(result["groups"]["tier"]) == {"small", "large"}


def test_feedback_and_audits_in_the_database_become_verdicts(log, config):
    data = config.parent / ".turnout"
    data.mkdir()
    store = OutcomeStore(f"sqlite:///{data / 'turnout.db'}", keep=1_000)
    records = [json.loads(line) for line in log.read_text().splitlines()[1:]]
    store.add(
        [
            JudgedDecision(
                decision=record["id"],
                source="feedback",
                by="key",
                at=1,
                organization="acme",
                route="auto",
                backend=record["outcome"]["backend"],
                ability="moe",
                predicted=0.5,
                score=1.0,
                classifier="c",
                z=b"",
                embedding=b"",
            )
            for record in records
        ]
    )
    store.close()
    result = json.loads(
        run(replay, log, "--policy", "balanced", "--json", "--config", config).stdout
    )
    served = result["total"]["requests"] - result["total"]["refused"]
    assert result["total"]["judged"] == served
    assert result["total"]["observed"]["mean"] == 1.0
    without = json.loads(run(replay, log, "--policy", "balanced", "--json").stdout)
    assert without["total"]["judged"] == 0


def test_diff_says_what_moves(log):
    done = run(diff, "balanced", "balanced", "--log", log)
    assert "0 requests move" in done.stdout
    result = json.loads(run(diff, "balanced", "tiered-saas", "--log", log, "--json").stdout)
    assert result["moved"] == sum(move["requests"] for move in result["moves"])


def test_a_picture_is_drawn_or_the_missing_extra_is_named(log, tmp_path):
    picture = tmp_path / "plot.png"
    done = run(replay, log, "--policy", "balanced", "--png", picture)
    if find_spec("matplotlib") is None:
        assert done.exit_code == 1
        assert "pip install 'turnout[train]'" in done.stderr
    else:
        assert picture.read_bytes().startswith(b"\x89PNG")


def test_tune_prints_lines_to_paste(log):
    done = run(tune, "--policy", "balanced", "--log", log, "--quality", "0.6")
    assert done.exit_code == 0
    assert "write into the route `auto`:" in done.stdout
    assert "    capable: {min_success: " in done.stdout
    impossible = run(tune, "--policy", "balanced", "--log", log, "--quality", "1", "--json")
    assert impossible.exit_code == 1
    assert json.loads(impossible.stdout)["chosen"] is None


def test_a_log_without_records_is_said_so(tmp_path):
    path = tmp_path / "empty.jsonl"
    path.write_text("\n{}\n")
    done = run(replay, path, "--policy", "balanced")
    assert done.exit_code == 1
    assert "no decision record" in done.stderr
