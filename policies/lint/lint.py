"""Warnings about what a policy may say but probably does not mean, with what to write instead.

LINTS lists the checks. Each takes a policy and yields findings at their place in the file.
"""

import re
from collections.abc import Callable, Iterator
from typing import Final

from policies.findings import Finding, suggestion
from policies.language.document import RouteDoc, RuleDoc
from policies.language.source import Path
from policies.lint.exhausted import idle_exhaustion
from policies.lint.quotas import contradicting_quotas, evaded_limits, overcommitted_shares
from policies.lint.redaction import unredacted_routes
from policies.lint.shadow import unaudited_routes
from policies.objectives import OBJECTIVES
from policies.policy import Policy
from policies.replay.probes import Probes, run_probes
from policies.signals import WEEKDAYS

_LITERALS: Final = re.compile(
    r"(tier\.name|request\.route|clock\.weekday)\s*"
    r"(?:[!=]=\s*(?P<one>\"[^\"]*\"|'[^']*')|in\s*\[(?P<many>[^\]]*)\])"
)
_TEXT: Final = re.compile(r"\"([^\"]*)\"|'([^']*)'")


def lint(policy: Policy, probes: Probes | None = None) -> list[Finding]:
    """Every warning, and an error for every probe that is not decided as expected."""
    findings = [finding for check in LINTS for finding in check(policy)]
    return findings + list(_coverage(policy, probes))


def _rules(policy: Policy) -> Iterator[tuple[str, RouteDoc, int, RuleDoc, Path]]:
    for name, route in policy.document.routes.items():
        for index, rule in enumerate(route.rules):
            yield name, route, index, rule, ("routes", name, "rules", index)


def _always(when: str | None) -> bool:
    return when is None or when.strip() == "true"


def unreachable_rules(policy: Policy) -> Iterator[Finding]:
    """A rule that never matches, or that an earlier one keeps from being reached by denying."""
    for _, route, index, rule, path in _rules(policy):
        when = (rule.when or "true").strip()
        if when == "false":
            yield policy.source.warning(
                path, f"rule `{rule.name}` never matches", "remove it", rule="never-matches"
            )
        for earlier in route.rules[:index]:
            if earlier.deny is not None and (
                _always(earlier.when) or (earlier.when or "").strip() == when
            ):
                yield policy.source.warning(
                    path,
                    f"rule `{rule.name}` is never reached: `{earlier.name}` denies first",
                    "put it above, or remove it",
                    rule="unreachable-rule",
                )
                break


def shadowed_rules(policy: Policy) -> Iterator[Finding]:
    """A rule whose settings never count: after an unconditional `fixed`, or set again later."""
    for _, route, index, rule, path in _rules(policy):
        if rule.deny or rule.only or rule.except_ or rule.redact:
            continue
        ended = next((e for e in route.rules[:index] if e.fixed and _always(e.when)), None)
        if ended is not None:
            yield policy.source.warning(
                path,
                f"rule `{rule.name}` sets nothing: `{ended.name}` ends the rules before",
                "put it above",
                rule="shadowed-rule",
            )
            continue
        keys = _set_keys(rule)
        for later in route.rules[index + 1 :]:
            if keys <= _set_keys(later) and (_always(later.when) or later.when == rule.when):
                yield policy.source.warning(
                    path,
                    f"rule `{rule.name}` has no effect: `{later.name}` sets the same again",
                    "remove one, or change their order",
                    rule="shadowed-rule",
                )
                break


_CONSTRAINTS: Final = {"name", "when", "only", "except_", "redact"}


def _set_keys(rule: RuleDoc) -> set[str]:
    settings = rule.model_dump(exclude_none=True, exclude=_CONSTRAINTS)
    keys = {k for k in settings if k != "capable"}
    if rule.capable is not None:
        keys |= {f"capable.{k}" for k in rule.capable.model_dump(exclude_none=True)}
    return keys


def unknown_literals(policy: Policy) -> Iterator[Finding]:
    """A tier, route or weekday in a condition that does not exist: the rule can never match."""
    known: dict[str, tuple[str, list[str]]] = {
        "tier.name": ("tier", list(policy.tiers)),
        "request.route": ("route", list(policy.routes)),
        "clock.weekday": ("weekday", list(WEEKDAYS)),
    }
    for _, _, _, rule, path in _rules(policy):
        for match in _LITERALS.finditer(rule.when or ""):
            what, names = known[match[1]]
            part = "one" if match["one"] else "many"
            for text in _TEXT.finditer(match[part]):
                value = text[1] if text[1] is not None else text[2]
                if names and value not in names:
                    place = (*path, "when")
                    line, column = policy.source.inside(place, match.start(part) + text.start())
                    hint = suggestion(value, names, what=f"{what}s")
                    message = f"there is no {what} `{value}`"
                    yield Finding(
                        policy.source.filename,
                        line,
                        column,
                        "warning",
                        message,
                        hint,
                        "unknown-literal",
                    )


