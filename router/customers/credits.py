"""What was added to prepaid balances, and by whom. The balance itself is the ledger's."""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import insert, select, tuple_

from router.customers import fields
from router.customers.errors import Exists, Invalid
from router.customers.records import StoredCredit
from router.customers.store import CustomerStore, find_organization
from router.customers.tables import CREDITS

_MOST_NANO: Final = 10**18  # a thousand million USD
_COLUMNS: Final = tuple(CREDITS.c[name] for name in StoredCredit.__dataclass_fields__)


class CreditStore(CustomerStore):
    """The history of balances in SQL.

    Every method is one short transaction, blocks, and may raise CustomerError or DatabaseError.
    """

    def add(
        self, organization: str, credit_id: str, amount_nano: int, *, by: str = "", note: str = ""
    ) -> tuple[StoredCredit, bool]:
        """Note a credit, once for each id of an organization; return its row and whether it is new.
        Whoever writes it adds it to the ledger under the same id, before or behind: both are once.

        Raises Missing; Exists where the id was used for another amount; Invalid, too, where the
        customer's tier is not prepaid.
        """
        fields.name(credit_id, "id")
        if type(amount_nano) is not int or not 0 < abs(amount_nano) <= _MOST_NANO:
            raise Invalid("amount", "must be an amount other than 0, of whole nano-USD")
        fields.text(note, "note")
        with self.changing() as (connection, _):
            row = find_organization(connection, organization)
            if self.rules.prepaid(row.tier, row.limits) is False:
                raise Invalid(
                    "organization",
                    f"{organization!r} does not pay beforehand: its tier has no prepaid_usd",
                )
            its = (CREDITS.c.organization == organization, CREDITS.c.id == credit_id)
            there = connection.execute(select(*_COLUMNS).where(*its)).one_or_none()
            if there is not None:
                if there.amount_nano != amount_nano:
                    raise Exists("id", f"{credit_id!r} was used for another amount")
                return StoredCredit(*there), False
            credit = StoredCredit(credit_id, organization, amount_nano, self.now_ms(), by, note)
            values = {column.name: getattr(credit, column.name) for column in _COLUMNS}
            connection.execute(insert(CREDITS).values(**values))
        return credit, True

    def page(
        self, organization: str, after: Sequence[Any] | None = None, most: int = 50
    ) -> list[StoredCredit]:
        """The credits of an organization, the newest first; those older than one (its `at` and
        `id`), where one is named."""
        order = (CREDITS.c.at, CREDITS.c.id)
        query = select(*_COLUMNS).where(CREDITS.c.organization == organization)
        if after is not None:
            query = query.where(tuple_(*order) < tuple_(*after))
        query = query.order_by(*(column.desc() for column in order)).limit(most)
        with self.database.reading() as connection:
            return [StoredCredit(*row) for row in connection.execute(query)]
