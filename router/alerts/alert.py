"""What an alert is: a kind from one table, whom it is about, and a sentence for people."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import blake2b
from types import MappingProxyType
from typing import Any, Final, Literal

Severity = Literal["info", "warning", "critical"]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of alert: the part before the dot of its name is the family that may be asked for.

    `ended` is the kind that tells that it is over, where that is told.
    """

    name: str
    severity: Severity
    title: str
    ended: str | None = None

    @property
    def family(self) -> str:
        """What destinations choose it by."""
        return self.name.partition(".")[0]


_ROWS: Final = (
    Kind("budget.threshold", "warning", "Budget used"),
    Kind("budget.forecast", "warning", "Budget forecast to be exceeded"),
    Kind("balance.threshold", "warning", "Prepaid balance used"),
    Kind("balance.low", "warning", "Prepaid balance low"),
    Kind("backend.unhealthy", "critical", "Backend unhealthy", "backend.recovered"),
    Kind("backend.recovered", "info", "Backend answers again"),
    Kind("ledger.away", "critical", "Ledger away", "ledger.back"),
    Kind("ledger.back", "info", "Ledger is back"),
    Kind("ledger.lost", "critical", "Ledger lost what it held", "ledger.repaired"),
    Kind("ledger.repaired", "info", "Ledger repaired"),
    Kind("ledger.clock", "warning", "Clock of the ledger's server", "ledger.clock_right"),
    Kind("ledger.clock_right", "info", "Clock of the ledger's server is right again"),
    Kind("classifier.drift", "warning", "Classifier drifts", "classifier.calibrated"),
    Kind("classifier.calibrated", "info", "Classifier is calibrated again"),
    Kind("key.expiring", "warning", "Key expires soon"),
    Kind("test.sent", "info", "Test"),
)
KINDS: Final[Mapping[str, Kind]] = MappingProxyType({row.name: row for row in _ROWS})


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert as it is kept and sent. `at` is Unix milliseconds; `organization` is empty where it
    is about the gateway; `text` and `facts` hold no prompt, no answer and no key.
    """

    id: str
    kind: str
    at: int
    organization: str
    text: str
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """What it is, in a few words."""
        return KINDS[self.kind].title

    @property
    def severity(self) -> Severity:
        """How grave it is."""
        return KINDS[self.kind].severity


@dataclass(frozen=True, slots=True)
class Event:
    """Something that is to be told once: `name` says what, and it is not told again for `ms`.

    `lasting`: it may come again under the same name, and is another alert then.
    """

    name: str
    ms: int
    kind: str
    text: str
    organization: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    lasting: bool = False

    def alert(self, now: int) -> Alert:
        """The alert that tells it at an instant; its id is the same whoever tells it."""
        said = f"{self.name}@{now}" if self.lasting else self.name
        return Alert(alert_id(said), self.kind, now, self.organization, self.text, self.facts)


def alert_id(said: str) -> str:
    """The id of what is said: receivers know by it that they have it already."""
    return f"alert_{blake2b(said.encode('utf-8', 'replace'), digest_size=15).hexdigest()}"


def instant(ms: int) -> str:
    """An instant as alerts write it: RFC 3339, to the second."""
    return datetime.fromtimestamp(ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
