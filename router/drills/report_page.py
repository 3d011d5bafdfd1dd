"""The report of a drill for people: one page of Markdown. Pure."""

from collections.abc import Iterator, Sequence
from typing import Final

from router.drills.findings import NOT_RUN, ZEROES, DrillFindings, FaultFindings

HEADINGS: Final = (
    "fault", "verdict", "asked", "whole", "refused", "unanswered", "cut", "lost", "doubled", "over",
    "back after",
)  # fmt: skip
_WORDS: Final = (
    "`asked`: requests sent. `whole`: answered to the end. `refused`: 429. `unanswered`: 502 to"
    " 504, or no answer, since what it went to was down. `cut`: streams without an end. `lost`:"
    " admitted, and in no book. `doubled`: in the books twice. `over`: admitted beyond a limit."
    " `back after`: from the mending until gateways were ready and a request was served."
)


def cells(findings: FaultFindings) -> list[str]:
    """A fault's row, below HEADINGS."""
    matched = findings.matched
    back = findings.recovered_ms
    counts = (
        ["–"] * 8
        if matched is None
        else [
            f"{count:,}"
            for count in (
                *(matched.asked, matched.whole, matched.denied, matched.unavailable),
                *(matched.cut, matched.lost, matched.doubled, matched.over),
            )
        ]
    )
    return [
        findings.name,
        findings.verdict,
        *counts,
        "–" if back is None else f"{back / 1000:.1f} s",
    ]


def page(found: DrillFindings) -> str:
    """The whole page."""
    parts = [
        [f"# Fault drill: {found.verdict}"],
        [
            f"{found.at} · Turnout {found.version} · {found.config} · settings `{found.settings}`"
            f" · seed {found.seed} · took {found.seconds:.0f} s"
        ],
        _broken(found),
        _table(found.faults),
        [_WORDS],
        _section("What your settings mean when something breaks", found.meaning),
        _section("What was done", list(_done(found.faults))),
        _section("Of all faults together", [_promised(found)] if found.promises else []),
        _section("In place of yours", found.replaced),
    ]
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


def _section(title: str, lines: Sequence[str]) -> list[str]:
    return [f"## {title}", "", *(f"- {line}" for line in lines)] if lines else []


def _broken(found: DrillFindings) -> list[str]:
    lines = [
        f"- **{name or 'all faults'}**: {promise.text}: {promise.figure}"
        for name, promise in found.broken
    ]
    return ["## Broken", "", *lines] if lines else []


def _table(faults: Sequence[FaultFindings]) -> list[str]:
    rows = [list(HEADINGS), ["---"] * len(HEADINGS), *(cells(each) for each in faults)]
    return ["| " + " | ".join(row) + " |" for row in rows]


def _done(faults: Sequence[FaultFindings]) -> Iterator[str]:
    """A line a fault: what was done, which promises were kept, what else is worth knowing."""
    for each in faults:
        if each.verdict == NOT_RUN:
            yield f"**{each.name}**: {each.what}. Not run: {each.why}."
            continue
        own = [f"{p.text}: {p.figure}" for p in each.promises if _is_telling(p.figure)]
        yield f"**{each.name}**: {each.what}. " + "; ".join([*own, *each.notes]) + "."


def _is_telling(figure: str) -> bool:
    """Whether a figure tells more than the table's zeroes."""
    return figure not in {*(f"0 {name}" for name in ZEROES), "0 were not"}


def _promised(found: DrillFindings) -> str:
    return "; ".join(f"{each.text}: {each.figure}" for each in found.promises) + "."
