"""A policy: load a document, then decide requests. Pure, total, deterministic, microseconds.

policy = load(text, "balanced.yaml")        # raises DocumentError with every finding
route = policy.resolve(model)               # None: unknown model
needs = policy.needs(route)                 # does it want the classifier, the PII detectors?
answer = policy.decide(signals, hints)      # Decision | Denial
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any, Final

from policies.decision import Decision, Denial, Status
from policies.findings import DocumentError, Finding
from policies.headers import ASK_EXCLUDE, ASK_ROUTE
from policies.hints import HINTS, given_hints
from policies.language.compiler import Alias, Route, compile_aliases, compile_routes
from policies.language.crosscheck import BackendFacts, crosscheck
from policies.language.document import PolicyDoc
from policies.language.overrides import overrides_of
from policies.language.references import backend_names, check_references
from policies.language.source import Document, parse
from policies.language.terms import NAMED, Terms, with_overrides
from policies.language.tiers import Tier, tier_of
from policies.language.validation import validate
from policies.objectives import OBJECTIVES
from policies.route_decision import RouteDecision
from policies.signals import NO_HINTS, Hints, Signals

_OPEN_TIER: Final = Tier("default")
_DETECTED: Final = frozenset({"request.pii", "request.unread"})
_BY_BACKEND: Final = " a backend's name"  # in place of an alias, which has no spaces


@dataclass(frozen=True, slots=True)
class Needs:
    """What has to be known before a request of a route can be decided."""

    classifier: bool
    pii: bool
    sticky: bool = False  # the backend that served the conversation last
    budget: bool = False  # the used shares of the customer's quotas
    language: bool = False  # of the last turn
    conversation: bool = False  # its name, for a draw by `weights`
    code: bool = False
    math: bool = False
    principal: bool = False  # organization, team, key, tags
    clock: bool = False
    backends: bool = False  # the requests that each works on and has waiting, and the wait
    run: bool = False  # how the run of an agent stands
    redaction: bool = False  # not to decide, but what may be decided is to redact


@dataclass(frozen=True, slots=True)
class Policy:
    """One loaded policy. Immutable; share it between threads and requests."""

    version: str  # first 12 hex digits of the text's SHA-256
    timezone: str
    tiers: Mapping[str, Tier]
    routes: Mapping[str, Route]
    aliases: Mapping[str, Alias]
    backends: tuple[str, ...]  # every backend that some route may use
    headers: frozenset[str]  # request headers that conditions read, in lower case; no others needed
    document: PolicyDoc = field(repr=False)
    source: Document = field(repr=False)
    _terms: Mapping[tuple[str, str, str], Terms] = field(repr=False)

    def resolve(self, model: str) -> str | None:
        """The route that `model` means; a backend's own name for a backend; None if unknown."""
        if model in self.routes:
            return model
        if model in self.aliases:
            return self.aliases[model].route
        return model if model in self.backends else None

    def needs(self, route: str) -> Needs:
        """What `decide` will read for this route (or backend named explicitly)."""
        if route in self.routes:
            return self._needs(self.routes[route])
        each = [self._needs(r) for r in self.routes.values() if route in r.candidates]
        facts = [r.facts for r in self.routes.values() if route in r.candidates]
        return Needs(
            classifier=any("success" in f for f in facts),
            pii=any(need.pii for need in each),
            budget=any(need.budget for need in each),
            language=any(need.language for need in each),
            code=any(need.code for need in each),
            math=any(need.math for need in each),
            principal=any(need.principal for need in each),
            clock=any(need.clock for need in each),
            backends=any("backend" in f for f in facts),
            run=any(need.run for need in each),
            redaction=any(need.redaction for need in each),
        )

    def decide(
        self,
        signals: Signals,
        hints: Hints = NO_HINTS,
        *,
        exhausted: bool = False,
        routes: frozenset[str] | None = None,
    ) -> Decision | Denial:
        """Candidates in order, or a denial with its reason. Never raises.

        `exhausted`: the budgets of its tier are used up, see `Tier.when_exhausted`. `routes`: those
        of its tier alone that are among these (None: all).
        """
        model = hints.route or signals.request.model
        tier = self.tiers.get(signals.tier)
        if tier is None:
            if self.tiers:
                message = "This key's tier is not part of the policy in force."
                return _deny(
                    self._place(model), "route_not_allowed", f"unknown tier {signals.tier}", message
                )
            tier = _OPEN_TIER
        if exhausted:
            tier = tier.when_exhausted()
        if routes is not None:
            tier = tier.within(routes)
        if hints is not NO_HINTS:
            refused = self._refused_hint(hints, tier)
            if refused is not None:
                return _deny(self._place(model), "bad_hint", "hint refused", refused)
        alias = self.aliases.get(model)
        route = self.routes.get(alias.route if alias is not None else model)
        if route is not None:
            return self._on_route(route, tier, signals, hints, alias=alias)
        if model in self.backends and hints.route is None:
            return self._explicit(model, tier, signals, hints)
        return _deny(
            self._place(model),
            "unknown_model",
            "unknown model",
            f"The model `{model}` does not exist.",
        )

    def check(self, backends: Mapping[str, BackendFacts]) -> list[Finding]:
        """What does not fit the backends that turnout.yaml has, at its place in the policy."""
        return crosscheck(self.document, self.source, backends)

    def with_route_terms(self, route: str, settings: Mapping[str, Any]) -> "Policy":
        """The same policy with other thresholds of one route, tiers and aliases kept on top."""
        routes = dict(self.routes)
        routes[route] = replace(routes[route], terms=with_overrides(routes[route].terms, settings))
        return replace(self, routes=routes, _terms=_all_terms(self.document, routes))

    def visible(self, tier: str, routes: frozenset[str] | None = None) -> tuple[str, ...]:
        """Names that a client of this tier may put in `model`: routes, aliases, backends; where
        only some routes are meant, what these come to."""
        own = self.tiers.get(tier, _OPEN_TIER if not self.tiers else None)
        if own is None:
            return ()
        own = own if routes is None else own.within(routes)
        usable = [route for route in self.routes.values() if own.may_use_route(route.name)]
        names = {r.name for r in usable}
        aliases = [a.name for a in self.aliases.values() if a.route in names]
        reached = dict.fromkeys(n for r in usable for n in r.candidates)
        backends = [name for name in reached if own.may_use_backend(name)]
        return (*(r.name for r in usable), *aliases, *backends)

    def _place(self, model: str) -> str:
        """A denial's route: never what the client made up, for it goes into headers."""
        return self.resolve(model) or "none"

    def _explicit(
        self, backend: str, tier: Tier, signals: Signals, hints: Hints
    ) -> Decision | Denial:
        """Decide for a backend that the client named: some route of its tier must allow it."""
        answer: Decision | Denial | None = None
        for route in self.routes.values():
            if backend in route.candidates:
                answer = self._on_route(route, tier, signals, hints, explicit=backend)
                if isinstance(answer, Decision):
                    return answer
        return answer or _deny(backend, "unknown_model", "unknown model", "")

    def _on_route(
        self,
        route: Route,
        tier: Tier,
        signals: Signals,
        hints: Hints,
        *,
        alias: Alias | None = None,
        explicit: str | None = None,
    ) -> Decision | Denial:
        if tier.routes is not None and route.name not in tier.routes:
            message = f"Your tier may not use `{explicit or route.name}`."
            return _deny(route.name, "route_not_allowed", f"tier {tier.name}", message)
        if "request.route" in route.facts and signals.request.route != route.name:
            signals = signals.on_route(route.name)
        by = alias.name if alias is not None else "" if explicit is None else _BY_BACKEND
        deciding = RouteDecision(route, self._terms[route.name, tier.name, by], signals)
        return deciding.decide(tier, alias, hints, self.document.shadow, explicit)

    def _refused_hint(self, hints: Hints, tier: Tier) -> str | None:
        """Why the request's hints are refused, or None."""
        for name in given_hints(hints):
            if tier.hints is not None and name not in tier.hints:
                return f"Your tier may not use the header {HINTS[name].header}."
        if hints.route is not None and hints.route not in self.routes:
            return f"{ASK_ROUTE}: there is no route `{hints.route}`."
        unknown = [name for name in hints.exclude if name not in self.backends]
        return f"{ASK_EXCLUDE}: there is no backend `{unknown[0]}`." if unknown else None

    def _needs(self, route: Route) -> Needs:
        terms = [t for key, t in self._terms.items() if key[0] == route.name]
        settings = [t.objective for t in terms]
        settings += [str(r.overrides.get("objective", "fixed")) for r in route.rules]
        scored = len(route.candidates) > 1 and any(OBJECTIVES[name].scored for name in settings)
        overrides = [rule.overrides for rule in route.rules]
        return Needs(
            classifier=scored or "success" in route.facts,
            pii=not _DETECTED.isdisjoint(route.facts),
            sticky=route.terms.sticky or any(each.get("sticky") for each in overrides),
            budget=_reads(route, "budget."),
            language="prompt.language" in route.facts,
            conversation=any(each.weights for each in terms)
            or any(each.get("weights") for each in overrides),
            code="prompt.code" in route.facts,
            math="prompt.math" in route.facts,
            principal=_reads(route, "principal."),
            clock=_reads(route, "clock."),
            backends="backend" in route.facts,
            run=_reads(route, "run."),
            redaction=route.terms.redact is not None or any(rule.redact for rule in route.rules),
        )


