"""Kept chats in a dictionary, oldest first, beside what `FakeShelf` promises."""

from collections.abc import Callable

from fakes.shelf import FakeShelf
from router.stored.page import Page
from router.stored.response import MissingResponse, StoredResponse


class FakeChatShelf(FakeShelf):
    """See `router.stored.chats`."""

    async def change(
        self, organization: str, id_: str, changed: Callable[[bytes], bytes]
    ) -> StoredResponse:
        """Store another document in the place of one. Raises MissingResponse."""
        document = changed((await self.get(organization, id_)).document)
        self.there[organization, id_] = StoredResponse(id_, None, document)
        return self.there[organization, id_]

    async def page(self, organization: str, page: Page) -> tuple[list[StoredResponse], bool]:
        """Return a part of a listing. Raises MissingResponse."""
        own = [one for (owner, _), one in self.there.items() if owner == organization]
        own = [one for one in own if one.id.startswith(page.prefix)]
        if page.descending:
            own.reverse()
        names = [one.id for one in own]
        if page.after is not None and page.after not in names:
            raise MissingResponse(page.after)
        first = 0 if page.after is None else names.index(page.after) + 1
        found = [one for one in own[first:] if page.wanted is None or page.wanted(one.document)]
        return found[: page.most], len(found) > page.most
