"""docs/conformance.md, written from the records."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from conformance.clients_table import CLIENTS, Client
from conformance.document import read_record
from conformance.jobs import JOBS
from conformance.notes import NOTES
from conformance.records import read_all, script_digest
from conformance.running import COLUMNS, FAILS

PAGE: Final = Path(__file__).parents[1] / "docs" / "conformance.md"
_TEXT: Final = Path(__file__).parent / "page.md"


def _cell(record: Mapping[str, Any] | None) -> str:
    """Both columns in one word where they agree; of a suite, how many of its tests pass too."""
    if record is None:
        return ""
    said = [record[column]["verdict"] for column in COLUMNS if column in record]
    word = said[0] if len(set(said)) == 1 else " / ".join(said)
    counts = record["direct"].get("counts")
    return f"{word} ({_counted(counts)})" if counts else word


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {how}" for how, count in counts.items() if count)


def _date(record: Mapping[str, Any]) -> str:
    """When a record was made; a dagger where the script has changed since."""
    mark = "" if record.get("script") == script_digest() else "†"
    return f"{record['date']}{mark}"


def _age(records: Mapping[str, Any]) -> str:
    """How old the records are, in days and in scripts."""
    dates = sorted(record["date"] for record in records.values())
    span = dates[0] if dates[0] == dates[-1] else f"{dates[0]} to {dates[-1]}"
    earlier = sum(_date(record).endswith("†") for record in records.values())
    told = f"{earlier} of them, marked †, were" if earlier else "None of them was"
    return (
        f"The {len(records)} records are of {span}, of the locked versions and of the drivers as"
        f" they stand. {told} run before the last change of what all clients meet: script, jobs and"
        " kits."
    )


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
        yield f"| {head} | {_date(record)} | {cells} |"


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
    if "tests" in direct:
        direct, through = direct["tests"], through.get("tests", {})
    keys = [key for key in {**direct, **through} if direct.get(key) != through.get(key)]
    shown = [f"{key} {_plain(through.get(key))}, direct {_plain(direct.get(key))}" for key in keys]
    return "; ".join(shown)


def _plain(value: Any) -> str:
    """A value in a line of Markdown."""
    text = " ".join(str(value).replace("`", "'").replace("|", "/").split())
    return f"`{text[:160]}`"


def _document() -> Iterator[str]:
    """What Schemathesis found by it, an operation and a backend's protocol a line."""
    record = read_record()
    if record is None:
        yield "Not run: no document was given (`make conformance ARGS='--openapi PATH'`)."
        return
    yield (
        f"[Schemathesis](https://schemathesis.io) {record['version']} with the document's version"
        f" {record['document']} (sha256 `{record['sha256'][:12]}`): a case for each rule of the"
        " document, right and wrong, and more from a fuzzer. No answer may be 500 or more, every"
        " error is an object of OpenAI's shape, and content types are those that it declares."
        " Operations that Turnout does not have are asked too: they must be refused so."
    )
    yield ""
    for protocol, told in record["ways"].items():
        unasked = ", ".join(told.get("unasked", []))
        yield (
            f"- backend of `{protocol}`, {told['date']}, seed {told['seed']}, {told['cases']} cases"
            f" an operation from the fuzzer{f' (which cannot read {unasked})' if unasked else ''}:"
            f" {', '.join(told['found']) or 'nothing found'}"
        )
    yield ""
    yield "| operation | backend | cases | answered | refused | failed |"
    yield "|---|---|---|---|---|---|"
    for protocol, told in record["ways"].items():
        for name, counts in sorted(told["operations"].items()):
            numbers = [counts.get(kind, 0) for kind in ("2xx", "4xx", "5xx")]
            cells = " | ".join(map(str, [sum(counts.values()), *numbers]))
            yield f"| `{name}` | {protocol} | {cells} |"


def render() -> str:
    """The page as the records have it."""
    records = read_all()
    lines = [_TEXT.read_text().rstrip(), "", _age(records)]
    for kind in dict.fromkeys(client.kind for client in CLIENTS):
        clients = [client for client in CLIENTS if client.kind == kind]
        lines += ["", f"## {kind}", "", *_table(clients, records)]
    lines += ["", "## OpenAI's document", "", *_document()]
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