def empty_rules(policy: Policy) -> Iterator[Finding]:
    """A rule, or a tier, whose constraints leave no backend at all."""
    for _, route, _, rule, path in _rules(policy):
        left = set(rule.only or route.candidates) - set(rule.except_ or ())
        if not left:
            yield policy.source.warning(
                path,
                f"rule `{rule.name}` leaves no candidate: it refuses every request it matches",
                "if you mean that, write `deny: message`",
                rule="leaves-nothing",
            )
    for name, tier in policy.document.tiers.items():
        for route_name in tier.routes or policy.document.routes:
            if tier.backends and not set(tier.backends) & set(policy.routes[route_name].candidates):
                yield policy.source.warning(
                    ("tiers", name),
                    f"tier `{name}` may use the route `{route_name}`, but none of its backends",
                    "add one to `backends`, or take the route out of `routes`",
                    rule="leaves-nothing",
                )


def unused(policy: Policy) -> Iterator[Finding]:
    """Routes that no tier may use, and candidates that no tier may reach."""
    tiers = list(policy.tiers.values())
    if not tiers:
        return
    for name, route in policy.routes.items():
        using = [tier for tier in tiers if tier.may_use_route(name)]
        if not using:
            yield policy.source.warning(
                ("routes", name), f"no tier may use the route `{name}`", "", rule="unused-route"
            )
            continue
        for index, backend in enumerate(route.candidates):
            if not any(tier.may_use_backend(backend) for tier in using):
                yield policy.source.warning(
                    ("routes", name, "candidates", index),
                    f"no tier may use `{backend}` on this route",
                    "add it to a tier's `backends`, or remove it here",
                    rule="unused-candidate",
                )


def private_leaks(policy: Policy) -> Iterator[Finding]:
    """A route that may send private prompts to backends from which another route keeps them."""
    guards: dict[str, set[str]] = {}
    for name, route, _, rule, _ in _rules(policy):
        if "request.pii" in (rule.when or "") and (rule.only or rule.except_ or rule.deny):
            kept = set(rule.only or route.candidates) - set(rule.except_ or ())
            guards[name] = guards.get(name, set(route.candidates)) & (set() if rule.deny else kept)
    if not guards:
        return
    guard, home = next(iter(guards.items()))
    for name, doc in policy.document.routes.items():
        away = [b for b in doc.candidates if b not in home]
        if name not in guards and away:
            yield policy.source.warning(
                ("routes", name),
                f"private prompts may reach {', '.join(away)} here, though not through `{guard}`",
                "add a rule `when: request.pii` with `only:` here too",
                rule="private-leak",
            )


# Settings that only some objectives read: setting -> these objectives.
_READERS: Final = {
    key: [name for name, row in OBJECTIVES.items() if key in row.reads]
    for objective in OBJECTIVES.values()
    for key in objective.reads
    if key != "fixed"  # a rule with `fixed` counts under any objective
}


def dead_settings(policy: Policy) -> Iterator[Finding]:
    """Settings that the objective in force never reads, and a missing `when_unknown`."""
    for name, route in policy.document.routes.items():
        path: Path = ("routes", name)
        objectives = _objectives(policy, name)
        scored = any(OBJECTIVES[objective].scored for objective in objectives)
        for key, readers in _READERS.items():
            read = objectives & set(readers)
            if key == "capable" and route.sticky == "conversation":
                continue
            if getattr(route, key) is not None and not read:
                yield _dead(policy, (*path, key), key, " or ".join(readers))
        if len(route.candidates) > 1 and route.when_unknown is None and scored:
            yield policy.source.warning(
                path,
                f"without `when_unknown` the route `{name}` uses `{route.candidates[-1]}` "
                "when the classifier is late",
                f"write when_unknown: {route.candidates[-1]}, or another candidate",
                rule="no-when-unknown",
            )


def _dead(policy: Policy, path: Path, key: str, objective: str) -> Finding:
    message = f"`{key}` has no effect: only {objective} reads it"
    return policy.source.warning(
        path, message, "remove it, or change the objective", rule="no-effect"
    )


def _objectives(policy: Policy, route: str) -> set[str]:
    document = policy.document
    objectives = {policy.routes[route].terms.objective}
    objectives |= {rule.objective for rule in document.routes[route].rules if rule.objective}
    objectives |= {tier.objective for tier in document.tiers.values() if tier.objective}
    return objectives | {alias.objective for alias in document.aliases.values() if alias.objective}


def _coverage(policy: Policy, probes: Probes | None) -> Iterator[Finding]:
    """No probes at all, probes that fail, and rules that no probe matches."""
    if probes is None:
        yield policy.source.warning(
            (),
            "no probe covers this policy",
            "write examples beside it: name.probes.yaml",
            rule="no-probes",
        )
        return
    findings, covered = run_probes(policy, probes)
    yield from findings
    for name, _, _, rule, path in _rules(policy):
        if (name, rule.name) not in covered:
            yield policy.source.warning(
                path, f"no probe matches rule `{rule.name}`", "add one", rule="uncovered-rule"
            )


LINTS: Final[tuple[Callable[[Policy], Iterator[Finding]], ...]] = (
    unreachable_rules,
    shadowed_rules,
    unknown_literals,
    empty_rules,
    unused,
    private_leaks,
    unredacted_routes,
    dead_settings,
    contradicting_quotas,
    evaded_limits,
    idle_exhaustion,
    overcommitted_shares,
    unaudited_routes,
)
