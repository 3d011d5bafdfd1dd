"""Probes: example requests beside a policy, and the decision expected of each.

`balanced.yaml` has `balanced.probes.yaml`. A probe says what is known of a request (everything is
optional, except `tier` where the policy has tiers) and how it must be decided.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from policies.decision import Decision, Denial
from policies.examples import ExpectDoc, ProbesDoc, hints_of, signals_of
from policies.findings import DocumentError, Finding, suggestion
from policies.language.source import Document, Path, parse
from policies.language.validation import validate
from policies.policy import Policy

SUFFIX: Final = ".probes.yaml"


@dataclass(frozen=True, slots=True)
class Probes:
    """A loaded probe file."""

    document: ProbesDoc
    source: Document


def load_probes(text: str, filename: str) -> Probes:
    """Read a probe file. Raises DocumentError."""
    source = parse(text, filename)
    document, findings = validate(ProbesDoc, source)
    if document is None:
        raise DocumentError(findings)
    return Probes(document, source)


def run_probes(policy: Policy, probes: Probes) -> tuple[list[Finding], frozenset[tuple[str, str]]]:
    """Errors for probes that are decided otherwise, and the (route, rule) pairs that matched."""
    findings = list(_unknown_names(policy, probes))
    covered: set[tuple[str, str]] = set()
    for index, probe in enumerate(probes.document.probes):
        answer = policy.decide(signals_of(policy, probe, probes.document.backends), hints_of(probe))
        covered.update((answer.route, rule) for rule in answer.rules)
        for key, message in _differences(probe.expect, answer):
            path = ("probes", index, "expect", key)
            findings.append(
                probes.source.finding(
                    path,
                    f"probe `{probe.name}`: {message}",
                    f"reason: {answer.reason}",
                    rule="probe",
                )
            )
    return findings, frozenset(covered)


def _unknown_names(policy: Policy, probes: Probes) -> Iterator[Finding]:
    """Names that the policy does not have: a probe about them would prove nothing."""
    for place, names, known, what in _mentions(policy, probes.document):
        for name in names:
            if name not in known:
                message = f"the policy has no {what} `{name}`"
                hint = suggestion(name, known, what=f"{what}s")
                yield probes.source.finding(place, message, hint, rule="unknown-name")


def _mentions(
    policy: Policy, document: ProbesDoc
) -> Iterator[tuple[Path, Iterable[str], Collection[str], str]]:
    """(place, names mentioned there, names that exist, what they are)."""
    rules = [rule.name for route in policy.routes.values() for rule in route.rules]
    backends = policy.backends
    yield ("backends",), document.backends, backends, "backend"
    for index, probe in enumerate(document.probes):
        path: Path = ("probes", index)
        expect: Path = (*path, "expect")
        yield (*path, "backends"), probe.backends, backends, "backend"
        if probe.tier or policy.tiers:
            yield (*path, "tier"), [probe.tier], policy.tiers, "tier"
        if probe.expect.backend is not None:
            yield (*expect, "backend"), [probe.expect.backend], backends, "backend"
        for key in ("candidates", "allowed", "never", "cascade"):
            yield (*expect, key), getattr(probe.expect, key) or (), backends, "backend"
        yield (*expect, "rules"), probe.expect.rules or (), rules, "rule"


def _differences(expect: ExpectDoc, answer: Decision | Denial) -> list[tuple[str, str]]:
    """(key, message) of everything that is not as expected."""
    if isinstance(answer, Denial):
        if expect.denied is None:
            return [("", f"expected a backend, but it was denied ({answer.status})")]
        return _compare(expect, {"denied": answer.status, "rules": list(answer.rules)})
    differences = _compare(
        expect,
        {
            "denied": None,
            "backend": answer.backend,
            "candidates": list(answer.candidates),
            "rules": list(answer.rules),
            "cascade": list(answer.cascade.steps) if answer.cascade is not None else [],
        },
    )
    if expect.allowed is not None and set(expect.allowed) != answer.allowed:
        differences.append(
            (
                "allowed",
                f"expected {_shown(sorted(expect.allowed))}, got {_shown(sorted(answer.allowed))}",
            )
        )
    for name in expect.never or ():
        if name in answer.candidates:
            differences.append(("never", f"`{name}` must not be a candidate, but it is"))
    return differences


def _compare(expect: ExpectDoc, got: Mapping[str, Any]) -> list[tuple[str, str]]:
    differences = []
    for key, value in got.items():
        wanted = getattr(expect, key)
        if wanted is not None and wanted != value:
            differences.append((key, f"expected {key} {_shown(wanted)}, got {_shown(value)}"))
    return differences


def _shown(value: str | Sequence[str] | None) -> str:
    if value is None:
        return "none"
    return value if isinstance(value, str) else ", ".join(value) or "none"
