"""What commands take to start: processor time, modules and interpreter instructions.

Each runs in a fresh interpreter. Instructions are the same on every machine with the same Python
and the same libraries; processor time is not.
"""

import json
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[1]
CONFIG: Final = """\
version: 1
policy: balanced
backends:
  local: {base_url: "http://127.0.0.1:1/v1", model: m, price: {input: 1, output: 1}}
"""
COMMANDS: Final = (
    ("--help",),
    ("keys", "create", "--organization", "acme", "--tier", "pro"),
    ("organizations", "list"),
    ("keys", "list"),
    ("keys", "list", "--format", "json"),
    ("usage",),
    ("models",),
)
_STANDALONE: Final = frozenset({"--help", "models"})  # take no --config
# Of the same interpreter, so that what both import is counted once: first the libraries.
_COUNTED: Final = """
import json, sys
from bench.instructions import counted

def libraries():
    import click, sqlalchemy.dialects.sqlite, yaml

def command():
    from router.cli.main import main
    try:
        main(sys.argv[1:])
    except SystemExit as end:
        assert not end.code, end.code

counts = {"libraries": counted(libraries), "command": counted(command)}
print(json.dumps(counts))
"""
_LISTED: Final = """
import json, sys
from router.cli.main import main
for arguments in json.loads(sys.argv[1]):
    try:
        main(arguments)
    except SystemExit as end:
        assert not end.code, end.code
print(json.dumps(sorted(sys.modules)))
"""
# What `turnout serve` has before it reads what is configured.
_SERVING: Final = """
import json, sys
import router.cli.serve
print(json.dumps(sorted(sys.modules)))
"""


def instructions(arguments: Sequence[str]) -> dict[str, int]:
    """Instructions of importing click, SQLAlchemy and YAML, and of a command after that."""
    counts: dict[str, int] = _said(_COUNTED, arguments)
    return counts


def modules(commands: Sequence[Sequence[str]]) -> list[str]:
    """The modules that an interpreter has after these commands."""
    names: list[str] = _said(_LISTED, [json.dumps(commands)])
    return names


def serving() -> list[str]:
    """The modules that a gateway has at its start, whatever is configured."""
    names: list[str] = _said(_SERVING, [])
    return names


def _said(code: str, arguments: Sequence[str]) -> Any:
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def cpu_seconds(arguments: Sequence[str], runs: int = 9) -> float:
    """Processor time of a command, user and system: the median of its runs."""
    command = [sys.executable, "-m", "router.cli", *arguments]
    return statistics.median(_cpu(command) for _ in range(runs))


def _cpu(command: Sequence[str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def table() -> str:
    """A line for each command, and one for what its libraries take alone."""
    libraries = [sys.executable, "-c", "import click, sqlalchemy.dialects.sqlite, yaml"]
    alone = statistics.median(_cpu(libraries) for _ in range(9))
    lines = [f"{'command':<32} {'CPU':>8} {'modules':>8} {'instructions':>13}"]
    with tempfile.TemporaryDirectory(prefix="turnout-start-") as folder:
        config = Path(folder) / "turnout.yaml"
        config.write_text(CONFIG)
        for command in COMMANDS:
            where = [] if command[0] in _STANDALONE else ["--config", str(config)]
            asked = [*command, *where]
            count, counts = len(modules([asked])), instructions(asked)
            lines.append(
                f"{' '.join(command):<32} {cpu_seconds(asked):6.2f} s {count:8,}"
                f" {counts['command']:13,}"
            )
    shown = f"{counts['libraries']:13,}"
    return "\n".join(
        [*lines, f"{'(click, SQLAlchemy and YAML)':<32} {alone:6.2f} s {'':8} {shown}"]
    )
