"""`turnout audit`: the log of changes, listed and verified."""

import json

import pytest
import turnoutkit
from gatewaykit import POLICY, config_text
from sqlalchemy import create_engine, text

from router.audit.entry import Actor
from router.audit.log import AuditLog

URLS = dict.fromkeys(("local", "moe", "premium", "mute", "strict"), "http://127.0.0.1:9/v1")


@pytest.fixture
def config(database, tmp_path):
    path = tmp_path / "turnout.yaml"
    path.write_text(config_text(8080, URLS, database=database))
    (tmp_path / "policy.yaml").write_text(POLICY)
    log = AuditLog(database)
    log.prepare()
    for name in ("acme", "[b]\x1b[31mglobex"):
        with log.change(Actor("anna", "adm_1"), "things.change", name, name[:4]) as told:
            told.after = {"name": name}
    log.close()
    return path


def test_the_log_is_listed_and_verified_and_what_was_changed_is_told(config, database):
    listed = turnoutkit.run("audit", "list", "--config", config).stdout
    assert "anna" in listed
    assert "\x1b[31mglobex" not in listed
    asked = ("--config", config, "--organization", "acme", "--format", "json")
    (row,) = map(json.loads, turnoutkit.run("audit", "list", *asked).stdout.splitlines())
    assert (row["seq"], row["after"], row["at"][-1]) == (1, {"name": "acme"}, "Z")
    whole = turnoutkit.run("audit", "verify", "--config", config)
    noted = whole.stdout.strip()
    assert noted.startswith("2:")
    assert "whole" in whole.stderr
    turnoutkit.run("audit", "verify", "--config", config, "--noted", noted)
    engine = create_engine(database)
    with engine.begin() as connection:
        connection.execute(text("update audit_log set actor = 'bob' where seq = 1"))
    engine.dispose()
    done = turnoutkit.run("audit", "verify", "--config", config, check=False)
    assert done.returncode == 1
    assert "row 1 was changed" in done.stderr
    wrong = turnoutkit.run("audit", "verify", "--config", config, "--noted", "x", check=False)
    assert wrong.returncode == 2
