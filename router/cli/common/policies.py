"""Policies, their probes and decision logs, as commands name them."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import click
import orjson
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from policies.findings import DocumentError, Finding
from policies.policy import Policy, load
from policies.replay.probes import SUFFIX, Probes, load_probes
from policies.replay.record import Record, RecordError, from_record
from router.cli.common.documents import end_with_findings
from router.cli.common.saying import say
from router.world.document_files import read_shipped_policy, shipped_policies

GOOD: Final = 0.5  # a mean score from which an answer counts as good


def read_policy(where: str) -> Policy:
    """The policy in a file, or the shipped one of that name. Raises DocumentError."""
    if where in shipped_policies():
        return load(read_shipped_policy(where), f"{where}.yaml")
    return load(_text(Path(where), "the policy"), where)


def policy_or_end(where: str) -> Policy:
    """The policy, or the command ends with every mistake and exit code 2."""
    try:
        return read_policy(where)
    except DocumentError as error:
        end_with_findings(error)


def read_probes(where: str) -> Probes | None:
    """The probes beside a policy, if there are any. Raises DocumentError."""
    if where in shipped_policies():
        return load_probes(read_shipped_policy(f"{where}.probes"), f"{where}{SUFFIX}")
    path = Path(where)
    beside = path.with_name(path.name.removesuffix(path.suffix) + SUFFIX)
    if not beside.is_file():
        return None
    return load_probes(_text(beside, "the probes"), str(beside))


def _text(path: Path, what: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        reason = error.strerror or "unknown reason"
    except UnicodeDecodeError:
        reason = "it is not UTF-8 text"
    remedy = f"name a file, or a shipped policy: {', '.join(shipped_policies())}"
    message = f"{what} cannot be read: {reason}"
    raise DocumentError([Finding(str(path), 1, 1, "error", message, remedy, "unreadable")])


@dataclass(slots=True)
class Log:
    """Decision logs, read one record after the other; `skipped` counts lines that are none."""

    paths: Sequence[Path]
    tiers: Mapping[str, str] = field(default_factory=dict)  # a record's tier -> the one to use
    verdicts: Mapping[tuple[str, str], float] = field(
        default_factory=dict
    )  # (id, backend) -> score
    skipped: int = 0
    read: int = 0
    _told: bool = False

    def records(self) -> Iterator[Record]:
        """Every record, with a progress bar on a terminal. What is wrong is told once, however
        often the log is read.
        """
        self.read = self.skipped = 0
        total = sum(path.stat().st_size for path in self.paths)
        with progress() as bar:
            task = bar.add_task("reading", total=total)
            bytes_read = 0
            for line in self._lines():
                bytes_read += len(line)
                if self.read % 500 == 0:
                    bar.update(task, completed=bytes_read)
                record = self._record(line)
                if record is not None:
                    self.read += 1
                    yield record
        if not self._told:
            self._tell()

    def _lines(self) -> Iterator[bytes]:
        for path in self.paths:
            with path.open("rb") as lines:
                yield from lines

    def _record(self, line: bytes) -> Record | None:
        if not line.strip():
            return None
        try:
            record = from_record(orjson.loads(line))
        except (orjson.JSONDecodeError, RecordError):
            self.skipped += 1
            return None
        tier = self.tiers.get(record.signals.tier)
        if tier is not None:
            record = replace(record, signals=replace(record.signals, tier=tier))
        if self.verdicts and record.outcome is not None:
            score = self.verdicts.get((record.id, record.outcome.backend))
            if score is not None:
                outcome = replace(record.outcome, success=score >= GOOD)
                record = replace(record, outcome=outcome)
        return record

    def _tell(self) -> None:
        self._told = True
        if not self.read:
            raise click.ClickException("the log holds no decision record")
        if self.skipped:
            say(f"{self.skipped} lines of the log are not decision records", err=True)


def progress() -> Progress:
    """A bar on standard error; nothing where that is not a terminal."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=not sys.stderr.isatty(),
    )
