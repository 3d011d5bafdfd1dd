"""What the long tests of trust counted, told when they end and kept in docs/trust.md."""

from collections import Counter


class Figures:
    """Counts by name: inputs tried, faults survived, lost, doubled, over-admitted, leaked."""

    def __init__(self) -> None:
        self._counted: Counter[str] = Counter()

    def add(self, what: str, count: int = 1) -> None:
        """Add to what is told under this name; zero is told, too."""
        self._counted[what] += count

    def rows(self) -> list[tuple[str, int]]:
        """Return what was counted, by name."""
        return sorted(self._counted.items())
