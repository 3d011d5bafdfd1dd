"""Several workers behind one port, one page of metrics: each tells the others its counts.

A scrape reaches any one of them. It asks the others over sockets in a folder that only this
gateway's user can open, and gives every sample the label `worker`; one that does not answer within
a second is left out, and its counters are absent rather than wrong.
"""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

_PATIENCE_SECONDS: Final = 1.0
_LARGEST: Final = 64 * 1024 * 1024  # bytes of one worker's page
Exposition = Callable[[], bytes]


class WorkerMetrics:
    """This worker's place among the others; `folder` holds a socket for each."""

    def __init__(self, folder: Path, number: int) -> None:
        self.number = number
        self._folder = folder
        self._number = str(number)
        self._own: Exposition = bytes
        self._server: asyncio.Server | None = None

    async def start(self, own: Exposition) -> None:
        """Begin to tell the others what `own` says. Raises OSError."""
        self._own = own
        place = self._place(self._number)
        place.unlink(missing_ok=True)  # of a worker that died
        self._server = await asyncio.start_unix_server(self._tell, place)

    async def close(self) -> None:
        """Tell nobody any more."""
        if self._server is not None:
            self._server.close()
            self._place(self._number).unlink(missing_ok=True)

    async def exposition(self) -> bytes:
        """Return the counts of every worker that answers, as one Prometheus page."""
        others = [path.stem for path in self._folder.glob("*.sock") if path.stem != self._number]
        pages = await asyncio.gather(*(self._ask(number) for number in others))
        answered = {number: page for number, page in zip(others, pages, strict=True) if page}
        return together({self._number: self._own()} | answered)

    def _place(self, number: str) -> Path:
        return self._folder / f"{number}.sock"

    async def _tell(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(self._own())
        writer.close()

    async def _ask(self, number: str) -> bytes:
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                reader, writer = await asyncio.open_unix_connection(self._place(number))
                try:
                    return await reader.read(_LARGEST) + await reader.read()
                finally:
                    writer.close()
        except (OSError, TimeoutError):
            return b""


def together(pages: Mapping[str, bytes]) -> bytes:
    """Join pages of Prometheus text: families once, each sample with the label `worker`."""
    families: dict[str, tuple[list[str], list[str]]] = {}
    for number, page in sorted(pages.items()):
        family = ""
        for line in page.decode().splitlines():
            if line.startswith("#"):
                family = line.split(" ", 3)[2]
                heads = families.setdefault(family, ([], []))[0]
                if line not in heads:
                    heads.append(line)
            elif line:
                families.setdefault(family, ([], []))[1].append(_labelled(line, number))
    lines = [line for heads, samples in families.values() for line in (*heads, *samples)]
    return ("\n".join(lines) + "\n").encode() if lines else b""


def _labelled(sample: str, number: str) -> str:
    name, brace, rest = sample.partition("{")
    if brace:
        return f'{name}{{worker="{number}",{rest}'
    name, _, value = sample.partition(" ")
    return f'{name}{{worker="{number}"}} {value}'
