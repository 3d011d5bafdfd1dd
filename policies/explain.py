"""Why a request goes where it goes: rules, candidates, the winner; as data and as text."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

from policies.decision import Decision, Denial
from policies.language.compiler import Rule
from policies.money import usd
from policies.policy import Policy
from policies.signals import NO_HINTS, Hints, Signals

RuleResult = Literal["matched", "not matched", "failed", "not reached"]
CandidateStanding = Literal["chosen", "fallback", "excluded", "left out"]


@dataclass(frozen=True, slots=True)
class RuleView:
    """One rule: its condition, whether it held, what it does."""

    name: str
    when: str
    verdict: RuleResult
    effect: str


@dataclass(frozen=True, slots=True)
class CandidateView:
    """One candidate: what is known of it, and what became of it.

    `excluded` is by a hard constraint; `left out` because it is unfit or too dear. `doubtful` is
    what the request needs and nobody said that the backend has.
    """

    name: str
    success: float | None
    cost_usd: str
    healthy: bool
    doubtful: str | None
    standing: CandidateStanding
    why: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """The long form of a decision."""

    policy: str
    model: str
    route: str
    tier: str
    outcome: str  # the first choice, or the denial's status
    reason: str
    message: str  # what a denied client is told
    objective: str
    rules: tuple[RuleView, ...]
    candidates: tuple[CandidateView, ...]
    cascade: tuple[str, ...]
    judge: str  # of the cascade; also says why it was dropped
    shadow: str
    propensity: float
    redact: str  # which kinds, and for whom not

    def as_json(self) -> dict[str, Any]:
        """The same as plain data for JSON."""
        return asdict(self)


def explain(policy: Policy, signals: Signals, hints: Hints = NO_HINTS) -> Explanation:
    """Decide, and say why. Pure like the decision, but slower: it is not used while serving."""
    answer = policy.decide(signals, hints)
    decided = isinstance(answer, Decision)
    return Explanation(
        policy=policy.version,
        model=hints.route or signals.request.model,
        route=answer.route,
        tier=signals.tier,
        outcome=answer.backend if isinstance(answer, Decision) else answer.status,
        reason=answer.reason,
        message="" if isinstance(answer, Decision) else answer.message,
        objective=answer.objective if isinstance(answer, Decision) else "",
        rules=_rules(policy, signals, answer),
        candidates=_candidates(policy, signals, answer),
        cascade=answer.cascade.steps if isinstance(answer, Decision) and answer.cascade else (),
        judge=_judge(answer),
        shadow=answer.shadow.to if isinstance(answer, Decision) and answer.shadow else "",
        propensity=answer.propensity if isinstance(answer, Decision) else float(decided),
        redact=str(answer.redact) if isinstance(answer, Decision) and answer.redact else "",
    )


def _judge(answer: Decision | Denial) -> str:
    dropped = [f"{step.name}, {step.detail}" for step in answer.trail if step.kind == "judge"]
    if isinstance(answer, Decision) and answer.cascade is not None and answer.cascade.judge:
        return answer.cascade.judge
    return dropped[0] if dropped else ""


def _rules(policy: Policy, signals: Signals, answer: Decision | Denial) -> tuple[RuleView, ...]:
    route = policy.routes.get(answer.route)
    if route is None or (isinstance(answer, Denial) and not _walked(answer)):
        return ()
    views: list[RuleView] = []
    truths = route.matcher.truths(signals)
    denied = False
    for rule, holds in zip(route.rules, truths, strict=True):
        result: RuleResult = "failed" if holds is None else "matched" if holds else "not matched"
        views.append(
            RuleView(rule.name, rule.when, "not reached" if denied else result, _effect(rule))
        )
        denied = denied or (rule.deny is not None and holds is not False)
    return tuple(views)


def _walked(denial: Denial) -> bool:
    return denial.status in ("denied", "no_candidates")


def _effect(rule: Rule) -> str:
    parts: list[str] = []
    if rule.only is not None:
        parts.append(f"only {', '.join(sorted(rule.only))}")
    if rule.exclude:
        parts.append(f"except {', '.join(sorted(rule.exclude))}")
    if rule.deny is not None:
        parts.append("deny")
    if rule.redact is not None:
        parts.append(f"redact {rule.redact}")
    parts += [_setting(key, value) for key, value in rule.overrides.items()]
    return "; ".join(parts)


def _setting(key: str, value: Any) -> str:
    if key in ("failure_cost", "max_cost"):
        return f"{key} {usd(value)} USD"
    if key == "cascade":
        return "cascade off" if value is None else f"cascade of {value.max_steps}"
    if isinstance(value, Mapping):
        return f"{key} " + ", ".join(f"{name} {share}" for name, share in value.items())
    if isinstance(value, bool):
        return f"{key} {'on' if value else 'off'}"
    return f"{key} {value}"


def _candidates(
    policy: Policy, signals: Signals, answer: Decision | Denial
) -> tuple[CandidateView, ...]:
    route = policy.routes.get(answer.route)
    if route is None:
        return ()
    order = answer.candidates if isinstance(answer, Decision) else ()
    allowed = answer.allowed if isinstance(answer, Decision) else frozenset()
    reasons = {step.name: step.detail for step in answer.trail if step.kind == "exclude"}
    names = [*order, *(name for name in route.candidates if name not in order)]
    views: list[CandidateView] = []
    for place, name in enumerate(names):
        backend = signals.backends.get(name)
        standing: CandidateStanding = "left out" if name in allowed else "excluded"
        if name in order:
            standing = "chosen" if place == 0 else "fallback"
        views.append(
            CandidateView(
                name=name,
                success=backend.success if backend is not None else None,
                cost_usd=usd(backend.cost_pico) if backend is not None else "",
                healthy=backend.healthy if backend is not None else False,
                doubtful=backend.doubtful if backend is not None else None,
                standing=standing,
                why=answer.reason if standing == "chosen" else reasons.get(name, ""),
            )
        )
    return tuple(views)


Paint = Callable[[str, str], str]
COLOURS: Final[Mapping[str, str]] = {
    "matched": "32", "chosen": "1;32", "excluded": "31", "failed": "33", "denied": "1;31",
    "left out": "33", "title": "1",
}  # fmt: skip


def render_explanation(explanation: Explanation, *, colour: bool = False) -> str:
    """The text form; with ANSI colours for a terminal if asked."""

    def paint(text: str, style: str) -> str:
        code = COLOURS.get(style)
        return f"\x1b[{code}m{text}\x1b[0m" if colour and code else text

    e = explanation
    head = f"{e.model} -> route {e.route}" if e.model != e.route else f"route {e.route}"
    lines = [paint(f"{head}, tier {e.tier or 'none'}, policy {e.policy}", "title")]
    lines += _rule_lines(e, paint)
    lines += _candidate_lines(e, paint)
    if e.cascade:
        lines.append(f"cascade     {' then '.join(e.cascade)}")
    if e.judge:
        lines.append(f"judge       {e.judge}")
    if e.redact:
        lines.append(f"redact      {e.redact}")
    if e.shadow:
        lines.append(f"shadow      {e.shadow}")
    if e.propensity not in (0.0, 1.0):
        lines.append(f"propensity  {e.propensity:.3f}")
    style = "denied" if e.message else "chosen"
    lines.append(f"{paint(e.outcome, style)}: {e.message or e.reason}")
    return "\n".join(lines)


def _rule_lines(e: Explanation, paint: Paint) -> list[str]:
    if not e.rules:
        return []
    width = max(len(rule.name) for rule in e.rules)
    lines = ["rules"]
    for rule in e.rules:
        verdict = paint(f"{rule.verdict:<11}", rule.verdict)
        lines.append(f"  {verdict} {rule.name:<{width}}  {rule.when}  [{rule.effect}]")
    return lines


def _candidate_lines(e: Explanation, paint: Paint) -> list[str]:
    if not e.candidates:
        return []
    width = max(len(candidate.name) for candidate in e.candidates)
    lines = ["candidates"]
    for candidate in e.candidates:
        chance = "   -" if candidate.success is None else f"{candidate.success:.2f}"
        standing = paint(f"{candidate.standing:<8}", candidate.standing)
        health = "" if candidate.healthy else "  unhealthy"
        if candidate.doubtful is not None:
            health += f"  not said to take {candidate.doubtful}"
        lines.append(
            f"  {standing} {candidate.name:<{width}}  P(success) {chance}  "
            f"{candidate.cost_usd:>12} USD{health}  {candidate.why}".rstrip()
        )
    return lines
