"""Names in a policy that must mean something in it, and rules that contradict themselves."""

from collections.abc import Iterable, Iterator
from typing import Final

from policies.findings import Finding, suggestion
from policies.language.document import (
    AliasDoc,
    CascadeDoc,
    ExhaustedDoc,
    PolicyDoc,
    RedactDoc,
    RouteDoc,
    RouteSettings,
    RuleDoc,
    Settings,
    TierDoc,
)
from policies.language.source import Document, Path
from policies.objectives import OBJECTIVES
from policies.signals import zone

_EFFECTS: Final = (
    "only", "except_", "deny", "redact", "fixed", "shadow", "objective", "capable", "failure_cost",
    "max_cost", "when_unknown", "cascade", "sticky", "weights",
)  # fmt: skip

_SINGULAR: Final = {
    "candidates of this route": "candidate of this route",
    "backends of this tier": "backend of this tier",
    "routes": "route",
    "backends": "backend",
}


def check_references(doc: PolicyDoc, source: Document) -> list[Finding]:
    """Return every unknown name, with the nearest known one."""
    checker = _Checker(doc, source)
    checker.check()
    return checker.findings


def backend_names(doc: PolicyDoc) -> list[str]:
    """Every backend that some route may use, in order of appearance."""
    return list(dict.fromkeys(n for route in doc.routes.values() for n in route.candidates))


