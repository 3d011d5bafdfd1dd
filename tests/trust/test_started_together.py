"""Gateways that start at the same moment on one empty database: each makes its tables, or waits."""

import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from older_tables import older
from sqlalchemy import select, text

from router.customers.keys import KeyStore
from router.database import Database, DatabaseError
from router.loop.card_store import CardStore
from router.loop.outcome_store import OutcomeStore
from router.usage.books import LedgerBooks
from router.usage.rows import USAGE
from router.usage.store import UsageStore

TOGETHER = 6


def all_tables(url: str) -> None:
    """What a gateway does first."""
    keys = KeyStore(url)
    usage, books, cards = UsageStore(url), LedgerBooks(url), CardStore(url)
    usage.prepare()
    books.prepare()
    keys.create("acme", "free")
    for store in (keys, usage, books, cards, OutcomeStore(url, keep=10)):
        store.close()


def at_once(task: Callable[[], None]) -> list[BaseException]:
    """Do it in several threads, begun together; return what was raised."""
    together = Barrier(TOGETHER)

    def run() -> None:
        together.wait(60)
        task()

    with ThreadPoolExecutor(TOGETHER) as pool:
        done = [pool.submit(run) for _ in range(TOGETHER)]
        return [error for each in done if (error := each.exception()) is not None]


def test_all_begin_with_one_empty_database_and_each_writes_to_it(database: str):
    assert at_once(lambda: all_tables(database)) == []
    store = KeyStore(database)
    assert len(store.all()) == TOGETHER
    store.close()


def test_older_tables_are_brought_up_once_by_whoever_is_first(database: str):
    made = Database(database)
    older(made)
    assert at_once(lambda: all_tables(database)) == []
    with made.reading() as connection:
        assert connection.execute(select(USAGE.c.hold_id, USAGE.c.cache_write_tokens)).all() == [
            ("h1", 0)
        ]
    made.close()


def test_a_database_that_is_no_database_is_told_at_once(tmp_path: Path):
    path = tmp_path / "turnout.db"
    path.write_bytes(b"This is a letter, not a database. " * 100)
    with pytest.raises(DatabaseError) as refused:
        KeyStore(f"sqlite:///{path}")
    assert not refused.value.passing


def test_a_database_file_is_made_for_its_owner_alone_and_so_is_what_lies_beside_it(tmp_path: Path):
    path = tmp_path / "turnout.db"
    store = KeyStore(f"sqlite:///{path}")
    store.create("acme", "free")
    modes = {each.name: each.stat().st_mode & 0o777 for each in tmp_path.iterdir()}
    store.close()
    assert modes.pop("turnout.db") == 0o600
    assert set(modes.values()) <= {0o600}


def test_opening_the_database_again_takes_no_lock_from_this_process(tmp_path: Path):
    path = tmp_path / "turnout.db"
    url = f"sqlite:///{path}"
    first = Database(url)
    with first.writing() as connection:
        connection.execute(text("create table numbers (n integer)"))
    with first.reading() as reading:
        reading.execute(text("select * from numbers")).all()
        again = Database(url)
        with again.reading() as more:
            more.execute(text("select * from numbers")).all()
        again.close()
        # Whoever is the last to leave deletes the log that SQLite writes ahead: not while we read.
        with sqlite3.connect(path) as other:
            other.execute("insert into numbers values (1)")
        other.close()
        assert path.with_name("turnout.db-wal").exists()
    first.close()
