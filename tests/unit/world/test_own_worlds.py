"""What a customer with a credential of its own sees of the world; and what nobody can read."""

from contextlib import AsyncExitStack
from types import SimpleNamespace
from typing import Any

import pytest
from fakes.corridor import FakeCorridor
from fakes.world import new_world

from router.customers.known import read_known
from router.customers.organizations import OrganizationStore
from router.customers.provider_credentials import ProviderCredentialStore
from router.customers.vault import Vault
from router.entrance import start_authenticators
from router.errors import Unavailable
from router.pipeline.serving import Serving
from router.world.own import OwnWorlds

KEY, OTHER = b"k" * 32, b"o" * 32
KEY_TEXT, OTHER_TEXT = "a2tr" * 10 + "a2s=", "b29v" * 10 + "b28="
SECRET = "sk-acmes-own-secret"


@pytest.fixture
def stored(database):
    organizations = OrganizationStore(database)
    organizations.create("acme")
    organizations.close()
    store = ProviderCredentialStore(database, vault=Vault([KEY]))
    store.put("acme", "moe", SECRET)
    yield store
    store.close()


def owners(stored: ProviderCredentialStore, *keys: bytes) -> OwnWorlds:
    own = OwnWorlds(Vault(keys), stored)
    own.follow(read_known(stored.database), whole=True)
    return own


def test_its_backends_stand_in_the_operators_places_and_others_see_the_operators(stored):
    own, world = owners(stored, KEY), new_world()
    assert own.of("globex", world) is world
    seen = own.of("acme", world)
    assert seen.owned
    assert own.of("acme", world) is seen  # made once
    mine, house = seen.backends["moe"], world.backends["moe"]
    assert (mine.api_key, mine.api_keys, mine.base_url) == (SECRET, (), house.base_url)
    others = set(world.backends) - {"moe"}
    assert all(seen.backends[name] is world.backends[name] for name in others)
    for told in (own, seen, mine, mine.own, mine.deployments()):
        assert SECRET not in repr(told)


def test_what_is_held_against_it_ends_with_it_and_survives_what_changes_beside(stored):
    own, world = owners(stored, KEY), new_world()
    first = own.of("acme", world).backends["moe"]
    stored.put("acme", "premium", "sk-another-of-acmes")
    own.follow(read_known(stored.database), whole=False)
    assert own.of("acme", world).backends["moe"] is first
    stored.put("acme", "moe", "sk-the-next-secret")
    own.follow(read_known(stored.database), whole=False)
    assert own.of("acme", world).backends["moe"].own is not first.own
    for name in ("moe", "premium"):
        stored.remove("acme", name)
    own.follow(read_known(stored.database), whole=False)
    assert own.of("acme", world) is world
    assert len(own) == 0


def test_one_that_nobody_can_read_is_never_replaced_by_the_operators(stored):
    own, world = owners(stored, OTHER), new_world()
    mine = own.of("acme", world).backends["moe"]
    assert mine.deployments() == ()
    assert list(own.unreadable) == [("acme", "moe")]
    corridor = FakeCorridor.answering()
    serving: Serving = corridor.serving()
    health = serving.backends.view_of(own.of("acme", world).backends)
    assert not health["moe"].healthy
    assert health["premium"] is serving.backends.view()["premium"]


@pytest.mark.parametrize("keys", [(), (OTHER_TEXT,)])
async def test_a_gateway_does_not_start_where_it_cannot_read_one_and_names_whose(
    stored, database, keys
):
    config = SimpleNamespace(secrets=SimpleNamespace(texts=lambda: keys), identity=())
    documents: Any = SimpleNamespace(database=database, config=config)
    async with AsyncExitStack() as stack:
        with pytest.raises(Unavailable, match="acme for moe") as refused:
            await start_authenticators(stack, documents)
    assert "secrets.keys" in refused.value.message
    assert SECRET not in refused.value.message
    config.secrets.texts = lambda: (OTHER_TEXT, KEY_TEXT)
    async with AsyncExitStack() as stack:
        assert len((await start_authenticators(stack, documents)).own) == 1


async def test_what_became_of_it_is_written_once_for_many_requests(stored):
    own = OwnWorlds(Vault([KEY]), stored, now_ms=lambda: 2**41)
    for _ in range(3):
        own.tell("acme", "moe", None)
    own.tell("acme", "moe", "credential refused")
    await own.write()
    row = stored.get("acme", "moe")
    assert (row.last_used_at, row.refused_at) == (2**41, 2**41)
    assert row.refused_why == "credential refused"