def _reads(route: Route, facts: str) -> bool:
    """Whether a condition of the route reads any fact that begins so."""
    return any(fact.startswith(facts) for fact in route.facts)


def load(text: str, filename: str) -> Policy:
    """Read a policy. Raises DocumentError with all findings; keeps nothing of a wrong one."""
    source = parse(text, filename)
    doc, findings = validate(PolicyDoc, source)
    if doc is None:
        raise DocumentError(findings)
    findings = check_references(doc, source)
    routes, faults = compile_routes(doc, source)
    if findings or faults:
        raise DocumentError([*findings, *faults])
    return Policy(
        version=sha256(text.encode()).hexdigest()[:12],
        timezone=doc.timezone,
        tiers={name: tier_of(name, tier) for name, tier in doc.tiers.items()},
        routes=routes,
        aliases=compile_aliases(doc),
        backends=tuple(backend_names(doc)),
        headers=frozenset().union(*(route.headers for route in routes.values())),
        document=doc,
        source=source,
        _terms=_all_terms(doc, routes),
    )


def _all_terms(doc: PolicyDoc, routes: Mapping[str, Route]) -> dict[tuple[str, str, str], Terms]:
    """Settings by (route, tier, alias): the route's own, then the tier's, then the alias's, or what
    holds where a client names a backend of the route.
    """
    terms: dict[tuple[str, str, str], Terms] = {}
    tiers = {name: overrides_of(tier) for name, tier in doc.tiers.items()} or {_OPEN_TIER.name: {}}
    for route in routes.values():
        for tier, own in tiers.items():
            base = with_overrides(route.terms, own)
            terms[route.name, tier, ""] = base
            terms[route.name, tier, _BY_BACKEND] = with_overrides(base, NAMED)
            for name, alias in doc.aliases.items():
                if alias.route == route.name:
                    terms[route.name, tier, name] = with_overrides(base, overrides_of(alias))
    return terms


def _deny(route: str, status: Status, reason: str, message: str) -> Denial:
    return Denial(route, status, reason, message)
