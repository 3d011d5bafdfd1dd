"""The document of all customers, field by field: what each must be, and what is left out."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Any, Final, Literal, NamedTuple

from router.customers import fields
from router.customers.errors import Invalid
from router.customers.rules import Rules

Kind = Literal["organization", "team", "key"]
Check = Callable[[Rules, Any, str], Any]
_HASH: Final = re.compile(r"[0-9a-f]{64}")
_KEY_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,40}")


class Place(NamedTuple):
    """Where a row stands: `name` is empty for an organization itself."""

    kind: Kind
    organization: str
    name: str

    def __str__(self) -> str:
        below = f".{self.kind}s.{self.name}" if self.name else ""
        return f"organizations.{self.organization}{below}"


def _hash(_rules: Rules, value: Any, field: str) -> str:
    if not isinstance(value, str) or not _HASH.fullmatch(value):
        raise Invalid(field, "must be a hash as `turnout export` writes it: 64 hexadecimal digits")
    return value


def _instant(_rules: Rules, value: Any, field: str) -> int | None:
    if value is None:
        return None
    try:
        time = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        time = None
    if time is None or time.tzinfo is None:
        raise Invalid(field, "must be a time with its offset: 2026-12-04T20:00:00Z")
    return fields.expiry((time - _EPOCH) // _MS, field)


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MS: Final = (datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC) - _EPOCH) / 1000


def _limits(level: str) -> Check:
    return lambda rules, value, field: rules.limits(level, value or {}, field)


def _plain(check: Callable[[Any, str], Any]) -> Check:
    return lambda _rules, value, field: check(value, field)


def _reason(_rules: Rules, value: Any, field: str) -> str | None:
    return None if value is None else fields.text(value, field)


# Each field of a row, and what stands for it where nothing is said.
FIELDS: Final[Mapping[Kind, Mapping[str, tuple[Check, Any]]]] = {
    "organization": {
        "tier": (lambda rules, value, field: rules.tier(value, field), ""),
        "timezone": (_plain(fields.timezone), None),
        "billing_day": (_plain(fields.billing_day), None),
        "tags": (_plain(fields.tags), []),
        "limits": (_limits("organization"), {}),
        "suspended": (_reason, None),
    },
    "team": {
        "parent": (_plain(fields.maybe_name), None),
        "tags": (_plain(fields.tags), []),
        "limits": (_limits("team"), {}),
    },
    "key": {
        "hash": (_hash, ""),
        "name": (_plain(fields.maybe_name), None),
        "team": (_plain(fields.maybe_name), None),
        "tier": (lambda rules, value, field: rules.tier_of_key(value, field), ""),
        "tags": (_plain(fields.tags), []),
        "expires_at": (_instant, None),
        "routes": (lambda rules, value, field: rules.routes_of_key(value, field), None),
        "models": (_plain(fields.allowed), None),
        "limits": (_limits("key"), {}),
    },
}
_PARTS: Final = ("teams", "keys")


def shown_of(kind: Kind, values: Mapping[str, Any]) -> dict[str, Any]:
    """A row as the document has it: without what says nothing, instants as RFC 3339."""
    shown = {
        name: values[name] for name, (_, usual) in FIELDS[kind].items() if values[name] != usual
    }
    if "expires_at" in shown:
        time = _EPOCH + shown["expires_at"] * _MS
        shown["expires_at"] = f"{time:%Y-%m-%dT%H:%M:%S}.{shown['expires_at'] % 1000:03}Z"
    return shown


def read_document(document: Any, rules: Rules) -> dict[Place, dict[str, Any]]:
    """Every row of a document, each with all of its fields. Raises Invalid for what is wrong."""
    whole = _mapping(document, "", ("version", "organizations"))
    if whole.get("version") != 1:
        raise Invalid("version", "must be 1")
    rows: dict[Place, dict[str, Any]] = {}
    for name, given in _mapping(whole.get("organizations") or {}, "organizations").items():
        at = Place("organization", fields.name(name, "organizations"), "")
        own = _mapping(given or {}, str(at), (*FIELDS["organization"], *_PARTS))
        rows[at] = _row(at, {k: v for k, v in own.items() if k not in _PARTS}, rules)
        for kind in ("team", "key"):
            part = f"{at}.{kind}s"
            for below, values in _mapping(own.get(f"{kind}s") or {}, part).items():
                place = Place(kind, name, _name(kind, below, part))
                rows[place] = _row(place, values or {}, rules)
    _check_teams(rows)
    return rows


def _name(kind: str, name: str, part: str) -> str:
    if kind == "key" and not _KEY_ID.fullmatch(name):
        raise Invalid(part, f"{name[:60]!r} is no id of a key")
    return fields.name(name, part)


def _row(place: Place, given: Any, rules: Rules) -> dict[str, Any]:
    known = FIELDS[place.kind]
    own = _mapping(given, str(place), known)
    return {
        name: check(rules, own.get(name, usual), f"{place}.{name}")
        for name, (check, usual) in known.items()
    }


def _mapping(value: Any, field: str, known: Any = None) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise Invalid(field, "must be a mapping")
    for name in value if known is not None else ():
        if name not in known:
            near = get_close_matches(name, known, 1)
            hint = f"did you mean {near[0]}?" if near else f"known here: {', '.join(known)}"
            raise Invalid(f"{field}.{name}" if field else name, f"is not known; {hint}")
    return value


def _check_teams(rows: Mapping[Place, Mapping[str, Any]]) -> None:
    """Raise Invalid for a team that is not there, or that is a part of itself."""
    for place, values in rows.items():
        name = {"team": values.get("parent"), "key": values.get("team")}.get(place.kind)
        if name is None:
            continue
        field = f"{place}.{'parent' if place.kind == 'team' else 'team'}"
        way = [place.name] if place.kind == "team" else []
        while name is not None:
            above = rows.get(Place("team", place.organization, name))
            if above is None:
                raise Invalid(field, f"organization {place.organization!r} has no team {name!r}")
            if name in way:
                way.append(name)
                raise Invalid(field, f"a team would be a part of itself: {' > '.join(way)}")
            way.append(name)
            name = above["parent"]
