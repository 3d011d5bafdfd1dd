"""From rows to who asks: whose limits hold, until when, and what refuses a key.

A key's future is compiled with it: each raise that ends, and its own end, are moments from which
something else holds. So a gateway that knows its keys needs no database to let them pass.
"""

import json
import logging
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple
from weakref import WeakValueDictionary

from policies.language.limits import lowered
from router.customers.errors import Invalid
from router.customers.policy_rules import Plain, read_limits
from router.customers.records import StoredKey, StoredOrganization, StoredTeam, time_of
from router.domain import RUN_AT_MOST, Principal, Terms

_LOG: Final = logging.getLogger(__name__)
_KNOWN: Final[WeakValueDictionary[tuple[Any, ...], Terms]] = WeakValueDictionary()


class Refused(NamedTuple):
    """A key that is known and does not pass."""

    why: Literal["expired", "suspended"]
    message: str


Standing = Principal | Refused
Moment = tuple[int, Standing]  # from when on it holds


class Customers:
    """The rows of some customers, for a while. `now` decides what of them is over."""

    def __init__(
        self,
        organizations: Mapping[str, StoredOrganization],
        teams: Mapping[str, Sequence[StoredTeam]],
        now: int,
    ) -> None:
        self._organizations = organizations
        self._teams = {
            (each.organization, each.team): each for few in teams.values() for each in few
        }
        self._now = now
        self._limits: dict[tuple[str, str | None, int], Plain] = {}

    def future(self, key: StoredKey) -> list[Moment]:
        """What holds of a key now, and from each later moment on, in order."""
        organization = self._organizations.get(key.organization)
        raises = () if organization is None else organization.raised
        ends = {each.until for each in raises}
        if key.expires_at is not None:
            ends.add(key.expires_at)
        moments = [self._now, *sorted(end for end in ends if end > self._now)]
        return [(moment, self._at(moment, key, organization)) for moment in moments]

    def _at(self, at: int, key: StoredKey, organization: StoredOrganization | None) -> Standing:
        if key.expires_at is not None and at >= key.expires_at:
            return _expired(key)
        if organization is None:  # an older version made the key
            tier, tags = key.tier, key.tags
        elif organization.suspended_at is not None:
            return _suspended(organization)
        else:
            tier = key.tier or organization.tier
            tags = organization.tags
        line = list(self._line(key.organization, key.team))
        tags = tuple(
            dict.fromkeys((*tags, *(tag for team in line for tag in team.tags), *key.tags))
        )
        return Principal(
            key.key_id,
            sys.intern(key.organization),
            sys.intern(tier),
            key.team,
            tags,
            self._terms(at, key, organization, line),
        )

    def _line(self, organization: str, team: str | None) -> Iterator[StoredTeam]:
        """A team and those that it is a part of, the outermost first."""
        line: list[StoredTeam] = []
        while team is not None:
            row = self._teams.get((organization, team))
            if row is None or row in line:
                break
            line.insert(0, row)
            team = row.parent
        return iter(line)

    def _terms(
        self,
        at: int,
        key: StoredKey,
        organization: StoredOrganization | None,
        line: Sequence[StoredTeam],
    ) -> Terms | None:
        """What holds in the place of the tier's; None where nothing does."""
        limits = self._common(at, key, organization, line)
        if key.limits:
            limits = merged(limits, _read("key", key.limits, key.key_id))
        return terms(
            limits,
            None if organization is None else organization.timezone,
            None if organization is None else organization.billing_day,
            None if key.routes is None else frozenset(key.routes),
            None if key.models is None else frozenset(key.models),
        )

    def _common(
        self,
        at: int,
        key: StoredKey,
        organization: StoredOrganization | None,
        line: Sequence[StoredTeam],
    ) -> Plain:
        """The limits that all keys of an organization and team share at a moment."""
        which = key.organization, key.team, at
        if which not in self._limits:
            limits: Plain = {}
            if organization is not None:
                raised = [each.limits for each in organization.raised if each.until > at]
                for each in (organization.limits, *raised):
                    limits = merged(limits, _read("organization", each, organization.organization))
            for team in line:
                limits = merged(
                    limits, _read("team", team.limits, f"{team.organization}/{team.team}")
                )
            self._limits[which] = limits
        return self._limits[which]


def merged(limits: Mapping[str, Mapping[str, Any]], over: Mapping[str, Mapping[str, Any]]) -> Plain:
    """Limits with others in their places: single ones, level by level; of what only lowers, the
    lower ones."""
    levels = dict.fromkeys((*limits, *over))
    found = {level: {**limits.get(level, {}), **over.get(level, {})} for level in levels}
    if RUN_AT_MOST in limits and RUN_AT_MOST in over:
        found[RUN_AT_MOST] = lowered(limits[RUN_AT_MOST], over[RUN_AT_MOST])
    return found


def terms(
    limits: Plain,
    timezone: str | None = None,
    billing_day: int | None = None,
    routes: frozenset[str] | None = None,
    models: frozenset[str] | None = None,
) -> Terms | None:
    """The one object that says this; None where it says nothing."""
    if not limits and all(each is None for each in (timezone, billing_day, routes, models)):
        return None
    key = (json.dumps(limits, sort_keys=True), timezone, billing_day, routes, models)
    known = _KNOWN.get(key)
    if known is None:
        known = _KNOWN[key] = Terms(limits, timezone, billing_day, routes, models)
    return known


def _read(level: str, limits: Mapping[str, Any], whose: str) -> Plain:
    """Limits as they were stored. What this version cannot read does not hold, and is said."""
    if not limits:
        return {}
    try:
        return read_limits(level, limits)
    except Invalid as error:
        _LOG.error("limits of %s %r do not hold: %s", level, whose, error)
        return {}


def _expired(key: StoredKey) -> Refused:
    when = f"{time_of(key.expires_at or 0):%Y-%m-%d %H:%M} UTC"
    if key.replaced_by is not None:
        said = f"This API key was replaced by another one, {key.replaced_by}, and ended {when}."
    else:
        said = f"This API key expired {when}."
    return Refused("expired", f"{said} Ask whoever gave it to you for a new one.")


def _suspended(organization: StoredOrganization) -> Refused:
    why = f": {organization.suspended_why}" if organization.suspended_why else ""
    said = f"The organization {organization.organization} is suspended{why}."
    return Refused("suspended", f"{said} Ask whoever runs this gateway.")
