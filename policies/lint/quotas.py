"""Quotas of a tier that contradict each other, or can never be met."""

from collections.abc import Iterator
from typing import Any, Final

from policies.findings import Finding
from policies.language.document import TierDoc
from policies.language.limits import LEVELS, LIMITS, LimitRow, PoolDoc, RateDoc
from policies.language.source import Path
from policies.policy import Policy

_NAMED: Final = (("per_user", "user", "end user"), ("per_run", "run", "run"))
_SMALL_TOKENS: Final = 1_000
_LENGTHS: Final = ("second", "minute", "day", "week", "month", "year")
_PARTS: Final = ("input_tokens", "output_tokens")  # of "tokens"


def _is_within(part: LimitRow, whole: LimitRow) -> bool:
    """Whether a limit of `part` could never take effect where it is above one of `whole`."""
    if part.measure == whole.measure and {part.window, whole.window} <= set(_LENGTHS):
        return _LENGTHS.index(part.window) < _LENGTHS.index(whole.window)
    within = part.measure in _PARTS and whole.measure == "tokens"
    return within and part.window == whole.window


_PAIRS: Final = tuple(
    (small, large)
    for small, part in LIMITS.items()
    for large, whole in LIMITS.items()
    if _is_within(part, whole)
)
_TOKENS: Final = [name for name, row in LIMITS.items() if row.measure.endswith("tokens")]


def contradicting_quotas(policy: Policy) -> Iterator[Finding]:
    """A limit of a short window above a longer one's, of a part above the whole's."""
    for name, tier in policy.document.tiers.items():
        levels: list[tuple[Path, Any]] = [(("tiers", name), tier)]
        levels += [
            (("tiers", name, key), getattr(tier, key))
            for key in LEVELS.values()
            if getattr(tier, key) is not None
        ]
        for path, limits in levels:
            for small, large in _PAIRS:
                yield from _not_over(policy, path, limits, small, large)
            yield from _too_small(policy, path, limits)
        for path, limits in levels[1:]:
            yield from _above_the_customer(policy, path, limits, tier)


def evaded_limits(policy: Policy) -> Iterator[Finding]:
    """Limits of each end user or run, in a tier that does not say whether requests must name it."""
    for name, tier in policy.document.tiers.items():
        if tier.require is not None:
            continue
        for key, named, says in _NAMED:
            if getattr(tier, key) is not None:
                yield policy.source.warning(
                    ("tiers", name, key),
                    f"requests of `{name}` that name no {says} are under no limit of `{key}`",
                    f"write require: [{named}] to refuse them, or require: [] where that is meant",
                    rule="evaded-limits",
                )


def overcommitted_shares(policy: Policy) -> Iterator[Finding]:
    """Guaranteed shares of one backend that add up to more than 100 %."""
    promised: dict[str, float] = {}
    for name, tier in policy.document.tiers.items():
        for backend, share in (tier.guaranteed_share or {}).items():
            promised[backend] = promised.get(backend, 0.0) + share
            if promised[backend] > 1.0:
                yield policy.source.warning(
                    ("tiers", name, "guaranteed_share", backend),
                    f"the shares of `{backend}` add up to {promised[backend]:.0%}",
                    "lower them until they add up to 100 % or less",
                    rule="overcommitted",
                )


def _amount(limits: Any, key: str) -> int | None:
    value = getattr(limits, key)
    if isinstance(value, RateDoc):
        return value.limit
    return value.pool if isinstance(value, PoolDoc) else value


def _not_over(policy: Policy, path: Path, limits: Any, small: str, large: str) -> Iterator[Finding]:
    first, second = _amount(limits, small), _amount(limits, large)
    if first is not None and second is not None and first > second:
        yield policy.source.warning(
            (*path, small),
            f"`{small}` is above `{large}`: it can never take effect",
            f"lower it, or raise `{large}`",
            rule="contradicting-quotas",
        )


def _too_small(policy: Policy, path: Path, limits: Any) -> Iterator[Finding]:
    for key in _TOKENS:
        amount = _amount(limits, key)
        if amount is not None and amount < _SMALL_TOKENS:
            yield policy.source.warning(
                (*path, key),
                f"`{key}` of {amount} will always refuse ordinary requests",
                "a request reserves its prompt and its largest answer: allow some thousands",
                rule="never-fits",
            )


def _above_the_customer(
    policy: Policy, path: Path, limits: Any, tier: TierDoc
) -> Iterator[Finding]:
    for key in type(limits).model_fields:
        own, customer = _amount(limits, key), _amount(tier, key)
        if isinstance(own, bool) or own is None or customer is None or own <= customer:
            continue
        yield policy.source.warning(
            (*path, key),
            f"`{key}` here is above the customer's own: it can never take effect",
            "lower it, or raise the tier's",
            rule="contradicting-quotas",
        )
