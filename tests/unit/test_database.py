"""The database file: several stores write to one SQLite file at once."""

import sqlite3
from pathlib import Path
from threading import Barrier, Thread

import pytest
from sqlalchemy import (
    Column,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    event,
    select,
    text,
)
from sqlalchemy.exc import SQLAlchemyError

import router
from router.database import (
    Changes,
    Database,
    DatabaseError,
    Insertion,
    open_database,
)


def test_a_store_that_writes_does_not_stop_those_who_open_the_file_beside_it(tmp_path):
    url = f"sqlite:///{tmp_path / 'turnout.db'}"
    first = open_database(url)
    with first.begin() as connection:
        connection.execute(text("create table numbers (n integer)"))
    with first.begin() as writing:
        writing.execute(text("insert into numbers values (1)"))
        with open_database(url).connect() as reading:
            assert reading.execute(text("select count(*) from numbers")).scalar() == 0
    first.dispose()


def test_stores_that_open_a_new_file_at_the_same_moment_all_get_to_write(tmp_path):
    url = f"sqlite:///{tmp_path / 'turnout.db'}"
    with sqlite3.connect(tmp_path / "turnout.db") as made:
        made.execute("create table numbers (n integer)")
    made.close()
    together, failed = Barrier(8), []

    def write(number: int) -> None:
        engine = open_database(url)
        together.wait(10)
        try:
            for _ in range(5):
                with engine.begin() as connection:
                    connection.execute(text("insert into numbers values (:n)"), {"n": number})
        except SQLAlchemyError as error:
            failed.append(error)
        engine.dispose()

    threads = [Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert failed == []
    with open_database(url).connect() as connection:
        assert connection.execute(text("select count(*) from numbers")).scalar() == 40


def test_whoever_looks_again_and_again_learns_cheaply_that_nothing_was_written(tmp_path):
    url = f"sqlite:///{tmp_path / 'turnout.db'}"
    engine = open_database(url)
    with engine.begin() as connection:
        connection.execute(text("create table numbers (n integer)"))
    changes = Changes(engine)
    first = changes.version()
    assert first is not None
    assert changes.version() == first
    with engine.begin() as connection:
        connection.execute(text("insert into numbers values (1)"))
    second = changes.version()
    assert second != first
    assert changes.version() == second
    changes.close()
    engine.dispose()


def test_of_a_database_in_memory_nothing_is_told():
    assert Changes(open_database("sqlite://")).version() is None


_NUMBERS = Table(
    "numbers",
    MetaData(),
    Column("n", Integer, primary_key=True),
    Column("double", Integer),
    Column("blob", LargeBinary),
)


@pytest.fixture
def numbers(tmp_path):
    """A database with an empty table, how rows are added to it, and the statements it is given."""
    engine = open_database(f"sqlite:///{tmp_path / 'turnout.db'}")
    _NUMBERS.create(engine)
    statements: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    yield engine, Insertion(engine, _NUMBERS), statements
    engine.dispose()


def _rows(count):
    return [(n, 2 * n, bytes([n % 256])) for n in range(count)]


@pytest.mark.parametrize("count", [0, 1, 332, 333, 334, 2_000])
def test_a_batch_is_stored_whole_and_once_in_few_statements(numbers, count):
    engine, insertion, statements = numbers
    rows = _rows(count)
    with engine.begin() as connection:
        assert insertion.add(connection, rows[: count // 2]) == count // 2
        assert insertion.add(connection, rows) == count - count // 2
        assert len(statements) <= 2 * min(count, 8) + count // 200
        assert connection.execute(select(_NUMBERS)).all() == rows


def test_batches_of_every_size_need_a_handful_of_statements(numbers):
    engine, insertion, statements = numbers
    with engine.begin() as connection:
        for count in range(1, 700):
            insertion.add(connection, _rows(count))
    assert len(set(statements)) == 10  # 333 rows, and 256 down to one


def test_whatever_the_library_raises_is_one_error_of_ours(tmp_path):
    database = Database(f"sqlite:///{tmp_path / 'no such folder' / 'turnout.db'}")
    for way in (database.reading, database.writing):
        with pytest.raises(DatabaseError, match="unable to open") as refused, way():
            pytest.fail("a connection to nowhere")
        assert refused.value.kind == "OperationalError"
    with pytest.raises(DatabaseError):
        database.make(_NUMBERS.metadata)
    database.close()


@pytest.mark.parametrize("url", ["no url", "sqlite+nothing:///x", "mysql+nothing://host/x"])
def test_a_url_of_no_usable_database_is_refused_when_a_store_is_built(url):
    with pytest.raises(DatabaseError):
        Database(url)


def test_a_block_that_fails_stores_nothing(tmp_path):
    database = Database(f"sqlite:///{tmp_path / 'turnout.db'}")
    _NUMBERS.create(database.engine)

    def write() -> None:
        with database.writing() as connection:
            database.insertion(_NUMBERS).add(connection, _rows(3))
            connection.execute(text("select nonsense from nowhere"))

    with pytest.raises(DatabaseError):
        write()
    with database.reading() as connection:
        assert connection.execute(select(_NUMBERS)).all() == []
    database.close()


def test_sqlalchemys_errors_are_translated_in_one_file():
    root = Path(router.__file__).parent
    named = [path for path in root.rglob("*.py") if "sqlalchemy.exc" in path.read_text("utf-8")]
    assert [path.relative_to(root).as_posix() for path in named] == ["database.py"]
