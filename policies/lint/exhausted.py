"""What a tier does where its limits are used up, and does not mean."""

from collections.abc import Iterator
from typing import Final

from policies.findings import Finding
from policies.language.document import ExhaustedDoc, TierDoc
from policies.language.limits import LEVELS, LIMITS
from policies.policy import Policy

_RATES: Final = ("second", "minute", "running")


def idle_exhaustion(policy: Policy) -> Iterator[Finding]:
    """A downgrade that nothing limits, or that no budget leads to; a queue for no rate."""
    for name, tier in policy.document.tiers.items():
        doc = tier.when_exhausted
        if not isinstance(doc, ExhaustedDoc):
            continue
        windows = _windows(tier)
        if doc.downgrade is not None and doc.limits is None:
            yield policy.source.warning(
                ("tiers", name, "when_exhausted", "downgrade"),
                f"nothing limits what is downgraded of `{name}` but its limits by the minute",
                "give it limits of its own: limits: {tokens_per_day: 50_000}",
                rule="unlimited-downgrade",
            )
        if doc.downgrade is not None and not windows.difference(_RATES):
            yield _idle(policy, name, "downgrade", "has no budget by the day, the month or prepaid")
        if doc.queue is not None and windows.isdisjoint(_RATES):
            yield _idle(
                policy, name, "queue", "has no limit by the second or minute, no concurrency"
            )


def _idle(policy: Policy, tier: str, key: str, why: str) -> Finding:
    return policy.source.warning(
        ("tiers", tier, "when_exhausted", key),
        f"`{key}` never takes effect: `{tier}` {why}",
        "give the tier such a limit, or take this away",
        rule="idle-exhaustion",
    )


def _windows(tier: TierDoc) -> set[str]:
    """Over which windows a tier has limits, at any level."""
    levels = [tier, *(getattr(tier, key) for key in LEVELS.values())]
    return {
        row.window
        for level in levels
        if level is not None
        for name, row in LIMITS.items()
        if getattr(level, name)
    }
