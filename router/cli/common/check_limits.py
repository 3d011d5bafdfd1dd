"""What `turnout check` doubts of limits: those that are smaller than the hold of a single request.

Such a hold is trimmed to the limit, and so served only while nothing else is counted: once a day,
where the limit is one of the day.
"""

from collections.abc import Iterator
from typing import Final

from policies.findings import Finding
from policies.language.limits import LEVELS, LIMITS
from policies.language.tiers import Tier
from policies.money import PICO_PER_NANO, to_usd, usd_short
from router.backends.backend import Backend
from router.ledger.estimate import TOKENS_AROUND, estimate_output
from router.ledger.quotas.dimensions import Quota
from router.pipeline.plan import most_output
from router.world.documents import Documents
from router.world.snapshot import Snapshot

_WINDOWS: Final = {
    "minute": "a minute", "day": "a day", "week": "a week", "month": "a month", "year": "a year",
}  # fmt: skip
_REMEDIES: Final = {
    "worst": "write `max_output_tokens` of the backends, or `estimate: expected`",
    "expected": "write `estimate: chunk`, which holds 512 tokens at a time; from a key's eighth"
    " answer on, the usual length of its answers is held",
    "chunk": "that is less than a request of a few words may come to",
}


def limit_findings(documents: Documents, world: Snapshot) -> list[Finding]:
    """A warning for each limit of tokens or money that the smallest prompt's hold is larger than,
    at whichever backend its tier may use.
    """
    findings: list[Finding] = []
    for tier in documents.policy.tiers.values():
        allowed = [each for each in world.backends.values() if tier.may_use_backend(each.name)]
        if allowed:
            findings += _of_tier(documents, world, tier, allowed)
    return findings


def _of_tier(
    documents: Documents, world: Snapshot, tier: Tier, allowed: list[Backend]
) -> Iterator[Finding]:
    standing = world.standing(tier.name)
    way = "worst" if standing.prepaid else world.estimate
    held = {
        each.name: estimate_output(cap=None, way=way, most=most_output([each])) for each in allowed
    }
    least = min(held.values())
    tokens = {"tokens": TOKENS_AROUND + least, "output_tokens": least}
    usd = min(world.prices.dearest((name,), TOKENS_AROUND, out)[0] for name, out in held.items())
    for quota in standing.quotas:
        row = LIMITS[quota.dimension]
        window = _WINDOWS.get(row.window)
        wants = usd // PICO_PER_NANO if row.measure == "usd" else tokens.get(row.measure, 0)
        most = quota.options.burst or quota.limit
        if window is None or not 0 < most < wants:
            continue
        shown = f"{usd_short(to_usd(usd))} USD" if row.measure == "usd" else f"{wants:,} tokens"
        yield documents.policy.source.warning(
            _place(tier, quota),
            f"a request holds at least {shown} while it runs, more than all of `{quota.dimension}`:"
            f" it is served while nothing else is counted, in the worst case once {window}",
            f"raise the limit, or {_REMEDIES[way]}",
            rule="limit-below-one-request",
        )


def _place(tier: Tier, quota: Quota) -> tuple[str, ...]:
    level = LEVELS.get(quota.level)
    return ("tiers", tier.name, *(() if level is None else (level,)), quota.dimension)
