"""LangChain's standard integration tests of its own clients: how each test ended."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from xml.etree import ElementTree

import kit

HERE = Path(__file__).parent


def suite() -> dict:
    """Every test by name, and how many ended in which way."""
    with tempfile.TemporaryDirectory() as root:
        report = Path(root) / "report.xml"
        words = [sys.executable, "-m", "pytest", "suite.py", f"--junitxml={report}"]
        env = os.environ | {"CONFORMANCE_PROTOCOL": kit.protocol(), "LANGSMITH_TRACING": "false"}
        done = subprocess.run(words, cwd=HERE, env=env, capture_output=True, text=True, check=False)
        if not report.exists():
            raise RuntimeError((done.stderr or done.stdout)[-400:])
        cases = ElementTree.parse(report).getroot().iter("testcase")
        tests = {case.get("name"): ended(case) for case in cases}
    counts = {how: list(tests.values()).count(how) for how in ("passed", "failed", "skipped")}
    if not counts["passed"]:
        raise RuntimeError(done.stdout[-400:])
    return {"counts": counts, "tests": tests}


def ended(case) -> str:
    """An expected failure counts as skipped, as its author meant it."""
    if case.find("failure") is not None or case.find("error") is not None:
        return "failed"
    return "skipped" if case.find("skipped") is not None else "passed"


kit.run(suite=suite)
