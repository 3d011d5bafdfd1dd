"""Which working keys expire within a time."""

from typing import Final

from sqlalchemy import select

from router.alerts.expiry import ExpiringKey
from router.customers.tables import API_KEYS
from router.database import Database

_MOST: Final = 1_000  # the nearest ends first


class ExpiringKeys:
    """Every method blocks, and may raise DatabaseError."""

    def __init__(self, url: str) -> None:
        self._database = Database(url)

    def between(self, since: int, until: int) -> list[ExpiringKey]:
        """The working keys whose end lies between two instants, in Unix milliseconds."""
        its = API_KEYS.c
        query = (
            select(its.key_id, its.organization, its.expires_at, its.name)
            .where(its.revoked_at.is_(None), its.expires_at > since, its.expires_at <= until)
            .order_by(its.expires_at)
            .limit(_MOST)
        )
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
        return [ExpiringKey(row[0], row[1], int(row[2]), row[3] or "") for row in rows]

    def close(self) -> None:
        """Give the connections back."""
        self._database.close()
