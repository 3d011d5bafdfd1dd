"""Schemathesis with OpenAI's document: what is found, and how many cases there were."""

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import kit

CHECKS = "no_server_error,errors_are_openais,content_type_conformance"
HERE = Path(__file__).parent


def asked() -> list[str]:
    told = os.environ
    return [
        *(sys.executable, "-m", "schemathesis.cli", "run", told["CONFORMANCE_DOCUMENT"]),
        *("--url", kit.URL, "--header", f"Authorization: Bearer {kit.KEY}"),
        *("--include-path-regex", told["CONFORMANCE_PATHS"]),
        *("--phases", "examples,coverage,fuzzing", "--checks", CHECKS),
        *("--max-examples", told["CONFORMANCE_CASES"], "--seed", told["CONFORMANCE_SEED"]),
        *("--continue-on-failure", "--no-shrink", "--generation-database", "none"),
        *("--suppress-health-check", "all", "--warnings", "off", "--request-timeout", "30"),
        "--no-color",
    ]


def document() -> dict:
    with tempfile.TemporaryDirectory() as root:
        folder = Path(root)
        counts = folder / "counts.json"
        env = os.environ | {"SCHEMATHESIS_HOOKS": "hooks", "CONFORMANCE_COUNTS": str(counts)}
        done = subprocess.run(
            asked(), cwd=HERE, env=env, capture_output=True, text=True, check=False
        )
        if not counts.exists():
            raise RuntimeError((done.stderr or done.stdout)[-400:])
        (HERE / "said.txt").write_text(done.stdout + done.stderr)  # to look at, where it found some
        operations = json.loads(counts.read_text())
        return {"operations": operations, "found": found(done), "unasked": unasked(done.stdout)}


def found(done) -> list[str]:
    """Titles of the failures. Schemathesis ends with 1 where it found some."""
    titles = {line[2:] for line in done.stdout.splitlines() if line.startswith("- ")}
    return sorted(titles) or ([f"ended with {done.returncode}"] if done.returncode > 1 else [])


def unasked(said: str) -> list[str]:
    """The operations that its fuzzer cannot read out of the document."""
    _, _, errors = said.partition("= ERRORS =")
    errors = errors.partition("= FAILURES =")[0].partition("= SUMMARY =")[0]
    return re.findall(r"^_+ (\w+ \S+) _+$", errors, re.MULTILINE)


kit.run(document=document)
