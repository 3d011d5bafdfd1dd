"""Limits as a client reads them: x-ratelimit headers and the words of a 429, like OpenAI's."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from policies.headers import PREFIX
from policies.money import PICO_PER_NANO, to_usd, usd, usd_rounded
from router.errors import LimitExceeded, retry_after
from router.ledger.codec import AMOUNT, FIXED, ITEM_NUMBER, LIMIT, USED, WAIT
from router.ledger.quotas.compiled_quotas import CompiledQuotas, QuotaItem, ShownLimit

SPOKE: Final = PREFIX + "limit"
MEANING_OF_SPOKE: Final = "on a 429: which limit spoke, such as `key:tokens_per_minute`"


@lru_cache(maxsize=8_192)  # a used-up slot of a minute resets in one of 5,000 spans
def go_duration(ms: int) -> str:
    """A span in milliseconds as Go writes it: 12ms, 1s, 1.5s, 6m0s, 1h0m0s."""
    if ms < 1000:
        return f"{ms}ms" if ms > 0 else "0s"
    if ms < 60_000:
        return f"{ms / 1000:g}s"  # five digits at most: `g` writes them all, and no zeros behind
    minutes, tail = ms // 60_000, f"{ms % 60_000 / 1000:g}s"
    return f"{minutes}m{tail}" if minutes < 60 else f"{minutes // 60}h{minutes % 60}m{tail}"


def rate_headers(quotas: CompiledQuotas, reply: Sequence[int]) -> tuple[tuple[str, str], ...]:
    """x-ratelimit-{limit,remaining,reset}-{requests,tokens}, of the tightest level each."""
    headers: tuple[tuple[str, str], ...] = ()
    for remaining, reset, first, others in quotas.shown:
        shown = _tightest((first, *others), reply) if others else first
        at = shown.at
        headers += (
            shown.header,
            (remaining, str(reply[at])),
            (reset, go_duration(reply[at + 1])),
        )
    return headers


def _tightest(limits: Sequence[ShownLimit], reply: Sequence[int]) -> ShownLimit:
    """The limit with the smallest part left."""
    return min(limits, key=lambda shown: reply[shown.at] / max(1, shown.limit))


def denial(
    quotas: CompiledQuotas, reply: Sequence[int], model: str, organization: str
) -> LimitExceeded:
    """The 429 of a denied request: which limit, how much of it, and how long to wait."""
    item = quotas.items[reply[ITEM_NUMBER] - 1]
    wait = reply[WAIT]
    pool = item.row.code == "insufficient_quota" and not (item.row.algorithm == "P" and wait >= 0)
    headers = [
        *rate_headers(quotas, reply[FIXED:]),
        (SPOKE, f"{item.quota.level}:{item.quota.dimension}"),
    ]
    if wait >= 0:
        headers += retry_after(wait)
    if wait < 0 or pool:
        headers.append(("x-should-retry", "false"))
    if wait < 0 and item.row.algorithm in _OF_RUNS:
        words = _OF_RUNS[item.row.algorithm]
    else:
        words = _of_balance if item.row.period == "endless" else _of_limit
    held = item.row.algorithm == "P" and wait >= 0  # by requests that run: it comes back
    return LimitExceeded(
        words(item, reply, model, organization),
        type_="requests" if held else item.row.type,
        code="rate_limit_exceeded" if held else item.row.code,
        headers=headers,
    )


def too_many_runs(organization: str, most: int) -> LimitExceeded:
    """The 429 of a request that would begin one run more than its organization may have."""
    return LimitExceeded(
        f"Organization {organization} has {most:,} runs open, as many as it may. Go on with the id"
        " of one of them, or wait until one was idle for as long as its tier says.",
        code="too_many_runs",
        headers=[(SPOKE, "run:most_open"), ("x-should-retry", "false")],
    )


def _of_limit(item: QuotaItem, reply: Sequence[int], model: str, organization: str) -> str:
    says = "Quota exceeded" if item.row.code == "insufficient_quota" else "Rate limit reached"
    return (
        f"{says} for {model} in organization {organization} on {item.row.says}:"
        f" Limit {_amount(item, reply[LIMIT])}, Used {_amount(item, reply[USED])},"
        f" Requested {_amount(item, reply[AMOUNT])}."
        f" {_advice(item, reply[WAIT], reply[AMOUNT] > reply[LIMIT])}"
    )


def _of_balance(item: QuotaItem, reply: Sequence[int], model: str, organization: str) -> str:
    """What is left of a prepaid balance, exactly, what running requests hold being set aside."""
    left, level = reply[LIMIT] - reply[USED], item.quota.level
    whose = organization if level == "organization" else f"{organization} for this {level}"
    state = "used up" if left <= 0 else f"too low for {model}"
    advice = "" if left <= 0 else "send less, ask for fewer tokens, or "
    return (
        f"The prepaid balance of organization {whose} is {state}: {_left(left)} beside what running"
        f" requests hold, and this request needs up to {_exact(reply[AMOUNT])}."
        f" {(advice + 'ask your provider to add credit.').capitalize()}"
    )


def _of_run(item: QuotaItem, reply: Sequence[int], model: str, organization: str) -> str:
    """What an agent reads whose run may use no more."""
    larger = reply[AMOUNT] > reply[LIMIT] - reply[USED] > 0
    state = f"too small for this request, which needs up to {_amount(item, reply[AMOUNT])}"
    return (
        f"This run's budget is {state if larger else 'used up'}:"
        f" {_amount(item, reply[USED])} of {_amount(item, reply[LIMIT])} {_UNITS[item.row.metric]}."
        " Stop, or ask whoever started the run for a larger budget; trying again cannot help."
    )


def _of_repeats(item: QuotaItem, reply: Sequence[int], model: str, organization: str) -> str:
    return (
        f"This run has sent this very request {reply[USED]} times, as often as it may: the answers"
        " will not change. Stop, or do something else."
    )


_UNITS: Final = {1: "requests", 2: "tokens", 5: "used"}
_OF_RUNS: Final = {"P": _of_run, "H": _of_repeats}


def _left(nano_usd: int) -> str:
    return f"{_exact(nano_usd)} left" if nano_usd >= 0 else f"overdrawn by {_exact(-nano_usd)}"


def _exact(nano_usd: int) -> str:
    return f"${usd(nano_usd * PICO_PER_NANO, least=2)}"


def _advice(item: QuotaItem, wait: int, too_large: bool) -> str:
    if too_large:
        return "This request alone is larger than the limit: send less, or ask for fewer tokens."
    if wait < 0:
        return "It does not renew by itself: ask your administrator to raise it."
    if item.row.algorithm in "LP":
        return "Please try again when one of your running requests has ended."
    if item.row.code == "insufficient_quota":
        return f"It renews in {go_duration(wait)}."
    return f"Please try again in {go_duration(wait)}."


def _amount(item: QuotaItem, amount: int) -> str:
    return f"${usd_rounded(to_usd(amount * PICO_PER_NANO))}" if item.row.money else str(amount)
