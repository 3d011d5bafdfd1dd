"""What the documents of the admin API have in common: instants, money, names, pages."""

from datetime import UTC, datetime
from typing import Annotated, Any, Final, Generic, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from policies.money import to_pico, usd

NAME_PATTERN: Final = r"^[^\x00-\x1f\x7f]+$"
_ZULU: Final = "%Y-%m-%dT%H:%M:%S"
Item = TypeVar("Item")

Name = Annotated[str, Field(min_length=1, max_length=128, pattern=NAME_PATTERN)]


class Given(BaseModel):
    """What clients send: known fields alone, of their own types."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)


class Told(BaseModel):
    """What is answered."""


class Page(Told, Generic[Item]):
    """A page of a list. `next_cursor` is null behind the last one."""

    items: list[Item]
    next_cursor: str | None = None


def _instant(value: Any) -> int:
    """Milliseconds of Unix time of an RFC 3339 text."""
    if not isinstance(value, str):
        raise ValueError("write an instant as text: 2027-01-31T00:00:00Z")
    try:
        read = datetime.fromisoformat(value)
    except ValueError:
        raise ValueError("is not an instant: write it as 2027-01-31T00:00:00Z") from None
    if read.tzinfo is None:
        raise ValueError("has no time zone: end it with Z for UTC")
    try:
        return round(read.timestamp() * 1000)
    except (ValueError, OverflowError):
        raise ValueError("is no instant of our time") from None


Instant = Annotated[
    int,
    BeforeValidator(_instant),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]


def maybe_instant(ms: int | None) -> str | None:
    """An instant, or none."""
    return None if ms is None else instant(ms)


def instant(ms: int) -> str:
    """An instant as documents have it: RFC 3339 in UTC, with milliseconds where there are any."""
    seconds, rest = divmod(ms, 1000)
    whole = datetime.fromtimestamp(seconds, UTC).strftime(_ZULU)
    return f"{whole}.{rest:03}Z" if rest else f"{whole}Z"


def _money(value: Any) -> int:
    if not isinstance(value, str):
        raise ValueError('write USD as text, so that no digit is lost: "12.50"')
    return to_pico(value, signed=True)


Money = Annotated[
    int,
    BeforeValidator(_money),
    WithJsonSchema(
        {"type": "string", "pattern": r"^-?\d{1,9}(\.\d{1,9})?$", "examples": ["12.50"]}
    ),
]


def dollars(pico: int) -> str:
    """Pico-USD as documents have it: decimal USD."""
    return usd(pico, least=2)
