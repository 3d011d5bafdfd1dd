"""A checked document -> routes that decide in microseconds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from policies.findings import Finding
from policies.language.document import PolicyDoc, RedactDoc, RouteDoc, RuleDoc
from policies.language.expression import Condition, ConditionError, Conditions, Matcher
from policies.language.overrides import overrides_of
from policies.language.references import backend_names
from policies.language.source import Document, Path
from policies.language.terms import DEFAULT_CAPABLE, Terms, with_overrides
from policies.redaction import Redaction


@dataclass(frozen=True, slots=True)
class Rule:
    """One compiled rule; its condition is the matcher's, at the same index."""

    name: str
    when: str
    only: frozenset[str] | None
    exclude: frozenset[str]
    deny: str | None
    ends: bool  # `fixed`: no later rule may set anything; hard constraints still hold
    overrides: Mapping[str, Any]
    constrains: bool  # must hold even where its condition fails: hard constraints fail closed
    redact: Redaction | None = None


@dataclass(frozen=True, slots=True)
class Route:
    """One compiled route."""

    name: str
    candidates: tuple[str, ...]
    every: frozenset[str]  # the candidates as a set
    terms: Terms
    rules: tuple[Rule, ...]
    matcher: Matcher
    facts: frozenset[str]  # what its conditions read, for `Policy.needs`
    headers: frozenset[str]  # request headers its conditions read


@dataclass(frozen=True, slots=True)
class Alias:
    """Another name for a route."""

    name: str
    route: str
    only: frozenset[str] | None = None
    exclude: frozenset[str] = frozenset()
    overrides: Mapping[str, Any] = field(default_factory=dict)


def compile_routes(doc: PolicyDoc, source: Document) -> tuple[dict[str, Route], list[Finding]]:
    """Every route, and what is wrong with the conditions (then the routes are not to be used)."""
    findings: list[Finding] = []
    conditions = Conditions(backend_names(doc))
    routes = {
        name: _route(name, route, conditions, source, findings)
        for name, route in doc.routes.items()
    }
    return routes, findings


def compile_aliases(doc: PolicyDoc) -> dict[str, Alias]:
    """Every alias."""
    return {
        name: Alias(
            name,
            alias.route,
            None if alias.only is None else frozenset(alias.only),
            frozenset(alias.except_ or ()),
            overrides_of(alias),
        )
        for name, alias in doc.aliases.items()
    }


def _route(
    name: str, doc: RouteDoc, conditions: Conditions, source: Document, findings: list[Finding]
) -> Route:
    checked = [
        _condition(rule, ("routes", name, "rules", index, "when"), conditions, source, findings)
        for index, rule in enumerate(doc.rules)
    ]
    own = overrides_of(doc)
    if doc.capable is None:
        own |= DEFAULT_CAPABLE
    if doc.fixed is not None:
        own["fixed"] = doc.fixed
    own["redact"] = _redaction(doc.redact)
    return Route(
        name=name,
        candidates=tuple(doc.candidates),
        every=frozenset(doc.candidates),
        terms=with_overrides(Terms(), own),
        rules=tuple(_rule(rule) for rule in doc.rules),
        matcher=conditions.matcher(checked),
        facts=frozenset().union(*(condition.facts for condition in checked)),
        headers=frozenset().union(*(condition.headers for condition in checked)),
    )


def _rule(doc: RuleDoc) -> Rule:
    return Rule(
        name=doc.name,
        when=doc.when or "true",
        only=None if doc.only is None else frozenset(doc.only),
        exclude=frozenset(doc.except_ or ()),
        deny=doc.deny,
        ends=doc.fixed is not None,
        overrides=overrides_of(doc),
        constrains=doc.only is not None
        or bool(doc.except_)
        or doc.deny is not None
        or doc.redact is not None,
        redact=_redaction(doc.redact),
    )


def _redaction(doc: RedactDoc | None) -> Redaction | None:
    if doc is None:
        return None
    kinds = None if doc.kinds is None else frozenset(doc.kinds)
    return Redaction(kinds, frozenset(doc.except_ or ()), doc.restore)


def _condition(
    rule: RuleDoc, path: Path, conditions: Conditions, source: Document, findings: list[Finding]
) -> Condition:
    try:
        return conditions.check(rule.when or "true")
    except ConditionError as error:
        for fault in error.faults:
            line, column = source.inside(path, fault.offset)
            findings.append(
                Finding(
                    source.filename,
                    line,
                    column,
                    "error",
                    fault.message,
                    fault.hint,
                    "condition",
                )
            )
        return conditions.check("true")
