"""What of customers is in force at a gateway: by the number of the last change, and by moments."""

from collections.abc import Iterator

import pytest

from router.auth.authenticate import Authenticator
from router.customers.keys import KeyStore
from router.customers.organizations import OrganizationStore
from router.customers.policy_rules import PolicyRules
from router.customers.records import StoredKey
from router.customers.teams import TeamStore
from router.domain import Principal
from router.errors import PermissionDenied, Unauthenticated

START = 1_000_000


class Gateways:
    """Two gateways on one database, and who changes customers."""

    def __init__(self, url: str) -> None:
        self.now = START
        of = (url, PolicyRules(dict), lambda: self.now)
        self.organizations, self.teams, self.keys = (
            OrganizationStore(*of),
            TeamStore(*of),
            KeyStore(*of),
        )
        self._stores = [KeyStore(*of), KeyStore(*of)]
        self.each = [Authenticator(store) for store in self._stores]

    def see(self, key: str) -> list[Principal]:
        """Who asks with a key, at both, once they have looked."""
        for one in self.each:
            one.refresh()
        return [one.authenticate(f"Bearer {key}".encode()) for one in self.each]

    def close(self) -> None:
        for store in (self.organizations, self.teams, self.keys, *self._stores):
            store.close()


@pytest.fixture
def gateways(database: str) -> Iterator[Gateways]:
    gateways = Gateways(database)
    gateways.organizations.create("acme")
    yield gateways
    gateways.close()


def test_a_change_is_in_force_at_every_gateway_that_looked_and_needs_no_new_key(
    gateways: Gateways,
) -> None:
    key, _ = gateways.keys.add("acme")
    assert [one.terms for one in gateways.see(key)] == [None, None]
    gateways.organizations.change("acme", tags=["gold"], limits={"tokens_per_day": 5})
    for one in gateways.see(key):
        assert one.tags == ("gold",)
        assert one.terms is not None
        assert one.terms.limits == {"organization": {"tokens_per_day": 5}}
    first, second = gateways.see(key)
    assert first.terms is second.terms  # what says the same is one object


def test_who_is_suspended_is_told_so_at_every_gateway_until_it_is_not(gateways: Gateways) -> None:
    key, _ = gateways.keys.add("acme")
    gateways.see(key)
    gateways.organizations.suspend("acme", "not paid")
    for one in gateways.each:
        one.refresh()
        with pytest.raises(PermissionDenied, match="acme is suspended: not paid") as refused:
            one.authenticate(f"Bearer {key}".encode())
        assert refused.value.code == "organization_suspended"
        with pytest.raises(PermissionDenied):
            one.member(StoredKey("sub_1", "acme"))
    gateways.organizations.resume("acme")
    assert len(gateways.see(key)) == 2


def test_what_ends_ends_at_its_moment_without_the_database(gateways: Gateways) -> None:
    key, row = gateways.keys.add("acme", expires_at=START + 900)
    gateways.organizations.raise_limits("acme", {"tokens_per_day": 50}, START + 500)
    gateways.see(key)
    gateway = gateways.each[0]
    gateways.close()
    known = gateway._keys
    assert known.pause(START, 0.5) == 0.5
    assert known.pause(START + 400, 0.5) == pytest.approx(0.1)
    known.turn(START + 499)
    raised = gateway.authenticate(f"Bearer {key}".encode())
    known.turn(START + 500)
    usual = gateway.authenticate(f"Bearer {key}".encode())
    assert (raised.terms is None, usual.terms) == (False, None)
    known.turn(START + 900)
    with pytest.raises(Unauthenticated, match="expired 1970-01-01") as refused:
        gateway.authenticate(f"Bearer {key}".encode())
    assert refused.value.code == "expired_api_key"
    assert row.expires_at == START + 900


def test_a_rotated_key_works_beside_the_new_one_for_its_overlap(gateways: Gateways) -> None:
    old, row = gateways.keys.add("acme")
    gateways.see(old)
    new, _ = gateways.keys.rotate(row.key_id, 300)
    assert gateways.see(old)
    assert gateways.see(new)
    gateways.now += 300
    assert gateways.see(new)
    with pytest.raises(Unauthenticated, match="was replaced by another one"):
        gateways.see(old)


def test_teams_and_keys_stand_in_the_place_of_what_is_above_them(gateways: Gateways) -> None:
    limits = {"per_key": {"concurrency": 2}, "per_team": {"tokens_per_day": 9}}
    gateways.organizations.change("acme", limits=limits)
    gateways.teams.create("acme", "all", tags=["t"], limits={"tokens_per_day": 8})
    gateways.teams.create("acme", "ml", parent="all", limits={"per_key": {"concurrency": 3}})
    key, row = gateways.keys.add("acme", team="ml", tags=["k"])
    [one, _] = gateways.see(key)
    assert one.terms is not None
    assert one.terms.limits == {"key": {"concurrency": 3}, "team": {"tokens_per_day": 8}}
    assert one.tags == ("t", "k")
    gateways.keys.change(row.key_id, limits={"concurrency": None}, routes=["auto"])
    [one, _] = gateways.see(key)
    assert one.terms is not None
    assert one.terms.limits["key"] == {"concurrency": None}
    assert one.terms.routes == {"auto"}


def test_a_revoked_key_is_unknown_and_a_changed_one_keeps_no_old_moment(gateways: Gateways) -> None:
    key, row = gateways.keys.add("acme", expires_at=START + 900)
    gateways.see(key)
    gateways.keys.change(row.key_id, expires_at=None)
    gateways.now += 1000
    assert gateways.see(key)
    gateways.keys.revoke(row.key_id)
    with pytest.raises(Unauthenticated, match="Incorrect API key"):
        gateways.see(key)


async def test_last_use_is_written_in_batches_a_minute_apart(gateways: Gateways) -> None:
    _, row = gateways.keys.add("acme")
    note = gateways.each[0].last_use
    note.note(row.key_id, START)
    await note.write_at_times()
    assert gateways.keys.get(row.key_id).last_used_at is None  # the minute is not over
    await note.write()
    assert gateways.keys.get(row.key_id).last_used_at == START
