"""Who is next where something is scarce: by rank, then by customer, then by arrival.

Start-time fair queueing. Each request gets a tag when it begins to wait; the least tag is served
first. A tag begins where the customer's last one ended, and ends its cost later: who asks for much
stands far behind, and who asked for nothing stands before what others have piled up.
"""

from typing import Final

Tag = tuple[int, int, int]  # rank, where it begins, arrival

ANYBODY: Final = ""


class Turns:
    """The order of one queue. What is served, and when, is its owner's affair."""

    __slots__ = ("_arrivals", "_ends", "_now")

    def __init__(self) -> None:
        self._arrivals = 0
        self._ends: dict[tuple[int, str], int] = {}  # by rank and customer: where its tags end
        self._now: dict[int, int] = {}  # by rank: where the tag began that was served last

    def tag(self, rank: int, customer: str, cost: int = 1) -> Tag:
        """Return the tag of a request that begins to wait; rank 0 is served first."""
        begins = max(self._now.get(rank, 0), self._ends.get((rank, customer), 0))
        self._ends[rank, customer] = begins + cost
        self._arrivals += 1
        return rank, begins, self._arrivals

    def peek(self, rank: int, customer: str) -> Tag:
        """Return the tag that a request would get."""
        begins = max(self._now.get(rank, 0), self._ends.get((rank, customer), 0))
        return rank, begins, self._arrivals + 1

    def served(self, tag: Tag) -> None:
        """Note that the request of this tag is served."""
        rank, begins, _ = tag
        self._now[rank] = max(begins, self._now.get(rank, 0))

    def forget(self) -> None:
        """Nobody waits: all begin alike."""
        self._ends.clear()
        self._now.clear()
