"""The section `alerts` of turnout.yaml, `turnout check` about it, and the commands."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hookreceiver import SECRET, receiver

from router.alerts.alert import Event
from router.alerts.store import AlertStore
from router.alerts.watch import thresholds_for
from router.cli.main import main
from router.world.config_alerts import AlertSection

HOOK = {"webhook": "https://example.com/hook", "secrets": [SECRET]}
MAIL = {"server": "smtp.example.com:587", "sender": "a@example.com", "recipients": ["b@c.example"]}


def written(folder: Path, alerts: dict[str, Any] | None) -> Path:
    policy = {"version": 1, "routes": {"auto": {"candidates": ["a"]}}, "tiers": {"pro": {}}}
    (folder / "p.yaml").write_text(json.dumps(policy))
    backend = {"provider": "vllm", "base_url": "http://x/v1", "model": "a"}
    backend["price"] = {"input": 1, "output": 2}  # type: ignore[assignment]
    document = {"version": 1, "policy": "p.yaml", "backends": {"a": backend}}
    if alerts is not None:
        document["alerts"] = alerts
    path = folder / "turnout.yaml"
    path.write_text(json.dumps(document, indent=1))
    return path


def turnout(folder: Path, alerts: dict[str, Any] | None, *words: str) -> Result:
    path = written(folder, alerts)
    return CliRunner().invoke(main, [*words, "--config", str(path)])


@pytest.mark.parametrize(
    ("alerts", "said"),
    [
        ({"to": {"ops": {"webhook": "https://x.example/h"}}}, "has no secret"),
        ({"to": {"ops": HOOK | {"secrets": ["short"]}}}, "is no secret to sign webhooks with"),
        ({"to": {"ops": HOOK | {"slack": "https://x.example"}}}, "is no destination"),
        ({"to": {"ops": {"webhook": "ftp://x", "secrets": [SECRET]}}}, "not the address of a web"),
        ({"to": {"ops": {"slack": "https://u:p@x.example/"}}}, "is not the address of a webhook"),
        ({"to": {"ops": HOOK | {"only": ["budgets"]}}}, "names something unknown"),
        ({"to": {"ops": {"mail": MAIL | {"sender": "a@b\nBcc: x"}}}}, "is not an e-mail address"),
        ({"to": {"ops": {"mail": MAIL | {"user": "u"}}}}, "has a user or a password alone"),
        (
            {"to": {"ops": {"mail": MAIL | {"user": "u", "password": "p", "tls": "none"}}}},
            "would send its password for all to read",
        ),
        ({"thresholds": [0, 80]}, "are no thresholds"),
        ({"thresholds": [101]}, "are no thresholds"),
        ({"tiers": {"por": {"thresholds": [90]}}}, "unknown tier `por`"),
    ],
)
def test_check_says_what_is_wrong_with_alerts(
    tmp_path: Path, alerts: dict[str, Any], said: str
) -> None:
    result = turnout(tmp_path, alerts, "check")
    assert result.exit_code == 2, result.output
    assert said in result.output
    assert SECRET not in result.output


@pytest.mark.parametrize(
    ("alerts", "said"),
    [
        ({}, "sent to nobody"),
        ({"to": {"ops": HOOK | {"webhook": "http://example.com/h"}}}, "for all to read"),
        ({"to": {"ops": {"mail": MAIL | {"tls": "none"}}}}, "sends mail for all to read"),
    ],
)
def test_check_doubts_what_is_hardly_meant(
    tmp_path: Path, alerts: dict[str, Any], said: str
) -> None:
    result = turnout(tmp_path, alerts, "check")
    assert result.exit_code == 0
    assert said in result.output
    good = {"to": {"ops": HOOK, "near": {"slack": "http://chat.internal/x"}, "m": {"mail": MAIL}}}
    assert "alerts" not in turnout(tmp_path, good, "check").output


def test_a_customers_thresholds_come_before_its_tiers_and_those_before_everybodys() -> None:
    section = AlertSection.model_validate(
        {
            "thresholds": [90, 50, 90],
            "tiers": {"pro": {"thresholds": [75]}},
            "organizations": {"acme": {"thresholds": []}},
        }
    )
    assert thresholds_for(section, "acme", "pro") == ()
    assert thresholds_for(section, "beta", "pro") == (75,)
    assert thresholds_for(section, "beta", "free") == (50, 90)


def test_a_test_goes_to_each_destination_and_says_what_came_back(tmp_path: Path) -> None:
    with receiver() as good, receiver() as bad:
        bad.answers = [500]
        to = {
            "good": {"webhook": good.url, "secrets": [SECRET]},
            "bad": {"slack": bad.url},
            "nobody": {"slack": "http://127.0.0.1:9/x"},
        }
        every = turnout(tmp_path, {"to": to}, "alerts", "test")
        one = turnout(tmp_path, {"to": to}, "alerts", "test", "--to", "good")
        none = turnout(tmp_path, {"to": to}, "alerts", "test", "--to", "else")
    assert every.exit_code == 1
    assert "good: sent: HTTP 204" in every.output
    assert "bad: FAILED: HTTP 500" in every.output
    assert "nobody: FAILED: the server refused the connection" in every.output
    assert one.exit_code == 0
    assert [each.json()["type"] for each in good.messages] == ["test.sent", "test.sent"]
    assert none.exit_code == 2
    assert "known: good, bad, nobody" in none.output


def test_commands_say_where_alerts_are_not_configured(tmp_path: Path) -> None:
    result = turnout(tmp_path, None, "alerts", "test")
    assert result.exit_code == 1
    assert "no section `alerts`" in result.output


def test_the_list_shows_what_was_told_and_what_became_of_it(tmp_path: Path) -> None:
    (tmp_path / ".turnout").mkdir(mode=0o700)
    store = AlertStore(f"sqlite:///{tmp_path / '.turnout' / 'turnout.db'}")
    alert = Event("a", 1, "ledger.away", "It is \x1b[31maway.").alert(1_700_000_000_000)
    store.add(alert, {"ops": "place"}, most=10)
    store.disable("ops", "place", "HTTP 410", 1_700_000_001_000)
    store.close()
    listed = turnout(tmp_path, {}, "alerts", "list")
    told = json.loads(turnout(tmp_path, {}, "alerts", "list", "--format", "json").output)
    assert "\x1b" not in listed.output
    assert "ops disabled: HTTP 410" in listed.output
    assert told[0]["at"] == "2023-11-14T22:13:20Z"
    assert told[0]["deliveries"][0]["state"] == "disabled"
    assert turnout(tmp_path, {}, "alerts", "enable", "ops").exit_code == 0
    assert turnout(tmp_path, {}, "alerts", "enable", "ops").exit_code == 1
