"""One request through one route: hard constraints, settings, the objective, weights, stickiness.

Order of work: the tier's and the alias's constraints, the rules from top to bottom, the request's
own hints; then what is left and fit is ranked. After a rule with `fixed` no later rule may set
anything, but the hard constraints of later rules still hold. Only the constraints decide
`allowed`; being unfit, unhealthy or too dear takes a backend out of `candidates` alone.
"""

from collections.abc import Mapping
from functools import partial
from hashlib import blake2b
from operator import itemgetter
from typing import Final

from policies.decision import CascadeSteps, Decision, Denial, Note, Shadow, trail_of
from policies.language.compiler import Alias, Route, Rule
from policies.language.document import ShadowDoc
from policies.language.terms import DEFAULT_OBJECTIVE, NAMED, CascadeTerms, Terms, with_overrides
from policies.language.tiers import Tier
from policies.money import usd
from policies.objectives import OBJECTIVES, Option, Ranking, capable_floor, rank
from policies.redaction import Redaction
from policies.signals import NO_HINTS, BackendSignals, Hints, Signals

_SPAN: Final = float(2**64)
_SUCCESS: Final = itemgetter(0, 1)  # of an Option: name and P(success)
_COST: Final = itemgetter(0, 2)
_option: Final = partial(tuple.__new__, Option)  # past a named tuple's constructor in Python
_ABSENT: Final = BackendSignals(unfit="it is not configured")