class _Checker:
    def __init__(self, doc: PolicyDoc, source: Document) -> None:
        self.doc = doc
        self.source = source
        self.backends = backend_names(doc)
        self.findings: list[Finding] = []

    def check(self) -> None:
        self._timezone(("timezone",), self.doc.timezone)
        for name, route in self.doc.routes.items():
            self._route(name, route)
        for name, alias in self.doc.aliases.items():
            self._alias(name, alias)
        for name, tier in self.doc.tiers.items():
            self._tier(name, tier)
            if tier.timezone is not None:
                self._timezone(("tiers", name, "timezone"), tier.timezone)
        if self.doc.shadow is not None:
            self._known(("shadow", "to"), [self.doc.shadow.to], self.backends, "backends")
            self._known(("shadow", "judge"), [self.doc.shadow.judge], self.backends, "backends")

    def _timezone(self, path: Path, name: str) -> None:
        try:
            zone(name)
        except (KeyError, OSError, ValueError):
            message = f"unknown time zone `{name}`"
            hint = "write a name such as Europe/Berlin, or UTC"
            self._error(path, message, hint, "unknown-name")

    def _route(self, name: str, route: RouteDoc) -> None:
        path: Path = ("routes", name)
        if name in self.backends:
            self._error(
                path,
                f"`{name}` is both a route and a backend",
                "rename the route",
                "ambiguous",
                key=True,
            )
        self._redact(path, route.redact, route)
        self._settings(path, route, route)
        if route.fixed is not None:
            self._known(
                (*path, "fixed"), [route.fixed], route.candidates, "candidates of this route"
            )
            if route.objective != "fixed":
                self._error(
                    (*path, "fixed"),
                    "`fixed` needs `objective: fixed`",
                    "write that line beside it",
                    "contradiction",
                )
        first_index: dict[str, int] = {}
        for index, rule in enumerate(route.rules):
            place = (*path, "rules", index)
            if rule.name in first_index:
                line = self.source.position_of((*path, "rules", first_index[rule.name]))[0]
                self._error(
                    (*place, "name"),
                    f"a second rule `{rule.name}`",
                    f"first in line {line}; rename one",
                    "duplicate-name",
                )
            first_index.setdefault(rule.name, index)
            self._rule(place, rule, route)

    def _rule(self, path: Path, rule: RuleDoc, route: RouteDoc) -> None:
        effects = [key for key in _EFFECTS if getattr(rule, key) is not None]
        if not effects:
            self._error(
                path,
                f"rule `{rule.name}` does nothing",
                "add only, except, deny, redact, fixed or a setting",
                "no-effect",
            )
        if rule.deny is not None and len(effects) > 1:
            other = next(key for key in effects if key != "deny").rstrip("_")
            self._error(
                (*path, "deny"),
                f"a rule that denies cannot also set `{other}`",
                "make it two rules",
                "contradiction",
            )
        known = "candidates of this route"
        for key, names in (("only", rule.only), ("except", rule.except_)):
            self._known((*path, key), names or (), route.candidates, known)
        if rule.fixed is not None:
            self._known((*path, "fixed"), [rule.fixed], route.candidates, known)
        self._redact(path, rule.redact, route)
        self._settings(path, rule, route)

    def _settings(self, path: Path, settings: RouteSettings, route: RouteDoc) -> None:
        known = "candidates of this route"
        if settings.when_unknown is not None:
            self._known((*path, "when_unknown"), [settings.when_unknown], route.candidates, known)
        if isinstance(settings.cascade, CascadeDoc) and settings.cascade.judge is not None:
            place: Path = (*path, "cascade", "judge")
            self._known(place, [settings.cascade.judge], route.candidates, known)
        if settings.weights is not None:
            self._known((*path, "weights"), settings.weights, route.candidates, known)
            if not any(settings.weights.values()):
                self._error(
                    (*path, "weights"), "the weights are all 0", "give one a share", "contradiction"
                )
        self._complete(path, settings, route)

    def _redact(self, path: Path, redact: RedactDoc | None, route: RouteDoc) -> None:
        if redact is not None:
            known = "candidates of this route"
            self._known((*path, "redact", "except"), redact.except_ or (), route.candidates, known)

    def _complete(self, path: Path, settings: Settings, route: RouteDoc) -> None:
        needs = OBJECTIVES[settings.objective].needs if settings.objective is not None else None
        if needs is None:
            return
        key, hint = needs
        if getattr(settings, key) is getattr(route, key) is None:
            message = f"`{settings.objective}` needs `{key}`"
            self._error((*path, "objective"), message, hint, "missing")

    def _alias(self, name: str, alias: AliasDoc) -> None:
        path: Path = ("aliases", name)
        for what, names in (("route", self.doc.routes), ("backend", self.backends)):
            if name in names:
                self._error(
                    path, f"`{name}` is already a {what}", "rename the alias", "ambiguous", key=True
                )
        self._known((*path, "route"), [alias.route], self.doc.routes, "routes")
        route = self.doc.routes.get(alias.route)
        if route is not None:
            for key, chosen in (("only", alias.only), ("except", alias.except_)):
                self._known(
                    (*path, key), chosen or (), route.candidates, "candidates of this route"
                )
            self._complete(path, alias, route)

    def _tier(self, name: str, tier: TierDoc) -> None:
        path: Path = ("tiers", name)
        self._known((*path, "routes"), tier.routes or (), self.doc.routes, "routes")
        self._known((*path, "backends"), tier.backends or (), self.backends, "backends")
        self._known(
            (*path, "guaranteed_share"), tier.guaranteed_share or (), self.backends, "backends"
        )
        for route in self.doc.routes.values():
            self._complete(path, tier, route)
        if isinstance(tier.when_exhausted, ExhaustedDoc):
            self._exhausted((*path, "when_exhausted"), tier, tier.when_exhausted)

    def _exhausted(self, path: Path, tier: TierDoc, doc: ExhaustedDoc) -> None:
        if doc.downgrade is None and doc.queue is None:
            message = "says neither where to turn nor how long to wait"
            self._error(
                path, message, "write downgrade: [backend], or queue: {max_wait: 20s}", "empty"
            )
        if doc.limits is not None and doc.downgrade is None:
            hint = "add downgrade: [backend], or take the limits away"
            self._error((*path, "limits"), "limit what nothing is downgraded to", hint, "empty")
        if doc.limits is not None and doc.limits.prepaid_usd:
            hint = "limit what is downgraded by requests, tokens or USD"
            self._error(
                (*path, "limits", "prepaid_usd"), "has no balance of its own", hint, "quota"
            )
        place: Path = (*path, "downgrade")
        self._known(place, doc.downgrade or (), self.backends, "backends")
        if tier.backends is not None:
            self._known(place, doc.downgrade or (), tier.backends, "backends of this tier")

    def _known(self, path: Path, names: Iterable[str], known: Iterable[str], what: str) -> None:
        choices = list(known)
        for place, name in self._places(path, list(names)):
            if name not in choices:
                one = _SINGULAR[what]
                head = f"`{name}` is not a" if "of this" in one else "unknown"
                tail = "" if "of this" in one else f" `{name}`"
                hint = suggestion(name, choices, what=what)
                self._error(place, f"{head} {one}{tail}", hint, "unknown-name", key=place != path)

    def _places(self, path: Path, names: list[str]) -> Iterator[tuple[Path, str]]:
        for index, name in enumerate(names):
            for place in ((*path, index), (*path, name), path):
                if place in self.source.places:
                    yield place, name
                    break
            else:
                yield path, name

    def _error(self, path: Path, message: str, hint: str, rule: str, *, key: bool = False) -> None:
        line, column = self.source.key_position(path) if key else self.source.position_of(path)
        self.findings.append(
            Finding(self.source.filename, line, column, "error", message, hint, rule)
        )
