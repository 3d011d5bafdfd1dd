"""What was used and what it cost, as `turnout usage` adds it up; for invoices, as CSV."""

import re
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Final

import orjson
from fastapi import Query
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from router.admin.call import Answer, Call, Calling
from router.admin.models import Name, Told
from router.admin.routing import AdminRoutes
from router.usage.report import GROUPS, NO_MARKUP, Report, spend
from router.usage.report_formats import as_csv, as_json

routes: Final = AdminRoutes("usage")
_CSV: Final = "text/csv"
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_MOST_GROUPS: Final = 6


def _known(name: str) -> str:
    if name not in GROUPS:
        raise ValueError(f"is none of: {', '.join(GROUPS)}")
    return name


Group = Annotated[str, AfterValidator(_known), WithJsonSchema({"enum": list(GROUPS)})]


def _day(text: Any) -> Any:
    """A date as ISO 8601 has it; what else pydantic takes for one is none here."""
    return text if isinstance(text, str) and _DAY.fullmatch(text) else None


Day = Annotated[date, BeforeValidator(_day), WithJsonSchema({"type": "string", "format": "date"})]


class UsageQuery(BaseModel):
    """What is added up, and how: in days from `since` to the day before `until`, as each customer's
    time zone has them; `month` (2027-01): only in billing months that begin in it; `markup`: a
    factor below 1000, 1.2 adds 20 %."""

    model_config = ConfigDict(extra="forbid")

    by: Annotated[list[Group], Field(min_length=1, max_length=_MOST_GROUPS)] | None = None
    organization: Name | None = None
    since: Day | None = None
    until: Day | None = None
    month: Annotated[str | None, Field(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])$")] = None
    markup: Annotated[str | None, Field(pattern=r"^[0-9]{1,3}(\.[0-9]{1,12})?$")] = None


class UsageReport(Told):
    """Sums. Costs are decimal USD as text, exact; `amount` is what is booked, in cents, so that the
    rows of an invoice add up to its total."""

    by: list[str]
    markup: str
    currency: str
    rows: list[dict[str, Any]]
    total: dict[str, Any]


def _report(call: Call, asked: UsageQuery, *usual: str) -> Report:
    return spend(
        call.parts.stores.usage,
        asked.by or usual,
        organization=call.scope(asked.organization),
        since=None if asked.since is None else asked.since.isoformat(),
        until=None if asked.until is None else asked.until.isoformat(),
        month=asked.month,
        markup=NO_MARKUP if asked.markup is None else Decimal(asked.markup),
    )


@routes.serve("GET", "/usage", "usage.read", UsageReport)
def get_usage(call: Calling, asked: Annotated[UsageQuery, Query()]) -> Answer:
    """What was used and what it cost, added up.

    A credential for one organization sees that organization's alone.
    """
    report = _report(call, asked, "organization")
    return Answer(UsageReport.model_validate(orjson.loads(as_json(report))))


@routes.serve("GET", "/usage.csv", "usage.read", _CSV)
def get_usage_csv(call: Calling, asked: Annotated[UsageQuery, Query()]) -> Answer:
    """The same as CSV, with a line of totals at the end: an invoice.

    What a spreadsheet would take for a formula is made text.
    """
    report = _report(call, asked, "organization", "month", "model")
    return Answer(None, text=as_csv(report, total=True), media_type=f"{_CSV}; charset=utf-8")
