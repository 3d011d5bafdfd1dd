"""A client at its jobs: direct, through Turnout to its own protocol, and to another one."""

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from conformance.clients_table import Client
from conformance.gateway import OTHER, Gateway
from conformance.jobs import JOBS, Outcome

_PATIENCE_SECONDS: Final = 240.0  # for one job
WORKS, AS_DIRECT, FAILS = "works", "as direct", "fails"
COLUMNS: Final = ("native", "translated")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a client is pointed to."""

    root: str
    key: str


def places(client: Client, upstream: str, through: Gateway, real: str = "") -> dict[str, Place]:
    """The direct way and the columns. A way that this Turnout does not have leads to chats.

    `real` is the base URL of the real model, for the clients that ask it; they are not translated.
    """
    if client.is_real:
        direct = Place(real.removesuffix("/v1"), "sk-direct")
        return {"direct": direct, "native": Place(through.root, through.keys["real"])}
    native = through.keys.get(client.protocol, through.keys["chat"])
    other = through.keys[OTHER[client.protocol]]
    return {
        "direct": Place(upstream, "sk-direct"),
        "native": Place(through.root, native),
        "translated": Place(through.root, other),
    }


def run_jobs(
    command: Sequence[str], folder: Path, client: Client, place: Place, jobs: Sequence[str]
) -> dict[str, Outcome]:
    """What a driver says of each job, in a process group that does not outlive it."""
    env = _environment() | {
        "CONFORMANCE_URL": place.root,
        "CONFORMANCE_KEY": place.key,
        "CONFORMANCE_MODEL": client.asked_model,
        "CONFORMANCE_OVER": client.over,
    }
    process = subprocess.Popen(
        [*command, client.protocol, *jobs],
        cwd=folder,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        told, complaint = process.communicate(timeout=_PATIENCE_SECONDS * len(jobs))
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        told, complaint = process.communicate()
    outcomes = {said.pop("job"): said for said in _outcomes(told)}
    last = complaint.strip().splitlines()[-1:] or ["no word"]
    silent = {"error": "silent", "message": last[0][:300]}
    return {job: outcomes.get(job, silent) for job in jobs}


def _environment() -> dict[str, str]:
    """This process's, without proxies and without what names other servers and keys.

    Nor is Python told to compile each client's libraries anew in every run.
    """
    told = ("PYTHON", "OPENAI", "ANTHROPIC", "CLAUDE", "GEMINI", "GOOGLE", "AZURE", "AWS_")
    return {
        name: value
        for name, value in os.environ.items()
        if not name.upper().startswith(told) and not name.lower().endswith("_proxy")
    } | {"NO_COLOR": "1", "CI": "1"}


def _outcomes(text: str) -> Iterator[dict[str, Any]]:
    """Lines that are an object with a job; clients print other things too."""
    for line in text.splitlines():
        with contextlib.suppress(ValueError):
            said = json.loads(line)
            if isinstance(said, dict) and "job" in said:
                yield said


def verdict(job: str, direct: Outcome, through: Outcome) -> str:
    """`works` and `as direct` are the same as direct; all else fails."""
    if through == direct:
        return WORKS if JOBS[job].succeeded(direct) else AS_DIRECT
    fine = JOBS[job].succeeded(through) and not JOBS[job].succeeded(direct)
    return WORKS if fine else FAILS


def judged(direct: Outcome, through: Mapping[str, Outcome], job: str) -> dict[str, Any]:
    """The record of a job: what a column ended with is kept where it is not the same."""
    record: dict[str, Any] = {"direct": direct}
    for column, outcome in through.items():
        said = verdict(job, direct, outcome)
        record[column] = {"verdict": said} | ({} if outcome == direct else {"outcome": outcome})
    return record


def run_client(
    client: Client, command: Sequence[str], folder: Path, ways: Mapping[str, Place]
) -> dict[str, Any]:
    """Every job of a client in every way."""
    ended = {
        way: run_jobs(
            command,
            folder,
            client,
            place,
            [job for job in client.jobs if way != "translated" or JOBS[job].translated],
        )
        for way, place in ways.items()
    }
    return {
        job: judged(
            ended["direct"][job],
            {c: ended[c][job] for c in COLUMNS if job in ended.get(c, ())},
            job,
        )
        for job in client.jobs
    }
