"""What the operator's own settings come to when something breaks, in plain words. Pure."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, Final

from policies.language.tiers import Tier
from router.backends.backend import Backend
from router.world.documents import Documents

_MOST_LINES: Final = 24
_SAID: Final[Mapping[str, str]] = {
    "requests_per_minute": "{} requests a minute",
    "requests_per_day": "{} requests a day",
    "tokens_per_minute": "{} tokens a minute",
    "tokens_per_day": "{} tokens a day",
    "concurrency": "{} at once",
}


def meaning_of(documents: Documents) -> list[str]:
    """Sentences: what each tier gets while the ledger is away, what a dead backend leaves, how long
    clients wait, what a restart takes.
    """
    lines = [*_tiers(documents), *_routes(documents), *_waits(documents), *_stopping(documents)]
    return lines[:_MOST_LINES]


def _tiers(documents: Documents) -> Iterator[str]:
    for name, tier in documents.policy.tiers.items():
        yield f"Tier `{name}`, while the ledger is away: {_outage(tier)}"
    if not documents.policy.tiers:
        yield "There are no tiers: keys have no limits, and while the ledger is away all get 503."
    on_loss = documents.config.ledger_server.on_loss
    then = "beside a 200" if on_loss == "serve" else "in a 503, for balancers to take it out"
    yield f"When the ledger lost what it held (`on_loss: {on_loss}`), /readyz says so {then}."


def _outage(tier: Tier) -> str:
    share = tier.outage_share
    if share is None:
        return "refused with 503 and Retry-After (`outage: closed`)."
    limits = tier.limits.get("organization", {})
    parts = [
        words.format(f"{int(limit * share):,}")
        for name, words in _SAID.items()
        if (limit := _whole(limits.get(name))) is not None
    ]
    what = f" ({', '.join(parts)})" if parts else ""
    nothing = any(part.startswith("0 ") for part in parts)
    beside = " That is nothing: raise the share, or say `closed`." if nothing else ""
    return f"each gateway serves up to {share:.0%} of each limit{what}.{beside}"


def _whole(limit: Any) -> int | None:
    """A limit as a number, of a bucket its rate."""
    value = limit.get("limit") if isinstance(limit, dict) else limit
    return value if isinstance(value, int) else None


def _routes(documents: Documents) -> Iterator[str]:
    alone: defaultdict[str, list[str]] = defaultdict(list)
    for name, route in documents.policy.routes.items():
        if len(route.candidates) == 1:
            alone[route.candidates[0]].append(f"`{name}`")
    for backend, routes in alone.items():
        many = "s" if len(routes) > 1 else ""
        fail = f"{', '.join(routes)} fail{'' if many else 's'}"
        yield f"Nothing stands in for `{backend}`: while it is down, route{many} {fail}."
    for name, route in documents.policy.routes.items():
        if len(route.candidates) > 1:
            yield (
                f"Route `{name}` goes on while one of {len(route.candidates)} backends is down,"
                " unless a rule leaves a request only that one."
            )


def _waits(documents: Documents) -> Iterator[str]:
    by_waits: defaultdict[Any, list[str]] = defaultdict(list)
    for name, backend in documents.backends.items():
        by_waits[_patience(backend)].append(f"`{name}`")
    for (first, between, total), names in by_waits.items():
        yield (
            f"{', '.join(names)}: a client waits {first:g} s for the first byte before another is"
            f" asked, {between:g} s within a stream, {total:g} s in all."
        )


def _patience(backend: Backend) -> tuple[float, float, float]:
    waits = backend.timeouts
    return waits.first_byte, waits.between_chunks, waits.total


def _stopping(documents: Documents) -> Iterator[str]:
    stop = documents.config.stop
    if stop.notice is None:
        yield (
            "A restart is told to nobody beforehand (`stop.notice` is empty): what a balancer sends"
            " meanwhile is refused, and has to be sent again."
        )
    else:
        yield (
            f"A restart says 503 on /readyz for {stop.notice:g} s and serves on; let the balancer"
            " look more often."
        )
