"""`turnout check`: everything `serve` would refuse, and what is probably not meant."""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import click

from policies.findings import DocumentError, Finding, render
from policies.lint.formats import as_json, as_sarif
from policies.lint.lint import lint
from router.backends.backend import Backend
from router.backends.credentials.table import KINDS
from router.cli.common.check_alerts import alert_findings
from router.cli.common.check_backends import backend_findings
from router.cli.common.check_classifier import classifier_findings
from router.cli.common.check_limits import limit_findings
from router.cli.common.check_prices import price_findings
from router.cli.common.check_rates import rate_findings
from router.cli.common.customers_in_use import customer_findings
from router.cli.common.documents import config_option
from router.cli.common.policies import read_policy, read_probes
from router.cli.common.saying import say, say_json
from router.operations.declared import DeclaredPaths
from router.settings import environment
from router.world.documents import read_documents
from router.world.snapshot import backend_facts, compile_snapshot

_Findings = Sequence[Finding]


@click.command()
@config_option
@click.option("--policy", "policy_name", help="Check this policy alone: a file or a shipped name.")
@click.option("--strict", is_flag=True, help="Exit code 1 if there is a warning.")
@click.option(
    "--format",
    "kind",
    type=click.Choice(["text", "json", "sarif"]),
    default="text",
    help="How findings are printed.",
)
def check(config_path: Path, policy_name: str | None, strict: bool, kind: str) -> None:
    """Check turnout.yaml, its policy and its ability cards, or one policy, without serving.

    What `serve` would refuse is an error, and so is a price that leaves a rate out: `serve` says
    that at its start, and charges the nearest rate.

    Every mistake and doubt is listed as file:line:column with what to write instead; the probes
    beside the policy are run. Exit code 0 when clean, 1 for warnings under --strict, 2 for errors.
    """
    try:
        summary, findings = (
            _check_config(config_path) if policy_name is None else _check_policy(policy_name)
        )
    except DocumentError as error:
        summary, findings = "", error.findings
    _FORMATS[kind](summary, findings)
    errors = any(finding.severity == "error" for finding in findings)
    sys.exit(2 if errors else int(strict and bool(findings)))


def _check_policy(name: str) -> tuple[str, _Findings]:
    policy = read_policy(name)
    findings = lint(policy, read_probes(name))
    routes, tiers = len(policy.routes), len(policy.tiers)
    return f"{name}: ok: {routes} routes, {tiers} tiers, policy {policy.version}", findings


def _check_config(path: Path) -> tuple[str, _Findings]:
    documents = read_documents(path, environment())
    world = compile_snapshot(documents.loaded, documents.policy)
    policy = documents.policy
    where = documents.config.policy if documents.policy_path is None else documents.policy_path
    findings = policy.check(backend_facts(documents.config)) + lint(policy, read_probes(str(where)))
    findings += classifier_findings(documents) + backend_findings(documents)
    findings += price_findings(documents, datetime.now(UTC).date())
    findings += alert_findings(documents)
    findings += rate_findings(documents) + limit_findings(documents, world)
    findings += customer_findings(documents)
    summary = (
        f"{path}: ok: {len(world.backends)} backends, {len(policy.routes)} routes, "
        f"{len(policy.tiers)} tiers, policy {policy.version}"
        f"{_credentials(world.backends)}{_operations(world.declared)}"
    )
    return summary, findings


def _credentials(backends: Mapping[str, Backend]) -> str:
    """Which backends are asked with more than a key, by the kind of their credentials."""
    kinds = [
        f"{name} by {KINDS[type(backend.credentials)].key}"
        for name, backend in backends.items()
        if backend.credentials is not None
    ]
    return f"; credentials: {', '.join(kinds)}" if kinds else ""


def _operations(declared: DeclaredPaths) -> str:
    """Which paths the operator declares, with what they are counted in."""
    told = [
        f"{name} ({', '.join(each.methods)} {', '.join(each.paths)}; by {', '.join(each.units)}"
        f"{' and tokens' if each.tokens else ''})"
        for name, each in declared.operations.items()
    ]
    return f"; operations: {', '.join(told)}" if told else ""


def _text(summary: str, findings: _Findings) -> None:
    """Findings on standard error, the summary on standard output."""
    if findings:
        say(render(findings), err=True)
    if not any(finding.severity == "error" for finding in findings):
        doubts = f", {len(findings)} warning{'s' * (len(findings) > 1)}" if findings else ""
        say(f"{summary}{doubts}")


def _json(_summary: str, findings: _Findings) -> None:
    say_json(json.dumps(as_json(findings), indent=2))


def _sarif(_summary: str, findings: _Findings) -> None:
    say_json(json.dumps(as_sarif(findings, version("turnout")), indent=2))


_FORMATS: Final[Mapping[str, Callable[[str, _Findings], Any]]] = {
    "text": _text,
    "json": _json,
    "sarif": _sarif,
}
