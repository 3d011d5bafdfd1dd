"""Prices of a list as rows: USD per million tokens, and USD for one of each unit."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

from policies.money import to_usd
from router.prices.list_prices import STANDARD, Listed, list_price, listed_models
from router.prices.price import PICO_PER_USD_PER_MILLION, Price, Step
from router.prices.price_list import Origin, PriceList
from router.prices.schedule import Entry

_USUAL = "default"  # a variant of the list that is the standard once more


def model_rows(
    listing: PriceList, provider: str | None, at: int, service_tier: str = STANDARD
) -> Iterator[dict[str, Any]]:
    """The listed models of a provider with their prices at an instant (ms of Unix time)."""
    for model in listed_models(provider or "", listing):
        listed = list_price(provider or "", model, service_tier, listing)
        if listed is not None:
            yield listed_row(listing, listed, at, name=model)


def tier_rows(
    listing: PriceList, provider: str, model: str, at: int, service_tier: str | None
) -> Iterator[dict[str, Any]]:
    """What one model costs at an instant: a row for each class of service that the list prices, or
    for the one that is asked for.
    """
    row = listing.find(provider, model)
    variants = () if row is None else row.price_variants or ()
    told = {word for each in variants for word in each.when.values()} - {_USUAL}
    for tier in [STANDARD, *sorted(told)] if service_tier is None else [service_tier]:
        listed = list_price(provider, model, tier, listing)
        if listed is not None:
            shown = listed_row(listing, listed, at, name=listed.model)
            yield {"model": shown.pop("model"), "service_tier": tier, **shown}


def listed_row(listing: PriceList, listed: Listed, at: int, name: str) -> dict[str, Any]:
    """What a model costs at an instant, with the list that says so."""
    today = datetime.fromtimestamp(at / 1000, UTC).date()
    return {
        "model": name,
        "context_window": listed.context_window,
        **price_row(listed.schedule.at(at)),
        "list": list_row(listing, listed.provider, min(today, datetime.now(UTC).date())),
    }


def price_row(price: Price) -> dict[str, Any]:
    """Everything that a price says."""
    return {
        **_rates(price),
        "units": {name: to_usd(pico) for name, pico in price.units},
        "steps": [{"above": step.above, **_rates(step)} for step in price.steps],
    }


def schedule_rows(entries: tuple[Entry, ...]) -> list[dict[str, Any]]:
    """Prices over time, each with the day and the hours (UTC) from which it holds; of those that
    hold, the last counts.
    """
    return [
        {
            "since": _day(each.since),
            "hours": "" if each.start == each.end else f"{_clock(each.start)}-{_clock(each.end)}",
            **price_row(each.price),
        }
        for each in entries
    ]


def list_row(listing: PriceList, provider: str | None, today: date) -> dict[str, Any]:
    """Where the prices of a provider (None: of the list as a whole) are from."""
    origin = listing.origin if provider is None else listing.origins.get(provider, listing.origin)
    dated = listing.dated(provider, today)
    return {
        "source": origin.source,
        "version": origin.version,
        "date": None if dated.day is None else str(dated.day),
        "dated_by": dated.by,
    }


def origin_rows(listing: PriceList, today: date) -> list[dict[str, Any]]:
    """The layers of a list, each with how much it holds, the newest first."""
    first: dict[Origin, str] = {}
    for name, origin in listing.origins.items():
        first.setdefault(origin, name)
    rows = []
    for origin, name in sorted(first.items(), key=lambda each: each[0] != listing.origin):
        of = [each for each in listing.providers if listing.origins[each.id] == origin]
        held = {"providers": len(of), "models": sum(len(each.models) for each in of)}
        rows.append({**list_row(listing, name, today), **held})
    return rows


def header(of: dict[str, Any]) -> str:
    """The list that prices are of, in a line."""
    day = of["date"] or "no known day"
    return (
        f"{of['source']} {of['version']}, of {day} (by {of['dated_by']});"
        " USD per million tokens, units in USD each"
    )


def _rates(price: Price | Step) -> dict[str, Any]:
    write = price.input_pico if price.cache_write_pico is None else price.cache_write_pico
    return {
        "input": _per_million(price.input_pico),
        "output": _per_million(price.output_pico),
        "cached_input": _per_million(price.cached_input_pico),
        "cache_write": _per_million(write),
        "parts": {name: _per_million(pico) for name, pico in price.parts},
    }


def _per_million(pico: int) -> float:
    return pico / PICO_PER_USD_PER_MILLION


def _day(since: int) -> str:
    return str(datetime.fromtimestamp(since / 1000, UTC).date()) if since else ""


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"
