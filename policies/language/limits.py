"""The limits of a tier: one field each, with its `LimitRow`.

The ledger's dimensions, lint and replay are derived from these fields, and the guide is compared
with them: a new limit is one field here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag

from policies.language.fields import Count, Duration, Probability, Strict, Usd

Measure = Literal["requests", "tokens", "input_tokens", "output_tokens", "usd"]
Window = Literal[
    "second", "minute", "day", "week", "month", "year", "endless", "running", "run", "repeats"
]
# What a tier limits below the organization: level -> its key.
RUN: Final = "run"  # the level of `per_run`
LEVELS: Final[Mapping[str, str]] = {
    "key": "per_key",
    "user": "per_user",
    "team": "per_team",
    "model": "per_model",
}


@dataclass(frozen=True, slots=True)
class LimitRow:
    """What a limit counts and over which window.

    `endless`: a balance that does not renew; `running`: what runs at this moment; `run`: an agent's
    run as a whole; `repeats`: equal requests of one. `code` stands for
    the dimension in the ledger's keys, `says` in the words of a 429. `shown`: clients see it in
    their x-ratelimit headers.
    """

    measure: Measure
    window: Window
    code: str
    says: str
    shown: bool = False


class RateDoc(Strict):
    """A limit per minute kept as a token bucket: up to `burst` at once, refilled evenly."""

    limit: Count = Field(examples=[600])
    burst: Count = Field(examples=[100])


class PoolDoc(Strict):
    """Tokens of a month; of what is left, at most `rollover` of the pool is added to the next."""

    pool: Count = Field(examples=[2_000_000_000])
    rollover: Probability = 0.0


def _pool(value: Any) -> Any:
    return {"pool": value} if isinstance(value, int) and not isinstance(value, bool) else value


def _rate(value: Any) -> str:
    return "rate" if isinstance(value, dict | RateDoc) else "number"


PerMinute = Annotated[
    Annotated[Count, Tag("number")] | Annotated[RateDoc, Tag("rate")], Discriminator(_rate)
]
PerMonth = Annotated[PoolDoc, BeforeValidator(_pool, json_schema_input_type=Count | PoolDoc)]


class LimitsDoc(Strict):
    """Quotas of one level. Money in USD; days, weeks, months and years are the customer's
    calendar's.
    """

    requests_per_second: Annotated[
        Count | None, LimitRow("requests", "second", "rps", "requests per second (RPS)")
    ] = None
    requests_per_minute: Annotated[
        PerMinute | None,
        LimitRow("requests", "minute", "rpm", "requests per min (RPM)", shown=True),
    ] = None
    tokens_per_minute: Annotated[
        PerMinute | None, LimitRow("tokens", "minute", "tpm", "tokens per min (TPM)", shown=True)
    ] = None
    input_tokens_per_minute: Annotated[
        PerMinute | None,
        LimitRow("input_tokens", "minute", "itpm", "input tokens per min (ITPM)"),
    ] = None
    output_tokens_per_minute: Annotated[
        PerMinute | None,
        LimitRow("output_tokens", "minute", "otpm", "output tokens per min (OTPM)"),
    ] = None
    requests_per_day: Annotated[
        Count | None, LimitRow("requests", "day", "rpd", "requests per day (RPD)")
    ] = None
    tokens_per_day: Annotated[
        Count | None, LimitRow("tokens", "day", "tpd", "tokens per day (TPD)")
    ] = None
    requests_per_week: Annotated[
        Count | None, LimitRow("requests", "week", "rpw", "requests per week")
    ] = None
    tokens_per_week: Annotated[
        Count | None, LimitRow("tokens", "week", "tpw", "tokens per week")
    ] = None
    requests_per_month: Annotated[
        Count | None, LimitRow("requests", "month", "rpo", "requests per month")
    ] = None
    tokens_per_month: Annotated[
        PerMonth | None, LimitRow("tokens", "month", "tpo", "tokens per month")
    ] = None
    requests_per_year: Annotated[
        Count | None, LimitRow("requests", "year", "rpy", "requests per year")
    ] = None
    tokens_per_year: Annotated[
        Count | None, LimitRow("tokens", "year", "tpy", "tokens per year")
    ] = None
    usd_per_day: Annotated[Usd | None, LimitRow("usd", "day", "usdd", "USD per day")] = None
    usd_per_week: Annotated[Usd | None, LimitRow("usd", "week", "usdw", "USD per week")] = None
    usd_per_month: Annotated[Usd | None, LimitRow("usd", "month", "usdo", "USD per month")] = None
    usd_per_year: Annotated[Usd | None, LimitRow("usd", "year", "usdy", "USD per year")] = None
    prepaid_usd: Annotated[
        bool | None,
        LimitRow("usd", "endless", "usdp", "prepaid USD"),
        Field(description="Serve only from credit bought beforehand."),
    ] = None
    concurrency: Annotated[
        Count | None, LimitRow("requests", "running", "conc", "requests at once")
    ] = None


class PurseDoc(Strict):
    """What each run of an agent may use as a whole, its parallel sub-agents included."""

    usd: Annotated[Usd | None, LimitRow("usd", "run", "usdr", "USD of this run")] = None
    tokens: Annotated[Count | None, LimitRow("tokens", "run", "tokr", "tokens of this run")] = None
    requests: Annotated[
        Count | None, LimitRow("requests", "run", "reqr", "requests of this run")
    ] = None
    concurrency: Annotated[Count | None, Field(description="Requests of one run at once.")] = None
    repeats: Annotated[
        Count | None,
        LimitRow("requests", "repeats", "rep", "equal requests of this run"),
        Field(description="How often a run may send one and the same request; told, if left out."),
    ] = None


class RunDoc(PurseDoc):
    """The purse of each run of an agent, its parallel sub-agents included."""

    idle: Duration = Field(
        "24h",
        validate_default=True,
        examples=["24h"],
        description="A run of which nothing came for so long is forgotten, and its purse with it.",
    )
    most_open: Annotated[Count, Field(ge=1)] = Field(
        1_000, description="How many runs of one organization are known at once, at most."
    )


def _rows(doc: type[Strict]) -> dict[str, LimitRow]:
    return {
        name: row
        for name, field in doc.model_fields.items()
        for row in field.metadata
        if isinstance(row, LimitRow)
    }


LIMITS: Final[Mapping[str, LimitRow]] = MappingProxyType(_rows(LimitsDoc))
# Of a run: each alone, whatever the organization's are called.
RUN_LIMITS: Final[Mapping[str, LimitRow]] = MappingProxyType(_rows(PurseDoc))
if set(LIMITS) != set(LimitsDoc.model_fields):
    raise AssertionError("a limit has no LimitRow: give its field one")


def plain_limits(doc: LimitsDoc) -> dict[str, Any]:
    """The limits of one level as plain data: see `policies.language.tiers.Tier`."""
    limits: dict[str, Any] = {}
    for dimension in LIMITS:
        value = getattr(doc, dimension)
        if isinstance(value, PoolDoc):
            limits[dimension] = {"pool": value.pool, "rollover": value.rollover}
        elif isinstance(value, RateDoc):
            limits[dimension] = {"limit": value.limit, "burst": value.burst}
        elif value is not None and value is not False:
            limits[dimension] = value
    return limits


def plain_purse(doc: PurseDoc) -> dict[str, Any]:
    """The limits of a run that are set, as plain data."""
    limits = {name: getattr(doc, name) for name in PurseDoc.model_fields}
    return {name: limit for name, limit in limits.items() if limit is not None}


def lowered(limits: Mapping[str, int], at_most: Mapping[str, int]) -> dict[str, int]:
    """Limits, each no higher than another one of its name."""
    return {**limits, **{name: min(most, limits.get(name, most)) for name, most in at_most.items()}}
