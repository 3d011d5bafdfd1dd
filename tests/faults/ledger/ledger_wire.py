"""A wire between gateway and ledger that can be cut, muted in one direction, and healed."""

import asyncio
import contextlib
from pathlib import Path
from typing import Self


class Wire:
    """A unix-socket proxy in this process's loop."""

    def __init__(self, behind: str, path: Path) -> None:
        self._behind = behind
        self._path = path
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: list[asyncio.StreamWriter] = []
        self.url = f"unix://{path}"
        self.deaf = False  # what the gateway says is lost
        self.mute = False  # what the ledger says is lost

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_unix_server(self._accept, self._path)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self.hang_up()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def hang_up(self) -> None:
        """Break every connection."""
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_unix_connection(self._behind)
        self._writers += (writer, up_writer)
        for pair in ((reader, up_writer, "deaf"), (up_reader, writer, "mute")):
            task = asyncio.create_task(self._pump(*pair))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, fault: str
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                if not getattr(self, fault):
                    writer.write(data)
            writer.close()
