"""The audit log over a real database: one chain, whoever writes; nothing goes unnoticed."""

import threading
from hashlib import sha256

import pytest
from sqlalchemy import (
    Column,
    Integer,
    MetaData,
    String,
    Table,
    delete,
    insert,
    select,
    text,
    update,
)

from router.audit.entry import BEGINNING, Actor
from router.audit.log import HEAD, LOG, AuditLog
from router.audit.verify import verify
from router.database import Database

WHO = Actor("anna", "adm_1", "10.0.0.7", "r1")
THINGS = Table(
    "things", MetaData(), Column("name", String(20), primary_key=True), Column("number", Integer)
)


@pytest.fixture
def log(database):
    log = AuditLog(database, now_ms=iter(range(1_000, 10_000)).__next__)
    log.prepare()
    yield log
    log.close()


@pytest.fixture
def things(database):
    things = Database(database)
    THINGS.metadata.create_all(things.engine)
    yield things
    things.close()


def write(log: AuditLog, count: int, who: Actor = WHO) -> None:
    for number in range(count):
        with log.change(who, "thing.change", f"things/{number}", "acme") as told:
            told.before, told.after = {"number": number}, {"number": number + 1, "a": "ä"}


def test_a_row_says_who_what_from_where_before_and_after(log):
    write(log, 1)
    (row,) = log.page()
    assert (row.seq, row.at, row.actor, row.credential) == (1, 1_000, "anna", "adm_1")
    assert (row.address, row.request_id, row.organization) == ("10.0.0.7", "r1", "acme")
    assert (row.before, row.after) == ('{"number":0}', '{"a":"ä","number":1}')
    assert row.previous == BEGINNING
    assert log.head() == (1, row.hash())


def test_a_change_that_fails_leaves_neither_itself_nor_a_row(log, things):
    def change(fails: bool) -> None:
        with log.change(WHO, "thing.create", "things/a"):
            with things.writing() as connection:
                connection.execute(insert(THINGS).values(name="a", number=1))
            with things.reading() as connection:  # it sees what it wrote
                assert connection.execute(select(THINGS.c.number)).scalar() == 1
            if fails:
                raise RuntimeError

    with pytest.raises(RuntimeError):
        change(fails=True)
    with things.reading() as connection:
        assert connection.execute(select(THINGS)).all() == []
    assert log.page() == []
    change(fails=False)
    assert len(log.page()) == 1


def test_a_store_that_refuses_within_a_change_takes_back_its_own_part_alone(log, things):
    with log.change(WHO, "thing.create", "things/a"):
        with things.writing() as connection:
            connection.execute(insert(THINGS).values(name="a", number=1))
        with pytest.raises(ZeroDivisionError), things.writing() as connection:
            connection.execute(insert(THINGS).values(name="b", number=1 / 0))
    with things.reading() as connection:
        assert connection.execute(select(THINGS.c.name)).scalars().all() == ["a"]


def test_gateways_that_write_at_once_keep_one_chain(database, log, things):
    """Each reads a number, and stores one more: nothing is lost, and each row follows another."""
    with things.writing() as connection:
        connection.execute(insert(THINGS).values(name="a", number=0))

    def gateway() -> None:
        mine, own = AuditLog(database), Database(database)
        for _ in range(15):
            with mine.change(WHO, "thing.count", "things/a") as told, own.writing() as connection:
                connection.execute(update(THINGS).values(number=THINGS.c.number + 1))
                told.after = connection.execute(select(THINGS.c.number)).scalar()
        mine.close()
        own.close()

    threads = [threading.Thread(target=gateway) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = verify(log)
    assert (found.rows, found.seq, found.problems) == (60, 60, [])
    assert [int(row.after) for row in reversed(log.page(most=100))] == list(range(1, 61))


def test_a_whole_log_is_found_whole(log):
    assert verify(log).problems == []
    write(log, 5)
    found = verify(log, noted=log.head())
    assert (found.rows, found.first, found.seq, found.problems) == (5, 1, 5, [])
    noted = log.head()
    write(log, 5)
    assert verify(log, noted).problems == []


@pytest.mark.parametrize(
    ("forged", "problem"),
    [
        (update(LOG).where(LOG.c.seq == 3).values(after="{}"), "row 3 was changed"),
        (update(LOG).where(LOG.c.seq == 3).values(actor="bob"), "row 3 was changed"),
        (update(LOG).where(LOG.c.seq == 3).values(at=1), "row 3 was changed"),
        (delete(LOG).where(LOG.c.seq == 3), "rows 3 to 3 are missing"),
        (delete(LOG).where(LOG.c.seq == 5), "the newest row should be 5"),
        (delete(LOG), "the newest row should be 5"),
        (delete(LOG).where(LOG.c.seq < 3), "rows 1 to 2 are missing"),
        (update(HEAD).values(seq=9), "the newest row should be 9"),
    ],
)
def test_whatever_is_changed_or_taken_is_told(log, things, forged, problem):
    write(log, 5)
    with things.writing() as connection:
        connection.execute(forged)
    assert any(problem in told for told in verify(log).problems)


def test_who_writes_the_whole_chain_anew_is_found_by_a_noted_hash(log, things):
    write(log, 5)
    noted = log.head()
    with things.writing() as connection:
        connection.execute(delete(LOG))
        connection.execute(update(HEAD).values(seq=0, hash=BEGINNING))
    write(log, 5)
    assert verify(log).problems == []
    assert "does not have the hash that was noted" in verify(log, noted).problems[0]


def test_old_rows_are_pruned_and_what_is_left_is_still_a_chain(log):
    write(log, 5)
    noted = (2, log.page(before=3, most=1)[0].hash())
    assert log.prune(WHO, before_ms=1_002) == 2
    assert log.prune(WHO, before_ms=1_002) == 0
    assert [row.seq for row in log.page()] == [6, 5, 4, 3]
    assert verify(log, noted).problems == []
    assert log.page()[0].action == "audit.prune"


def test_many_rows_are_read_in_parts(log, monkeypatch):
    monkeypatch.setattr("router.audit.log._PAGE", 2)
    write(log, 5)
    assert [entry.seq for entry, _ in log.each()] == [1, 2, 3, 4, 5]


def test_the_hash_is_what_the_documentation_says(log, things):
    """Anybody can verify it with a few lines of their own."""
    write(log, 2)
    expected = (
        '{"action":"thing.change","actor":"anna","address":"10.0.0.7","after":"{\\"a\\":\\"ä\\",'
        '\\"number\\":2}","at":1001,"before":"{\\"number\\":1}","credential":"adm_1",'
        '"organization":"acme","previous":"%s","request_id":"r1","seq":2,"target":"things/1"}'
    )
    newest, oldest = log.page()
    with things.reading() as connection:
        digest = connection.execute(text("select hash from audit_log where seq = 2")).scalar()
    assert sha256((expected % oldest.hash()).encode()).hexdigest() == digest == newest.hash()
