"""From an Authorization header to a principal."""

import hmac

import pytest
from sqlalchemy import create_engine, inspect

from router.auth.authenticate import Authenticator
from router.customers.key_text import hash_key, is_well_formed, new_key
from router.customers.keys import KeyStore
from router.errors import Unauthenticated


def test_what_is_stored_of_a_key_is_its_hmac():
    for key in (new_key(), "tk-schlüssel", ""):
        expected = hmac.digest(b"turnout api key, format 1", key.encode(), "sha256")
        assert hash_key(key) == expected


@pytest.fixture
def known(database):
    store = KeyStore(database)
    key, key_id = store.create("acme", "pro", "search")
    authenticator = Authenticator(store)
    authenticator.refresh()
    yield authenticator, key, key_id
    store.close()


@pytest.mark.parametrize("header", ["Bearer {}", "bearer {}", "BEARER   {} "])
def test_a_key_is_known_however_its_scheme_is_written(known, header):
    authenticator, key, key_id = known
    principal = authenticator.authenticate(header.format(key).encode())
    assert (principal.key_id, principal.organization, principal.tier) == (key_id, "acme", "pro")


@pytest.mark.parametrize("header", ["Basic {}", "{}", "Bearer x{}", "Bearer {}x", "Bearer"])
def test_anything_else_is_refused_in_the_same_words(known, header):
    authenticator, key, _ = known
    with pytest.raises(Unauthenticated) as refused:
        authenticator.authenticate(header.format(key).encode())
    with pytest.raises(Unauthenticated) as unknown:
        authenticator.authenticate(f"Bearer {new_key()}".encode())
    assert refused.value.message == unknown.value.message


def test_bytes_that_are_no_text_are_no_key(known):
    assert is_well_formed(b"tk-" + b"\xe9" * 43)
    with pytest.raises(Unauthenticated):
        known[0].authenticate(b"Bearer tk-" + b"\xe9" * 43)


def test_what_is_asked_each_second_differs_after_any_change_of_the_keys(database):
    store = KeyStore(database)
    states = [store.state()]
    ids = []
    for change in (
        lambda: ids.append(store.create("acme", "pro")[1]),
        lambda: ids.append(store.create("acme", "pro")[1]),
        lambda: store.revoke(ids[0]),
        lambda: store.revoke(ids[1]),
        lambda: store.create("bolt", "pro"),
    ):
        change()
        states.append(store.state())
        assert store.state() == states[-1]
    assert len(set(states)) == len(states)
    store.close()


def test_a_new_table_has_the_index_that_the_state_is_read_from(database):
    KeyStore(database).close()
    engine = create_engine(database)
    indexes = inspect(engine).get_indexes("api_keys")
    assert "api_keys_revoked_at" in {index["name"] for index in indexes}
    engine.dispose()
