"""Customers as commands show them: documents for programs and for the audit log, lines for eyes."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any, Final

from router.cli.common.customer_options import minute, rfc3339
from router.cli.common.saying import say_json, say_rows
from router.customers.records import (
    StoredCredential,
    StoredCredit,
    StoredKey,
    StoredOrganization,
    StoredTeam,
)

Row = StoredOrganization | StoredTeam | StoredKey | StoredCredit | StoredCredential
_INSTANTS: Final = frozenset({
    "created_at", "updated_at", "suspended_at", "expires_at", "last_used_at", "revoked_at", "until",
    "at", "refused_at",
})  # fmt: skip


def document(row: Row) -> dict[str, Any]:
    """A row as programs and the audit log have it; instants as RFC 3339 in UTC."""
    shown: dict[str, Any] = _dated(asdict(row))
    return shown


def _dated(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {
            name: rfc3339(each) if name in _INSTANTS else _dated(each)
            for name, each in value.items()
        }
    return [_dated(each) for each in value] if isinstance(value, list | tuple) else value


def say_documents(rows: Iterable[Row]) -> None:
    """Print rows as one JSON document."""
    say_json(json.dumps([document(row) for row in rows], indent=2))


def say_one(row: Row, form: str, extra: Mapping[str, Any] | None = None) -> None:
    """Print one row, as JSON or a line a field; `extra` stands behind its own fields."""
    shown = document(row) | dict(extra or {})
    if form == "json":
        say_json(json.dumps(shown, indent=2))
        return
    lines = ((name.replace("_", " "), words(value)) for name, value in shown.items())
    say_rows(("Field", "Value"), [(name, value) for name, value in lines if value])


def words(value: Any) -> str:
    """A value as people read it; empty where there is none."""
    if value is None or value in ([], {}):
        return ""
    if isinstance(value, Mapping):
        return "\n".join(f"{name}: {_flow(each)}" for name, each in value.items())
    if isinstance(value, list | tuple):
        return "\n".join(_flow(each) for each in value)
    return str(value)


def _flow(value: Any) -> str:
    """A value on one line, as YAML has it."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name}: {_flow(each)}" for name, each in value.items()) + "}"
    return "null" if value is None else str(value)


def state_of_key(key: StoredKey, now: int) -> str:
    """Whether a key works, in words."""
    if key.revoked_at is not None:
        return f"revoked {minute(key.revoked_at)}"
    if key.expires_at is not None and key.expires_at <= now:
        return f"expired {minute(key.expires_at)}"
    ends = "" if key.expires_at is None else f" until {minute(key.expires_at)}"
    return f"working{ends}"
