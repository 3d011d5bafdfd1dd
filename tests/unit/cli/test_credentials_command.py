"""`turnout credentials`: a key comes in by standard input, and never out again."""

import json

import pytest
from click.testing import CliRunner
from operatorkit import configured, database_of

from router.cli.credentials import credentials
from router.customers.organizations import OrganizationStore

OLD, NEW = "b29v" * 10 + "b28=", "bm5u" * 10 + "bm4="
SECRET = "sk-acmes-own-secret"


@pytest.fixture
def config(tmp_path):
    config = configured(tmp_path, "moe")
    config.write_text(config.read_text() + 'secrets: {keys: ["${SECRETS_KEY}", "${OLD_KEY:-}"]}\n')
    config.write_text(config.read_text().replace(', "${OLD_KEY:-}"', ""))
    store = OrganizationStore(database_of(config))
    store.create("acme")
    store.close()
    return config


def run(config, *words: str, given: str | None = None, key: str = OLD):
    return CliRunner().invoke(
        credentials, [*words, "--config", str(config)], input=given, env={"SECRETS_KEY": key}
    )


def test_a_key_is_set_listed_without_itself_and_removed(config):
    whose = ("--organization", "acme", "--backend", "moe")
    done = run(config, "set", *whose, given=f"{SECRET}\n")
    assert done.exit_code == 0, done.output
    assert SECRET not in done.output
    (row,) = json.loads(run(config, "list", "--format", "json").stdout)
    assert (row["organization"], row["backend"], row["fallback"]) == ("acme", "moe", False)
    assert SECRET not in json.dumps(row)
    assert "acme" in run(config, "list", "--organization", "acme").stdout
    assert run(config, "remove", *whose).exit_code == 0
    assert json.loads(run(config, "list", "--format", "json").stdout) == []
    assert run(config, "remove", *whose).exit_code == 1


@pytest.mark.parametrize(
    ("words", "given", "status"),
    [
        (("--organization", "acme", "--backend", "none"), SECRET, 2),
        (("--organization", "none", "--backend", "moe"), SECRET, 1),
        (("--organization", "acme", "--backend", "moe"), "sk-two\nlines-of-it", 2),
    ],
)
def test_what_cannot_be_is_refused_and_not_quoted(config, words, given, status):
    done = run(config, "set", *words, given=given)
    assert done.exit_code == status, done.output
    assert given not in done.output


def test_all_is_encrypted_anew_with_the_first_key_once_it_opens(config):
    assert (
        run(config, "set", "--organization", "acme", "--backend", "moe", given=SECRET).exit_code
        == 0
    )
    refused = run(config, "rekey", key=NEW)
    assert refused.exit_code == 1
    assert "acme" in refused.output
    both = config.read_text().replace('["${SECRETS_KEY}"]', f'["${{SECRETS_KEY}}", "{OLD}"]')
    config.write_text(both)
    assert "1 credentials" in run(config, "rekey", key=NEW).output
    config.write_text(both.replace(f', "{OLD}"', ""))
    assert run(config, "rekey", key=NEW).exit_code == 0
