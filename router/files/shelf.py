"""What an organization has in an account, looked up and erased: its own alone."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

import orjson

from policies.value import value
from router.backends.dispatch.account import AccountCall
from router.backends.transport.transport import HttpAnswer, TransportError
from router.errors import NotFound, UpstreamRejected
from router.files.desk import Asker, Desk, shown
from router.files.watcher import Watcher
from router.stored.owned import Owned, OwnedKind

_FILES: Final = "/files"
_AT_ONCE: Final = 8  # calls to a server for one page


@value
class Page:
    """Which part of a listing is wanted: behind `after` or before `before`; of one purpose, or
    (empty) of any."""

    limit: int
    after: str | None = None
    before: str | None = None
    newest_first: bool = True
    purpose: str = ""


class Shelf:
    """Looks at what is there, in the words of the server that keeps it."""

    def __init__(self, desk: Desk, watcher: Watcher) -> None:
        self._desk = desk
        self._watcher = watcher

    async def show(self, asker: Asker, kind: OwnedKind, id_: str) -> bytes:
        """Return what the server shows of a file or batch. Raises NotFound, Unavailable."""
        owned = await self._desk.owned(asker, kind, id_)
        raw = await self._look(asker, owned)
        if raw is None:
            raise self._desk.missing(asker, kind, id_)
        return raw

    async def listed(self, asker: Asker, kind: OwnedKind, page: Page) -> bytes:
        """Return a page of what the organization has. Raises NotFound, Unavailable."""
        owned, more = await self._page(asker, kind, page)
        limit = asyncio.Semaphore(_AT_ONCE)

        async def look(each: Owned) -> bytes | None:
            async with limit:
                return await self._look(asker, each)

        raw = await asyncio.gather(*[look(each) for each in owned])
        told: list[dict[str, Any]] = [orjson.loads(each) for each in raw if each is not None]
        return orjson.dumps(asker.family.listed(told, more))

    async def erase(self, asker: Asker, kind: OwnedKind, id_: str) -> bytes:
        """Erase a file or a batch; what its server says. What was used is settled before."""
        owned = await self._desk.owned(asker, kind, id_)
        await self._watcher.settle_before(owned)
        raw = await self._call(asker, owned, "DELETE")
        await self._desk.registry.ask(lambda store: store.forget(owned))
        return raw

    async def cancel(self, asker: Asker, id_: str) -> bytes:
        """Cancel a batch; what its server says."""
        owned = await self._desk.owned(asker, OwnedKind.BATCH, id_)
        raw = await self._call(asker, owned, "POST", "/cancel")
        await self._watcher.noted(owned, shown(raw))
        return raw

    async def content(self, asker: Asker, kind: OwnedKind, id_: str, path: str) -> HttpAnswer:
        """Return what is in a file, or a batch's results, to be read. Raises NotFound."""
        owned = await self._desk.owned(asker, kind, id_)
        call = AccountCall(self._path(asker, owned) + path, headers=asker.headers())
        return await self._desk.account_of(owned).open(call)

    async def _look(self, asker: Asker, owned: Owned) -> bytes | None:
        """What a server shows; None where it knows it no longer: then nobody owns it any more."""
        try:
            raw = await self._call(asker, owned, "GET")
        except UpstreamRejected as error:
            if error.status != 404:
                raise
            if owned.kind is OwnedKind.FILE:
                await self._desk.registry.ask(lambda store: store.forget(owned))
            return None
        except NotFound:
            return None
        if owned.kind is OwnedKind.BATCH:
            await self._watcher.noted(owned, shown(raw))
        return raw

    async def _call(self, asker: Asker, owned: Owned, method: str, path: str = "") -> bytes:
        call = AccountCall(self._path(asker, owned) + path, method, headers=asker.headers())
        return await self._desk.account_of(owned).ask(call)

    def _path(self, asker: Asker, owned: Owned) -> str:
        base = _FILES if owned.kind is OwnedKind.FILE else asker.family.batches
        return f"{base}/{owned.id}"

    async def _page(
        self, asker: Asker, kind: OwnedKind, page: Page
    ) -> tuple[Sequence[Owned], bool]:
        """A page, and whether there is more behind it."""
        place, newest_first = page.after, page.newest_first
        if page.before is not None:
            place, newest_first = page.before, not newest_first
        behind = None if place is None else await self._desk.owned(asker, kind, place)
        found = await self._desk.registry.ask(
            lambda store: store.page(
                asker.organization,
                asker.family.name,
                kind,
                most=page.limit + 1,
                after=behind,
                newest_first=newest_first,
                purpose=page.purpose,
            ),
            customer=asker.organization,
        )
        kept = found[: page.limit]
        return (kept[::-1] if page.before is not None else kept), len(found) > page.limit


async def pieces(answer: HttpAnswer) -> AsyncIterator[bytes]:
    """The body of an answer as it comes; the connection is let go at the end, or when it is left.

    Where the server breaks off, so do we: a client must not take a part for the whole.
    """
    try:
        while piece := await answer.read():
            yield piece
    except TransportError as error:
        raise ConnectionError(error.reason) from None
    finally:
        answer.close()
