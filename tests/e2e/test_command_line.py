"""The command line as an operator uses it."""

import json
import signal
import socket
import sqlite3
import subprocess
from contextlib import closing

import patience
import pytest
import turnoutkit

_SAME = 'base_url: "http://127.0.0.1:1/v1", model: m, price: {input: 1, output: 1}'
GOOD = f"""\
version: 1
backends:
  local: {{{_SAME}, ability: local}}
  moe: {{{_SAME}, ability: moe}}
  premium: {{{_SAME}, ability: premium}}
"""


def _run(*arguments: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return turnoutkit.run(*arguments, environment=env, check=False)


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "turnout.yaml"
    path.write_text(GOOD)
    return path


def test_a_good_configuration_is_ok(config):
    done = _run("check", "--config", str(config))
    assert done.returncode == 0
    assert "ok: 3 backends" in done.stdout


@pytest.mark.parametrize("command", ["check", "serve"])
def test_every_mistake_is_told_at_once_with_its_place_and_the_cure(config, command):
    config.write_text(
        GOOD.replace("version: 1", "version: 1\nlissten: 127.0.0.1:80\nlimits: {body: huge}")
        .replace(
            f"  moe: {{{_SAME}", f"  moe: {{{_SAME}".replace("http://127.0.0.1:1/v1", "ftp://x")
        )
        .replace("ability: premium", 'api_key: "${NOT_SET_ANYWHERE}", ability: premium')
    )
    done = _run(command, "--config", str(config))
    assert done.returncode == 2
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert f"{config}:2:1: error: unknown key `lissten`" in lines
    assert "    did you mean `listen`?" in lines
    assert any(line.startswith(f"{config}:3:16: error: `body` is not a size") for line in lines)
    assert any(line.startswith(f"{config}:6:") and "address of a backend" in line for line in lines)
    assert any("the environment variable NOT_SET_ANYWHERE is not set" in line for line in lines)
    assert "Traceback" not in done.stderr


def test_a_secret_from_the_environment_is_never_printed(config, monkeypatch):
    secret = "sk-very-secret-value"
    config.write_text(GOOD.replace("http://127.0.0.1:1/v1", "${LEAK}"))
    monkeypatch.setenv("LEAK", secret)
    done = _run("check", "--config", str(config))
    assert done.returncode == 2
    assert secret not in done.stdout + done.stderr


def test_a_policy_that_names_an_unknown_backend_is_refused_where_it_says_so(config):
    (config.parent / "mine.yaml").write_text(
        "version: 1\nroutes:\n  auto:\n    candidates: [locale]\n    objective: fixed\n"
    )
    config.write_text(GOOD + "policy: mine.yaml\n")
    done = _run("check", "--config", str(config))
    assert done.returncode == 2
    assert "mine.yaml:4:18: error: no backend `locale` is configured" in done.stderr
    assert "did you mean `local`?" in done.stderr


def test_a_missing_file_says_what_to_do(tmp_path):
    done = _run("serve", "--config", str(tmp_path / "nothing.yaml"))
    assert done.returncode == 2
    assert "turnout demo" in done.stderr


def test_a_key_is_printed_alone_once_and_only_its_hash_is_kept(config):
    made = _run(
        "keys", "create", "--config", str(config), "--organization", "acme", "--tier", "pro"
    )
    key = made.stdout.strip()
    assert key.startswith("tk-")
    assert made.stdout == key + "\n"
    stored = b"".join(
        p.read_bytes() for p in (config.parent / ".turnout").rglob("*") if p.is_file()
    )
    assert key.encode() not in stored
    listed = json.loads(_run("keys", "list", "--config", str(config), "--format", "json").stdout)
    assert [(row["organization"], row["tier"], row["revoked_at"]) for row in listed] == [
        ("acme", "pro", None)
    ]
    key_id = listed[0]["key_id"]
    assert _run("keys", "revoke", "--config", str(config), key_id).returncode == 0
    again = _run("keys", "revoke", "--config", str(config), key_id)
    assert again.returncode == 1
    assert "no working key" in again.stderr


def test_a_key_for_an_unknown_tier_is_refused_with_the_nearest(config):
    done = _run(
        "keys", "create", "--config", str(config), "--organization", "acme", "--tier", "entreprise"
    )
    assert done.returncode == 2
    assert "did you mean 'enterprise'?" in done.stderr


def test_a_busy_port_is_explained(config):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        config.write_text(GOOD + f"listen: 127.0.0.1:{taken.getsockname()[1]}\n")
        done = _run("serve", "--config", str(config))
    assert done.returncode == 1
    assert "Address already in use" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("table", "command"), [("usage", "serve"), ("usage", "usage"), ("api_keys", "keys list")]
)
def test_a_database_of_another_version_is_refused_with_what_to_do(config, table, command):
    with socket.create_server(("127.0.0.1", 0)) as probe:
        config.write_text(GOOD + f"listen: 127.0.0.1:{probe.getsockname()[1]}\n")
    (config.parent / ".turnout").mkdir()
    with closing(sqlite3.connect(config.parent / ".turnout" / "turnout.db")) as made:
        made.execute(f"create table {table} (id integer)")
    done = _run(*command.split(), "--config", str(config))
    assert done.returncode == 1
    assert f"its table {table} has no " in done.stderr
    assert "Use the version that made it, or name another database" in done.stderr
    assert "Traceback" not in done.stderr


def test_sigterm_ends_the_gateway_cleanly_and_its_ledger_with_it(config):
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    config.write_text(GOOD + f"listen: 127.0.0.1:{port}\n")
    command = [*turnoutkit.TURNOUT, "serve", "--config", str(config)]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        assert json.loads(process.stderr.readline())["message"] == "listening"
        assert patience.get(f"http://127.0.0.1:{port}/readyz").status_code == 200
        process.send_signal(signal.SIGTERM)
        rest = process.stderr.read()
    assert process.returncode == 0
    assert b"Traceback" not in rest
    assert not list((config.parent / ".turnout").rglob("*.sock"))
