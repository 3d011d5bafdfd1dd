"""Credentials of customers' own at providers: set, listed, taken away; never given back."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from sqlalchemy import Connection, delete, insert, select, update

from router.customers import fields
from router.customers.errors import Missing, NoKey
from router.customers.records import StoredCredential, credential_of
from router.customers.rules import Rules, TierRules
from router.customers.store import CustomerStore, expect, find_organization, touch, unix_ms
from router.customers.tables import PROVIDER_CREDENTIALS
from router.customers.vault import Vault

_TABLE = PROVIDER_CREDENTIALS
_NO_KEYS = Vault(())


class Noted(NamedTuple):
    """What a gateway saw of a credential: when it was last used, when and how it was last refused
    by its provider (None: not since it was set). Instants are milliseconds of Unix time."""

    used_at: int | None
    refused_at: int | None
    refused_why: str | None


class ProviderCredentialStore(CustomerStore):
    """Every method is one short transaction, blocks, and may raise CustomerError or
    DatabaseError."""

    def __init__(
        self,
        url: str,
        rules: Rules | None = None,
        now_ms: Callable[[], int] = unix_ms,
        *,
        vault: Vault = _NO_KEYS,
    ) -> None:
        super().__init__(url, rules or TierRules(), now_ms)
        self._vault = vault

    def put(
        self,
        organization: str,
        backend: str,
        secret: str,
        *,
        fallback: bool = False,
        by: str = "",
        expected: int | None = None,
    ) -> StoredCredential:
        """Set the credential of an organization for a backend, in place of one that it had.

        Raises Missing (its organization), Invalid, NoKey, Conflict.
        """
        fields.name(backend, "backend")
        secret = fields.secret(secret, "secret")
        now = self.now_ms()
        values: dict[str, Any] = {
            "sealed": self._vault.close(secret, organization, backend),
            "fingerprint": self._vault.fingerprint(secret, organization),
            "fallback": fallback,
            "updated_at": now,
            "updated_by": by,
            "refused_at": None,
            "refused_why": None,
        }
        with self.changing() as (connection, change):
            find_organization(connection, organization)
            row = _find(connection, organization, backend)
            if row is None:
                expect(0, expected)
                place = {"organization": organization, "backend": backend, "created_at": now}
                connection.execute(insert(_TABLE).values(**place, **values, version=1))
            else:
                expect(row.version, expected)
                its = update(_TABLE).where(*_its(organization, backend))
                connection.execute(its.values(**values, version=row.version + 1))
            touch(connection, organization, change)
            return _found(connection, organization, backend)

    def get(self, organization: str, backend: str) -> StoredCredential | None:
        """Return what is known of a credential; None where there is none."""
        with self.database.reading() as connection:
            return _find(connection, organization, backend)

    def page(
        self, organization: str | None = None, after: str | None = None, most: int = 50
    ) -> list[StoredCredential]:
        """The credentials of an organization (None: of all) behind a backend, by name."""
        query = select(_TABLE).order_by(_TABLE.c.organization, _TABLE.c.backend)
        if organization is not None:
            query = query.where(_TABLE.c.organization == organization)
        if after is not None:
            query = query.where(_TABLE.c.backend > after)
        with self.database.reading() as connection:
            return [credential_of(row) for row in connection.execute(query.limit(most))]

    def remove(self, organization: str, backend: str, expected: int | None = None) -> None:
        """Take a credential away: requests go on with the operator's. Raises Missing, Conflict."""
        with self.changing() as (connection, change):
            expect(_found(connection, organization, backend).version, expected)
            connection.execute(delete(_TABLE).where(*_its(organization, backend)))
            touch(connection, organization, change)

    def rekey(self) -> int:
        """Seal every credential anew with the first key, all or none. Return how many there are.

        Raises NoKey, which names the first that no key opens.
        """
        with self.changing() as (connection, _):
            rows = connection.execute(select(_TABLE)).all()
            for row in rows:
                secret = self._opened(row)
                values = {
                    "sealed": self._vault.close(secret, row.organization, row.backend),
                    "fingerprint": self._vault.fingerprint(secret, row.organization),
                }
                its = update(_TABLE).where(*_its(row.organization, row.backend))
                connection.execute(its.values(**values))
            return len(rows)

    def note(self, noted: Mapping[tuple[str, str], Noted]) -> None:
        """Note what became of credentials, by organization and backend. No gateway reads them anew
        for that."""
        with self.database.writing() as connection:
            for (organization, backend), seen in noted.items():
                its = update(_TABLE).where(*_its(organization, backend))
                if seen.used_at is not None:
                    connection.execute(its.values(last_used_at=seen.used_at))
                if seen.refused_at is not None:  # of the one that is there now
                    mine = its.where(_TABLE.c.updated_at <= seen.refused_at)
                    why = {"refused_at": seen.refused_at, "refused_why": seen.refused_why}
                    connection.execute(mine.values(**why))

    def _opened(self, row: Any) -> str:
        try:
            return self._vault.open(bytes(row.sealed), row.organization, row.backend)
        except NoKey as error:
            whose = f"the credential of {row.organization!r} for {row.backend!r}"
            raise NoKey("secret", f"{whose} does not open: {error.message}") from None


def _its(organization: str, backend: str) -> tuple[Any, ...]:
    return (_TABLE.c.organization == organization, _TABLE.c.backend == backend)


def _find(connection: Connection, organization: str, backend: str) -> StoredCredential | None:
    row = connection.execute(select(_TABLE).where(*_its(organization, backend))).one_or_none()
    return None if row is None else credential_of(row)


def _found(connection: Connection, organization: str, backend: str) -> StoredCredential:
    found = _find(connection, organization, backend)
    if found is None:
        said = f"organization {organization!r} has no credential of its own for {backend!r}"
        raise Missing("backend", said)
    return found
