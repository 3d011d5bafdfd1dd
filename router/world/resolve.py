"""From a backend's section to the backend: its own keys first, then its provider's preset, then
defaults.

Problems carry the key they are about, so that the report can point at it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Final

from policies.findings import nearest, suggestion
from router.backends.backend import FEATURES, Backend, Capacity, Timeouts
from router.backends.catalog import Provider, load_catalog
from router.backends.counting.table import NOWAY, usual_way, ways_of
from router.backends.dialects.table import DIALECTS, also_spoken
from router.backends.energy import EnergyProfile, Provenance
from router.operations.declared import NO_PATHS, DeclaredOperation
from router.prices.book import Tiers
from router.prices.list_prices import Listed, list_price, listed_models
from router.prices.price import Price
from router.prices.price_list import SHIPPED, PriceList
from router.prices.schedule import Schedule, as_reported, dearest_reported
from router.protocols.quirks import QUIRKS
from router.world.config import BackendSection, CapacitySection, EnergySection
from router.world.config_values import OPERATION_NAMES
from router.world.credentials import credentials_of
from router.world.missing_rates import MissingRate, missing_rates
from router.world.offered import wrong_offers
from router.world.priced import batch_priced, priced, tiers_of, times_listed, unpriced
from router.world.problem import Problem

_REGION: Final = "{region}"  # in a preset's address: any region of the provider's
_HERE: Final = Path()
_PLAIN: Final = Provider(title="", base_url=None)
_MAKERS: Final = {"responses": "openai"}  # of dialects; the others are called as theirs
_catalog = cache(load_catalog)


@dataclass(frozen=True, slots=True)
class Resolved:
    """A backend, its prices and those of its batches; all None where there are problems."""

    backend: Backend | None
    price: Price | Schedule | None
    batch_price: Price | Schedule | None = None
    tiers: Tiers = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    missing: tuple[MissingRate, ...] = ()  # of its price; charged as what they are a part of


def resolve(
    name: str,
    section: BackendSection,
    folder: Path = _HERE,
    declared: Mapping[str, DeclaredOperation] = NO_PATHS.operations,
    listing: PriceList = SHIPPED,
) -> Resolved:
    """Return the backend that a section describes, or everything that it lacks.

    The paths of files that it names are relative to `folder`; `declared` are the operator's own
    operations, `listing` says what models cost.
    """
    preset, problems = _preset(section)
    base_url = _base_url(section, preset)
    if base_url is None and not problems:
        problems.append(_homeless(name, preset))
    dialect = section.dialect or preset.dialect
    if dialect not in DIALECTS:
        hint = suggestion(dialect, DIALECTS, what="dialects")
        problems.append(Problem("dialect", f"unknown dialect `{dialect}`", hint))
    elif problem := _unspoken(section, dialect) or _uncounted(section, dialect):
        problems.append(problem)
    if section.http2 and base_url is not None and base_url.startswith("http:"):
        hint = "HTTP/2 is agreed on in TLS: give the backend an https:// address"
        problems.append(Problem("http2", f"`{name}` has no TLS", hint))
    listed = _listed(section, preset, listing)
    price = priced(section.price, listed, section.serves, declared)
    problems += _unknown_operations(section, declared)
    if not problems:
        problems += unpriced(name, section, price, declared, _similar(section, preset, listing))
        problems += wrong_offers(section.offers, dialect)
    own = section.reported_cost
    if price is not None and (preset.reported_cost if own is None else own):
        price = as_reported(price)
    credentials, wrong = credentials_of(section, preset, base_url or "", folder)
    problems += wrong
    if problems or base_url is None:
        return Resolved(None, None, problems=tuple(problems))
    backend = _backend(name, section, preset, base_url, listed)
    batch = _batch(section, preset, listing)
    of_batches = None if price is None else batch_priced(section.price, price, batch)
    tiers = tiers_of(section.price, listed, preset)
    missing = () if price is None else missing_rates(section, dialect, listed, price)
    backend = replace(backend, credentials=credentials, dearest_pico=dearest_reported(price))
    return Resolved(backend, price, of_batches, tiers, missing=tuple(missing))


def _unknown_operations(
    section: BackendSection, declared: Mapping[str, DeclaredOperation]
) -> list[Problem]:
    """What it says that it serves and nobody can ask."""
    names = sorted({*OPERATION_NAMES, *declared})
    unknown = [name for name in section.serves or () if name not in names]
    hint = f"known: {', '.join(names)}; or declare it in `operations`"
    return [Problem("serves", f"unknown operation `{name}`", hint) for name in unknown]


def _base_url(section: BackendSection, preset: Provider) -> str | None:
    """The address: the section's own, that of its region, or the preset's."""
    if section.base_url is not None:
        return section.base_url
    address = preset.regions.get(section.region or "") or preset.base_url
    if address is None or _REGION not in address:
        return address
    return None if section.region is None else address.replace(_REGION, section.region)


def _homeless(name: str, preset: Provider) -> Problem:
    if preset.base_url is not None:
        return Problem("", f"`{name}` has no region", "write region, or base_url")
    hint = "write base_url, up to and including /v1"
    return Problem("", f"`{name}` has no address", preset.notes or hint)


def _preset(section: BackendSection) -> tuple[Provider, list[Problem]]:
    if section.provider is None:
        return _PLAIN, []
    catalog = _catalog()
    preset = catalog.get(section.provider)
    if preset is None:
        hint = suggestion(section.provider, catalog, what="providers")
        return _PLAIN, [Problem("provider", f"unknown provider `{section.provider}`", hint)]
    anywhere = preset.base_url is not None and _REGION in preset.base_url
    if section.region is not None and section.region not in preset.regions and not anywhere:
        hint = suggestion(section.region, preset.regions, what="regions")
        return preset, [Problem("region", f"unknown region `{section.region}`", hint)]
    return preset, []


def _unspoken(section: BackendSection, dialect: str) -> Problem | None:
    """What no server of this dialect can be asked in."""
    known = also_spoken(dialect)
    for protocol in sorted(section.speaks or ()):
        if protocol not in known:
            hint = f"of these: {', '.join(sorted(known))}" if known else "leave it out"
            return Problem("speaks", f"`{dialect}` servers are not asked in `{protocol}`", hint)
    return None


def _uncounted(section: BackendSection, dialect: str) -> Problem | None:
    """The way to count that no server of this dialect has."""
    ways = [*ways_of(dialect), NOWAY]
    if section.counts is None or section.counts in ways:
        return None
    hint = f"one of these: {', '.join(ways)}"
    return Problem("counts", f"`{dialect}` servers do not count by `{section.counts}`", hint)


def _listed(section: BackendSection, preset: Provider, listing: PriceList) -> Listed | None:
    if preset.prices is None:
        return None
    times = None if section.price is None else section.price.times
    model = section.priced_as or section.model
    listed = list_price(preset.prices, model, section.service_tier, listing)
    return listed if listed is None or times is None else times_listed(listed, times)


def _similar(section: BackendSection, preset: Provider, listing: PriceList) -> str:
    """What the list has that is called most like a model that it has not, as a hint; else empty."""
    wanted = section.priced_as or section.model
    if preset.prices is None or listing.find(preset.prices, wanted) is not None:
        return ""
    close = nearest(wanted, listed_models(preset.prices, listing))
    if close is None:
        return ""
    return f"did you mean `{close}`? Then write it as `model`, or as `priced_as`; else "


def _batch(section: BackendSection, preset: Provider, listing: PriceList) -> Schedule | None:
    """What the list says of a model's batches, if anything."""
    if preset.prices is None:
        return None
    listed = list_price(preset.prices, section.priced_as or section.model, "batch", listing)
    if listed is None or section.price is None or section.price.times is None:
        return None if listed is None else listed.schedule
    return times_listed(listed, section.price.times).schedule


