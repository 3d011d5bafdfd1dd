"""What `turnout check` doubts of prices that a list says: another model's, a retired one's, another
region's, or too old.
"""

import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from functools import cache
from typing import Final

from policies.findings import Finding
from policies.language.source import Document
from router.backends.catalog import Provider, load_catalog
from router.prices.likeness import is_same_model
from router.prices.list_prices import Listed, list_price
from router.prices.price import PICO_PER_USD_PER_MILLION
from router.prices.price_list import Origin, PriceList
from router.world.config import BackendSection
from router.world.documents import Documents

_catalog = cache(load_catalog)
# No list asks less than 0.002 or more than 600 USD per million tokens; between them and these, a
# doubt would be a guess.
LEAST: Final = Decimal("0.001")
MOST: Final = Decimal(1000)
OLD_DAYS: Final = 180  # a list that knows nothing newer is doubted


def list_findings(documents: Documents, source: Document, today: date) -> list[Finding]:
    """A warning for each list price that is probably not what is charged."""
    findings: list[Finding] = []
    used: dict[Origin, list[str]] = {}
    for name, section in documents.config.backends.items():
        findings += _renamed(documents, source, name, section)
        provider = _provider(documents, section)
        if provider is None or (section.price is not None and section.price.whole):
            continue
        findings += _another(documents.loaded.listing, source, name, section, provider)
        findings += _elsewhere(source, name, section)
        findings += _unit(documents, source, name, section)
        used.setdefault(documents.loaded.listing.origins[provider], []).append(name)
    for origin, names in used.items():
        findings += _aged(documents.loaded.listing, source, origin, names, today)
    return findings


def listed_as(documents: Documents, name: str) -> Listed | None:
    """What the list says of a backend's model, if it is that model's row or the operator says so;
    a backend without a provider is known by its address.
    """
    section, listing = documents.config.backends[name], documents.loaded.listing
    provider = _provider(documents, section)
    asked = section.priced_as or section.model
    row = None if provider is None else listing.find(provider, asked)
    if provider is None or row is None:
        return None
    if section.priced_as is None and not is_same_model(asked, row):
        return None
    return list_price(provider, asked, section.service_tier, listing)


def _provider(documents: Documents, section: BackendSection) -> str | None:
    """The list's id of who serves a backend: its preset's, else the one with its address."""
    if section.provider is not None:
        return _catalog()[section.provider].prices
    address = section.base_url or ""
    found = (
        each.id
        for each in documents.loaded.listing.providers
        if re.match(each.api_pattern, address)
    )
    return next(found, None)


def _another(
    listing: PriceList, source: Document, name: str, section: BackendSection, provider: str
) -> Iterator[Finding]:
    """Whether the row of another model, or of a model that is being retired, prices a backend."""
    asked = section.priced_as or section.model
    row = listing.find(provider, asked)
    if row is None:
        return
    if section.priced_as is None and not is_same_model(asked, row):
        yield source.warning(
            ("backends", name, "model"),
            f"`{asked}` is priced as `{row.id}`: the list has no row of its own for it",
            f"write `priced_as: {row.id}` if that is right, else what it costs: "
            "`price: {input: USD, output: USD}` per million tokens",
            rule="priced-as-another",
        )
    if row.deprecated:
        yield source.warning(
            ("backends", name, "model"),
            f"`{asked}` is being retired by its provider, as the list says",
            "choose another model before it goes: `turnout models --provider "
            f"{section.provider}` lists them",
            rule="model-retired",
        )


def _renamed(
    documents: Documents, source: Document, name: str, section: BackendSection
) -> Iterator[Finding]:
    """Whether a model's name means another model now, or none."""
    provider = _provider(documents, section)
    for key in ("priced_as", "model"):
        asked = getattr(section, key)
        for each in documents.loaded.listing.renamed:
            if asked is not None and (provider, asked.lower()) == (each.provider, each.model):
                gone = "" if each.retired is None else f", and was retired on {each.retired}"
                yield source.warning(
                    ("backends", name, key),
                    f"`{asked}` has meant `{each.now}` since {each.since}{gone}: its row in the"
                    " list is of before",
                    f"write {key}: {each.now} ({each.source})",
                    rule="model-renamed",
                )


def _elsewhere(source: Document, name: str, section: BackendSection) -> Iterator[Finding]:
    """Whether a backend is asked in a region that has prices of its own."""
    preset: Provider | None = _catalog().get(section.provider or "")
    if preset is not None and section.region in preset.regions:
        yield source.warning(
            ("backends", name, "region"),
            f"the list's prices are {preset.title}'s international ones; its region"
            f" `{section.region}` may charge others",
            "write what it costs: `price: {input: USD, output: USD}` per million tokens",
            rule="price-region",
        )


def _unit(
    documents: Documents, source: Document, name: str, section: BackendSection
) -> Iterator[Finding]:
    """Whether a list is in another unit than USD per million tokens: one that somebody made."""
    price = documents.prices.price(name)
    for counter, pico in (("input", price.input_pico), ("output", price.output_pico)):
        rate = Decimal(pico) / PICO_PER_USD_PER_MILLION
        if pico and not LEAST <= rate <= MOST:
            yield source.warning(
                ("backends", name, "model"),
                f"the list says that `{section.priced_as or section.model}` costs {rate:f} USD per"
                f" million tokens of {counter}, which no model does",
                "rates in a list are USD per million tokens; see `turnout prices`",
                rule="price-unit",
            )


def _aged(
    listing: PriceList, source: Document, origin: Origin, names: list[str], today: date
) -> Iterator[Finding]:
    """Whether prices are of too long ago."""
    provider = next(each for each in listing.origins if listing.origins[each] == origin)
    dated = listing.dated(provider, today)
    days = None if dated.day is None else (today - dated.day).days
    if days is not None and days <= OLD_DAYS:
        return
    written = "prices" in source.value and origin == listing.origin
    age = "is of no known day" if days is None else f"is of {dated.day}, {days} days old"
    yield source.warning(
        ("prices",) if written else ("backends", names[0], "model"),
        f"the list that prices {', '.join(f'`{each}`' for each in names)} {age}"
        f" ({origin.source} {origin.version}, by {dated.by})",
        "install a newer one (pip install -U genai-prices), or refresh it: prices: FILE;"
        " `turnout prices --compare FILE` shows what changes",
        rule="prices-old",
    )
