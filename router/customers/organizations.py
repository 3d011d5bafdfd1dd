"""Organizations: made, changed, raised for a time, suspended and served again."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, insert, select, update

from router.customers import fields
from router.customers.errors import Exists, Invalid, Missing
from router.customers.records import Raise, StoredOrganization, organization_of
from router.customers.store import CustomerStore, expect, find_organization
from router.customers.tables import ORGANIZATIONS

_MOST_RAISES: Final = 50


class OrganizationStore(CustomerStore):
    """Customers in SQL. Whatever changes one takes the version that is expected of it (None: any)
    and returns the row as it is then.

    Every method is one short transaction, blocks, and may raise CustomerError or DatabaseError.
    """

    def create(
        self,
        organization: str,
        tier: str = "",
        *,
        timezone: str | None = None,
        billing_day: int | None = None,
        tags: Sequence[str] = (),
        limits: Mapping[str, Any] | None = None,
    ) -> StoredOrganization:
        """Make a customer. Raises Exists, Invalid."""
        now = self.now_ms()
        values: dict[str, Any] = {
            "organization": fields.name(organization, "organization"),
            "tier": self.rules.tier(tier),
            "timezone": fields.timezone(timezone),
            "billing_day": fields.billing_day(billing_day),
            "tags": fields.tags(tags),
            "limits": self.rules.limits("organization", limits or {}),
            "created_at": now,
            "updated_at": now,
        }
        with self.changing() as (connection, change):
            if _there(connection, organization):
                raise Exists("organization", f"there is an organization {organization!r} already")
            row = insert(ORGANIZATIONS).values(**values, version=1, changed=change)
            connection.execute(row)
            return find_organization(connection, organization)

    def get(self, organization: str) -> StoredOrganization | None:
        """Return a customer; None where there is no such one."""
        with self.database.reading() as connection:
            try:
                return find_organization(connection, organization)
            except Missing:
                return None

    def page(
        self,
        after: str | None = None,
        most: int = 50,
        *,
        tier: str | None = None,
        suspended: bool | None = None,
    ) -> list[StoredOrganization]:
        """The customers behind a name, by name; of a tier, suspended or served, where asked for."""
        query = select(ORGANIZATIONS).order_by(ORGANIZATIONS.c.organization)
        if after is not None:
            query = query.where(ORGANIZATIONS.c.organization > after)
        if tier is not None:
            query = query.where(ORGANIZATIONS.c.tier == tier)
        if suspended is not None:
            at = ORGANIZATIONS.c.suspended_at
            query = query.where(at.is_not(None) if suspended else at.is_(None))
        with self.database.reading() as connection:
            return [organization_of(row) for row in connection.execute(query.limit(most))]

    def change(
        self, organization: str, expected: int | None = None, **changes: Any
    ) -> StoredOrganization:
        """Change `tier`, `timezone`, `billing_day`, `tags` or `limits`, each as a whole (None: back
        to none of its own). Raises Missing, Conflict, Invalid."""
        checks: Mapping[str, Callable[[Any, str], Any]] = {
            "tier": self.rules.tier,
            "timezone": fields.timezone,
            "billing_day": fields.billing_day,
            "tags": fields.tags,
            "limits": lambda value, field: self.rules.limits("organization", value or {}, field),
        }
        return self._write(organization, expected, lambda _: fields.checked(changes, checks))

    def suspend(
        self, organization: str, why: str = "", expected: int | None = None
    ) -> StoredOrganization:
        """Serve a customer no more; `why` is shown to whoever asks. One that is suspended stays so
        since when it was. Raises Missing, Conflict, Invalid."""
        reason = fields.text(why, "why")
        return self._write(
            organization,
            expected,
            lambda row: {
                "suspended_at": row.suspended_at or self.now_ms(),
                "suspended_why": reason,
            },
        )

    def resume(self, organization: str, expected: int | None = None) -> StoredOrganization:
        """Serve a customer again. Raises Missing, Conflict."""
        back = {"suspended_at": None, "suspended_why": None}
        return self._write(organization, expected, lambda _: back)

    def raise_limits(
        self,
        organization: str,
        limits: Mapping[str, Any],
        until: int,
        expected: int | None = None,
    ) -> StoredOrganization:
        """Let limits stand in the place of the tier's and the customer's own until an instant. Of
        several that hold at once the last one wins. Raises Missing, Conflict, Invalid."""
        given = self.rules.limits("organization", limits)
        if not given:
            raise Invalid("limits", "must say which limits are raised")
        fields.instant(until, "until", after=self.now_ms())
        raised = Raise("raise_" + secrets.token_hex(8), given, until)
        return self._write(organization, expected, lambda row: self._raised(row, raised))

    def end_raise(
        self, organization: str, raise_id: str, expected: int | None = None
    ) -> StoredOrganization:
        """End a raise before its time. Raises Missing where there is none, Conflict."""

        def without(row: StoredOrganization) -> dict[str, Any]:
            kept = [each for each in row.raised if each.id != raise_id]
            if len(kept) == len(row.raised):
                raise Missing("raise", f"there is no raise {raise_id!r}")
            return {"raised": _documents(kept)}

        return self._write(organization, expected, without)

    def _raised(self, row: StoredOrganization, raised: Raise) -> dict[str, Any]:
        now = self.now_ms()
        kept = [each for each in row.raised if each.until > now]
        if len(kept) >= _MOST_RAISES:
            raise Invalid("limits", f"{_MOST_RAISES} raises hold already; end one of them first")
        return {"raised": _documents([*kept, raised])}

    def _write(
        self,
        organization: str,
        expected: int | None,
        values_of: Callable[[StoredOrganization], dict[str, Any]],
    ) -> StoredOrganization:
        with self.changing() as (connection, change):
            row = find_organization(connection, organization)
            expect(row.version, expected)
            values = values_of(row)
            values |= {"updated_at": self.now_ms(), "version": row.version + 1, "changed": change}
            its = ORGANIZATIONS.c.organization == organization
            connection.execute(update(ORGANIZATIONS).where(its).values(**values))
            return find_organization(connection, organization)


def _there(connection: Connection, organization: str) -> bool:
    its = ORGANIZATIONS.c.organization == organization
    return connection.execute(select(ORGANIZATIONS.c.organization).where(its)).first() is not None


def _documents(raised: Sequence[Raise]) -> list[dict[str, Any]]:
    return [{"id": one.id, "limits": dict(one.limits), "until": one.until} for one in raised]
