"""What is stored of responses that gateways still work on: for callers that know no database."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from policies.value import value
from router.stored.response import StoredResponse


@value
class Chunk:
    """Some events as they were told; their numbers go from `first` to `last` without a gap."""

    first: int
    last: int
    events: bytes


@value
class Ended:
    """How a response ended, and the event that tells it, if any; `instead` where an organization
    has no room for it.
    """

    response: StoredResponse
    last: Chunk | None
    instead: StoredResponse


# From a response as it stands, and what was told of it, to its end.
Ending = Callable[[StoredResponse, bytes], Ended]


@value
class Beat:
    """What is new of a response: events, the response as it now stands, its end."""

    organization: str
    id: str
    chunk: Chunk | None = None
    response: StoredResponse | None = None
    ended: Ended | None = None

    @property
    def is_news(self) -> bool:
        """Whether there is anything to store."""
        return not (self.chunk is None and self.response is None and self.ended is None)


class Told(NamedTuple):
    """Events in their order, a part of them; `over`: no others will come."""

    chunks: Sequence[Chunk]
    over: bool


class TooManyRuns(Exception):
    """An organization has as many responses in the background as it may have."""
