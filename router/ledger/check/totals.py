"""What a check asks of the stored usage."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol


class UsageTotals(Protocol):
    """The stored usage, summed up."""

    def spent(
        self, where: Mapping[str, str | None], column: str, span: tuple[int, int], until: int
    ) -> int:
        """The sum of a column over rows admitted in [span) and closed by an instant."""

    def known(self, hold_ids: Sequence[str]) -> set[tuple[str, int]]:
        """Which rows of these holds are stored."""

    def customers(self, since_ms: int) -> list[dict[str, Any]]:
        """The distinct levels of rows admitted since an instant."""
