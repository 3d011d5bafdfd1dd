"""Findings for machines: JSON and SARIF 2.1.0 (what code hosts show beside a change)."""

from collections.abc import Iterable
from typing import Any, Final

from policies.findings import Finding, ordered

_SARIF: Final = "https://json.schemastore.org/sarif-2.1.0.json"


def as_json(findings: Iterable[Finding]) -> dict[str, Any]:
    """Counts and findings as one JSON object."""
    listed = ordered(findings)
    return {
        "errors": sum(finding.severity == "error" for finding in listed),
        "warnings": sum(finding.severity == "warning" for finding in listed),
        "findings": [
            {
                "file": finding.file,
                "line": finding.line,
                "column": finding.column,
                "severity": finding.severity,
                "rule": finding.rule,
                "message": finding.message,
                "hint": finding.hint,
            }
            for finding in listed
        ],
    }


def as_sarif(findings: Iterable[Finding], version: str) -> dict[str, Any]:
    """A SARIF log; `version` is Turnout's."""
    listed = ordered(findings)
    rules = sorted({finding.rule for finding in listed})
    driver = {
        "name": "turnout check",
        "version": version,
        "rules": [{"id": rule} for rule in rules],
    }
    return {
        "$schema": _SARIF,
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "results": [_result(each) for each in listed]}],
    }


def _result(finding: Finding) -> dict[str, Any]:
    text = f"{finding.message}. {finding.hint}" if finding.hint else finding.message
    place = {
        "artifactLocation": {"uri": finding.file},
        "region": {"startLine": finding.line, "startColumn": finding.column},
    }
    return {
        "ruleId": finding.rule,
        "level": finding.severity,
        "message": {"text": text},
        "locations": [{"physicalLocation": place}],
    }
