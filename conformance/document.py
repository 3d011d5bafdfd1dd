"""Schemathesis with OpenAI's document, against a running Turnout.

The document is not ours to carry: its path is given. Every operation of the families below is
asked, those that Turnout does not have too: they must be refused as OpenAI refuses.
"""

import datetime
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import yaml

from conformance.cache import command_of, install, version_of
from conformance.clients_table import Client
from conformance.gateway import Gateway
from conformance.running import Place, run_jobs

SCHEMATHESIS: Final = Client(
    "schemathesis", "", "PyPI", "schemathesis", "schemathesis", "chat", ("document",)
)
RECORD: Final = Path(__file__).parent / "records" / "document" / "openai.json"
_PATIENCE_SECONDS: Final = 1800.0
_CONVERSATIONS: Final = "^/(chat/completions|responses)$"
_ALL: Final = (
    "^/(chat|completions|embeddings|moderations|responses|images|audio|models|files|batches"
    "|conversations)(/[^?]*)?$"
)
# What is asked, by the protocol of the backend that answers.
WAYS: Final[Mapping[str, str]] = MappingProxyType(
    {"chat": _ALL, "responses": _CONVERSATIONS, "messages": _CONVERSATIONS}
)
Found = dict[str, Any]


def run_document(
    document: Path,
    through: Gateway,
    *,
    seed: int,
    cases: int,
    only: Sequence[str],
    say: Callable[[str], None],
) -> int:
    """Ask by the document, keep the record, return how many kinds of faults were found.

    `cases` is how many requests an operation gets from the fuzzer, beside those for each rule of
    the document; `only` names ways, none is all. Raises CannotInstall.
    """
    folder = install(SCHEMATHESIS, say)
    ways: dict[str, Found] = {}
    for protocol, paths in WAYS.items():
        if only and protocol not in only:
            continue
        told = {
            "CONFORMANCE_DOCUMENT": str(document.resolve()),
            "CONFORMANCE_PATHS": paths,
            "CONFORMANCE_CASES": str(cases),
            "CONFORMANCE_SEED": str(seed),
        }
        place = Place(through.root, through.keys[protocol])
        command = command_of(SCHEMATHESIS, folder)
        ended = run_jobs(
            *(command, folder, SCHEMATHESIS, place, SCHEMATHESIS.jobs),
            told=told,
            patience=_PATIENCE_SECONDS,
        )
        today = datetime.datetime.now(datetime.UTC).date().isoformat()
        asked = {"date": today, "seed": seed, "cases": cases}
        ways[protocol] = asked | dict(ended["document"])
        _keep(document, ways)
        say(f"  {protocol}: {_summary(ways[protocol])}")
    return sum(len(found.get("found", ["it did not run"])) for found in ways.values())


def _summary(found: Found) -> str:
    if "error" in found:
        return f"{found['error']}: {found.get('message', '')}"
    total = sum(sum(counts.values()) for counts in found["operations"].values())
    return f"{total} requests; found: {', '.join(found['found']) or 'nothing'}"


def _keep(document: Path, ways: dict[str, Found]) -> None:
    """Ways that did not run stay as they are, if they were asked by this very document."""
    raw = document.read_bytes()
    digest, before = hashlib.sha256(raw).hexdigest(), read_record() or {}
    kept = before.get("ways", {}) if before.get("sha256") == digest else {}
    record = {
        "document": str(yaml.load(raw, yaml.CSafeLoader)["info"]["version"]),
        "sha256": digest,
        "version": version_of(SCHEMATHESIS),
        "ways": kept | ways,
    }
    RECORD.parent.mkdir(exist_ok=True)
    RECORD.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n")


def read_record() -> dict[str, Any] | None:
    """The record of the last run, if there was one."""
    return json.loads(RECORD.read_text()) if RECORD.exists() else None
