"""Keys that are about to expire, read out of a real table, over a real database."""

from sqlalchemy import text

from router.alerts.expiring_keys import ExpiringKeys
from router.alerts.expiry import ExpiringKey, expiry_events
from router.database import Database

DAY = 86_400_000
NOW = 1_700_000_000_000
ROWS = (
    ("soon", NOW + DAY, None),
    ("late", NOW + 30 * DAY, None),
    ("gone", NOW - DAY, None),
    ("revoked", NOW + DAY, "2026-01-01"),
    ("endless", None, None),
)


def test_working_keys_that_expire_within_the_time_are_found(database: str) -> None:
    keys, made = ExpiringKeys(database), Database(database)
    with made.writing() as connection:
        connection.execute(
            text(
                "CREATE TABLE api_keys (key_id VARCHAR(40), organization VARCHAR(128),"
                " name VARCHAR(128), expires_at BIGINT, revoked_at VARCHAR(40))"
            )
        )
        for key_id, ends, revoked in ROWS:
            row = {"key": key_id, "ends": ends, "revoked": revoked}
            connection.execute(
                text("INSERT INTO api_keys VALUES (:key, 'acme', 'ci', :ends, :revoked)"), row
            )
    assert keys.between(NOW, NOW + 7 * DAY) == [ExpiringKey("soon", "acme", NOW + DAY, "ci")]
    keys.close()
    made.close()


def test_a_table_of_keys_without_ends_tells_of_none(database: str) -> None:
    keys, made = ExpiringKeys(database), Database(database)
    assert keys.between(NOW, NOW + DAY) == []
    with made.writing() as connection:
        connection.execute(text("CREATE TABLE api_keys (key_id VARCHAR(40))"))
    assert keys.between(NOW, NOW + DAY) == []
    keys.close()
    made.close()


def test_a_key_is_told_for_the_nearest_time_that_it_is_within() -> None:
    key = ExpiringKey("k", "acme", NOW + 2 * DAY)
    before = (7 * 86_400.0, 86_400.0)
    week = expiry_events([key], before, NOW)
    day = expiry_events([key], before, NOW + DAY)
    assert len(week) == len(day) == 1
    assert week[0].name != day[0].name
    assert not expiry_events([key], before, NOW - 20 * DAY)
    assert not expiry_events([key], before, NOW + 3 * DAY)
