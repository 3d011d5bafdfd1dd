"""`turnout responses`: what an operator counts and erases."""

from pathlib import Path

import pytest
from operatorkit import configured, database_of, run_with_config

from router.cli.responses import responses
from router.stored.opening import open_conversations, open_store
from router.stored.response import StoredResponse

KEY = "A" * 43 + "="


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = configured(tmp_path, "local")
    store = open_store(database_of(path), [KEY], keep=60.0, room=10_000)
    for number, organization in enumerate(("acme", "acme", "other")):
        store.add(organization, StoredResponse(f"resp_turnout_{number:032x}", None, b"{}"))
    store.close()
    talks = open_conversations(database_of(path), [KEY], keep=60.0, room=10_000)
    for number, organization in enumerate(("acme", "third")):
        talks.create(organization, f"conv_turnout_{number:032x}", b"{}", [])
    talks.close()
    return path


def test_a_customer_is_erased_and_the_others_are_not(config: Path) -> None:
    before = run_with_config(responses, config, "list")
    assert before.exit_code == 0, before.output
    assert "acme" in before.output
    done = run_with_config(responses, config, "erase", "--organization", "acme")
    assert "2 responses and 1 conversations of acme are erased" in done.output
    after = run_with_config(responses, config, "list").output
    assert "acme" not in after
    assert "other" in after
    assert "third" in after
