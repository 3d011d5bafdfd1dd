"""What is amiss now: backends, ledger, classifier. It is told once it lasts, and when it is over.

Each gateway judges by what it sees itself. Told is by whoever claims it first.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from router.alerts.alert import KINDS, Event
from router.backends.dispatch.failures import FAILURE_POLICIES, Kind
from router.backends.health.health import Health

_OVER: Final[Mapping[str, str]] = {
    "backend.unhealthy": "Backend {subject} answers again.",
    "ledger.away": "The ledger answers again.",
    "ledger.lost": "The ledger was repaired.",
    "ledger.clock": "The clock of the ledger's server is right again.",
    "classifier.drift": "The classifier's forecasts for {subject} fit the outcomes again.",
}
_AWAY: Final = (
    "The ledger does not answer. Requests are refused, or served from what their tiers allow for"
    " that time (`outage`), until it does."
)


class Measured(Protocol):
    """How far forecasts are from outcomes."""

    @property
    def alarm(self) -> bool:
        """Whether that is more than chance explains."""

    @property
    def error(self) -> float:
        """Expected calibration error."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Where to look. `ledger_answers` asks it; the troubles are sentences, None where all is well;
    `drift` is by ability.
    """

    backends: Callable[[], Mapping[str, Health]]
    ledger_answers: Callable[[], Awaitable[bool]]
    lost: Callable[[], str | None]
    clock: Callable[[], str | None]
    drift: Callable[[], Mapping[str, Measured]]


@dataclass(slots=True)
class _State:
    """One thing that is, or was just, amiss: since when, and since when it is not."""

    text: str
    facts: Mapping[str, Any]
    since: int
    well_since: int | None = None
    told: bool = False


@dataclass(frozen=True, slots=True)
class Amiss:
    """Something is amiss: a kind, what it is about, and the words for it."""

    kind: str
    subject: str
    text: str
    facts: Mapping[str, Any] = field(default_factory=dict)


class Conditions:
    """Remembers what was amiss. `after_ms`: how long something lasts before it, or its end, is
    told; `again_ms`: when it is told again.
    """

    def __init__(self, sources: Sources, *, after_ms: int, again_ms: int) -> None:
        self._sources = sources
        self._after = after_ms
        self._again = again_ms
        self._states: dict[tuple[str, str], _State] = {}
        self._backends = _Backends()

    async def look(self, now: int) -> tuple[list[Event], list[tuple[str, Event]]]:
        """What is to be told, and what is over: the name under which it was told, and what tells
        its end. `now` is Unix milliseconds.
        """
        found = {(each.kind, each.subject): each for each in await self._amiss()}
        for key, each in found.items():
            state = self._states.setdefault(key, _State(each.text, each.facts, now))
            state.text, state.facts, state.well_since = each.text, each.facts, None
        return self._lasting(found, now), self._over(found, now)

    def _lasting(self, found: Mapping[tuple[str, str], Amiss], now: int) -> list[Event]:
        events = []
        for key in found:
            state = self._states[key]
            if now - state.since >= self._after:
                state.told = True
                kind, subject = key
                facts = {**({"subject": subject} if subject else {}), **state.facts}
                events.append(
                    Event(_name(key), self._again, kind, state.text, facts=facts, lasting=True)
                )
        return events

    def _over(self, found: Mapping[tuple[str, str], Amiss], now: int) -> list[tuple[str, Event]]:
        over = []
        for key, state in list(self._states.items()):
            if key in found:
                continue
            if state.well_since is None:
                state.well_since = now
            if state.told and now - state.well_since < self._after:
                continue
            del self._states[key]
            if state.told:
                over.append((_name(key), _ending(key, now)))
        return over

    async def _amiss(self) -> list[Amiss]:
        sources = self._sources
        found = list(self._backends.amiss(sources.backends()))
        if not await sources.ledger_answers():
            found.append(Amiss("ledger.away", "", _AWAY))
        for kind, words in (("ledger.lost", sources.lost()), ("ledger.clock", sources.clock())):
            if words is not None:
                found.append(Amiss(kind, "", words))
        found += [
            Amiss(
                "classifier.drift",
                ability,
                f"The classifier's forecasts for {ability} are off by {drift.error:.3f}, more than"
                " chance explains: run `turnout recalibrate`.",
                {"error": round(drift.error, 4)},
            )
            for ability, drift in sources.drift().items()
            if drift.alarm
        ]
        return found


class _Backends:
    """Which backends may not be asked, and why their tries failed lately.

    One that rested and may be asked again is not well yet: it is once a request went well there.
    """

    def __init__(self) -> None:
        self._down: dict[str, str] = {}
        self._failures: dict[str, Mapping[str, int]] = {}

    def amiss(self, backends: Mapping[str, Health]) -> Iterator[Amiss]:
        """The backends that are not well."""
        for name in [name for name in self._down if name not in backends]:
            del self._down[name]
        for name, health in backends.items():
            cause = self._cause(name, health)
            well = any(state.blame.all_clear for state in health.deployments)
            if not health.healthy:
                self._down[name] = cause or self._down.get(name) or ""
            elif well:
                self._down.pop(name, None)
            if name in self._down:
                yield _unhealthy(name, self._down[name])

    def _cause(self, name: str, health: Health) -> str:
        """The kind of the most failures since the last look; empty where there were none."""
        now = dict(health.failures)
        since = Counter(now) - Counter(self._failures.get(name, {}))
        self._failures[name] = now
        return since.most_common(1)[0][0] if since else ""


def _unhealthy(name: str, cause: str) -> Amiss:
    if not cause:
        return Amiss("backend.unhealthy", name, f"Backend {name} cannot be asked.")
    kind = Kind[cause]
    fault = FAILURE_POLICIES[kind].fault.value
    text = f"Backend {name} cannot be asked: {kind.value} (fault: {fault})."
    return Amiss("backend.unhealthy", name, text, {"cause": cause.lower(), "fault": fault})


def _name(key: tuple[str, str]) -> str:
    return "\n".join(("condition", *key))


def _ending(key: tuple[str, str], now: int) -> Event:
    kind, subject = key
    ended = KINDS[kind].ended or kind
    text = _OVER[kind].format(subject=subject)
    facts = {"subject": subject} if subject else {}
    return Event(f"{_name(key)}\nover\n{now}", 60_000, ended, text, facts=facts)
