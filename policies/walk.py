"""One request through one route: hard constraints, settings, the objective, weights, stickiness.

Order of work: the tier's and the alias's constraints, the rules from top to bottom, the request's
own hints; then what is left and fit is ranked. After a rule with `fixed` no later rule may set
anything, but the hard constraints of later rules still hold. Only the constraints decide
`allowed`; being unfit, unhealthy or too dear takes a backend out of `candidates` alone.
"""

from collections.abc import Mapping
from hashlib import blake2b
from typing import Final

from policies.compiler import Alias, Route, Rule
from policies.decision import Cascade, Decision, Denial, Shadow, Step
from policies.document import ShadowDoc
from policies.money import usd
from policies.objectives import Option, Ranking, capable_floor, rank
from policies.signals import BackendSignals, Hints, Signals
from policies.terms import Terms, with_overrides
from policies.tiers import Tier

_SPAN: Final = float(2**64)
_ABSENT: Final = BackendSignals(unfit="it is not configured")


class Walk:
    """The state of one decision. Built and thrown away per request."""

    __slots__ = ("_allowed", "_overrides", "_route", "_rules", "_signals", "_terms", "_trail")

    def __init__(self, route: Route, terms: Terms, signals: Signals) -> None:
        self._route = route
        self._terms = terms
        self._signals = signals
        self._allowed = set(route.candidates)
        self._overrides: dict[str, object] = {}
        self._rules: list[str] = []
        self._trail: list[Step] = []

    def decide(
        self,
        tier: Tier,
        alias: Alias | None,
        hints: Hints,
        shadow: ShadowDoc | None,
        explicit: str | None,
    ) -> Decision | Denial:
        """The decision; `explicit` is the one backend that the client named, if it named one."""
        if tier.backends is not None:
            self._narrow(tier.backends, f"tier {tier.name}")
        if alias is not None:
            self._constrain(alias.only, alias.exclude, f"alias {alias.name}")
        denial = self._apply_rules()
        if denial is not None:
            return denial
        self._apply_hints(hints)
        if explicit is not None:
            self._narrow(frozenset((explicit,)), "the client named it")
            self._overrides |= {
                "objective": "fixed",
                "fixed": explicit,
                "weights": None,
                "sticky": False,
            }
        terms = with_overrides(self._terms, self._overrides)
        options, poorly = self._options(terms)
        if not options and not poorly:
            return self._empty(explicit)
        return self._choose(options, poorly, terms, shadow)

    def _apply_rules(self) -> Denial | None:
        route = self._route
        if not route.rules:
            return None
        ended = False
        for index, verdict in enumerate(route.matcher.match(self._signals)):
            if verdict is False:
                continue
            rule = route.rules[index]
            if not rule.constrains and (ended or verdict is None):
                detail = "matched, but the rules had ended" if verdict else "its condition failed"
                self._trail.append(Step("rule", rule.name, detail))
                continue
            self._rules.append(rule.name)
            if rule.deny is not None:
                return self._denied(rule)
            self._apply(rule, sets=verdict is True and not ended)
            ended = ended or (rule.ends and verdict is True)
        return None

    def _apply(self, rule: Rule, *, sets: bool) -> None:
        detail = "matched" if sets else "its constraints hold, its settings do not"
        self._trail.append(Step("rule", rule.name, detail))
        self._constrain(rule.only, rule.exclude, f"rule {rule.name}")
        if sets:
            self._overrides |= rule.overrides

    def _denied(self, rule: Rule) -> Denial:
        self._trail.append(Step("rule", rule.name, "matched: denied"))
        return Denial(
            self._route.name,
            "denied",
            f"denied by rule {rule.name}",
            rule.deny or "",
            tuple(self._rules),
            tuple(self._trail),
        )

    def _apply_hints(self, hints: Hints) -> None:
        if hints.exclude:
            self._constrain(None, frozenset(hints.exclude), "the request's hint")
        if hints.min_success is not None:
            self._overrides |= {"min_success": hints.min_success, "max_regret": 0.0}
            if self._overrides.get("objective", self._terms.objective) == "expected_cost":
                self._overrides["objective"] = "cheapest_capable"  # the client says what is enough
        if hints.max_cost_pico is not None:
            current = self._overrides.get("max_cost", self._terms.max_cost)
            limit = hints.max_cost_pico
            self._overrides["max_cost"] = min(limit, current) if isinstance(current, int) else limit

    def _constrain(self, only: frozenset[str] | None, exclude: frozenset[str], why: str) -> None:
        if only is not None:
            self._narrow(only, why)
        if exclude:
            self._narrow(self._allowed - exclude, why)

    def _narrow(self, keep: frozenset[str] | set[str], why: str) -> None:
        for name in self._route.candidates:
            if name in self._allowed and name not in keep:
                self._allowed.discard(name)
                self._trail.append(Step("exclude", name, why))

    def _options(self, terms: Terms) -> tuple[list[Option], list[Option]]:
        """What may serve now, and what may serve but does not answer."""
        options: list[Option] = []
        poorly: list[Option] = []
        for name in self._route.candidates:
            if name not in self._allowed:
                continue
            backend = self._signals.backends.get(name, _ABSENT)
            if backend.unfit is not None:
                self._trail.append(Step("exclude", name, f"unfit: {backend.unfit}"))
            elif terms.max_cost is not None and backend.cost_pico > terms.max_cost:
                detail = (
                    f"expected {usd(backend.cost_pico)} USD, over max_cost {usd(terms.max_cost)}"
                )
                self._trail.append(Step("exclude", name, detail))
            else:
                option = Option(name, backend.success, backend.cost_pico)
                (options if backend.healthy else poorly).append(option)
        return options, poorly

    def _empty(self, explicit: str | None) -> Denial:
        """Nothing is left: denied where constraints did it, no_candidates where fitness or cost."""
        reasons = {s.name: s.detail for s in self._trail if s.kind == "exclude"}
        if explicit is not None:
            message = f"`{explicit}` may not take this request ({reasons[explicit]})."
        else:
            left_out = "; ".join(f"{name}: {why}" for name, why in reasons.items())
            message = f"No backend of `{self._route.name}` may take this request ({left_out})."
        return Denial(
            self._route.name,
            "no_candidates" if self._allowed else "denied",
            f"no candidate left on route {self._route.name}",
            message,
            tuple(self._rules),
            tuple(self._trail),
        )

    def _choose(
        self, options: list[Option], poorly: list[Option], terms: Terms, shadow: ShadowDoc | None
    ) -> Decision:
        ranking = rank(options or poorly, terms)
        ranking, propensity = self._settle(ranking, options or poorly, terms)
        order = ranking.order
        if options:
            order += tuple(option.name for option in poorly)
        every = [*options, *poorly]
        cascade = self._cascade(ranking, terms)
        return Decision(
            route=self._route.name,
            candidates=order,
            allowed=frozenset(self._allowed),
            reason=ranking.reason,
            objective=terms.objective,
            success={o.name: o.success for o in every if o.success is not None},
            cost_pico={o.name: o.cost for o in every},
            rules=tuple(self._rules),
            trail=(*self._trail, Step("choose", order[0], ranking.reason)),
            cascade=cascade,
            shadow=self._shadow(shadow, order[0]) if terms.shadow else None,
            propensity=propensity,
        )

    def _settle(
        self, ranking: Ranking, options: list[Option], terms: Terms
    ) -> tuple[Ranking, float]:
        """Stickiness first, then weights: both may put another allowed backend in front."""
        previous = self._signals.request.previous
        weights = terms.weights or {}
        may_stay = terms.sticky and previous in ranking.order and weights.get(previous, 1) > 0
        if may_stay and _still_capable(previous, options, terms):
            self._trail.append(Step("sticky", previous, "served this conversation before"))
            reason = f"sticky: {previous} served this conversation"
            return _in_front(ranking, previous, reason), 1.0
        if ranking.order[0] in weights:
            return self._draw(ranking, weights)
        return ranking, 1.0

    def _draw(self, ranking: Ranking, weights: Mapping[str, int]) -> tuple[Ranking, float]:
        members = [name for name in weights if name in ranking.order and weights[name] > 0]
        total = sum(weights[name] for name in members)
        if total == 0:
            return ranking, 1.0
        point = draw(self._route.name, self._signals.request.conversation) * total
        for name in members:
            if point < weights[name]:
                break
            point -= weights[name]
        share = weights[name] / total
        reason = f"weights: {name} has {share:.0%} of this conversation draw"
        self._trail.append(Step("weights", name, f"{weights[name]} of {total}"))
        return (ranking if name == ranking.order[0] else _in_front(ranking, name, reason)), share

    def _cascade(self, ranking: Ranking, terms: Terms) -> Cascade | None:
        """The plan; its judge reads prompt and answer, so the constraints bind it too."""
        if terms.cascade is None or not ranking.steps:
            return None
        judge = terms.cascade.judge
        if judge is not None and judge not in self._allowed:
            self._trail.append(Step("judge", judge, "dropped: it may not take this request"))
            judge = None
        return Cascade(ranking.steps, terms.cascade.verify, judge)

    def _shadow(self, doc: ShadowDoc | None, chosen: str) -> Shadow | None:
        """A copy goes only where the request itself might have gone."""
        if doc is None or doc.to == chosen or doc.to not in self._allowed:
            return None
        if doc.judge is not None and doc.judge not in self._allowed:
            return None
        if draw("shadow", self._signals.request.id) >= doc.share:
            return None
        return Shadow(doc.to, doc.judge)


def draw(salt: str, identity: str) -> float:
    """A number in [0, 1) that is the same for the same identity, on every replica."""
    digest = blake2b(f"{salt}\x00{identity}".encode("utf-8", "replace"), digest_size=8).digest()
    return int.from_bytes(digest, "big") / _SPAN


def _still_capable(name: str, options: list[Option], terms: Terms) -> bool:
    """Whether the previous backend is still good enough for this turn."""
    known = {o.name: o.success for o in options if o.success is not None}
    if not known or name not in known:
        return True
    return known[name] >= capable_floor(max(known.values()), terms)


def _in_front(ranking: Ranking, name: str, reason: str) -> Ranking:
    """The ranking with another first choice; a cascade planned from the old one is dropped."""
    rest = tuple(other for other in ranking.order if other != name)
    steps = ranking.steps if ranking.steps[:1] == (name,) else ()
    return Ranking((name, *rest), reason, steps)
