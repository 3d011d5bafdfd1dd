"""What a client reads about its limits: x-ratelimit headers and the words of a 429, as OpenAI's."""

from collections.abc import Sequence
from typing import Final

from router.errors import LimitExceeded
from router.ledger.dimensions import MINUTE, Quota
from router.ledger.plan import Item, Plan

Headers = tuple[tuple[str, str], ...]
_FIXED: Final = 7  # numbers of a reserve reply before those of its items
_DENIED_BY, _WAIT, _USED, _AMOUNT, _LIMIT = 1, 2, 3, 4, 5


def go_duration(ms: int) -> str:
    """A span in milliseconds as Go writes it: 12ms, 1s, 1.5s, 6m0s, 1h0m0s."""
    if ms < 1000:
        return f"{max(0, ms)}ms" if ms > 0 else "0s"
    seconds, rest = divmod(ms, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    tail = f"{seconds}.{rest:03d}".rstrip("0") + "s" if rest else f"{seconds}s"
    if hours:
        return f"{hours}h{minutes}m{tail}"
    return f"{minutes}m{tail}" if minutes else tail


def rate_headers(plan: Plan, reply: Sequence[int]) -> Headers:
    """x-ratelimit-{limit,remaining,reset}-{requests,tokens}, of the tightest level each."""
    headers: list[tuple[str, str]] = []
    for family, members in plan.shown:
        if not members:
            continue
        place, quota = members[0]
        for other, rival in members[1:]:
            if _left(reply, other, rival) < _left(reply, place, quota):
                place, quota = other, rival
        at = _FIXED + 2 * place
        headers += (
            (f"x-ratelimit-limit-{family}", str(_shown_limit(quota))),
            (f"x-ratelimit-remaining-{family}", str(reply[at])),
            (f"x-ratelimit-reset-{family}", go_duration(reply[at + 1])),
        )
    return tuple(headers)


def used_shares(plan: Plan, reply: Sequence[int]) -> dict[str, float]:
    """The largest used share, 0 to 1, of the quotas of each window: minute, day, month."""
    shares: dict[str, float] = {}
    for at, item in enumerate(plan.items):
        window = item.row.period or ("minute" if item.row.window_ms == MINUTE else None)
        if window is not None and item.quota.limit > 0:
            share = 1.0 - reply[_FIXED + 2 * at] / item.quota.limit
            shares[window] = max(share, shares.get(window, 0.0))
    return shares


def _left(reply: Sequence[int], place: int, quota: Quota) -> float:
    return reply[_FIXED + 2 * place] / max(1, _shown_limit(quota))


def _shown_limit(quota: Quota) -> int:
    return quota.options.burst or quota.limit


def denial(plan: Plan, reply: Sequence[int], model: str, organization: str) -> LimitExceeded:
    """The 429 of a denied request: which limit, how much of it, and how long to wait."""
    item = plan.items[reply[_DENIED_BY] - 1]
    wait = reply[_WAIT]
    figures = (
        f"Limit {_amount(item, reply[_LIMIT])}, Used {_amount(item, reply[_USED])},"
        f" Requested {_amount(item, reply[_AMOUNT])}."
    )
    pool = item.row.code == "insufficient_quota"
    says = "Quota exceeded" if pool else "Rate limit reached"
    headers = [
        *rate_headers(plan, reply),
        ("x-turnout-limit", f"{item.quota.level}:{item.quota.dimension}"),
    ]
    if wait >= 0:
        headers.append(("retry-after", str(max(1, -(-wait // 1000)))))
        headers.append(("retry-after-ms", str(wait)))
    if wait < 0 or pool:
        headers.append(("x-should-retry", "false"))
    return LimitExceeded(
        f"{says} for {model} in organization {organization} on {item.row.says}:"
        f" {figures} {_advice(item, wait, reply[_AMOUNT] > reply[_LIMIT])}",
        type_=item.row.type,
        code=item.row.code,
        headers=headers,
    )


def _advice(item: Item, wait: int, too_large: bool) -> str:
    if too_large:
        return "This request alone is larger than the limit: send less, or ask for fewer tokens."
    if wait < 0:
        return "It does not renew by itself: ask your administrator to raise it."
    if item.row.algorithm == "L":
        return "Please try again when one of your running requests has ended."
    if item.row.code == "insufficient_quota":
        return f"It renews in {go_duration(wait)}."
    return f"Please try again in {go_duration(wait)}."


def _amount(item: Item, amount: int) -> str:
    return f"${amount / 1e9:.6f}" if item.row.money else str(amount)
