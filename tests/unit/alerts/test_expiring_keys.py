"""Keys that are about to expire, out of the keys of customers, over a real database."""

from router.alerts.expiring_keys import ExpiringKeys
from router.alerts.expiry import ExpiringKey, expiry_events
from router.customers.keys import KeyStore

DAY = 86_400_000
NOW = 1_700_000_000_000


def test_working_keys_that_expire_within_the_time_are_found(database: str) -> None:
    store, keys = KeyStore(database, now_ms=lambda: NOW), ExpiringKeys(database)
    store.create("acme", "")  # it has no end
    _, soon = store.add("acme", name="ci", expires_at=NOW + DAY)
    _, revoked = store.add("acme", expires_at=NOW + DAY)
    store.revoke(revoked.key_id)
    store.add("acme", expires_at=NOW + 30 * DAY)
    found = keys.between(NOW, NOW + 7 * DAY)
    assert found == [ExpiringKey(soon.key_id, "acme", NOW + DAY, "ci")]
    assert keys.between(NOW + 2 * DAY, NOW + 7 * DAY) == []
    keys.close()
    store.close()


def test_a_key_is_told_for_the_nearest_time_that_it_is_within() -> None:
    key = ExpiringKey("k", "acme", NOW + 2 * DAY)
    before = (7 * 86_400.0, 86_400.0)
    week = expiry_events([key], before, NOW)
    day = expiry_events([key], before, NOW + DAY)
    assert len(week) == len(day) == 1
    assert week[0].name != day[0].name
    assert not expiry_events([key], before, NOW - 20 * DAY)
    assert not expiry_events([key], before, NOW + 3 * DAY)
