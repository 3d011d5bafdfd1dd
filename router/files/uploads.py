"""Files on their way into an account: read as they come, judged, and sent on as they are."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from policies.pii.media import is_text, without_media
from router.backends.backend import FILES, Backend
from router.backends.dialects.table import DIALECTS
from router.backends.dispatch.account import AccountCall
from router.errors import BadRequest, BodyTooSlow, LimitExceeded, UpstreamFailed, retry_after
from router.files.body import FormBody, Spool
from router.files.desk import Asker, Desk, shown
from router.files.requests import screened_lines
from router.files.screening import Screening
from router.operations.plain import PLAIN_ASK
from router.protocols.multipart_stream import FormReader
from router.stored.owned import NEVER, OwnedKind, OwnedState

_FILES: Final = "/files"
_BATCH: Final = "batch"  # the purpose of a file that holds requests
_LONGEST_PURPOSE: Final = 64
_FORGOTTEN_MS: Final = 3_600_000  # after which nobody waits for an upload any more
_UNREAD: Final = "tokens"  # the feature of a request whose text no detector can read
_COME_BACK_MS: Final = 1_000
_TOO_MANY: Final = "Your organization sends as many files at once as it may (`files.uploads`)."
_READ_AT_ONCE: Final = 4_000_000  # bytes of a file that the detectors read


class Uploads:
    """`folder` is where uploads wait on disk; `patience` the seconds in which a part must come."""

    def __init__(self, desk: Desk, folder: Path, *, line: int, patience: float) -> None:
        """`line`: the most bytes of one request of a batch."""
        self._desk = desk
        self._folder = folder
        self._line = line
        self._patience = patience
        self._running: Counter[str] = Counter()  # by organization

    async def upload(self, asker: Asker, content_type: str, chunks: AsyncIterator[bytes]) -> bytes:
        """Send a client's file to the account; return what its server says of it.

        Raises BadRequest, PayloadTooLarge, BodyTooSlow, PermissionDenied, NotFound, LimitExceeded
        (the organization has as many files, or sends as many at once, as it may), Unavailable, and
        what accounts raise.
        """
        backend = self._desk.offering(asker, FILES)
        running, organization = self._running, asker.organization
        if running[organization] >= self._desk.files.uploads:
            raise LimitExceeded(_TOO_MANY, headers=retry_after(_COME_BACK_MS))
        running[organization] += 1
        try:
            return await self._kept(asker, backend, content_type, chunks)
        finally:
            running[organization] -= 1
            if not running[organization]:
                del running[organization]

    async def _kept(
        self, asker: Asker, backend: Backend, content_type: str, chunks: AsyncIterator[bytes]
    ) -> bytes:
        most = self._desk.files.size
        with Spool(self._folder, most) as spool, Spool(self._folder, 2 * most) as rewritten:
            form = FormReader(content_type, spool.take)
            await self._receive(form, chunks)
            if form.file is None or form.file.field != "file":
                raise BadRequest("Missing required parameter: 'file'.", param="file")
            bound, content = b"", spool
            if form.texts.get("purpose") == _BATCH:
                bound, content = await self._screened(asker, backend, spool, rewritten), rewritten
            else:
                await self._policed(asker, backend, form, spool)
            body = FormBody(form.texts, form.file.head, content)
            return await self._sent(asker, backend, body, content.size, bound)

    async def _receive(self, form: FormReader, chunks: AsyncIterator[bytes]) -> None:
        """Read a form as it comes: no pause may be long, and neither may all of it."""
        seconds = self._desk.files.upload
        try:
            async with asyncio.timeout(seconds):
                await self._read(form, chunks)
        except TimeoutError:
            raise BodyTooSlow(f"The file did not arrive within {seconds:g} seconds.") from None

    async def _read(self, form: FormReader, chunks: AsyncIterator[bytes]) -> None:
        while True:
            try:
                async with asyncio.timeout(self._patience):
                    chunk = await anext(chunks, None)
            except TimeoutError:
                raise BodyTooSlow(f"Nothing came for {self._patience:g} seconds.") from None
            if chunk is None:
                break
            form.feed(chunk)
        form.finish()

    async def _screened(
        self, asker: Asker, backend: Backend, source: Spool, target: Spool
    ) -> bytes:
        """Judge every request of a file; return what they come to at most."""
        screening, most = Screening(self._desk, asker, backend), self._desk.batches.requests
        await screened_lines(source, target, screening, most=most, most_bytes=self._line)
        return screening.bound.document()

    async def _policed(
        self, asker: Asker, backend: Backend, form: FormReader, spool: Spool
    ) -> None:
        """Ask the policy whether what is in the file may go to the account.

        A file that is no text of a readable size counts as private: nobody here can read it.
        """
        world = self._desk.serving.snapshot
        visible = self._desk.members(backend, asker.principal) & set(world.visible(asker.principal))
        model = backend.name if backend.name in visible else min(visible)
        private = world.needs(model).pii and await self._is_private(asker, form, spool)
        ask = PLAIN_ASK._replace(
            operation="chat",
            protocol=DIALECTS[world.backends[model].dialect].protocol,
            model=model,
            features=frozenset((_UNREAD,)) if private else frozenset(),
        )
        await Screening(self._desk, asker, backend).decided(ask)

    async def _is_private(self, asker: Asker, form: FormReader, spool: Spool) -> bool:
        """Whether the detectors find anything in a file or its form, or cannot read it."""
        if spool.size > _READ_AT_ONCE:
            return True
        content = b"".join(spool.pieces())
        if not is_text(content):
            return True
        head = b"" if form.file is None else form.file.head
        pieces = (*(text.encode() for text in form.texts.values()), head)
        detectors = self._desk.serving.senses.detectors
        found = await detectors.beside(
            lambda: (*pieces, *without_media(content)), asker.principal.organization
        )
        return bool(found)

    async def _sent(
        self, asker: Asker, backend: Backend, body: FormBody, size: int, bound: bytes
    ) -> bytes:
        """Send a file, with a row that says whose it is before the server has it."""
        desk = self._desk
        pending = desk.pending(asker, backend, OwnedKind.FILE, size=size, bound=bound)
        pending = replace(pending, look_at=pending.at + _FORGOTTEN_MS)
        await desk.begin(pending, most=desk.files.most, room=desk.files.room)
        call = AccountCall(_FILES, "POST", body, body.content_type, asker.headers())
        try:
            raw = await desk.accounts.account(backend).ask(call)
            made = shown(raw)
            if not made:
                raise UpstreamFailed(f"{backend.name} named no file.")
        except BaseException:  # a client that left, too
            await desk.registry.ask(lambda store: store.forget(pending))
            raise
        named = made.get("purpose")
        purpose = named[:_LONGEST_PURPOSE] if isinstance(named, str) else ""
        there = replace(
            pending, id=made["id"], state=OwnedState.DONE, purpose=purpose, look_at=NEVER
        )
        await desk.registry.ask(lambda store: store.finish(pending, there))
        return raw
