"""A copy of the database is whole, consistent, and fits either kind of database."""

import gzip
import json

import pytest
from click.testing import CliRunner
from fakes.rows import charged, row_of
from sqlalchemy import select

from router.cli.backup import backup, copy_database, restore
from router.cli.ledger import ledger
from router.customers.keys import KeyStore
from router.database import Database
from router.domain import Usage
from router.keeping.backup import lines_of, snapshot, tables_of
from router.migrations.upgrade import upgrade
from router.usage.store import UsageStore

CONFIG = """
version: 1
policy: policy.yaml
data: data
database: {database}
backends:
  local: {{base_url: "http://127.0.0.1:9/v1", model: m, price: {{input: 1, output: 2}}}}
"""
POLICY = """
version: 1
routes:
  auto: {candidates: [local], objective: fixed}
tiers:
  pro: {prepaid_usd: true}
"""


def rows(count, first=0):
    made = row_of(charged(Usage(10, 5), 7))._replace(predicted=1 / 3, team="ünï\u2028")
    return [made._replace(hold_id=f"{n:028x}", seq=0) for n in range(first, first + count)]


@pytest.fixture
def config(database, tmp_path):
    (tmp_path / "policy.yaml").write_text(POLICY)
    (tmp_path / "turnout.yaml").write_text(CONFIG.format(database=database))
    keys, usage = KeyStore(database), UsageStore(database)
    keys.create("acme", "pro", "ünï")
    usage.add(rows(1_100))
    for store in (keys, usage):
        store.close()
    return tmp_path / "turnout.yaml"


def done(command, *arguments, config, code=0):
    result = CliRunner().invoke(command, [*map(str, arguments), "--config", str(config)])
    assert result.exit_code == code, result.output
    return result.output


def everything(url):
    database = Database(url)
    with snapshot(database) as connection:
        found = {
            name: connection.execute(select(table).order_by(*table.columns.values()[:2])).all()
            for name, table in tables_of(connection).tables.items()
        }
    database.close()
    return found


def other(config, tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "policy.yaml").write_text(POLICY)
    url = f"sqlite:///{tmp_path / 'other' / 'other.db'}"
    path = tmp_path / "other" / "turnout.yaml"
    path.write_text(CONFIG.format(database=url))
    return path, url


def test_a_backup_that_is_restored_is_the_same_database(config, database, tmp_path):
    path, url = other(config, tmp_path)
    done(backup, tmp_path / "b.gz", config=config)
    assert (tmp_path / "b.gz").stat().st_mode & 0o777 == 0o600
    said = done(restore, tmp_path / "b.gz", "--dry-run", config=path)
    assert "api_keys 1, " in said
    assert "usage 1,100" in said
    assert "is empty" in said
    assert everything(url) == {}
    done(restore, tmp_path / "b.gz", config=path)
    assert everything(url) == everything(database)
    keys = KeyStore(url)
    assert [key.team for key in keys.all()] == ["ünï"]
    keys.close()


def test_a_copy_goes_into_the_other_database_and_is_refused_where_there_is_something(
    config, database, tmp_path
):
    path, url = other(config, tmp_path)
    done(copy_database, "--to", url, config=config)
    whole = everything(database)
    assert everything(url) == whole
    assert "not empty" in done(copy_database, "--to", url, config=config, code=1)
    done(copy_database, "--to", database, "--force", config=path)  # and back
    assert everything(database) == whole
    assert "database itself" in done(copy_database, "--to", url, config=path, code=1)


@pytest.mark.parametrize("harm", ["cut", "changed", "newer", "other", "no gzip"])
def test_a_harmed_backup_changes_nothing(config, tmp_path, harm, database):
    done(backup, tmp_path / "b.gz", "--without-ledger", config=config)
    whole = gzip.decompress((tmp_path / "b.gz").read_bytes())
    lines = whole.splitlines(keepends=True)
    head = json.loads(lines[0]) | {"version": "9001"}
    harmed = {
        "cut": b"".join(lines[:-1]),
        "changed": whole.replace(b"0000000000000000000000000001", b"0000000000000000000000009999"),
        "newer": json.dumps(head).encode() + b"\n" + b"".join(lines[1:]),
        "other": b"{}\n",
        "no gzip": b"",
    }[harm]
    file = tmp_path / "harmed.gz"
    file.write_bytes(b"no gzip" if harm == "no gzip" else gzip.compress(harmed))
    before = everything(database)
    said = done(restore, file, "--force", config=config, code=1)
    words = {"cut": "cut short", "changed": "checksum", "newer": "9001", "other": "no backup"}
    assert words.get(harm, "gzip") in said
    assert everything(database) == before


def test_a_backup_shows_one_moment_whoever_writes_meanwhile(config, database):
    source, usage = Database(database), UsageStore(database)
    lines = lines_of(source, "now", [], lambda *_: None)
    assert json.loads(next(lines))["rows"]["usage"] == 1_100
    usage.add(rows(10, first=5_000))
    assert sum(line.startswith(b'["0000') for line in lines) == 1_100
    assert usage.count() == 1_110
    usage.close()
    source.close()


def test_a_backup_of_an_older_version_is_brought_up(config, tmp_path, monkeypatch):
    path, url = other(config, tmp_path)
    done(backup, tmp_path / "b.gz", "--without-ledger", config=config)
    # As if this program were one revision further.
    versions = []

    def noted(connection, version="head"):
        versions.append(version)
        upgrade(connection, version)

    monkeypatch.setattr("router.migrations.upgrade.upgrade", noted)
    monkeypatch.setattr("router.migrations.version.HEAD", "0001x")
    monkeypatch.setattr("router.keeping.restore.HEAD", "0001x")
    done(restore, tmp_path / "b.gz", config=path)
    assert versions == ["0001", "head"]
    assert len(everything(url)["usage"]) == 1_100


def test_credits_of_prepaid_balances_are_in_the_backup_and_add_once(config, tmp_path):
    path, _ = other(config, tmp_path)
    credit = ("credit", "--organization", "acme")
    for amount, name in (("20", "order-1"), ("-5", "refund-1")):
        done(
            ledger, "credit", "--organization", "acme", "--usd", amount, "--id", name, config=config
        )
    done(backup, tmp_path / "b.gz", config=config)
    for _ in range(2):
        said = done(restore, tmp_path / "b.gz", "--credits", config=path)
        assert "acme order-1 $20.00: " in said
    assert "granted $15.00" in done(ledger, *credit, config=path)


def test_a_backup_file_is_never_overwritten_and_a_failed_one_leaves_nothing(config, tmp_path):
    file = tmp_path / "b.gz"
    file.write_bytes(b"precious")
    assert "is there already" in done(backup, file, "--without-ledger", config=config, code=1)
    assert file.read_bytes() == b"precious"
    missing = tmp_path / "no folder" / "b.gz"
    assert "cannot write" in done(backup, missing, "--without-ledger", config=config, code=1)
    assert sorted(each.name for each in tmp_path.glob("*.gz")) == ["b.gz"]
