"""What commands about customers are given, read: limits, instants, names to take away."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import click

from policies.findings import DocumentError
from policies.language.durations import seconds
from policies.language.source import parse
from router.customers.store import unix_ms

Option = Callable[[Callable[..., Any]], Callable[..., Any]]
_LIMITS: Final = "limits"
_FORMATS: Final = ("table", "json")

format_option: Final[Option] = click.option(
    "--format",
    "form",
    type=click.Choice(_FORMATS),
    default="table",
    show_default=True,
    help="A table for eyes, JSON for programs.",
)
organization_option: Final[Option] = click.option(
    "--organization", required=True, help="The customer; quotas are kept per customer."
)
limit_option: Final[Option] = click.option(
    "--limit",
    "limits",
    multiple=True,
    metavar="NAME=VALUE",
    help="A limit in the place of the tier's: tokens_per_day=5000000, per_key.concurrency=2;"
    " null takes it away. May be repeated.",
)
tag_option: Final[Option] = click.option(
    "--tag", "tags", multiple=True, metavar="TAG", help="A tag that policies ask for. Repeatable."
)
unset_option: Final[Option] = click.option(
    "--unset",
    "unset",
    multiple=True,
    metavar="NAME",
    help="Back to what holds without it: tags, limits, limits.tokens_per_day ... Repeatable.",
)


def read_limits(given: Iterable[str], before: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Limits as the store takes them: those of `before`, and in their place what is given.

    Raises click.BadParameter.
    """
    limits = {name: _copied(value) for name, value in (before or {}).items()}
    for text in given:
        path, equals, written = text.partition("=")
        if not equals or not path:
            raise click.BadParameter(
                f"{text!r} is no limit; write NAME=VALUE: tokens_per_day=5000000",
                param_hint="--limit",
            )
        level, _, name = path.rpartition(".")
        place = limits.setdefault(level, {}) if level else limits
        if not isinstance(place, dict):
            raise click.BadParameter(f"{level!r} has no limits within it", param_hint="--limit")
        place[name] = _value(written, text)
    return limits


def _copied(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else value


def _value(written: str, text: str) -> Any:
    """A value as YAML has it: a number, null, {limit: 60, burst: 10}."""
    try:
        return parse(f"value: {written}", "--limit").value["value"]
    except DocumentError as error:
        problem = error.findings[0].message
        raise click.BadParameter(f"{text!r}: {problem}", param_hint="--limit") from None


def changes_of(
    given: Mapping[str, Any], unset: Iterable[str], limits: Mapping[str, Any]
) -> dict[str, Any]:
    """What a store is to change: options that were given, and those that go back to nothing.

    `limits` are those of the row. Raises click.UsageError where nothing is to be changed.
    """
    changes = {name: value for name, value in given.items() if value not in (None, ())}
    if _LIMITS in changes:
        changes[_LIMITS] = read_limits(changes[_LIMITS], limits)
    for name in unset:
        whole, _, part = name.partition(".")
        if not part:
            changes[whole] = None
            continue
        if whole != _LIMITS:
            raise click.BadParameter(f"{name!r} has no part", param_hint="--unset")
        changes[_LIMITS] = _without(changes.get(_LIMITS, limits), part)
    if not changes:
        raise click.UsageError("say what to change; see --help")
    return changes


def _without(limits: Mapping[str, Any], path: str) -> dict[str, Any]:
    kept = read_limits((), limits)
    level, _, name = path.rpartition(".")
    place = kept.get(level) if level else kept
    if not isinstance(place, dict) or name not in place:
        raise click.BadParameter(f"there is no limit {path!r} of its own", param_hint="--unset")
    del place[name]
    if level and not place:
        del kept[level]
    return kept


def instant(_: click.Context, parameter: click.Parameter, value: str | None) -> int | None:
    """An instant in milliseconds of Unix time: RFC 3339, or a duration from now.

    Raises click.BadParameter.
    """
    if value is None:
        return None
    if (ahead := seconds(value)) is not None:
        return unix_ms() + round(ahead * 1000)
    try:
        time = datetime.fromisoformat(value)
    except ValueError:
        time = None
    if time is None or time.tzinfo is None:
        raise click.BadParameter(
            f"{value!r} is no instant; write a duration from now (36h, 30d) or a time with its"
            " offset: 2026-12-04T20:00:00Z"
        )
    return round(time.timestamp() * 1000)


def duration(_: click.Context, parameter: click.Parameter, value: str) -> int:
    """A duration in milliseconds. Raises click.BadParameter."""
    found = seconds(value)
    if found is None:
        raise click.BadParameter(f"{value!r} is no duration; write 30m, 24h or 7d; 0s for none")
    return round(found * 1000)


def rfc3339(ms: int | None) -> str | None:
    """An instant as programs read it, in UTC; None for none."""
    if ms is None:
        return None
    return f"{datetime.fromtimestamp(ms / 1000, UTC):%Y-%m-%dT%H:%M:%S}.{ms % 1000:03}Z"


def minute(ms: int | None) -> str:
    """An instant as people read it, in UTC; empty for none."""
    return "" if ms is None else f"{datetime.fromtimestamp(ms / 1000, UTC):%Y-%m-%d %H:%M}"
