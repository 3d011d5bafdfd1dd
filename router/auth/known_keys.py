"""The keys that a gateway knows, and what becomes of each at which moment."""

from collections import Counter
from heapq import heapify, heappop, heappush
from itertools import count
from typing import Final

from router.customers.known import Known
from router.customers.records import CalendarWords, StoredKey, StoredOrganization, StoredTeam
from router.customers.terms import Customers, Moment, Refused, Standing
from router.domain import Principal

_MOST_MEMBERS: Final = 10_000


class KnownKeys:
    """`principals` are those whose keys pass, by the hash of the key; `refused` those whose do not.

    One thread changes them at a time, while another one looks.
    """

    def __init__(self) -> None:
        self.principals: dict[bytes, Principal] = {}
        self.refused: dict[bytes, Refused] = {}
        self._organizations: dict[str, str | StoredOrganization] = {}  # where plain, its tier
        self._teams: dict[str, list[StoredTeam]] = {}  # those that set anything
        self._futures: dict[bytes, list[Moment]] = {}  # of the keys that have one
        self._moments: list[tuple[int, int, bytes, list[Moment]]] = []
        self._numbers = count()
        self._members: dict[tuple[str, str | None], list[Moment]] = {}

    def replace(self, known: Known, now: int) -> None:
        """Know these keys and no others."""
        gone = set(self.principals) | set(self.refused)
        self._organizations, self._teams = {}, {}
        self.update(known, now)
        for hashed in gone.difference(hashed for hashed, _ in known.keys):
            self._forget(hashed)

    def update(self, known: Known, now: int) -> None:
        """Know what is new."""
        customers = Customers(known.organizations, known.teams, now)
        for hashed, key in known.keys:
            if key.revoked_at is not None:
                self._forget(hashed)
                continue
            self._put(hashed, customers.future(key))
        for name, organization in known.organizations.items():
            self._organizations[name] = organization if _says(organization) else organization.tier
            self._teams[name] = [
                team for team in known.teams.get(name, ()) if team.tags or team.limits
            ]
            if not self._teams[name]:
                del self._teams[name]
        self._members.clear()

    def turn(self, now: int) -> None:
        """Let hold what holds by now."""
        while self._moments and self._moments[0][0] <= now:
            at, _, hashed, future = heappop(self._moments)
            if self._futures.get(hashed) is future:
                self._hold(hashed, _at(future, at))
                if at == future[-1][0]:
                    del self._futures[hashed]
        if (
            len(self._moments) > 2 * len(self._futures) + 1000
        ):  # most are of keys that changed since
            self._moments = [
                each for each in self._moments if self._futures.get(each[2]) is each[3]
            ]
            heapify(self._moments)

    def pause(self, now: int, most: float) -> float:
        """How many seconds nothing ends by itself, up to so many."""
        if not self._moments:
            return most
        return min(most, max(0.0, (self._moments[0][0] - now) / 1000))

    def calendar_of(self, organization: str) -> CalendarWords | None:
        """The time zone and billing day that an organization has of its own, if any."""
        there = self._organizations.get(organization)
        return None if there is None or isinstance(there, str) else there.calendar

    def tiers(self) -> dict[str, tuple[int, int]]:
        """How many organizations have each tier, and how many keys count by it."""
        rows = list(self._organizations.values())
        tiers = Counter(row if isinstance(row, str) else row.tier for row in rows)
        keys = Counter(principal.tier for principal in list(self.principals.values()))
        return {tier: (tiers[tier], keys[tier]) for tier in {*tiers, *keys}}

    def member(self, key: StoredKey, now: int) -> Standing | None:
        """Who asks in the name of an organization by what is as good as a key of it; None where the
        organization is not known, and no tier is said."""
        there = self._organizations.get(key.organization)
        if there is None or (isinstance(there, str) and key.organization not in self._teams):
            tier = key.tier or there
            if not isinstance(tier, str):
                return None
            return Principal(key.key_id, key.organization, tier, key.team, key.tags)
        found = _at(self._future(key.organization, there, key.team, now), now)
        if isinstance(found, Refused):
            return found
        tags = tuple(dict.fromkeys((*found.tags, *key.tags)))
        its = (key.organization, key.tier or found.tier, key.team)
        return Principal(key.key_id, *its, tags, found.terms)

    def _future(
        self, name: str, there: str | StoredOrganization, team: str | None, now: int
    ) -> list[Moment]:
        future = self._members.get((name, team))
        if future is None:
            if len(self._members) >= _MOST_MEMBERS:
                self._members.clear()
            row = StoredOrganization(name, there) if isinstance(there, str) else there
            customers = Customers({name: row}, {name: self._teams.get(name, [])}, now)
            future = customers.future(StoredKey("", name, "", team))
            self._members[name, team] = future
        return future

    def _put(self, hashed: bytes, future: list[Moment]) -> None:
        self._futures.pop(hashed, None)
        self._hold(hashed, future[0][1])
        if len(future) > 1:
            self._futures[hashed] = future
            for at, _ in future[1:]:
                heappush(self._moments, (at, next(self._numbers), hashed, future))

    def _hold(self, hashed: bytes, standing: Standing) -> None:
        if isinstance(standing, Refused):
            self.refused[hashed] = standing
            self.principals.pop(hashed, None)
        else:
            self.principals[hashed] = standing
            self.refused.pop(hashed, None)

    def _forget(self, hashed: bytes) -> None:
        self.principals.pop(hashed, None)
        self.refused.pop(hashed, None)
        self._futures.pop(hashed, None)


def _at(future: list[Moment], now: int) -> Standing:
    """What holds at a moment."""
    holds = future[0][1]
    for at, standing in future[1:]:
        if at <= now:
            holds = standing
    return holds


def _says(organization: StoredOrganization) -> bool:
    """Whether an organization sets anything but its tier."""
    return bool(
        organization.tags
        or organization.limits
        or organization.raised
        or organization.suspended_at is not None
        or organization.timezone is not None
        or organization.billing_day is not None
    )
