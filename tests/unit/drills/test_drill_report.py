"""The page of a drill, what settings mean in words, and which faults a list names."""

import json
from pathlib import Path

import pytest

from router.drills.copied import (
    CannotRun,
    Original,
    Places,
    read_copy,
    read_original,
    replaced,
    write_copy,
)
from router.drills.faults import FAULTS, chosen
from router.drills.findings import DrillFindings, FaultFindings
from router.drills.matching import Matched
from router.drills.processes import passed_on
from router.drills.report_page import page
from router.drills.settings_words import meaning_of

CONFIG = """
version: 1
policy: policy.yaml
ledger: redis://user:${LEDGER_PASSWORD}@prod:6379/0
database: ${DATABASE_URL}
admin: {token: "${ADMIN_TOKEN}"}
telemetry: {traces: {to: "http://collector:4318"}}
responses: {keys: ["${STORE_KEY}"]}
stop: {notice: 2s}
limits: {body: 5MB}
backends:
  local:
    base_url: http://10.0.0.5/v1
    model: ${MODEL}
    price: {input: 1, output: 2}
    api_key: ${KEY}
    timeouts: {first_byte: 7s}
    capacity: {concurrency: 3, load_url: "http://10.0.0.5/load"}
    replicas: ["http://10.0.0.6/v1"]
  claude: {provider: anthropic, model: claude-sonnet-4-5, api_key: "${KEY}", proxy: "http://${P}"}
"""
POLICY = """
version: 1
routes:
  auto: {candidates: [local, claude], objective: fixed}
  alone: {candidates: [claude], objective: fixed}
tiers:
  free: {requests_per_minute: 100, concurrency: 4, outage: {bounded: 0.1}}
  pro: {}
"""


@pytest.fixture
def original(tmp_path: Path) -> Original:
    (tmp_path / "policy.yaml").write_text(POLICY)
    (tmp_path / "turnout.yaml").write_text(CONFIG)
    return read_original(tmp_path / "turnout.yaml")


@pytest.fixture
def copy(original: Original, tmp_path: Path) -> Path:
    urls = {"local": "http://127.0.0.1:1/v1", "claude": "http://127.0.0.1:2/v1"}
    places = Places(tmp_path / "drill", "unix:///drill/valkey.sock", urls)
    return write_copy(original, places, "one", 8099)


def test_a_copy_leads_nowhere_but_to_what_the_drill_started(copy: Path):
    text = copy.read_text()
    for theirs in ("prod", "10.0.0", "collector", "KEY", "TOKEN", "PASSWORD", "${P}", "DATABASE"):
        assert theirs not in text
    documents = read_copy(copy, {"MODEL": "qwen"})
    assert {each.base_url for each in documents.backends.values()} == {
        "http://127.0.0.1:1/v1",
        "http://127.0.0.1:2/v1",
    }
    assert all(each.api_key is None for each in documents.backends.values())
    assert documents.config.ledger == "unix:///drill/valkey.sock"


def test_a_copy_keeps_limits_patience_and_prices(copy: Path):
    documents = read_copy(copy, {"MODEL": "qwen"})
    assert documents.config.limits.body == 5_000_000
    assert documents.config.stop.notice == 2.0
    assert documents.backends["local"].timeouts.first_byte == 7.0
    assert documents.backends["local"].model == "qwen"
    assert documents.prices.price("claude").output_pico > 0
    assert (copy.parent / "policy.yaml").read_text() == POLICY


def test_gateways_of_a_drill_see_no_variable_but_those_that_their_copy_names():
    environ = {"PATH": "/bin", "OPENAI_API_KEY": "sk-1", "MODEL": "qwen", "AWS_PROFILE": "x"}
    assert passed_on(environ, '{"model": "${MODEL}"}') == {"PATH": "/bin", "MODEL": "qwen"}


def test_what_stands_in_place_of_the_operators_own_is_said(original: Original):
    said = " ".join(replaced(original))
    assert "never contacted" in said
    assert "no key of a provider is read" in said
    assert "`stream.unread`: 3 s instead of 60 s" in said
    assert "stop.notice" not in said  # as it was


def test_documents_that_start_no_gateway_say_why(copy: Path, tmp_path: Path):
    copy.write_text(json.dumps(json.loads(copy.read_text()) | {"listen": "nowhere"}))
    with pytest.raises(CannotRun, match="is not an address"):
        read_copy(copy, {"MODEL": "qwen"})
    with pytest.raises(CannotRun, match="--config PATH"):
        read_original(tmp_path / "none.yaml")


def test_settings_are_told_in_words(copy: Path):
    said = meaning_of(read_copy(copy, {"MODEL": "qwen"}))
    free = next(line for line in said if "`free`" in line)
    assert "up to 10% of each limit (10 requests a minute, 0 at once). That is nothing" in free
    assert any("`pro`" in line and "503" in line for line in said)
    assert "Nothing stands in for `claude`: while it is down, route `alone` fails." in said
    assert any("`local`: a client waits 7 s for the first byte" in line for line in said)
    assert any("503 on /readyz for 2 s" in line for line in said)


@pytest.mark.parametrize(
    ("only", "names"),
    [
        (None, [*FAULTS, "ledger"]),
        ("kill", ["kill-gateway", "kill-ledger"]),
        ("ledger, fill", ["fill", "ledger"]),
        ("stall-client", ["stall-client"]),
    ],
)
def test_faults_are_chosen_by_name_or_by_what_they_begin_with(only, names):
    assert chosen(only) == names


@pytest.mark.parametrize("only", ["", ",", "explode", "kill,explode"])
def test_a_name_of_no_fault_is_refused(only: str):
    with pytest.raises(ValueError, match="choose of kill-gateway"):
        chosen(only)


def test_the_page_says_verdict_seed_settings_and_every_fault():
    kept = FaultFindings("kill-ledger", "it is killed", recovered_ms=1234)
    kept.adopt(Matched(asked=1200, admitted=900, whole=900))
    kept.promise("/readyz says 503", "within 0.2 s", kept=True)
    broken = FaultFindings("fill", "a full disk")
    broken.adopt(Matched(lost=2, examples=["lost: 019a"]))
    skipped = FaultFindings("skew", "its clock", why="no C compiler")
    found = DrillFindings("0.1", "2026-12-01", 7, "turnout.yaml", "abc", 61.0, ("stand-ins",))
    found.faults = [kept, broken, skipped]
    text = page(found)
    assert text.startswith("# Fault drill: 1 promise broken.\n")
    assert "settings `abc` · seed 7 · took 61 s" in text
    assert "- **fill**: every admitted request is in the books: 2 lost" in text
    assert "| kill-ledger | kept | 1,200 | 900 | 0 | 0 | 0 | 0 | 0 | 0 | 1.2 s |" in text
    assert "**skew**: its clock. Not run: no C compiler." in text
    assert "/readyz says 503: within 0.2 s" in text
    assert "what does not match: lost: 019a" in text
    assert found.as_json()["status"] == 1
