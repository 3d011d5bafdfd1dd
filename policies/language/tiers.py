"""Tiers as plain data: what the ledger enforces, and what routing takes from them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

from policies.language.document import BoundedDoc, ExhaustedDoc, TierDoc
from policies.language.limits import (
    LEVELS,
    RUN,
    RUN_LIMITS,
    RunDoc,
    plain_limits,
    plain_purse,
)
from policies.money import PICO_PER_NANO

# A limit of a run that nobody set, in the largest number that the ledger counts exactly.
UNBOUNDED: Final = 9 * 10**15


@dataclass(frozen=True, slots=True)
class Exhausted:
    """What becomes of a request that the limits of its tier refuse.

    `downgrade`: where a budget is used up, backends that serve it nevertheless (None: none do),
    within `limits`, as those of a tier. `max_wait`: where a limit frees up again by itself, how
    many seconds it waits (0: none), `most` requests of one key at once.
    """

    downgrade: frozenset[str] | None = None
    limits: Mapping[str, Any] = field(default_factory=dict)
    max_wait: float = 0.0
    most: int = 0


@dataclass(frozen=True, slots=True)
class Runs:
    """How long a run of an agent is known after its last request, and how many of one organization
    are known at once.
    """

    idle_ms: int
    most_open: int


@dataclass(frozen=True, slots=True)
class Tier:
    """One tier. `limits` is level -> dimension -> value.

    Levels are organization, key, user, team, model and run. Values are integers (tokens, requests,
    pico-USD for `usd_*`), `prepaid_usd` is a boolean, `tokens_per_month` is
    {"pool": int, "rollover": share}, a limit per minute may be {"limit": int, "burst": int}.
    `outage_share` is None where the tier is not served while the ledger is away, else the share of
    each quota that may then be used.
    """

    name: str
    priority: str = "normal"
    routes: frozenset[str] | None = None  # None: all
    backends: frozenset[str] | None = None  # None: all
    hints: frozenset[str] | None = None  # None: all
    limits: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    outage_share: float | None = None
    guaranteed_share: Mapping[str, float] = field(default_factory=dict)
    timezone: str | None = None  # None: the policy's
    billing_day: int = 1
    billing_month: int = 1
    store: bool = True  # whether responses may be kept
    require: frozenset[str] = frozenset()  # what every request must say
    exhausted: Exhausted | None = None  # None: who is over a limit is refused
    runs: Runs | None = None  # None: runs are not counted

    def may_use_route(self, name: str) -> bool:
        """Whether a client of this tier may put the route into `model`."""
        return self.routes is None or name in self.routes

    def within(self, routes: frozenset[str]) -> "Tier":
        """The same tier where it may use none but these routes."""
        return replace(self, routes=routes if self.routes is None else self.routes & routes)

    def when_exhausted(self) -> "Tier":
        """The same tier where its budgets are used up: none but what it is downgraded to."""
        to = self.exhausted.downgrade if self.exhausted is not None else None
        if to is None:
            return self
        return replace(self, backends=to if self.backends is None else self.backends & to)

    def may_use_backend(self, name: str) -> bool:
        """Whether a request of this tier may reach the backend at all."""
        return self.backends is None or name in self.backends


def tier_of(name: str, doc: TierDoc) -> Tier:
    """The tier a document describes."""
    limits = {"organization": plain_limits(doc)}
    for level, key in LEVELS.items():
        if (below := getattr(doc, key)) is not None:
            limits[level] = plain_limits(below)
    per_run = doc.per_run
    if per_run is None and RUN in (doc.require or ()):
        per_run = RunDoc.model_validate({})
    if per_run is not None:
        limits[RUN] = whole_purse(plain_purse(per_run))
    return Tier(
        name=name,
        priority=doc.priority,
        routes=_set(doc.routes),
        backends=_set(doc.backends),
        hints=_set(doc.hints),
        limits={level: values for level, values in limits.items() if values},
        outage_share=doc.outage.bounded if isinstance(doc.outage, BoundedDoc) else None,
        guaranteed_share=dict(doc.guaranteed_share or {}),
        timezone=doc.timezone,
        billing_day=doc.billing_day or 1,
        billing_month=doc.billing_month or 1,
        store=doc.store,
        require=frozenset(doc.require or ()),
        exhausted=_exhausted(doc.when_exhausted),
        runs=None if per_run is None else _runs(per_run),
    )


def _exhausted(doc: ExhaustedDoc | Literal["deny"]) -> Exhausted | None:
    if isinstance(doc, str):
        return None
    return Exhausted(
        _set(doc.downgrade),
        {} if doc.limits is None else plain_limits(doc.limits),
        0.0 if doc.queue is None else doc.queue.max_wait,
        0 if doc.queue is None else doc.queue.most,
    )


def _runs(doc: RunDoc) -> Runs:
    return Runs(round(1_000 * doc.idle), doc.most_open)


USUAL_RUNS: Final = _runs(
    RunDoc.model_validate({})
)  # where a customer's runs are counted, and no tier's are


def whole_purse(limits: Mapping[str, Any]) -> dict[str, Any]:
    """The limits of a run. What has none is counted, too: a request may set a ceiling to it."""
    return {name: _unbounded(name) for name in RUN_LIMITS} | dict(limits)


def _unbounded(name: str) -> int:
    return UNBOUNDED * (PICO_PER_NANO if RUN_LIMITS[name].measure == "usd" else 1)


def _set(names: Any) -> frozenset[str] | None:
    return None if names is None else frozenset(names)
