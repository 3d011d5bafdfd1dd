"""What commands read of customers beside their own work; it makes no tables."""

from pathlib import Path

from sqlalchemy import make_url

from policies.findings import Finding
from router.customers.known import read_calendars, read_tiers
from router.customers.records import CalendarWords
from router.database import Database, DatabaseError
from router.world.documents import Documents
from router.world.reload import stranded


def own_calendars(url: str) -> dict[str, CalendarWords]:
    """The organizations with a time zone or a billing day of their own; none where the tables are
    older than that."""
    database = Database(url)
    try:
        return read_calendars(database)
    except DatabaseError:
        return {}
    finally:
        database.close()


def customer_findings(documents: Documents) -> list[Finding]:
    """A warning for each tier that customers have and the policy has not, where the database can
    be reached."""
    url = make_url(documents.database)
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").is_file():
        return []  # to look there would make it
    database = Database(documents.database)
    try:
        in_use = read_tiers(database)
    except DatabaseError:
        return []
    finally:
        database.close()
    source = documents.policy.source
    return [
        source.warning(("tiers",), message, rule="stranded")
        for message in stranded(documents.policy, in_use)
    ]
