"""Which working keys expire within a time, out of the table of keys.

The table is another's: it is asked for by the columns that are read here, and a database whose keys
have no end yet tells of none.
"""

from typing import Any, Final

from sqlalchemy import column, inspect, select, table

from router.alerts.expiry import ExpiringKey
from router.database import Database

_COLUMNS: Final = ("key_id", "organization", "name", "expires_at", "revoked_at")
_KEYS: Final = table("api_keys", *(column(name) for name in _COLUMNS))
_MOST: Final = 1_000  # the nearest ends first


class ExpiringKeys:
    """Every method blocks, and may raise DatabaseError."""

    def __init__(self, url: str) -> None:
        self._database = Database(url)
        self._known = False  # whether the table has what is read

    def between(self, since: int, until: int) -> list[ExpiringKey]:
        """The working keys whose end lies between two instants, in Unix milliseconds."""
        ends = _KEYS.c.expires_at
        query = (
            select(_KEYS.c.key_id, _KEYS.c.organization, ends, _KEYS.c.name)
            .where(_KEYS.c.revoked_at.is_(None), ends > since, ends <= until)
            .order_by(ends)
            .limit(_MOST)
        )
        with self._database.reading() as connection:
            self._known = self._known or _has_ends(connection)
            rows = connection.execute(query).all() if self._known else []
        return [ExpiringKey(row[0], row[1], int(row[2]), row[3] or "") for row in rows]

    def close(self) -> None:
        """Give the connections back."""
        self._database.close()


def _has_ends(connection: Any) -> bool:
    looked = inspect(connection)
    if not looked.has_table(_KEYS.name):
        return False
    return {each["name"] for each in looked.get_columns(_KEYS.name)}.issuperset(_COLUMNS)
