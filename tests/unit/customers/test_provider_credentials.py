"""Credentials of customers' own: encrypted for their place, opened by any key, never given back."""

import base64

import pytest
from sqlalchemy import select, update

from router.customers.errors import Conflict, Invalid, Missing, NoKey
from router.customers.known import read_known
from router.customers.organizations import OrganizationStore
from router.customers.provider_credentials import Noted, ProviderCredentialStore
from router.customers.tables import PROVIDER_CREDENTIALS
from router.customers.vault import Vault

OLD, NEW = b"o" * 32, b"n" * 32
SECRET = "sk-acmes-own-secret"
LATE = 2**41  # milliseconds of Unix time


OPENED: list[ProviderCredentialStore] = []


@pytest.fixture(autouse=True)
def _closed():
    yield
    while OPENED:
        OPENED.pop().close()


def store_of(database, *keys: bytes) -> ProviderCredentialStore:
    OPENED.append(ProviderCredentialStore(database, vault=Vault(keys)))
    organizations = OrganizationStore(database)
    for name in ("acme", "globex"):
        if organizations.get(name) is None:
            organizations.create(name)
    organizations.close()
    return OPENED[-1]


def sealed_of(database, organization: str, since: int = -1) -> bytes:
    (one,) = read_known(store_of(database).database, since).credentials[organization]
    return one.sealed


def test_it_is_stored_encrypted_and_opens_for_its_organization_and_backend_alone(database):
    stored = store_of(database, OLD)
    stored.put("acme", "moe", SECRET)
    with stored.database.reading() as connection:
        row = connection.execute(select(PROVIDER_CREDENTIALS)).one()
    assert SECRET.encode() not in bytes(row.sealed)
    assert SECRET not in repr(row)
    vault = Vault([OLD])
    assert vault.open(bytes(row.sealed), "acme", "moe") == SECRET
    for elsewhere in (("globex", "moe"), ("acme", "premium")):
        with pytest.raises(NoKey):
            vault.open(bytes(row.sealed), *elsewhere)
    with pytest.raises(NoKey):
        Vault([NEW]).open(bytes(row.sealed), "acme", "moe")
    with pytest.raises(NoKey):
        Vault(()).open(bytes(row.sealed), "acme", "moe")


def test_a_new_key_opens_what_the_old_one_closed_until_all_is_sealed_anew(database):
    store_of(database, OLD).put("acme", "moe", SECRET)
    both = store_of(database, NEW, OLD)
    both.put("acme", "premium", "sk-another-of-acmes")
    assert both.rekey() == 2
    assert Vault([NEW]).open(
        next(one.sealed for one in _known(both) if one.backend == "moe"), "acme", "moe"
    ) == (SECRET)
    with pytest.raises(NoKey, match=r"'acme' for 'moe'"):
        store_of(database, OLD).rekey()


def _known(stored: ProviderCredentialStore):
    return read_known(stored.database).credentials["acme"]


def test_without_a_key_nothing_is_stored_and_it_is_said_what_to_set(database):
    bare = store_of(database)
    with pytest.raises(NoKey, match="TURNOUT_SECRETS_KEY"):
        bare.put("acme", "moe", SECRET)
    assert bare.page() == []


def test_a_fingerprint_tells_two_of_one_customer_apart_and_customers_not(database):
    stored = store_of(database, OLD)
    first = stored.put("acme", "moe", SECRET, by="ann")
    assert stored.put("acme", "premium", SECRET).fingerprint == first.fingerprint
    assert stored.put("globex", "moe", SECRET).fingerprint != first.fingerprint
    again = stored.put("acme", "moe", "sk-the-next-secret", expected=1)
    assert again.fingerprint != first.fingerprint
    assert (again.version, again.created_at) == (2, first.created_at)
    assert stored.get("acme", "moe") == again


def test_two_writers_do_not_lose_each_others_word(database):
    stored = store_of(database, OLD)
    stored.put("acme", "moe", SECRET)
    with pytest.raises(Conflict):
        stored.put("acme", "moe", SECRET, expected=7)
    with pytest.raises(Conflict):
        stored.remove("acme", "moe", 7)
    with pytest.raises(Missing):
        stored.put("nobody", "moe", SECRET)
    stored.remove("acme", "moe", 1)
    with pytest.raises(Missing):
        stored.remove("acme", "moe")


@pytest.mark.parametrize(
    "secret", ["", "short", "sk-a secret", "sk-a\r\nX-Evil: 1", "sk-geheimß", "x" * 4097, None]
)
def test_what_no_header_takes_is_refused_and_not_quoted(database, secret):
    with pytest.raises(Invalid) as refused:
        store_of(database, OLD).put("acme", "moe", secret)
    assert refused.value.field == "secret"
    if secret:
        assert secret not in str(refused.value)


def test_gateways_read_what_is_new_and_what_is_gone(database):
    stored = store_of(database, OLD)
    stored.put("acme", "moe", SECRET, fallback=True)
    since = stored.state()
    assert not read_known(stored.database, since).credentials
    stored.put("globex", "moe", SECRET)
    stored.remove("acme", "moe")
    known = read_known(stored.database, since)
    assert set(known.organizations) == {"acme", "globex"}
    assert set(known.credentials) == {"globex"}
    assert SECRET not in repr(known)


def test_what_became_of_it_is_noted_and_wakes_no_gateway(database):
    stored = store_of(database, OLD)
    stored.put("acme", "moe", SECRET)
    before = stored.state()
    stored.note(
        {
            ("acme", "moe"): Noted(5, LATE, "credential refused"),
            ("acme", "gone"): Noted(1, None, None),
        }
    )
    row = stored.get("acme", "moe")
    assert (row.last_used_at, row.refused_at, row.refused_why) == (5, LATE, "credential refused")
    assert stored.state() == before
    stored.note({("acme", "moe"): Noted(None, 4, "of the one before")})
    assert stored.get("acme", "moe").refused_at == LATE
    fresh = stored.put("acme", "moe", "sk-the-next-secret")
    assert (fresh.refused_at, fresh.refused_why) == (None, None)


def test_a_row_that_was_copied_to_another_customer_does_not_open(database):
    stored = store_of(database, OLD)
    stored.put("acme", "moe", SECRET)
    stored.put("globex", "moe", "sk-of-globex-alone")
    with stored.database.writing() as connection:
        theirs = update(PROVIDER_CREDENTIALS).where(PROVIDER_CREDENTIALS.c.organization == "globex")
        connection.execute(theirs.values(sealed=sealed_of(database, "acme")))
    with pytest.raises(NoKey, match=r"'globex' for 'moe'"):
        stored.rekey()


def test_keys_are_written_in_base64():
    text = base64.b64encode(OLD).decode()
    sealed = Vault.of([text]).close(SECRET, "acme", "moe")
    assert Vault([OLD]).open(sealed, "acme", "moe") == SECRET
    with pytest.raises(ValueError, match="32 bytes"):
        Vault.of(["c2hvcnQ="])
