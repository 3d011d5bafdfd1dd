"""The database file: several stores write to one SQLite file at once."""

import sqlite3
from pathlib import Path
from threading import Barrier, Thread

import pytest
from sqlalchemy import (
    BigInteger,
    Column,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    event,
    inspect,
    select,
    text,
)
from sqlalchemy.exc import SQLAlchemyError

import router
from router.database import (
    LATER,
    Changes,
    Database,
    DatabaseError,
    ForeignTable,
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
    database.make(_NUMBERS.metadata)

    def write() -> None:
        with database.writing() as connection:
            database.insertion(_NUMBERS).add(connection, _rows(3))
            connection.execute(text("select nonsense from nowhere"))

    with pytest.raises(DatabaseError):
        write()
    with database.reading() as connection:
        assert connection.execute(select(_NUMBERS)).all() == []
    database.close()


def _with_table(url: str, columns: str) -> Database:
    """A database in which somebody made a table of our name."""
    database = Database(url)
    with database.writing() as connection:
        connection.execute(text(f"create table numbers ({columns})"))
    return database


def test_a_table_that_lacks_our_columns_is_refused_by_its_name_with_what_to_do(database):
    other = _with_table(database, "n integer primary key, twice integer")
    with pytest.raises(ForeignTable, match=r"table numbers has no blob, double.*another database"):
        other.make(_NUMBERS.metadata)
    other.close()


_GROWN = Table(
    "numbers",
    MetaData(),
    Column("n", Integer, primary_key=True),
    Column("name", String(8), info=LATER),
    Column("count", BigInteger, nullable=False, server_default=text("0"), info=LATER),
)


def test_a_table_of_an_older_version_gets_the_columns_that_came_later_and_keeps_its_rows(database):
    older = _with_table(database, "n integer primary key")
    with older.writing() as connection:
        connection.execute(text("insert into numbers values (7)"))
    older.make(_GROWN.metadata)
    with older.writing() as connection:
        assert older.insertion(_GROWN).add(connection, [(8, "eight", 8)]) == 1
        assert connection.execute(select(_GROWN).order_by(_GROWN.c.n)).all() == [
            (7, None, 0), (8, "eight", 8),
        ]  # fmt: skip
    older.make(_GROWN.metadata)
    older.close()


def test_gateways_that_start_at_the_same_moment_add_the_columns_once(database):
    _with_table(database, "n integer primary key").close()
    together, failed = Barrier(6), []

    def start() -> None:
        each = Database(database)
        together.wait(10)
        try:
            each.make(_GROWN.metadata)
            with each.reading() as connection:
                connection.execute(select(_GROWN)).all()
        except DatabaseError as error:
            failed.append(error)
        each.close()

    threads = [Thread(target=start) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert failed == []


def test_a_table_that_lacks_more_than_what_came_later_is_refused_and_left_as_it_is(database):
    other = _with_table(database, "m integer primary key")
    with pytest.raises(ForeignTable, match=r"table numbers has no n, so"):
        other.make(_GROWN.metadata)
    with other.reading() as connection:
        assert [column["name"] for column in inspect(connection).get_columns("numbers")] == ["m"]
    other.close()


def test_a_table_with_columns_of_a_later_version_is_used(database):
    blob = "bytea" if database.startswith("postgresql") else "blob"
    other = _with_table(database, f"n integer primary key, double integer, blob {blob}, more text")
    other.make(_NUMBERS.metadata)
    other.close()


def test_sqlalchemys_errors_are_translated_in_one_file():
    root = Path(router.__file__).parent
    named = [path for path in root.rglob("*.py") if "sqlalchemy.exc" in path.read_text("utf-8")]
    assert [path.relative_to(root).as_posix() for path in named] == ["database.py"]
