"""What a drill found: by fault, what was done, what was promised, and whether it was kept."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from router.drills.matching import Matched

KEPT, BROKEN, NOT_RUN = "kept", "broken", "not run"
# The figures of a fault that must be zero, as a report calls them.
ZEROES: Final = ("lost", "doubled", "unasked", "charged", "misbilled", "negative", "over")


@dataclass(frozen=True, slots=True)
class Promise:
    """One promise: its text, whether it was kept, and the figure that shows it."""

    text: str
    kept: bool
    figure: str

    def as_json(self) -> dict[str, Any]:
        """The promise for programs."""
        return {"promise": self.text, "kept": self.kept, "figure": self.figure}


@dataclass(slots=True)
class FaultFindings:
    """One fault: its name, what was done, and what came of it. `why` it was not run, if so."""

    name: str
    what: str
    why: str = ""
    seconds: float = 0.0
    recovered_ms: int | None = None  # from the mending until a request was served again
    promises: list[Promise] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)  # what is no promise, and worth knowing
    matched: Matched | None = None

    @property
    def verdict(self) -> str:
        """KEPT, BROKEN or NOT_RUN."""
        if self.why:
            return NOT_RUN
        return KEPT if all(each.kept for each in self.promises) else BROKEN

    def promise(self, text: str, figure: object, *, kept: bool) -> None:
        """Add a promise, with the figure that shows whether it was kept."""
        self.promises.append(Promise(text, kept, str(figure)))

    def adopt(self, matched: Matched) -> None:
        """Take what notes and books say, as promises."""
        self.matched = matched
        for name in ZEROES:
            count = getattr(matched, name)
            self.promise(_PROMISES[name], f"{count} {name}", kept=count == 0)
        wordless = matched.wordless
        self.promise("whoever is refused is told why", f"{wordless} were not", kept=wordless == 0)
        if matched.examples:
            self.notes.append("what does not match: " + ", ".join(matched.examples))

    def as_json(self) -> dict[str, Any]:
        """The findings for programs: times in milliseconds."""
        counts = {} if self.matched is None else _counts(self.matched)
        return {
            "fault": self.name,
            "what": self.what,
            "verdict": self.verdict,
            "why": self.why or None,
            "ms": int(self.seconds * 1000),
            "recovered_ms": self.recovered_ms,
            "requests": counts,
            "promises": [each.as_json() for each in self.promises],
            "notes": self.notes,
        }


_PROMISES: Final = {
    "lost": "every admitted request is in the books",
    "doubled": "none is there twice",
    "unasked": "nobody is billed for what nobody asked",
    "charged": "what was refused is not charged",
    "misbilled": "each whole answer is billed as its client was told",
    "negative": "nothing used is below zero",
    "over": "no limit was passed",
}
_COUNTED: Final = ("asked", "admitted", "whole", "cut", "denied", "unavailable")


def _counts(matched: Matched) -> dict[str, int]:
    return {name: getattr(matched, name) for name in (*_COUNTED, *ZEROES)}


@dataclass(slots=True)
class DrillFindings:
    """All of a drill. `meaning` is what the operator's settings come to; `at` is a UTC date."""

    version: str
    at: str
    seed: int
    config: str
    settings: str
    seconds: float = 0.0
    replaced: Sequence[str] = ()
    meaning: Sequence[str] = ()
    faults: list[FaultFindings] = field(default_factory=list)
    promises: list[Promise] = field(default_factory=list)  # of all faults together, at the end

    @property
    def broken(self) -> list[tuple[str, Promise]]:
        """Each promise that was broken, and the fault it was broken by; empty at the end."""
        of_all = [("", each) for each in self.promises if not each.kept]
        return [(f.name, p) for f in self.faults for p in f.promises if not p.kept] + of_all

    @property
    def ran(self) -> bool:
        """Whether any fault was run."""
        return any(each.verdict != NOT_RUN for each in self.faults)

    @property
    def status(self) -> int:
        """The exit status: 0 every promise was kept, 1 one was not, 2 nothing could be run."""
        if self.broken:
            return 1
        return 0 if self.ran else 2

    @property
    def verdict(self) -> str:
        """The one sentence that matters."""
        if not self.ran:
            return "Nothing was run."
        if self.broken:
            count = len(self.broken)
            return f"{count} promise{'s' * (count > 1)} broken."
        run = [each for each in self.faults if each.verdict != NOT_RUN]
        left = len(self.faults) - len(run)
        beside = f"; {left} fault{'s' * (left > 1)} not run" if left else ""
        return f"All promises held through {len(run)} fault{'s' * (len(run) > 1)}{beside}."

    def as_json(self) -> dict[str, Any]:
        """The findings for programs."""
        return {
            "verdict": self.verdict,
            "status": self.status,
            "version": self.version,
            "at": self.at,
            "seed": self.seed,
            "config": self.config,
            "settings": self.settings,
            "ms": int(self.seconds * 1000),
            "replaced": list(self.replaced),
            "meaning": list(self.meaning),
            "faults": [each.as_json() for each in self.faults],
            "promises": [each.as_json() for each in self.promises],
        }
