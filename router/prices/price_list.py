"""Lists of prices: who says what models cost, in which version, and of which day.

Three layers, the later before the earlier, provider by provider: a small supplement of our own for
providers that nobody else lists, the data inside PyPI's `genai-prices`, and a file by which an
operator refreshes them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from hashlib import sha256
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Final

from genai_prices.data import providers as packaged
from genai_prices.types import (
    ClauseEquals,
    ClauseOr,
    ClauseStartsWith,
    ModelInfo,
    Provider,
    StartDateConstraint,
)

from router.prices.list_files import ListError, Renamed, WrittenList, parsed
from router.regular_files import read_regular

PACKAGE: Final = "genai-prices"
_ITSELF: Final = "its own word"
_MOST_BYTES: Final = 50_000_000  # the largest list there is has two


@dataclass(frozen=True, slots=True)
class Origin:
    """Where prices are from: `source` is a package or a file, `version` the package's or the first
    12 hex digits of the file's SHA-256; `said` is the day that it says it is of, if any.
    """

    source: str
    version: str
    said: date | None = None
    by: str = ""  # what said it


@dataclass(frozen=True, slots=True)
class Dated:
    """A day, and what says so; None where nothing does."""

    day: date | None
    by: str


@dataclass(frozen=True, slots=True)
class PriceList:
    """Providers with the prices of their models, and where each provider's are from."""

    providers: tuple[Provider, ...]
    origins: Mapping[str, Origin]  # by the provider's id
    origin: Origin  # of the list as a whole: its newest layer
    renamed: tuple[Renamed, ...] = field(default=(), repr=False)

    def provider(self, provider: str) -> Provider | None:
        """The provider with this id of the list's, or None."""
        return next((each for each in self.providers if each.id == provider), None)

    def find(self, provider: str, model: str) -> ModelInfo | None:
        """The row by which a provider's model is priced; it may be another model's (`names`)."""
        found = self.provider(provider)
        return None if found is None else found.find_model(model, all_providers=[*self.providers])

    def names(self, provider: str) -> tuple[str, ...]:
        """Names under which a provider's rows are found, in alphabetical order."""
        found = self.provider(provider)
        return () if found is None else tuple(sorted({_name(info) for info in found.models}))

    def dated(self, provider: str | None, today: date) -> Dated:
        """Of which day the prices of a provider are, or (None) those of the list as a whole: as
        their origin says, else the newest change that they know and that is not still to come.
        """
        origin = self.origin if provider is None else self.origins.get(provider, self.origin)
        if origin.said is not None:
            return Dated(origin.said, origin.by)
        of = [each for each in self.providers if self.origins[each.id] == origin]
        known = [day for each in of for day in _changes(each) if day <= today]
        return Dated(max(known, default=None), "the newest change that it knows")

    def under(self, written: WrittenList, origin: Origin) -> "PriceList":
        """This list, but providers that another one has are priced by that alone."""
        named = {each.id for each in written.providers}
        kept = tuple(each for each in self.providers if each.id not in named)
        origins = {**self.origins, **dict.fromkeys(named, origin)}
        renamed = tuple(each for each in self.renamed if each.provider not in named)
        return PriceList(
            (*kept, *written.providers),
            MappingProxyType(origins),
            origin,
            (*renamed, *written.renamed),
        )


def read_list(path: Path) -> PriceList:
    """The shipped list, refreshed by a file. Raises ListError with what is wrong with it."""
    try:
        content = read_regular(path, _MOST_BYTES)
        modified = date.fromtimestamp(path.stat().st_mtime)
    except OSError as error:
        raise ListError(f"cannot be read: {error.strerror or 'unknown reason'}") from None
    if len(content) > _MOST_BYTES:
        raise ListError(f"has over {_MOST_BYTES // 1_000_000} MB")
    written = _parsed(content, path.suffix)
    said = (modified, "the time of the file") if written.dated is None else (written.dated, _ITSELF)
    return SHIPPED.under(written, Origin(path.name, _digest(content), *said))


# A gateway reads the file at each reload; what did not change need not be parsed again.
_parsed = lru_cache(maxsize=2)(parsed)


def _digest(content: bytes) -> str:
    return sha256(content).hexdigest()[:12]


def _changes(provider: Provider) -> list[date]:
    """The days from which a provider's prices are said to hold."""
    return [
        each.constraint.start_date
        for info in provider.models
        for each in (
            *(info.prices if isinstance(info.prices, list) else ()),
            *(info.price_variants or ()),
        )
        if isinstance(each.constraint, StartDateConstraint)
    ]


def _name(info: ModelInfo) -> str:
    """A name by which a row is found: its id, else the first that it lists."""
    clauses = info.match.or_ if isinstance(info.match, ClauseOr) else [info.match]
    written = [
        *(clause.equals for clause in clauses if isinstance(clause, ClauseEquals)),
        *(clause.starts_with for clause in clauses if isinstance(clause, ClauseStartsWith)),
    ]
    return next((name for name in (info.id, *written) if info.is_match(name)), info.id)


def _shipped() -> PriceList:
    own = files("router.prices").joinpath("supplement.yaml").read_bytes()
    supplement = parsed(own, ".yaml")
    ours = Origin("Turnout's supplement", _digest(own), supplement.dated, _ITSELF)
    theirs = Origin(PACKAGE, version(PACKAGE))
    base = PriceList(
        tuple(supplement.providers),
        MappingProxyType({each.id: ours for each in supplement.providers}),
        ours,
    )
    listed = base.under(WrittenList(packaged, None, ()), theirs)
    return PriceList(listed.providers, listed.origins, theirs, supplement.renamed)


SHIPPED: Final = _shipped()
