"""Stored responses in a dictionary, by organization and id."""

import asyncio
from collections.abc import Sequence

from router.errors import Unavailable
from router.stored.response import MissingResponse, StoredResponse, TooMuch
from router.stored.run import Beat, Chunk, Ended, Ending, Told, TooManyRuns


class FakeShelf:
    """What is stored is in `there`; one that is `full` stores nothing. `log` notes additions.

    `runs` are those that are worked on, with their organizations, `lapsed` those of dead gateways;
    `told` is what was told of each. Beats find it `away` where the database does not answer;
    nothing is begun before `begins` is set.
    """

    def __init__(self, *, full: bool = False) -> None:
        self.full = full
        self.there: dict[tuple[str, str], StoredResponse] = {}
        self.log: list[str] = []
        self.runs: dict[str, str] = {}
        self.lapsed: set[str] = set()
        self.told: dict[str, list[Chunk]] = {}
        self.away = False
        self.begins = asyncio.Event()
        self.begins.set()

    async def add(self, organization: str, response: StoredResponse) -> bool:
        """Store a response."""
        self.log.append("add")
        if not self.full:
            self.there[organization, response.id] = response
        return not self.full

    async def get(self, organization: str, id_: str) -> StoredResponse:
        """Return a response. Raises MissingResponse."""
        if (organization, id_) not in self.there:
            raise MissingResponse(id_)
        return self.there[organization, id_]

    async def chain(
        self, organization: str, id_: str, *, most: int, most_bytes: int
    ) -> list[StoredResponse]:
        """Return a response and those that it continues. Raises MissingResponse, TooMuch."""
        found: list[StoredResponse] = []
        previous: str | None = id_
        while previous is not None:
            found.append(await self.get(organization, previous))
            previous = found[-1].previous
        if len(found) > most or sum([len(one.document) for one in found]) > most_bytes:
            raise TooMuch
        return found[::-1]

    async def items(
        self, organization: str, names: Sequence[str], *, most_bytes: int
    ) -> dict[str, bytes]:
        """Return those of these items that are there. Raises TooMuch."""
        found = {
            name: item
            for (owner, _), one in self.there.items()
            for name, item in one.items
            if owner == organization and name in names
        }
        if sum(map(len, found.values())) > most_bytes:
            raise TooMuch
        return found

    async def delete(self, organization: str, id_: str) -> bool:
        """Erase a response; False where there is none."""
        self.runs.pop(id_, None)
        return self.there.pop((organization, id_), None) is not None

    async def begin(
        self, organization: str, response: StoredResponse, opening: Chunk, *, most: int
    ) -> bool:
        """Store a response that is begun. Raises TooManyRuns."""
        await self.begins.wait()
        if self.away:
            raise Unavailable("away")
        if [*self.runs.values()].count(organization) >= most:
            raise TooManyRuns
        if self.full:
            return False
        self.runs[response.id] = organization
        self.there[organization, response.id] = response
        self.told[response.id] = [opening]
        return True

    async def beat(self, beats: Sequence[Beat], *, renew: bool) -> frozenset[str] | None:
        """Store what is new; return those that are gone."""
        del renew
        if self.away:
            return None
        gone = frozenset([beat.id for beat in beats if beat.id not in self.runs])
        for beat in beats:
            if beat.id not in gone:
                self._take(beat)
        return gone

    async def finish(self, organization: str, id_: str, ending: Ending) -> bool:
        """End a response by what is stored of it; False where it is over."""
        if self.runs.pop(id_, None) is None:
            return False
        told = b"".join([chunk.events for chunk in self.told[id_]])
        self._end(organization, ending(self.there[organization, id_], told))
        return True

    async def lapse(self, ending: Ending) -> int:
        """End the responses whose gateways are gone."""
        lapsed = [(self.runs[id_], id_) for id_ in self.lapsed if id_ in self.runs]
        return sum([await self.finish(organization, id_, ending) for organization, id_ in lapsed])

    async def events(self, organization: str, id_: str, after: int) -> Told:
        """Return what was told behind a number. Raises MissingResponse."""
        await self.get(organization, id_)
        return Told([one for one in self.told[id_] if one.last > after], id_ not in self.runs)

    def _take(self, beat: Beat) -> None:
        if beat.chunk is not None:
            self.told[beat.id].append(beat.chunk)
        if beat.response is not None:
            self.there[beat.organization, beat.id] = beat.response
        if beat.ended is not None:
            del self.runs[beat.id]
            self._end(beat.organization, beat.ended)

    def _end(self, organization: str, ended: Ended) -> None:
        self.there[organization, ended.response.id] = ended.response
        if ended.last is not None:
            self.told[ended.response.id].append(ended.last)

    def start(self) -> None:
        """Nothing expires."""

    async def close(self) -> None:
        """Nothing is open."""
