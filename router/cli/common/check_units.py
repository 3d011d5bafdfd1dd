"""What `turnout check` doubts of prices of units and fees: providers write them for many at once.

A unit's price is USD for one (`router.units`); pages of prices say it per million characters, per
hour of sound, per thousand searches.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from policies.findings import Finding
from policies.language.source import Document, Path
from router import units
from router.units import FEES, UNITS


class _Usual(NamedTuple):
    """Over `most` USD for one, a price was probably written for so many of them at once."""

    most: Decimal
    many: int
    words: str


_THOUSAND: Final = _Usual(Decimal("0.5"), 1000, "a thousand")
# The list's dearest of November 2026: 0.00003 a character, 0.0003 a second, 0.025 a search.
_USUAL: Final[Mapping[str, _Usual]] = MappingProxyType(
    {
        units.BYTE: _Usual(Decimal("0.001"), 1_000_000, "a million"),
        units.CHARACTER: _Usual(Decimal("0.001"), 1_000_000, "a million"),
        units.SECOND: _Usual(Decimal("0.01"), 3600, "an hour's"),
        units.IMAGE: _Usual(Decimal(5), 1000, "a thousand"),
        units.SEARCH: _THOUSAND,
        **dict.fromkeys(FEES, _THOUSAND),
    }
)


def unit_findings(source: Document, path: Path, price: Mapping[str, Any]) -> Iterator[Finding]:
    """A warning for each unit of a `price` section at `path` that costs more than one ever does."""
    for name, usual in _USUAL.items():
        written = price.get(name)
        if written is None or Decimal(str(written)) <= usual.most:
            continue
        cost = Decimal(str(written))
        meaning = UNITS.get(name) or FEES[name]
        yield source.warning(
            (*path, name),
            f"`{name}` is {cost.normalize():f} USD for {meaning}: is this for {usual.words}?",
            f"units are USD for one; that would be {name}: {_whole_pico(cost / usual.many)}",
            rule="price-unit",
        )


def _whole_pico(cost: Decimal) -> str:
    """USD to the 12 decimals that a price may have."""
    return f"{cost.quantize(Decimal('1e-12')).normalize():f}"
