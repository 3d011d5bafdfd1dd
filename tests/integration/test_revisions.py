"""The tables of a database have a version, and get this program's at the start."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import revisions
from older_tables import older
from sqlalchemy import Column, MetaData, Table, Text, inspect, select, text

from router.customers.keys import KeyStore
from router.database import Database, DatabaseError, ForeignTable
from router.migrations.head import HEAD
from router.migrations.upgrade import upgrade
from router.migrations.version import VERSION_TABLE, script_of_head
from router.migrations.versions import v0001_first
from router.usage.rows import METADATA, USAGE

RENEW = "`make revision` writes what is lacking, see docs/storage.md"


@pytest.fixture
def empty(database):
    made = Database(database)
    yield made
    made.close()


def version(database):
    with database.reading() as connection:
        return connection.execute(text(f"select version_num from {VERSION_TABLE}")).scalar()  # noqa: S608


def test_what_an_empty_database_gets_is_what_the_code_of_the_tables_says(empty):
    empty.make(METADATA)
    with empty.reading() as connection:
        assert revisions.differences(connection) == [], RENEW
    assert version(empty) == HEAD


def test_the_revisions_one_after_another_come_to_the_same(empty):
    with empty.writing() as connection:
        upgrade(connection)
    with empty.reading() as connection:
        assert revisions.differences(connection) == [], RENEW
    assert version(empty) == HEAD


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
def test_the_script_of_an_empty_database_is_that_of_the_code(dialect):
    assert script_of_head(dialect) == revisions.script(dialect), RENEW


def test_the_first_revision_knows_every_column_that_older_tables_lack() -> None:
    assert revisions.later() == v0001_first.LATER, RENEW


def test_a_table_or_column_that_no_revision_makes_is_noticed(empty):
    empty.make(METADATA)
    with empty.writing() as connection:
        connection.execute(text("create table more (n integer)"))
        connection.execute(text("alter table usage add column more text"))
        connection.execute(text("drop index usage_by_day"))
    with empty.reading() as connection:
        found = {each[0] for each in revisions.differences(connection)}
    assert found == {"remove_table", "remove_column", "add_index"}


def test_a_database_of_before_versions_is_taken_over_with_its_rows_and_those_of_others(empty):
    older(empty)
    empty.make(METADATA)
    with empty.reading() as connection:
        row = connection.execute(select(USAGE)).mappings().one()
        assert (row["hold_id"], row["period"], row["cache_write_tokens"]) == ("h1", None, 0)
        found = revisions.differences(connection)
        assert [each[0] for each in found] == ["remove_table"]  # `others`, which is not ours
        assert connection.execute(text("select count(*) from others")).scalar() == 0
    assert version(empty) == HEAD


@pytest.mark.parametrize("columns", ["n integer", "hold_id text, seq integer, day text"])
def test_a_table_of_our_name_that_is_not_ours_is_refused_and_nothing_is_changed(empty, columns):
    with empty.writing() as connection:
        connection.execute(text(f"create table usage ({columns})"))
    with pytest.raises(ForeignTable, match=r"table usage has no .*admitted_at.*another database"):
        empty.make(METADATA)
    there = inspect(empty.engine)
    assert there.get_table_names() == ["usage"]
    assert len(there.get_columns("usage")) == columns.count(",") + 1


def test_a_database_of_a_newer_turnout_is_refused_by_its_version(empty):
    empty.make(METADATA)
    with empty.writing() as connection:
        connection.execute(text(f"update {VERSION_TABLE} set version_num = '9001'"))  # noqa: S608
    with pytest.raises(ForeignTable, match=rf"version 9001, .* up to {HEAD}: a newer one made"):
        empty.make(METADATA)
    assert version(empty) == "9001"


def test_a_table_that_was_dropped_is_named_at_the_start(empty):
    empty.make(METADATA)
    with empty.writing() as connection:
        connection.execute(text("drop table usage"))
    with pytest.raises(ForeignTable, match=r"has no table usage, although"):
        empty.make(METADATA)


def test_others_may_have_tables_in_the_same_database(empty):
    with empty.writing() as connection:
        connection.execute(text("create table alembic_version (version_num text)"))
        connection.execute(text("insert into alembic_version values ('theirs')"))
    empty.make(METADATA)
    with empty.reading() as connection:
        assert connection.execute(text("select * from alembic_version")).scalar() == "theirs"
    assert version(empty) == HEAD


def test_an_upgrade_that_fails_half_way_leaves_everything_as_it_was(empty):
    older(empty)
    with empty.writing() as connection:  # its index will have the name of a table
        connection.execute(text("create table usage_by_organization (n integer)"))
    with pytest.raises(DatabaseError):
        empty.make(METADATA)
    assert set(inspect(empty.engine).get_table_names()) == {
        "usage", "others", "usage_by_organization",
    }  # fmt: skip
    assert "period" not in {each["name"] for each in inspect(empty.engine).get_columns("usage")}


def test_no_store_imports_alembic_where_nothing_is_to_be_upgraded(tmp_path):
    url = f"sqlite:///{tmp_path / 'turnout.db'}"
    code = (
        "import sys; from router.customers.keys import KeyStore\n"
        "for n in range(2): KeyStore(sys.argv[1]).close()\n"
        "sys.exit('alembic' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, url], check=True, timeout=60)
    store = KeyStore(url)
    assert store.all() == []
    store.close()


def test_the_versions_are_numbers_in_order_without_gaps():
    folder = Path(revisions._FOLDER / "versions")
    names = sorted(path.stem for path in folder.glob("v*.py"))
    assert [name[1:5] for name in names] == [f"{n + 1:04d}" for n in range(len(names))]
    assert names[-1][1:5] == HEAD
    assert all(re.fullmatch(r"v\d{4}(_[a-z0-9]+)+", name) for name in names)


def test_the_next_revision_is_written_from_what_differs(monkeypatch):
    tables = revisions.all_tables()
    grown = MetaData()
    for table in tables.sorted_tables:
        table.to_metadata(grown)
    Table("usage", grown, Column("moon", Text), extend_existing=True)
    monkeypatch.setattr(revisions, "all_tables", lambda: grown)
    number, text_of = revisions._following("Rows know the moon.")
    assert number == f"{int(HEAD) + 1:04d}"
    assert f'down_revision = "{HEAD}"' in text_of
    assert "add_column(sa.Column('moon', sa.Text(), nullable=True))" in text_of
