"""What a check asks of the books: the stored usage, and what gateways said of their limits."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

# A name of a level (None: the organization as a whole), a tier, a gateway process, a vector.
BookedSum = tuple[str | None, str | None, str, tuple[int, ...]]
# A gateway process, since when by its clock, and its calendar limits: tier -> names.
LimitsSaid = tuple[str, int, Mapping[str, frozenset[str]]]


class UsageTotals(Protocol):
    """The books: see `router.usage.books`."""

    def sums(
        self,
        organization: str,
        column: str | None,
        span: tuple[int, int],
        until: int,
        made: tuple[int, int] | None = None,
    ) -> Sequence[BookedSum]:
        """What an organization used, of rows admitted in [span) and closed by an instant."""

    def known(self, hold_ids: Sequence[str]) -> set[tuple[str, int]]:
        """Which rows of these holds are stored."""

    def customers(self, since_ms: int) -> Sequence[Mapping[str, Any]]:
        """The distinct levels of rows admitted since an instant."""

    def count(self) -> int:
        """How many rows there are."""

    def newest(self) -> Mapping[int, int]:
        """When the newest rows were closed, by virtual shard."""

    def limits(self) -> Sequence[LimitsSaid]:
        """The limits that gateway processes said they count by, each process in order of time."""

    def epoch(self) -> str:
        """The epoch of the ledger that the books belong to; empty where none was seen yet."""
