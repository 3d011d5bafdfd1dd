"""A request with some of its parameters left out, or with another value."""

from collections.abc import Iterable
from typing import Any

import orjson

from router.ask import Ask
from router.protocols.splice import with_member, without_members


def with_value(ask: Ask, name: str, value: Any) -> Ask:
    """The same request with another value of a top-level parameter; its facts stay as they are."""
    raw, members = with_member(ask.raw, ask.members, name, orjson.dumps(value))
    return ask._replace(raw=raw, body={**ask.body, name: value}, members=members)


def without(ask: Ask, names: Iterable[str]) -> Ask:
    """The same request without these top-level parameters; its facts stay as they are."""
    left_out = frozenset(names)
    raw, members = without_members(ask.raw, ask.members, left_out)
    body = {name: held for name, held in ask.body.items() if name not in left_out}
    unknown = tuple([name for name in ask.unknown if name not in left_out])
    return ask._replace(raw=raw, body=body, members=members, unknown=unknown)