def _backend(
    name: str, section: BackendSection, preset: Provider, base_url: str, listed: Listed | None
) -> Backend:
    supports, unsaid = _abilities(section, preset)
    return Backend(
        name=name,
        base_url=base_url,
        model=section.model,
        dialect=section.dialect or preset.dialect,
        api_key=section.api_key.get_secret_value() if section.api_key else None,
        ability=section.ability,
        timeouts=Timeouts(**section.timeouts.model_dump()),
        context_window=section.context_window or (listed.context_window if listed else None),
        max_output_tokens=section.max_output_tokens,
        supports=supports,
        unsaid=unsaid,
        serves=None if section.serves is None else frozenset(section.serves),
        offers=frozenset(section.offers),
        simulated=section.simulated,
        capacity=_capacity(section.capacity),
        quirks=preset.quirks.overridden(section.given(QUIRKS)),
        replicas=section.replicas,
        api_keys=tuple(key.get_secret_value() for key in section.api_keys),
        hedge_after=section.hedge_after,
        energy=_energy(section.energy),
        proxy=section.proxy.get_secret_value() if section.proxy else None,
        http2=section.http2,
        reach=section.reach,
        compressed_answers=section.compressed_answers,
        key_header=section.key_header or preset.key_header,
        query=tuple(section.query.items()),
        speaks=frozenset(_spoken(section, preset)),
        counts=_counted(section, preset),
        shares_state=section.state == "shared",
        provider=_known_as(section.provider or section.dialect or preset.dialect),
        expected_reasoning_tokens=section.expected_reasoning_tokens,
        finishes=section.on_disconnect == "finish",
    )


def _spoken(section: BackendSection, preset: Provider) -> Iterable[str]:
    """The backend's own word, else the preset's, where that is asked in its own dialect."""
    if section.speaks is not None:
        return section.speaks
    return preset.speaks if section.dialect in (None, preset.dialect) else ()


def _counted(section: BackendSection, preset: Provider) -> str:
    """The backend's own word, else the preset's, else what all servers of its dialect do."""
    dialect = section.dialect or preset.dialect
    usual = preset.counts if dialect == preset.dialect else None
    return section.counts or usual or usual_way(dialect)


def _abilities(section: BackendSection, preset: Provider) -> tuple[frozenset[str], frozenset[str]]:
    """Return what the backend is said or known to take, and of what nobody knows.

    Without a provider only the dialect tells, where all who speak it are known for the same.
    """
    if section.supports is not None:
        return frozenset(section.supports), frozenset()
    if section.provider is not None:
        return frozenset(preset.supports), frozenset(preset.depends)
    dialect = section.dialect or preset.dialect
    known = {
        (frozenset(one.supports), frozenset(one.depends))
        for one in _catalog().values()
        if one.dialect == dialect
    }
    if len(known) == 1:
        return known.pop()
    return frozenset(), FEATURES


def _known_as(name: str) -> str:
    """What telemetry calls a provider; a server of none is called as who made its dialect."""
    name = _MAKERS.get(name, name)
    preset = _catalog().get(name)
    return name if preset is None else preset.known_as or name


def _capacity(section: CapacitySection | None) -> Capacity | None:
    if section is None:
        return None
    return Capacity(
        section.concurrency,
        section.queue,
        section.max_wait,
        load_url=section.load_url,
        shared=section.shared,
    )


def _energy(section: EnergySection | None) -> EnergyProfile | None:
    if section is None:
        return None
    return EnergyProfile(
        Provenance(section.source),
        section.joules_per_output_token,
        section.joules_per_input_token,
        section.watts,
    )
