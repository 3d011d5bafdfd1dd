"""Values of customers, checked. Whatever is wrong is Invalid, with the field's path."""

from collections.abc import Callable, Mapping
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from router.customers.errors import Invalid
from router.customers.tables import NAME_LENGTH

_MOST_TAGS: Final = 50
_MOST_NAMES: Final = 200
_LONGEST_TEXT: Final = 500
_STEPS: Final = frozenset({".", ".."})
_SHORTEST_SECRET: Final = 8
_LONGEST_SECRET: Final = 4_096
LATEST: Final = 253_402_300_799_000  # the end of the year 9999, in milliseconds


def name(value: Any, field: str) -> str:
    """A name of 1 to 128 characters that print."""
    if not isinstance(value, str) or not value:
        raise Invalid(field, "must be a name, and is empty" if value == "" else "must be a name")
    if len(value) > NAME_LENGTH:
        raise Invalid(field, f"has {len(value)} characters; at most {NAME_LENGTH} are kept")
    if value != value.strip() or not value.isprintable():
        raise Invalid(
            field, "has characters that do not print, or spaces around it; leave them out"
        )
    if value in _STEPS:
        raise Invalid(
            field, f"must be a name; {value!r} is a step in a path, and clients take it so"
        )
    return value


def secret(value: Any, field: str) -> str:
    """What authorizes at a provider, fit for a header. No message quotes it."""
    if not isinstance(value, str) or not _SHORTEST_SECRET <= len(value) <= _LONGEST_SECRET:
        raise Invalid(
            field, f"must be a text of {_SHORTEST_SECRET} to {_LONGEST_SECRET} characters"
        )
    if not all("!" <= each <= "~" for each in value):
        raise Invalid(
            field, "has spaces, line ends or characters beyond ASCII, which no header takes"
        )
    return value


def maybe_name(value: Any, field: str) -> str | None:
    """A name, or none."""
    return None if value is None else name(value, field)


def names(value: Any, field: str, most: int = _MOST_NAMES) -> list[str]:
    """Names, each once."""
    if not isinstance(value, list | tuple):
        raise Invalid(field, "must be a list of names")
    if len(value) > most:
        raise Invalid(field, f"has {len(value)} names; at most {most} are kept")
    checked = [name(each, f"{field}.{place}") for place, each in enumerate(value)]
    return list(dict.fromkeys(checked))


def tags(value: Any, field: str = "tags") -> list[str]:
    """Tags, each once."""
    return names(() if value is None else value, field, _MOST_TAGS)


def allowed(value: Any, field: str) -> list[str] | None:
    """What a key may use; None for all."""
    return None if value is None else names(value, field)


def text(value: Any, field: str, most: int = _LONGEST_TEXT) -> str:
    """A line that people read; it may be empty."""
    if not isinstance(value, str) or not value.isprintable() or len(value) > most:
        raise Invalid(field, f"must be one line of at most {most} characters that print")
    return value


def timezone(value: Any, field: str = "timezone") -> str | None:
    """An IANA name of a time zone; None for the tier's."""
    if value is None:
        return None
    if value == "UTC":
        return "UTC"
    try:
        ZoneInfo(name(value, field))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Invalid(field, "is no time zone; write an IANA name such as Europe/Berlin") from None
    return str(value)


def billing_day(value: Any, field: str = "billing_day") -> int | None:
    """A day that every month has; None for the tier's."""
    if value is None:
        return None
    if type(value) is not int or not 1 <= value <= 28:
        raise Invalid(field, "must be a day from 1 to 28, which every month has")
    return value


def instant(value: Any, field: str, *, after: int | None = None) -> int:
    """An instant, perhaps one that is still to come."""
    if type(value) is not int or not 0 <= value <= LATEST:
        raise Invalid(field, "must be an instant, in milliseconds of Unix time")
    if after is not None and value <= after:
        raise Invalid(field, "is over already")
    return value


def expiry(value: Any, field: str = "expires_at") -> int | None:
    """When a key ends; None for never. It may be over: such a key is expired at once."""
    return None if value is None else instant(value, field)


def checked(
    changes: Mapping[str, Any], checks: Mapping[str, Callable[[Any, str], Any]]
) -> dict[str, Any]:
    """The changes, each as its check returns it. Raises Invalid for a field that has none."""
    for field in changes:
        if field not in checks:
            raise Invalid(field, f"cannot be changed; these can: {', '.join(checks)}")
    return {field: checks[field](value, field) for field, value in changes.items()}
