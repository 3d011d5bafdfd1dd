"""The policy changes under a running gateway: at once and whole, or not at all."""

import json
import os
import signal
from pathlib import Path

import httpx
import patience
import pytest
import turnoutkit
from gatewaykit import POLICY, RunningGateway, config_text, start_gateway
from patience import until
from ports import free_port

from policies.decision import Decision
from policies.policy import load
from policies.replay.record import from_record

ADMIN = {"authorization": "Bearer admin-token-for-tests"}
STRICTER = POLICY.replace("routes: [auto]}\n  tiny", "routes: [staff]}\n  tiny")


class Reloadable(RunningGateway):
    """A gateway of this module's own, whose documents may be changed."""

    process: turnoutkit.Turnout
    admin: str

    def policy(self, text: str) -> None:
        """Replace the policy file, as an editor would: another file, moved into place."""
        draft = self.folder / "draft"
        draft.write_text(text)
        draft.replace(self.folder / "policy.yaml")

    def status(self) -> dict:
        return patience.get(f"{self.admin}/admin/status", headers=ADMIN).json()

    def until_version_is_not(self, old: str) -> None:
        self.until(lambda: self.status()["policy"] != old)


@pytest.fixture(scope="module")
def reloadable(tmp_path_factory, simulators):
    folder: Path = tmp_path_factory.mktemp("reloadable")
    port, admin_port = free_port(), free_port()
    seen, urls = simulators
    admin = {"listen": f"127.0.0.1:{admin_port}", "token": "${ADMIN_TOKEN}"}
    config = config_text(
        port,
        urls | {"local": "http://127.0.0.1:9/v1"},
        admin=admin,
        decisions={"to": "decisions.jsonl"},
    )
    os.environ["ADMIN_TOKEN"] = "admin-token-for-tests"
    with start_gateway(folder, config) as process:
        running = Reloadable(folder, port, seen)
        running.process = process
        running.admin = f"http://127.0.0.1:{admin_port}"
        running.until_ready(process)
        yield running
        process.terminate()
    del os.environ["ADMIN_TOKEN"]


@pytest.fixture(autouse=True)
def _original_policy(reloadable):
    yield
    reloadable.policy(POLICY)
    patience.post(f"{reloadable.admin}/admin/reload", headers=ADMIN)


def _ask(gateway, **headers: str) -> httpx.Response:
    body = {"model": "moe", "messages": [{"role": "user", "content": "hi"}]}
    key = {"authorization": f"Bearer {gateway.key('free')}"}
    return patience.post(f"{gateway.url}/chat/completions", json=body, headers=key | headers)


def test_a_changed_policy_is_in_force_without_a_restart(reloadable):
    assert _ask(reloadable).status_code == 200
    old = reloadable.status()["policy"]
    reloadable.policy(STRICTER)
    reloadable.until_version_is_not(old)
    assert _ask(reloadable).status_code == 403


def test_sighup_reloads(reloadable):
    old = reloadable.status()["policy"]
    reloadable.policy(POLICY + "\n# touched\n")
    reloadable.process.send_signal(signal.SIGHUP)
    reloadable.until_version_is_not(old)


def test_a_wrong_policy_is_refused_with_its_report_and_the_old_one_stays(reloadable):
    old = reloadable.status()["policy"]
    reloadable.policy(POLICY.replace("[local, moe, premium]", "[locale, moe]"))
    answer = patience.post(f"{reloadable.admin}/admin/reload", headers=ADMIN)
    assert answer.status_code == 422
    assert "`premium` is not a candidate of this route" in answer.json()["report"]
    assert reloadable.status()["policy"] == old
    assert _ask(reloadable).status_code == 200


def test_the_admin_listener_wants_its_own_token_and_is_not_on_the_public_one(reloadable):
    assert patience.get(f"{reloadable.admin}/admin/status").status_code == 401
    key = {"authorization": f"Bearer {reloadable.key('enterprise')}"}
    assert patience.post(f"{reloadable.admin}/admin/reload", headers=key).status_code == 401
    assert patience.post(f"{reloadable.root}/admin/reload", headers=ADMIN).status_code == 404