class RouteDecision:
    """The state of one decision; made for each request."""

    __slots__ = ("_allowed", "_notes", "_overrides", "_route", "_rules", "_signals", "_terms")

    def __init__(self, route: Route, terms: Terms, signals: Signals) -> None:
        self._route = route
        self._terms = terms
        self._signals = signals
        self._allowed = route.every
        self._overrides: dict[str, object] = {}
        self._rules: list[str] = []
        self._notes: list[Note] = []

    def decide(
        self,
        tier: Tier,
        alias: Alias | None,
        hints: Hints,
        shadow: ShadowDoc | None,
        explicit: str | None,
    ) -> Decision | Denial:
        """Return the decision. `explicit` is the backend that the client named, if it named one;
        the terms then include NAMED already.
        """
        if tier.backends is not None:
            self._narrow(tier.backends, f"tier {tier.name}")
        if alias is not None:
            self._constrain(alias.only, alias.exclude, "alias", alias.name)
        if self._route.rules:
            denial = self._apply_rules()
            if denial is not None:
                return denial
        if hints is not NO_HINTS:
            self._apply_hints(hints)
        if explicit is not None:
            self._narrow(frozenset((explicit,)), "the client named it")
            if self._overrides:
                self._overrides |= NAMED
        terms = self._terms
        if self._overrides:
            terms = with_overrides(terms, self._overrides)
        options, poorly = self._options(terms)
        if not options and not poorly:
            return self._empty(explicit)
        return self._choose(options, poorly, terms, shadow)

    def _apply_rules(self) -> Denial | None:
        rules = self._route.rules
        ended = False
        for place, holds in self._route.matcher.matches(self._signals):
            rule = rules[place]
            if not rule.constrains and (ended or holds is None):
                detail = "matched, but the rules had ended" if holds else "its condition failed"
                self._notes.append(("rule", rule.name, detail))
                continue
            self._rules.append(rule.name)
            if rule.deny is not None:
                return self._denied(rule)
            self._apply(rule, sets=holds is True and not ended)
            ended = ended or (rule.ends and holds is True)
        return None

    def _apply(self, rule: Rule, *, sets: bool) -> None:
        detail = "matched" if sets else "its constraints hold, its settings do not"
        self._notes.append(("rule", rule.name, detail))
        self._constrain(rule.only, rule.exclude, "rule", rule.name)
        if rule.redact is not None:
            self._redact(rule.redact)
        if sets:
            self._overrides |= rule.overrides

    def _denied(self, rule: Rule) -> Denial:
        self._notes.append(("rule", rule.name, "matched: denied"))
        return Denial(
            self._route.name,
            "denied",
            f"denied by rule {rule.name}",
            rule.deny or "",
            tuple(self._rules),
            tuple(self._notes),
        )

    def _apply_hints(self, hints: Hints) -> None:
        if hints.exclude:
            self._narrow(self._allowed - frozenset(hints.exclude), "the request's hint")
        if hints.min_success is not None:
            self._overrides |= {"min_success": hints.min_success, "max_regret": 0.0}
            objective = str(self._overrides.get("objective", self._terms.objective))
            if "failure_cost" in OBJECTIVES[objective].reads:  # the client says what is enough
                self._overrides["objective"] = DEFAULT_OBJECTIVE
        if hints.max_cost_pico is not None:
            current = self._overrides.get("max_cost", self._terms.max_cost)
            limit = hints.max_cost_pico
            self._overrides["max_cost"] = min(limit, current) if isinstance(current, int) else limit

    def _constrain(
        self, only: frozenset[str] | None, exclude: frozenset[str], what: str, name: str
    ) -> None:
        if only is not None:
            self._narrow(only, f"{what} {name}")
        if exclude:
            self._narrow(self._allowed - exclude, f"{what} {name}")

    def _redact(self, more: Redaction) -> None:
        before = self._overrides.get("redact", self._terms.redact)
        both = before.and_also(more) if isinstance(before, Redaction) else more
        self._overrides["redact"] = both

    def _narrow(self, keep: frozenset[str], why: str) -> None:
        before = self._allowed
        if not before <= keep:
            self._allowed = before & keep
            self._notes.append((self._route.candidates, before, self._allowed, why))

    def _options(self, terms: Terms) -> tuple[list[Option], list[Option]]:
        """Return what may serve, apart from what does not answer or may not be up to it."""
        options: list[Option] = []
        poorly: list[Option] = []
        allowed, backends, max_cost = self._allowed, self._signals.backends, terms.max_cost
        for name in self._route.candidates:
            if name not in allowed:
                continue
            try:
                backend = backends[name]
            except KeyError:
                backend = _ABSENT
            cost = backend.cost_pico
            if backend.unfit is not None:
                self._notes.append(("exclude", name, f"unfit: {backend.unfit}"))
            elif max_cost is not None and cost > max_cost:
                detail = f"expected {usd(cost)} USD, over max_cost {usd(max_cost)}"
                self._notes.append(("exclude", name, detail))
            else:
                fit = options if backend.healthy and backend.doubtful is None else poorly
                fit.append(_option((name, backend.success, cost)))
        return options, poorly

    def _empty(self, explicit: str | None) -> Denial:
        """Return the denial: `denied` where constraints left nothing, else `no_candidates`."""
        steps = trail_of(self._notes)
        reasons = {step.name: step.detail for step in steps if step.kind == "exclude"}
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
            tuple(self._notes),
        )

    def _choose(
        self, options: list[Option], poorly: list[Option], terms: Terms, shadow: ShadowDoc | None
    ) -> Decision:
        ranking = rank(options or poorly, terms)
        propensity = 1.0
        if terms.sticky or terms.weights:
            ranking, propensity = self._stay_or_draw(ranking, options or poorly, terms)
        if options and poorly:
            last = tuple(option.name for option in poorly)
            ranking = Ranking(ranking.order + last, ranking.reason, ranking.steps)
        return self._decision(ranking, options + poorly, terms, shadow, propensity=propensity)

    def _decision(
        self,
        ranking: Ranking,
        options: list[Option],
        terms: Terms,
        shadow: ShadowDoc | None,
        *,
        propensity: float = 1.0,
    ) -> Decision:
        order, reason, steps = ranking
        cascade = self._cascade(steps, terms.cascade) if steps and terms.cascade else None
        self._notes.append(("choose", order[0], reason))
        return Decision(
            self._route.name,
            order,
            self._allowed,
            reason,
            terms.objective,
            _success(options),
            dict(map(_COST, options)),
            tuple(self._rules),
            tuple(self._notes),
            cascade,
            self._shadow(shadow, order[0]) if shadow is not None and terms.shadow else None,
            propensity,
            terms.redact,
        )

    def _stay_or_draw(
        self, ranking: Ranking, options: list[Option], terms: Terms
    ) -> tuple[Ranking, float]:
        """Stickiness first, then weights: both may put another allowed backend in front."""
        previous = self._signals.request.previous
        weights = terms.weights or {}
        may_stay = terms.sticky and previous in ranking.order and weights.get(previous, 1) > 0
        if may_stay and _still_capable(previous, options, terms):
            self._notes.append(("sticky", previous, "served this conversation before"))
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
        self._notes.append(("weights", name, f"{weights[name]} of {total}"))
        return (ranking if name == ranking.order[0] else _in_front(ranking, name, reason)), share

    def _cascade(self, steps: tuple[str, ...], terms: CascadeTerms) -> CascadeSteps:
        """The plan; its judge reads prompt and answer, so the constraints bind it too."""
        judge = terms.judge
        if judge is not None and judge not in self._allowed:
            self._notes.append(("judge", judge, "dropped: it may not take this request"))
            judge = None
        return CascadeSteps(steps, terms.verify, judge, terms.verifier_cost)

    def _shadow(self, doc: ShadowDoc, chosen: str) -> Shadow | None:
        """Return the copy to make; it goes only where the request itself might have gone."""
        if doc.to == chosen or not self._allowed >= {doc.to, doc.judge}:
            return None
        if draw("shadow", self._signals.request.id) >= doc.share:
            return None
        return Shadow(doc.to, doc.judge)


def _success(options: list[Option]) -> dict[str, float]:
    """P(success) of those that have one."""
    success = dict(map(_SUCCESS, options))
    if None in success.values():
        return {name: p for name, p in success.items() if p is not None}
    return success


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
