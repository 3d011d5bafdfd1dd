"""docs/conformance.md, written from the records."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from conformance.clients_table import CLIENTS, Client
from conformance.jobs import JOBS
from conformance.notes import NOTES
from conformance.records import read_all
from conformance.running import COLUMNS, FAILS

PAGE: Final = Path(__file__).parents[1] / "docs" / "conformance.md"
_TEXT: Final = Path(__file__).parent / "page.md"


def _cell(record: Mapping[str, Any] | None) -> str:
    """Both columns in one word where they agree."""
    if record is None:
        return ""
    said = [record[column]["verdict"] for column in COLUMNS if column in record]
    return said[0] if len(set(said)) == 1 else " / ".join(said)


def _table(clients: list[Client], records: Mapping[str, Any]) -> Iterator[str]:
    jobs = [job for job in JOBS if any(job in client.jobs for client in clients)]
    yield f"| client | version | protocol | run on | {' | '.join(jobs)} |"
    yield "|---|---|---|---|" + "---|" * len(jobs)
    for client in clients:
        record = records.get(client.name)
        if record is None:
            yield f"| {client.name} | | {client.protocol} | not run |" + "  |" * len(jobs)
            continue
        cells = " | ".join(_cell(record["jobs"].get(job)) for job in jobs)
        head = f"{client.name} | `{client.package}` {record['version']} | {client.protocol}"
        yield f"| {head} | {record['date']} | {cells} |"


def _failures(records: Mapping[str, Any]) -> Iterator[str]:
    """What differs from direct, as it was told; jobs of a client that differ alike in one line."""
    for name, record in records.items():
        alike: dict[str, list[str]] = {}
        for job, told in record["jobs"].items():
            for column in COLUMNS:
                if column in told and told[column]["verdict"] == FAILS:
                    alike.setdefault(_difference(told, column), []).append(f"{job} ({column})")
        for difference, where in alike.items():
            yield f"- {name}, {', '.join(where)}: {difference}"


def _difference(told: Mapping[str, Any], column: str) -> str:
    """The error alone where there is one, else what is not the same."""
    direct, through = told["direct"], told[column]["outcome"]
    if "error" in through:
        return f"`{through['error']}`: {_plain(through.get('message', ''))}"
    keys = [key for key in {**direct, **through} if direct.get(key) != through.get(key)]
    shown = [f"{key} {_plain(through.get(key))}, direct {_plain(direct.get(key))}" for key in keys]
    return "; ".join(shown)


def _plain(value: Any) -> str:
    """A value in a line of Markdown."""
    text = " ".join(str(value).replace("`", "'").replace("|", "/").split())
    return f"`{text[:160]}`"


def render() -> str:
    """The page as the records have it."""
    records = read_all()
    lines = [_TEXT.read_text().rstrip()]
    for kind in dict.fromkeys(client.kind for client in CLIENTS):
        clients = [client for client in CLIENTS if client.kind == kind]
        lines += ["", f"## {kind}", "", *_table(clients, records)]
    lines += ["", "## The jobs", "", "| job | what is asked |", "|---|---|"]
    lines += [f"| {job.name} | {job.asks} |" for job in JOBS.values()]
    lines += ["", "## What fails", "", *(list(_failures(records)) or ["Nothing."])]
    if NOTES:
        lines += ["", "## Why", ""]
        lines += [f"- {', '.join(names)}: {why}" for names, why in NOTES.items()]
    return "\n".join(lines) + "\n"


def write() -> None:
    """Write the page."""
    PAGE.write_text(render())