def test_each_decision_is_a_line_of_the_log_without_the_prompt(reloadable):
    decision = _ask(reloadable, **{"x-request-id": "mine"}).headers["x-turnout-decision"]
    line = _line(reloadable.folder / "data" / "decisions.jsonl", decision)
    record = json.loads(line)
    assert record["decision"]["candidates"][0] == "moe"
    assert record["outcome"]["end"] == "completed"
    assert record["outcome"]["cost_pico"] > 0
    assert record["policy"] == reloadable.status()["policy"]
    assert '"hi"' not in line


def test_a_logged_decision_is_decided_again_bit_for_bit_and_explained(reloadable):
    log = reloadable.folder / "data" / "decisions.jsonl"
    body = {"model": "auto", "messages": [{"role": "user", "content": "Prove Fermat's theorem."}]}
    key = {"authorization": f"Bearer {reloadable.key('enterprise')}"}
    hint = {"x-turnout-exclude": "local"}
    answer = patience.post(f"{reloadable.url}/chat/completions", json=body, headers=key | hint)
    decision = answer.headers["x-turnout-decision"]
    record = from_record(json.loads(_line(log, decision)))
    again = load(POLICY, "policy.yaml").decide(record.signals, record.hints)
    assert isinstance(again, Decision)
    assert again.candidates == record.candidates
    assert again.reason == answer.headers["x-turnout-reason"]
    assert "local" not in again.allowed
    asked = [
        "--policy",
        str(reloadable.folder / "policy.yaml"),
        "--log",
        str(log),
        "--id",
        decision,
    ]
    result = turnoutkit.run("explain", *asked)
    assert "excluded local" in result.stdout


FACTS = """\
version: 1
routes:
  auto:
    candidates: [moe, premium]
    objective: fixed
    rules:
      - {name: app, when: 'request.headers["x-app"] == "search"', deny: From an app.}
      - {name: private, when: request.pii, deny: It is private.}
      - {name: german, when: 'prompt.language == "de"', deny: It is German.}
tiers: {free: {}, pro: {}, enterprise: {}, tiny: {}}
"""
CALL = {
    "id": "1",
    "type": "function",
    "function": {"name": "f", "arguments": '{"to": "a.b@c.org"}'},
}


@pytest.mark.parametrize(
    ("headers", "messages", "refusal"),
    [
        ({}, [{"role": "user", "content": "What is the time?"}], None),
        ({"x-app": "search"}, [{"role": "user", "content": "What is the time?"}], "From an app."),
        ({}, [{"role": "user", "content": "Card 4111 1111 1111 1111"}], "It is private."),
        (
            {},
            [
                {"role": "user", "content": "Write to her."},
                {"role": "assistant", "content": None, "tool_calls": [CALL]},
                {"role": "tool", "tool_call_id": "1", "content": "sent"},
            ],
            "It is private.",
        ),
        (
            {},
            [{"role": "user", "content": "Wie ist das Wetter und was soll ich?"}],
            "It is German.",
        ),
    ],
)
def test_a_policy_sees_headers_private_data_and_the_language(
    reloadable, headers, messages, refusal
):
    reloadable.policy(FACTS)
    reloaded = patience.post(f"{reloadable.admin}/admin/reload", headers=ADMIN)
    assert reloaded.status_code == 200, reloaded.text
    key = {"authorization": f"Bearer {reloadable.key('free')}"}
    body = {"model": "auto", "messages": messages}
    answer = patience.post(f"{reloadable.url}/chat/completions", json=body, headers=key | headers)
    if refusal is None:
        assert answer.status_code == 200
    else:
        assert answer.status_code == 403
        assert answer.json()["error"]["message"] == refusal


def _line(path: Path, decision: str) -> str:
    def matching() -> list[str]:
        text = path.read_text() if path.exists() else ""
        lines = text.rpartition("\n")[0].splitlines()  # the last one may be half written
        return [line for line in lines if decision in line]

    return until(matching)[0]


@pytest.mark.parametrize(
    ("header", "value", "status"),
    [
        ("x-turnout-exclude", "moe", 403),
        ("x-turnout-min-success", "lots", 400),
        ("x-turnout-route", "nowhere", 400),
        ("x-turnout-max-cost-usd", "1", 200),
    ],
)
def test_hints_of_a_request_are_obeyed_and_wrong_ones_are_a_400(reloadable, header, value, status):
    answer = _ask(reloadable, **{header: value})
    assert answer.status_code == status
    if status != 200:
        assert answer.json()["error"]["message"]
