"""What another list of prices would change for the backends of a configuration."""

from collections.abc import Iterator
from typing import Any

from router.backends.catalog import load_catalog
from router.cli.common.price_rows import price_row
from router.prices.list_prices import STANDARD, list_price
from router.prices.price_list import PriceList
from router.world.config import BackendSection
from router.world.documents import Documents


def changed_rows(documents: Documents, other: PriceList, at: int) -> Iterator[dict[str, Any]]:
    """A row for each rate of each backend that `other` prices otherwise at an instant (ms of Unix
    time). Backends with prices of their own are in no list's hands.
    """
    catalog = load_catalog()
    for name, section in documents.config.backends.items():
        provider = catalog[section.provider].prices if section.provider else None
        if provider is None or (section.price is not None and section.price.whole):
            continue
        for tier in dict.fromkeys((section.service_tier, "batch")):
            before = _rates(documents.loaded.listing, provider, section, tier, at)
            after = _rates(other, provider, section, tier, at)
            if before and not after:
                before, after = {"all": "listed"}, {}
            for rate in dict.fromkeys((*before, *after)):
                if before.get(rate) != after.get(rate):
                    yield {
                        "backend": name,
                        "model": section.priced_as or section.model,
                        "service_tier": "" if tier == STANDARD else tier,
                        "rate": rate,
                        "before": before.get(rate),
                        "after": after.get(rate),
                        "change": _change(before.get(rate), after.get(rate)),
                    }


def _rates(
    listing: PriceList, provider: str, section: BackendSection, tier: str, at: int
) -> dict[str, Any]:
    """Every rate that a list has of a backend's model, by name, and the row that it is found in."""
    listed = list_price(provider, section.priced_as or section.model, tier, listing)
    if listed is None:
        return {}
    row = price_row(listed.schedule.at(at))
    flat = {"priced as": listed.model, **_flat(row)}
    for step in row["steps"]:
        above = f"over {step.pop('above'):,}: "
        flat |= {f"{above}{name}": rate for name, rate in _flat(step).items()}
    return flat


def _flat(row: dict[str, Any]) -> dict[str, float]:
    named = {name.replace("_", " "): rate for name, rate in row.items() if isinstance(rate, float)}
    for group in ("parts", "units"):
        named |= {name.replace("_", " "): rate for name, rate in row.get(group, {}).items()}
    return named


def _change(before: Any, after: Any) -> str:
    """How much dearer it becomes, in words: there may be no price any more."""
    if before is None:
        return "new"
    if after is None:
        return "no price any more"
    if isinstance(before, str) or before == 0:
        return "another"
    return f"{(after - before) / before:+.0%}"
