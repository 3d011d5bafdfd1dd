"""Stored responses in a dictionary, by organization and id."""

from collections.abc import Sequence

from router.stored.response import MissingResponse, StoredResponse, TooMuch


class FakeShelf:
    """What is stored is in `there`; one that is `full` stores nothing. `log` notes additions."""

    def __init__(self, *, full: bool = False) -> None:
        self.full = full
        self.there: dict[tuple[str, str], StoredResponse] = {}
        self.log: list[str] = []

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
        return self.there.pop((organization, id_), None) is not None

    def start(self) -> None:
        """Nothing expires."""

    async def close(self) -> None:
        """Nothing is open."""
